/*
 * runtime.h: a supervisor, as its own files see it.
 *
 * Locking discipline. ONE lock guards the core and everything below that is not said to be fixed
 * or atomic. Whoever brings an input takes it, reads the clock, steps the core, applies the
 * effects and drops it. What costs a system call, a lock of somebody else or the host's lock is
 * put into the hold's struct tv_after and done after unlocking: posting waiters and workers,
 * starting threads, waking tokens, calling hooks, freeing. Under the lock nobody allocates, frees,
 * calls a body, a hook or the host, so a holder never waits, and threads attached to the host may
 * take the lock.
 */
#ifndef TV_RUNTIME_H
#define TV_RUNTIME_H

#include "core/core.h"
#include "rt/bus.h"
#include "rt/loop.h"
#include "rt/manual.h"
#include "rt/pool.h"
#include "rt/process.h"
#include "rt/thread.h"
#include "rt/token.h"
#include "rt/waiter.h"

/* Something that needs an attached thread because of its steps. */
enum tv_job_kind { TV_JOB_TASK, TV_JOB_EXCEEDED };

struct tv_job {
    struct tv_job *next;
    uint8_t kind;     /* enum tv_job_kind */
    bool queued;
    bool settled;     /* TASK: call host->settled */
    bool forgotten;   /* TASK: call host->forgotten and let go of the record */
    bool final;       /* TASK: was queued to be forgotten, nothing can be added; read unlocked */
};

/* A task's record: the core's part first, then the runtime's. */
struct tv_task {
    struct tv_actor actor;
    struct tv_supervisor *supervisor; /* held */
    const struct tv_spec *spec;
    void *user;
    _Atomic uint32_t refs;
    _Atomic bool done;    /* has its outcome */
    _Atomic bool notify;  /* wants host->settled */
    _Atomic int8_t cancel; /* why the running attempt's token is cancelled, or -1 */
    bool on_loop : 1;      /* its body is in the loop's hands */
    bool is_ordered : 1;   /* in the loop's orders, by next_order; held */
    struct tv_job job;
    struct tv_list waiters;
    struct tv_token *token, *attempt_token; /* made when somebody asks; held */
    union {
        struct tv_worker *worker;   /* in whose hands its body is; or, of one for the loop: */
        struct tv_task *next_order;
    };
    struct tv_task *next_stuck;     /* in supervisor->stuck; held */
};

/* Four cache lines, with what malloc puts in front. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct tv_task) <= 248, "a task's record has grown");

/* On whose thread a lock hold is: what it may do itself once it has dropped the lock. */
enum tv_caller {
    TV_DETACHED, /* no hook may be called: it is left to a worker */
    TV_ATTACHED, /* a thread of the host: it may forget tasks */
    TV_WORKER,   /* attached, and there for hooks */
};

/* What a lock hold leaves to be done after it. All zero but `caller`: nothing. */
struct tv_after {
    enum tv_caller caller;
    bool any;
    bool kick_timer;
    bool call_loop;
    uint32_t start;              /* workers to start */
    struct tv_waiter *wake;
    struct tv_worker *workers;   /* to be woken, by next_woken */
    struct tv_token *tokens;
    struct tv_job *jobs, **last; /* to be run by this thread */
    struct tv_text *dead;
    struct tv_slot *slots;       /* that are gone, by link.next */
};

#define TV_AFTER(who) {.caller = (who)}

enum tv_phase { TV_PHASE_NEW, TV_PHASE_SERVING, TV_PHASE_COMPLETE };

struct tv_supervisor {
    /* fixed */
    struct tv_config config;
    const struct tv_host *host;
    void *host_arg;
    uint64_t serial;
    unsigned generation;
    size_t subscriber_count;
    struct tv_subscriber_thread *subscribers; /* linked by next */
    struct tv_list running;                   /* guarded by the process's lock */
    struct tv_clock *clock;                   /* held; NULL: the system's */
    struct tv_list on_clock;                  /* guarded by the clock's lock */
    _Atomic uint32_t refs;                    /* of handles, tasks, threads */
    _Atomic bool interrupted;
    struct tv_sem run_sem; /* posted by tv_interrupt too */
    struct tv_lock lock;

    /* guarded by the lock */
    enum tv_phase phase;
    struct tv_bus bus;
    struct tv_pool pool;
    struct tv_crew crew;
    struct tv_loop_part loop;
    struct tv_list joining, closing; /* struct tv_waiter */
    struct tv_job *jobs, **last_job; /* the ready queue's first part */
    uint64_t jobs_open;              /* queued or being run */
    struct tv_job exceeded;
    struct tv_task *stuck;            /* the verdict's, not yet written down */
    struct tv_stuck_task *stuck_list; /* written down */
    size_t stuck_count;
    bool stuck_failed;
    bool stuck_done;
    bool told_broken;
    tv_id essential;                  /* that ended badly, the first; 0: none */
    uint8_t seen;                     /* shutdown state after the last step */
    tv_ns wall_offset_ns;             /* from monotonic to wall clock, as slots tell it */
    tv_ns timer_until;                /* the timer thread sleeps until then */
    uint64_t timer_wakeups;
    struct tv_sem timer_sem;
    struct tv_departed *timer_departed;
    struct tv_core core;
};

/* Can only one thread be attached to the host at a time? */
static inline bool tv_is_exclusive(const struct tv_supervisor *supervisor)
{
    return supervisor->host && supervisor->host->exclusive;
}

/* ---- the door to the core ------------------------------------------------------------------ */

/*
 * Steps the core until it has taken `in`, and applies every effect. Call with the lock held; it is
 * held on return, and may have been dropped between slices. `now` is an instant just read; a
 * manual clock is read here instead.
 */
enum tv_step tv_rt_step(struct tv_supervisor *supervisor, tv_ns now, struct tv_input *in,
                        struct tv_after *after);

/* What the core takes for now; and when it is to be stepped next, by tv_now(). Lock held. */
tv_ns tv_rt_now(const struct tv_supervisor *supervisor);
tv_ns tv_rt_deadline(const struct tv_supervisor *supervisor);

/* Steps until nothing is due. Call without the lock. */
void tv_rt_bring_time(struct tv_supervisor *supervisor, enum tv_caller caller);

/* Takes the lock, steps, drops it, and does what is left. */
enum tv_step tv_rt_input(struct tv_supervisor *supervisor, struct tv_input *in,
                         enum tv_caller caller);

/* Does what a lock hold has left to do. Call without the lock; `after` is empty again. */
void tv_after_run(struct tv_supervisor *supervisor, struct tv_after *after);

/* Drops the lock and does what is left. */
void tv_rt_drop(struct tv_supervisor *supervisor, struct tv_after *after);

/* Wakes the timer thread if it would sleep past `at`. Call with the lock held. */
void tv_timer_by(struct tv_supervisor *supervisor, tv_ns at, struct tv_after *after);

/* As tv_shutdown. */
enum tv_err tv_rt_shutdown(struct tv_supervisor *supervisor, tv_ns grace_ns, bool quiet,
                           enum tv_caller caller);

/* ---- tasks --------------------------------------------------------------------------------- */

static inline struct tv_task *tv_task_of(struct tv_actor *actor)
{
    return TV_CONTAINER(actor, struct tv_task, actor);
}

/* A number that no task has had. */
tv_id tv_id_next(void);

/* A RESERVED task with one reference; NULL: no memory. */
struct tv_task *tv_task_new(struct tv_supervisor *supervisor, const struct tv_spec *spec,
                            struct tv_text *name, void *user);

/* The token acts of the core. Call with the lock held. */
void tv_task_set_canceled(struct tv_task *task, struct tv_after *after);
void tv_task_set_timed_out(struct tv_task *task, struct tv_after *after);

/* A new attempt: its token is fresh. Call with the lock held; the old one is the caller's. */
struct tv_token *tv_task_renew_token(struct tv_task *task);

/* What an answer of the core to an input about one task means to its caller. */
enum tv_err tv_rt_error(enum tv_step answer);

/* tv_rt_input for an input that may find the core's tables short of memory. */
enum tv_err tv_rt_input_growing(struct tv_supervisor *supervisor, struct tv_input *in);

/* SHUTTING_DOWN, FORKED: may anything be added at all? */
enum tv_err tv_rt_may_add(const struct tv_supervisor *supervisor);

/* A slot that the core has let go of: with the lock held; and after it, a whole hold's. */
void tv_slot_retire(struct tv_slot *slot, struct tv_after *after);
void tv_slots_release(struct tv_slot *slots);

/* ---- jobs ---------------------------------------------------------------------------------- */

/* Notes `job` for this hold's thread, or queues it for a worker. Call with the lock held. */
void tv_job_post(struct tv_supervisor *supervisor, struct tv_job *job, struct tv_after *after);

/* Leaves what this hold's thread has been noted for to another worker. Call with the lock held. */
void tv_jobs_pass_on(struct tv_supervisor *supervisor, struct tv_after *after);

/* The next queued job, or NULL. Call with the lock held. */
struct tv_job *tv_job_take(struct tv_supervisor *supervisor);

/* Runs it. Call attached (with a host), without the lock. */
void tv_job_run(struct tv_supervisor *supervisor, struct tv_job *job);

/* Runs each of a list, and returns how many they were. Call as tv_job_run. */
uint64_t tv_jobs_run(struct tv_supervisor *supervisor, struct tv_job *jobs);

/* So many jobs have been run. Call with the lock held. */
void tv_jobs_done(struct tv_supervisor *supervisor, uint64_t jobs, struct tv_after *after);

/* ---- threads ------------------------------------------------------------------------------- */

/* What the calling thread is doing for a supervisor, to find out who would wait for himself. */
enum tv_role { TV_ROLE_NONE, TV_ROLE_BODY, TV_ROLE_JOB, TV_ROLE_SUBSCRIBER };

struct tv_self {
    enum tv_role role;
    struct tv_supervisor *supervisor;
    struct tv_task *task; /* BODY */
};
extern _Thread_local struct tv_self tv_self;

/* NO_THREAD, NO_MEMORY. Start one thread each; called by tv_serve. */
enum tv_err tv_timer_start(struct tv_supervisor *supervisor);
enum tv_err tv_subscribers_start(struct tv_supervisor *supervisor);

/* Those without a thread will never have one: nothing is queued for them or waits for them. */
void tv_subscribers_give_up(struct tv_supervisor *supervisor);

/* Tells idle subscriber threads to leave and writes off the others. Call with the lock held. */
void tv_subscribers_stop(struct tv_supervisor *supervisor, struct tv_after *after);

/* Frees what tv_subscribe has made. Call when no thread is left. */
void tv_subscribers_free_all(struct tv_supervisor *supervisor);

/* Moves the verdict's stuck tasks into an array. Call from the timer thread, without the lock. */
void tv_stuck_write_down(struct tv_supervisor *supervisor);

#endif
