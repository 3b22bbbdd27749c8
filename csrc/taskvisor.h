/*
 * taskvisor.h: the public C API. Everything a host language or a C program needs, and all that
 * csrc/ext sees.
 *
 * A supervisor runs tasks on its own worker threads. A task is described by a tv_spec: a body, a
 * name and policies. The body is called once per attempt; what it returns decides, together with
 * the policies, whether and when there is another. Every accepted task ends with exactly one
 * outcome.
 *
 *     static void hello(struct tv_task *task, void *arg, struct tv_result *result) { puts(arg); }
 *
 *     struct tv_spec spec = {.options = TV_OPTIONS_INHERIT, .call = hello, .arg = "hello"};
 *     tv_supervisor_new(&(struct tv_config)TV_CONFIG_DEFAULT, NULL, NULL, &supervisor);
 *     tv_serve(supervisor);
 *     tv_add(supervisor, &spec, name, NULL, &task);
 *     tv_task_wait(task, TV_NEVER);
 *     tv_task_rele(task);
 *     tv_shutdown(supervisor, TV_NONE, false);
 *     tv_wait_closed(supervisor, TV_NEVER);
 *     tv_supervisor_rele(supervisor);
 *
 * A host (a language runtime with a lock of its own, like CPython) passes a tv_host; then bodies,
 * subscribers and hooks are called attached to it. "Attached" below means: holding the host's
 * lock. No function waits for the host's lock while it holds one of ours, so every function that
 * never blocks may be called attached. Those that block must be called detached.
 *
 * Instants are those of tv_now(), durations whole nanoseconds. Functions are thread-safe unless
 * they say otherwise. In a forked child every function of an old supervisor answers TV_FORKED.
 */
#ifndef TASKVISOR_H
#define TASKVISOR_H

#include "core/event.h"
#include "core/policy.h"
#include "core/reason.h"
#include "core/tables.h"
#include "core/text.h"
#include "core/types.h"

#include <stdbool.h>
#include <stddef.h>

/* X(NAME, what it says): what a call can answer. TV_OK is 0. */
#define TV_ERRORS(X)                                                        \
    X(OK, "done")                                                           \
    X(NO_MEMORY, "out of memory")                                           \
    X(NO_THREAD, "a thread could not be started")                           \
    X(EXISTS, "the name is taken")                                          \
    X(SHUTTING_DOWN, "the supervisor accepts nothing any more")             \
    X(ALREADY_RUNNING, "a supervisor runs once")                            \
    X(UNKNOWN, "no such task")                                              \
    X(ALREADY, "it is leaving already")                                     \
    X(TIMEOUT, "not in time")                                               \
    X(INTERRUPTED, "a signal came; call again to go on waiting")            \
    X(WAITS_FOR_ITSELF, "the caller could only wait for itself")            \
    X(FULL, "the queues are full")                                          \
    X(WAITS, "it stands in line")                                           \
    X(ENDED, "the stream has ended")                                        \
    X(LAGGED, "events were dropped")                                        \
    X(NO_DESCRIPTOR, "the process may open no more files")                  \
    X(FORKED, "the supervisor belongs to the parent of this process")       \
    X(BROKEN, "an internal check has failed")

enum tv_err {
#define X(name, text) TV_##name,
    TV_ERRORS(X)
#undef X
};

struct tv_supervisor;
struct tv_task;
struct tv_stream;
struct tv_token;
struct tv_loop;
struct tv_watch;
struct tv_clock;

/* Monotonic time; and wall-clock time since the epoch. Never block. */
tv_ns tv_now(void);
tv_ns tv_wall_clock(void);

/* ---- bodies and hosts ---------------------------------------------------------------------- */

/*
 * How a body ended. It comes zeroed, which means: returned. The body may set `error` to FAIL or
 * FATAL with a text whose reference it gives away, or to CANCELED; or `stray`: it ended by a
 * cancellation, whose the runtime decides.
 */
struct tv_result {
    struct tv_error error;
    bool stray;
};

struct tv_spec {
    struct tv_options options;
    /* Called on a worker, attached, once per attempt. Not where `on_loop` is set. */
    void (*call)(struct tv_task *task, void *arg, struct tv_result *result);
    void *arg;
    /* Its attempts run on the supervisor's loop (tv_loop_next), and wait until it has one. */
    bool on_loop;
    /* When the task ends FAILED or FATAL, the supervisor shuts down. */
    bool essential;
};

#define TV_BACKOFF_DEFAULT                                                           \
    {.first_ns = 200 * TV_MS, .max_ns = 30 * TV_SECOND, .factor = 2.0, .jitter = TV_JITTER_EQUAL}

#define TV_OPTIONS_DEFAULT                                                           \
    {.inherits = 0, .restart = TV_RESTART_ON_FAILURE, .interval_ns = TV_NONE,        \
     .timeout_ns = 0, .reset_after_ns = 60 * TV_SECOND, .grace_ns = 60 * TV_SECOND,  \
     .max_retries = TV_NONE, .backoff = TV_BACKOFF_DEFAULT}

#define TV_OPTIONS_INHERIT                                                           \
    {.inherits = TV_INHERIT_ALL, .interval_ns = TV_NONE, .reset_after_ns = TV_NONE,  \
     .max_retries = TV_NONE, .backoff = TV_BACKOFF_DEFAULT}

/* The host language. Every hook is called on a thread of the runtime unless it says otherwise. */
struct tv_host {
    /*
     * A new thread, named `name`: makes its state and leaves it detached. NULL: it cannot, the
     * thread leaves again.
     */
    void *(*thread_begin)(void *arg, const char *name);
    /* The thread is about to leave; detached before and after. */
    void (*thread_end)(void *arg, void *state);
    void (*attach)(void *arg, void *state);
    void (*detach)(void *arg, void *state);
    /* Does one attached thread keep the others from running (a GIL)? */
    bool exclusive;
    /* `task` has its outcome. Attached. Only if tv_task_notify() was called or it ended badly. */
    void (*settled)(void *arg, struct tv_task *task);
    /* `task` is over, its spec and `user` are not used any more. Attached, on any thread. */
    void (*forgotten)(void *arg, struct tv_task *task);
    /* The shutdown's grace is over; tv_stuck() tells who is stuck. Attached. */
    void (*exceeded)(void *arg);
    /*
     * On the thread of a private loop, attached: runs it until tv_loop_next says LEAVE. `loop_arg`
     * is that of tv_loop_start.
     */
    void (*run_loop)(void *arg, void *loop_arg);
    /*
     * Closed, and no body or subscriber is left. Attached. The last call but for the detach and the
     * thread_end of the thread it comes on.
     */
    void (*closed)(void *arg);
};

/* ---- supervisor ---------------------------------------------------------------------------- */

struct tv_config {
    struct tv_options defaults;  /* inherits nothing; its grace is also the shutdown's */
    tv_ns subscriber_grace_ns;
    uint64_t max_concurrent;     /* 0: no limit */
    uint64_t bus_capacity;       /* default capacity of a stream, at least 1 */
    uint64_t queue_capacity;     /* waiting submissions over all slots; 0: no controller */
    uint64_t max_slot_queue;     /* of one slot, for QUEUE */
    uint64_t seed;
    size_t stack_size;           /* of a worker; 0: 1 MiB */
    struct tv_clock *clock;      /* held by the supervisor; NULL: the system's */
};

#define TV_CONFIG_DEFAULT                                                            \
    {.defaults = TV_OPTIONS_DEFAULT, .subscriber_grace_ns = 5 * TV_SECOND,           \
     .max_concurrent = 0, .bus_capacity = 1024, .seed = 0, .stack_size = 0}

/*
 * Starts no thread. `host` (NULL: none) lives as long as the process; `host_arg` is borrowed until
 * host->closed, after which only detach and thread_end come with it, and do not look at it.
 * SHUTTING_DOWN, NO_MEMORY; FORKED: the clock is the parent's.
 */
enum tv_err tv_supervisor_new(const struct tv_config *config, const struct tv_host *host,
                              void *host_arg, struct tv_supervisor **supervisor);
struct tv_supervisor *tv_supervisor_hold(struct tv_supervisor *supervisor);
void tv_supervisor_rele(struct tv_supervisor *supervisor);

/*
 * An observer with a thread of its own. `on_event` is called attached, once per event, in order;
 * it answers NULL or, where it failed, the reason, giving away one reference.
 */
struct tv_subscriber {
    struct tv_text *name; /* borrowed by the call, held by the supervisor */
    uint64_t capacity;    /* events that its queue holds, at least 1 */
    struct tv_text *(*on_event)(void *arg, const struct tv_event *event);
    void *arg;
};

/* Before tv_serve (ALREADY_RUNNING). The second of a name is called name#2. */
enum tv_err tv_subscribe(struct tv_supervisor *supervisor, const struct tv_subscriber *subscriber);

/*
 * Starts the timer thread, the first worker and the subscribers. ALREADY_RUNNING the second time.
 * NO_THREAD, NO_MEMORY: the supervisor has been used up (where not even the timer thread could be
 * had, it has not). Call attached: host->closed may come from inside.
 */
enum tv_err tv_serve(struct tv_supervisor *supervisor);

/* Has tv_serve been called, successfully? */
bool tv_is_serving(struct tv_supervisor *supervisor);

/* Does it still accept tasks? */
bool tv_is_open(struct tv_supervisor *supervisor);

/*
 * Accepts one task. Never blocks. Borrows `spec` until host->forgotten (without a host: until the
 * task's outcome is there and its body has returned). Holds `name`. *task comes with one reference.
 * EXISTS, SHUTTING_DOWN, NO_MEMORY.
 */
enum tv_err tv_add(struct tv_supervisor *supervisor, const struct tv_spec *spec,
                   struct tv_text *name, void *user, struct tv_task **task);

/*
 * Many tasks, all accepted before any starts, or none: reserve takes all names (EXISTS: *failed is
 * the index of the first refused one, and nothing stays reserved), commit accepts them, or refuses
 * them with SHUTTING_DOWN and lets go of everything. tasks[i] comes with one reference after
 * reserve, which a refusal takes back. reserve_more adds to a batch; what it refuses leaves that as
 * it was. Never block.
 */
struct tv_request {
    const struct tv_spec *spec;
    struct tv_text *name;
    void *user;
};
struct tv_batch;
enum tv_err tv_reserve(struct tv_supervisor *supervisor, const struct tv_request *requests,
                       size_t count, struct tv_task **tasks, struct tv_batch **batch,
                       size_t *failed);
enum tv_err tv_reserve_more(struct tv_batch *batch, const struct tv_request *requests,
                            size_t count, struct tv_task **tasks, size_t *failed);
enum tv_err tv_commit(struct tv_batch *batch);
void tv_unreserve(struct tv_batch *batch);

/* Which task a call is about: `task`, or the one called `name`, or the one with `id`. */
struct tv_target {
    struct tv_task *task;
    struct tv_text *name;
    tv_id id;
};

enum tv_leave_kind { TV_REMOVE, TV_CANCEL };

/*
 * Asks a task to leave. Never blocks. OK: this call asked first; ALREADY: it is leaving; UNKNOWN.
 * With OK and ALREADY *task (may be NULL) gets a reference, for tv_task_wait_gone.
 */
enum tv_err tv_leave(struct tv_supervisor *supervisor, struct tv_target target,
                     enum tv_leave_kind kind, struct tv_task **task);

/* A natural end, without a verdict, as soon as nothing is registered. Never blocks. */
enum tv_err tv_finish(struct tv_supervisor *supervisor);

/*
 * Starts a shutdown or shortens a running one. Never blocks; the timer thread carries it to its
 * end. grace_ns TV_NONE: the config's for the first caller, no change for a later one. `quiet`: a
 * shutdown nobody waits for, without verdict.
 */
enum tv_err tv_shutdown(struct tv_supervisor *supervisor, tv_ns grace_ns, bool quiet);

/* Blocks. Until nothing is registered: OK. TIMEOUT; SHUTTING_DOWN: closed with bodies left. */
enum tv_err tv_join(struct tv_supervisor *supervisor, tv_ns deadline);

/* Blocks. Until the shutdown is complete: verdict, drained, threads joined. */
enum tv_err tv_wait_closed(struct tv_supervisor *supervisor, tv_ns deadline);

/* As tv_wait_closed, but tv_interrupt() ends it with INTERRUPTED. For one caller at a time. */
enum tv_err tv_run_wait(struct tv_supervisor *supervisor);

/* Async-signal-safe. No signal that calls it falls between a check and the sleep of tv_run_wait. */
void tv_interrupt(struct tv_supervisor *supervisor);

/* The essential task that ended badly, the first of them; 0: none. */
tv_id tv_essential(struct tv_supervisor *supervisor);

enum tv_verdict_kind { TV_NO_VERDICT, TV_STOPPED_WITHIN_GRACE, TV_GRACE_EXCEEDED };

/*
 * The shutdown's result; *grace_ns the shortest grace that was in force. Call once it has closed.
 */
enum tv_verdict_kind tv_verdict(struct tv_supervisor *supervisor, tv_ns *grace_ns);

/*
 * One task that had not ended at the verdict; `thread`: the pthread_t, as a number, that its body
 * runs on, 0: none (any more).
 */
struct tv_stuck_task {
    struct tv_text *name;   /* held */
    unsigned long thread;
    struct tv_task *on_loop; /* held; the task, where its body is on a loop; NULL: it is not */
};

/* Those of the verdict, sorted by name bytes. NO_MEMORY. Free with tv_stuck_free. */
enum tv_err tv_stuck(struct tv_supervisor *supervisor, struct tv_stuck_task **tasks, size_t *count);
void tv_stuck_free(struct tv_stuck_task *tasks, size_t count);

/* ---- slots: one key, one owner ------------------------------------------------------------- */

/*
 * A submission to the slot called `slot`. OK: decided, the task is the slot's owner, waits in its
 * queue, or has the outcome REJECTED. FULL: the queues have no room and `wait` is not set. WAITS:
 * it stands in line for room; go on with tv_submit_wait. References are those of tv_add. Never
 * blocks. SHUTTING_DOWN, NO_MEMORY.
 */
enum tv_err tv_submit(struct tv_supervisor *supervisor, const struct tv_request *request,
                      struct tv_text *slot, enum tv_admission admission, bool wait,
                      struct tv_task **task);

/* Blocks. OK: decided. TIMEOUT, INTERRUPTED: still in line. SHUTTING_DOWN: the task is released. */
enum tv_err tv_submit_wait(struct tv_task *task, tv_ns deadline);

/* Leaves the line. OK: the task is released. ALREADY: tv_submit_wait has something to say. */
enum tv_err tv_submit_withdraw(struct tv_task *task);

/* Asks the owner to leave, with `purge` the whole queue too; *count: how many. Never blocks. */
enum tv_err tv_cancel_slot(struct tv_supervisor *supervisor, struct tv_text *slot, bool purge,
                           uint64_t *count);

struct tv_slot_info {
    struct tv_text *name; /* held */
    enum tv_slot_status status;
    struct tv_text *owner; /* its name; held */
    tv_id owner_id;
    tv_ns since_ns;        /* wall clock */
    size_t first, waiting; /* in tv_slots.names: the queue, in order */
};

struct tv_slots {
    struct tv_slot_info *slots;
    struct tv_text **names; /* held */
    size_t slot_count, name_count;
};

/* Every slot in one consistent view. NO_MEMORY. Free with tv_slots_free. */
enum tv_err tv_slots(struct tv_supervisor *supervisor, struct tv_slots *slots);
void tv_slots_free(struct tv_slots *slots);

/* ---- looking at it ------------------------------------------------------------------------- */

struct tv_task_info {
    tv_id id;
    struct tv_text *name; /* held */
    enum tv_task_state state;
    bool alive;           /* a body is running */
    uint64_t attempt;
    uint64_t failures;
    struct tv_error last_error; /* its text is held */
    tv_ns next_start_ns;        /* from now; TV_NONE: not waiting for a time */
};

/* Every registered task in one consistent view, sorted by id. NO_MEMORY. */
enum tv_err tv_tasks(struct tv_supervisor *supervisor, struct tv_task_info **infos, size_t *count);
void tv_tasks_free(struct tv_task_info *infos, size_t count);

/* Is a body of it running? Never blocks. */
bool tv_target_is_alive(struct tv_supervisor *supervisor, struct tv_target target);

struct tv_subscriber_info {
    struct tv_text *name; /* held */
    uint64_t queued, delivered, dropped, raised;
};

enum tv_err tv_subscribers(struct tv_supervisor *supervisor, struct tv_subscriber_info **infos,
                           size_t *count);
void tv_subscribers_free(struct tv_subscriber_info *infos, size_t count);

struct tv_counters {
    uint64_t published; /* events */
    uint64_t threads_created, threads_joined, workers_idle, workers_busy, workers_starting;
    uint64_t threads_written_off; /* left behind in a body or subscriber */
    uint64_t timer_wakeups;
};
void tv_counters(struct tv_supervisor *supervisor, struct tv_counters *counters);

/* ---- signals and waits --------------------------------------------------------------------- */

/*
 * From now on, or not any more, tv_interrupt_waits() ends what this thread waits for or will wait
 * for with INTERRUPTED, so that no signal falls between a check for signals and the sleep after
 * it. For one thread of the process at a time. Without it a wait ends with INTERRUPTED only if a
 * signal handler runs on the thread while it sleeps. Never blocks.
 */
void tv_wait_interruptibly(bool on);

/*
 * From now on, or not any more, this thread does not sleep in a wait but looks again and again, for
 * 50 µs at most, and then answers TIMEOUT. What comes so soon is seen sooner than by sleeping.
 */
void tv_wait_briefly(bool on);

/* For signal handlers, on any thread. Async-signal-safe. */
void tv_interrupt_waits(void);

/* ---- tasks --------------------------------------------------------------------------------- */

struct tv_task *tv_task_hold(struct tv_task *task);
void tv_task_rele(struct tv_task *task);

tv_id tv_task_id(const struct tv_task *task);
struct tv_text *tv_task_name(const struct tv_task *task); /* borrowed */
void *tv_task_user(const struct tv_task *task);
struct tv_supervisor *tv_task_supervisor(const struct tv_task *task); /* borrowed */
void *tv_task_host_arg(const struct tv_task *task);                   /* its supervisor's */
enum tv_task_state tv_task_state(struct tv_task *task);
tv_ns tv_task_grace(struct tv_task *task); /* 0 once it is over */

/* Has it its outcome? Never blocks, takes no lock. */
bool tv_task_done(const struct tv_task *task);

struct tv_outcome {
    enum tv_outcome_kind kind;
    struct tv_reason reason; /* borrows the task's text */
    uint64_t attempts;
    bool has_exit_code;
    int32_t exit_code;
    bool timed_out;              /* the last attempt */
    enum tv_rejection rejection; /* REJECTED */
};

/* Call both once tv_task_done. */
enum tv_outcome_kind tv_task_outcome_kind(const struct tv_task *task);
void tv_task_outcome(const struct tv_task *task, struct tv_outcome *outcome);

/* Blocks. Until it has its outcome; until its name is free and its body has returned. */
enum tv_err tv_task_wait(struct tv_task *task, tv_ns deadline);
enum tv_err tv_task_wait_gone(struct tv_task *task, tv_ns deadline);

/*
 * Wants host->settled for this task. False: it has its outcome already, and the hook may or may
 * not come. Never blocks.
 */
bool tv_task_notify(struct tv_task *task);

/* ---- from inside a body -------------------------------------------------------------------- */

uint64_t tv_task_attempt(const struct tv_task *task);

/*
 * Is the token of this attempt cancelled; and why first (0 to 3: enum tv_cancel_reason, -1: not)?
 */
bool tv_task_is_cancelled(const struct tv_task *task);
int tv_task_cancel_reason(const struct tv_task *task);

/* The token of this attempt, with one reference; NULL: no memory. */
struct tv_token *tv_task_token(struct tv_task *task);

/* The task whose body this thread runs, or NULL. Borrowed. */
struct tv_task *tv_current_task(void);

/* ---- cancellation tokens ------------------------------------------------------------------- */

/* A child is cancelled with its parent, never the other way. NULL: no memory. */
struct tv_token *tv_token_new(struct tv_token *parent);
struct tv_token *tv_token_hold(struct tv_token *token);
void tv_token_rele(struct tv_token *token);
void tv_token_cancel(struct tv_token *token);
bool tv_token_is_cancelled(const struct tv_token *token);

/* Why the runtime cancelled it (enum tv_cancel_reason), or -1. */
int tv_token_reason(const struct tv_token *token);

/* Blocks. OK: it is cancelled. TIMEOUT, INTERRUPTED. */
enum tv_err tv_token_wait(struct tv_token *token, tv_ns deadline);

/* ---- event streams ------------------------------------------------------------------------- */

/* Every event published from now on. capacity 0: the config's bus_capacity. */
enum tv_err tv_stream_open(struct tv_supervisor *supervisor, uint64_t capacity,
                           struct tv_stream **stream);

/*
 * Blocks. The next event, which comes with its references (tv_event_release). LAGGED: *lost events
 * were dropped before the next one, told once. ENDED.
 */
enum tv_err tv_stream_next(struct tv_stream *stream, tv_ns deadline, struct tv_event *event,
                           uint64_t *lost);

/* Wakes a waiting reader. What is queued is dropped. Never blocks. */
void tv_stream_close(struct tv_stream *stream);
struct tv_supervisor *tv_stream_supervisor(const struct tv_stream *stream); /* borrowed */
uint64_t tv_stream_lost(struct tv_stream *stream);
struct tv_stream *tv_stream_hold(struct tv_stream *stream);
void tv_stream_rele(struct tv_stream *stream); /* the last reference closes it */

/* Holds, or releases, what an event refers to. */
void tv_event_hold(const struct tv_event *event);
void tv_event_release(const struct tv_event *event);

/* ---- event loops --------------------------------------------------------------------------- */

/*
 * An event loop of the host's that runs bodies, or waits for something of ours without blocking. To
 * the runtime it is a mailbox. The host's loop watches tv_loop_descriptor; when that is readable it
 * calls tv_loop_hear, and then tv_loop_next until there is nothing more. A loop that stops in
 * between comes again by itself: it is not woken before it has been told that there is nothing.
 * NO_MEMORY, NO_DESCRIPTOR.
 */
enum tv_err tv_loop_new(struct tv_loop **loop);
struct tv_loop *tv_loop_hold(struct tv_loop *loop);
void tv_loop_rele(struct tv_loop *loop);
int tv_loop_descriptor(const struct tv_loop *loop);
void tv_loop_hear(struct tv_loop *loop);

/*
 * Serves a supervisor that is open: one supervisor has one loop for life, one loop has many.
 * `start` makes it a private one, on a thread of its own that calls host->run_loop. ALREADY: it has
 * one; SHUTTING_DOWN, NO_THREAD, NO_MEMORY. Never block.
 */
enum tv_err tv_loop_give(struct tv_supervisor *supervisor, struct tv_loop *loop);
enum tv_err tv_loop_start(struct tv_supervisor *supervisor, struct tv_loop *loop, void *arg);

/* Does it serve a supervisor? */
bool tv_loop_is_serving(struct tv_loop *loop);

/* Has its private loop been told to leave? */
bool tv_loop_has_left(struct tv_supervisor *supervisor);

/* The supervisor's loop, borrowed, or NULL. */
struct tv_loop *tv_loop_of(const struct tv_supervisor *supervisor);

enum tv_errand_kind {
    TV_ERRAND_NONE,
    TV_ERRAND_START,  /* an attempt of `task` has begun: call its body, and then tv_loop_end */
    TV_ERRAND_CANCEL, /* that of `task`, which has not ended, is to be cancelled */
    TV_ERRAND_WATCH,  /* what `watch` waits for is there: tv_watch_end */
    TV_ERRAND_LEAVE,  /* a private loop is to end */
};

/*
 * A cancel can be swallowed. It is repeated after `again_ns` (TV_NONE: it is not), and with
 * `on_and_on` after each pause of that length, until the body has ended or another CANCEL comes.
 */
struct tv_errand {
    enum tv_errand_kind kind;
    struct tv_task *task; /* START, CANCEL: borrowed until tv_loop_end */
    tv_ns again_ns;
    bool on_and_on;
    struct tv_watch *watch;
};

/*
 * What the loop is to do next, in a row; false: nothing. Call attached, on the loop's thread, or
 * where the loop runs on none. Never blocks.
 */
bool tv_loop_next(struct tv_loop *loop, struct tv_errand *errand);

/* The body of `task` has ended on the loop. Call likewise. Never blocks. */
void tv_loop_end(struct tv_task *task, struct tv_result *result);

/*
 * The host's loop has been closed: it is never called again. The supervisors it serves are shut
 * down, with their own grace; the bodies it has left behind are still the caller's to end. Call
 * attached.
 */
void tv_loop_close(struct tv_loop *loop);

/*
 * A wait of a loop: what a blocking call would wait for. The caller begins it first, and then asks
 * with a deadline of 0: either the answer is there, or the loop is told when there may be one, by
 * one WATCH errand. `user` is not NULL.
 */
enum tv_watch_kind { TV_WATCH_OUTCOME, TV_WATCH_GONE, TV_WATCH_DECIDED };

/* One of these. */
struct tv_watched {
    struct tv_task *task;             /* tv_task_wait, tv_task_wait_gone, tv_submit_wait: `what` */
    enum tv_watch_kind what;
    struct tv_supervisor *supervisor; /* tv_join; with `closed`, tv_wait_closed */
    bool closed;
    struct tv_stream *stream;         /* tv_stream_next */
    struct tv_token *token;           /* tv_token_wait */
};

/* NULL: no memory. */
struct tv_watch *tv_watch_new(const struct tv_watched *target, struct tv_loop *loop, void *user);

/* On a WATCH errand: the watch is over. Its `user`, NULL where it has been withdrawn. */
void *tv_watch_end(struct tv_watch *watch);

/* It is not wanted any more; it has not been ended. On the loop's thread, or once it is closed. */
void tv_watch_withdraw(struct tv_watch *watch);

/* ---- manual clocks, for tests -------------------------------------------------------------- */

/*
 * A clock that stands still until it is set forward, and begins at 0. All that a supervisor which
 * is made with it decides goes by it: timeouts of attempts, delays and intervals, graces, when a
 * run was long. Callers that wait do so by tv_now(), and events bear wall-clock time. So that
 * nothing waits for it in vain it is released at the end of the process; and where somebody waits
 * for a shutdown, and nobody has set it forward for `patience_ns` by tv_now() (TV_NEVER: does not
 * come), it is released and the grace is over. NULL: no memory.
 */
struct tv_clock *tv_clock_new(tv_ns patience_ns);
struct tv_clock *tv_clock_hold(struct tv_clock *clock);
void tv_clock_rele(struct tv_clock *clock);

/* How far it has come. Never blocks, takes no lock. */
tv_ns tv_clock_now(const struct tv_clock *clock);

/*
 * Sets it forward by `ns`, in one step: what falls due until then happens before this returns, a
 * supervisor at a time and in each by (deadline, arming), and after that alarms, all of it at the
 * new time. Bodies that start by that, start on their own threads. Call attached. Never blocks.
 * FORKED; NO_MEMORY: it stands where it was.
 */
enum tv_err tv_clock_advance(struct tv_clock *clock, tv_ns ns);

/* *at: when next something falls due, which may be now; TV_NEVER: nothing. FORKED, NO_MEMORY. */
enum tv_err tv_clock_next(struct tv_clock *clock, tv_ns *at);

/*
 * From now on it goes as tv_now() does, for what is left to end. A supervisor sees it when it is
 * stepped next, which an advance by 0 does; alarms are left to their parents.
 */
void tv_clock_release(struct tv_clock *clock);

/* Was it made by the parent of this process? */
bool tv_clock_is_forked(const struct tv_clock *clock);

/* The clock of a supervisor, borrowed; NULL: the system's. */
struct tv_clock *tv_clock_of(const struct tv_supervisor *supervisor);

/*
 * A wait of a body that the clock ends: a token below `parent`, cancelled `delay_ns` from now, or
 * with its parent. FORKED, NO_MEMORY. Its token is borrowed until tv_alarm_free, which may be
 * called before and after the alarm.
 */
struct tv_alarm;
enum tv_err tv_alarm_new(struct tv_clock *clock, struct tv_token *parent, tv_ns delay_ns,
                         struct tv_alarm **alarm);
struct tv_token *tv_alarm_token(const struct tv_alarm *alarm);
void tv_alarm_free(struct tv_alarm *alarm);

/* How many alarms are set. */
size_t tv_clock_asleep(struct tv_clock *clock);

/* ---- the process --------------------------------------------------------------------------- */

/*
 * The end of the process, in two stages. exit_begin: from now on nothing is accepted, no attempt
 * starts, and every supervisor is shut down with its own grace. exit_wait blocks until all have
 * closed. exit_hurry ends every grace. exit_end: from now on nothing of ours attaches, blocks or
 * makes a thread; it waits half a second at most for threads that are just leaving. All of them may
 * be called detached; those that wait must be.
 */
void tv_exit_begin(void);
enum tv_err tv_exit_wait(tv_ns deadline);
void tv_exit_hurry(void);
void tv_exit_end(void);

/* Has exit_begin, has exit_end been called? Never block. */
bool tv_is_exiting(void);
bool tv_is_gone(void);

/* In the child after a fork, before anything else. */
void tv_after_fork_child(void);

/* Does the supervisor belong to the parent of this process? */
bool tv_is_forked(const struct tv_supervisor *supervisor);

/* In a body that this process was forked from: the fork happened inside this very call. */
bool tv_forked_since(unsigned generation);
unsigned tv_generation(void);

#endif
