/*
 * fixture.h: what the tests of the runtime share: a supervisor, bodies, gates and patience.
 *
 *     struct tv_supervisor *s = serve(NULL);
 *     struct gate gate = GATE;
 *     struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
 *     EVENTUALLY(is_alive(s, "a"));
 *     gate_open(&gate);
 *     finish(task, TV_OUTCOME_COMPLETED);
 *     close_down(s);
 *
 * Nothing here waits for a time to pass. A gate is opened by one thread and awaited by others, a
 * condition is looked at until it holds; both fail the test after PATIENCE, which a right program
 * never needs.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "check.h"
#include "rt/runtime.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE (60 * TV_SECOND)

#define EVENTUALLY(condition)                                                      \
    do {                                                                           \
        tv_ns give_up_ns = tv_now() + PATIENCE;                                    \
        while (!(condition)) {                                                     \
            if (tv_now() > give_up_ns)                                             \
                check_failed(__FILE__, __LINE__, "not in time: " #condition);      \
            tv_thread_rest(TV_MS / 5);                                             \
        }                                                                          \
    } while (0)

/* ---- children ------------------------------------------------------------------------------- */

void __gcov_dump(void) __attribute__((weak)); /* there in `make coverage` */

/* Ends a forked child; what was counted in it is not lost. */
static inline void end_child(int code)
{
    fflush(NULL);
    if (__gcov_dump)
        __gcov_dump();
    _exit(code);
}

/* ---- gates ---------------------------------------------------------------------------------- */

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    bool open;
    int waiting; /* threads before it */
};
#define GATE {.mutex = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER}

static inline void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->mutex);
}

static inline void gate_await(struct gate *gate)
{
    struct timespec until = {.tv_sec = (tv_wall_clock() + PATIENCE) / TV_SECOND};
    int error = 0;

    pthread_mutex_lock(&gate->mutex);
    gate->waiting++;
    while (!gate->open && error == 0)
        error = pthread_cond_timedwait(&gate->moved, &gate->mutex, &until);
    gate->waiting--;
    pthread_mutex_unlock(&gate->mutex);
    CHECK(error == 0);
}

static inline int gate_waiting(struct gate *gate)
{
    int waiting;

    pthread_mutex_lock(&gate->mutex);
    waiting = gate->waiting;
    pthread_mutex_unlock(&gate->mutex);
    return waiting;
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* With one reference. */
static inline struct tv_text *text(const char *string)
{
    struct tv_text *made = tv_text_new(string, strlen(string));

    CHECK(made);
    return made;
}

/* "prefix" and a number, with one reference. */
static inline struct tv_text *text_number(const char *prefix, size_t number)
{
    char string[48];

    snprintf(string, sizeof string, "%s%zu", prefix, number);
    return text(string);
}

static inline void check_reason(const struct tv_reason *reason, const char *wanted)
{
    char found[256];
    size_t size = tv_reason_format(reason, found, sizeof found);

    CHECK(size <= sizeof found);
    CHECK_BYTES(found, size, wanted);
}

/* ---- bodies --------------------------------------------------------------------------------- */

/* Lives as long as the block it is written in: no task of it may be left at the end of that one. */
#define SPEC(body, argument)                                                              \
    (&(const struct tv_spec){.options = TV_OPTIONS_INHERIT, .call = (body), .arg = (argument)})

static inline void no_op(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)arg;
    (void)result;
}

static inline void end_with(struct tv_result *result, enum tv_error_kind kind, const char *reason)
{
    result->error.kind = (uint8_t)kind;
    if (reason)
        result->error.text = text(reason);
}

static inline void fail(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)arg;
    end_with(result, TV_ERROR_FAIL, "no");
}

/* Counts its calls in a _Atomic int. */
static inline void count_call(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)result;
    atomic_fetch_add((_Atomic int *)arg, 1);
}

/* Does not look at its token. */
static inline void await_gate(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)result;
    gate_await(arg);
}

static inline void await_cancel(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_token *token = tv_task_token(task);

    (void)arg;
    (void)result;
    CHECK(token);
    while (tv_token_wait(token, TV_NEVER) != TV_OK)
        continue;
    tv_token_rele(token);
}

/* For tasks that outlive the block they are added in. */
static const struct tv_spec returning = {.options = TV_OPTIONS_INHERIT, .call = no_op};
static const struct tv_spec failing = {.options = TV_OPTIONS_INHERIT, .call = fail};
static const struct tv_spec waiting_for_cancel = {
    .options = TV_OPTIONS_INHERIT, .call = await_cancel};

/* ---- supervisors ---------------------------------------------------------------------------- */

static inline struct tv_supervisor *make(const struct tv_config *config,
                                         const struct tv_host *host, void *host_arg)
{
    struct tv_supervisor *supervisor;
    struct tv_config usual = TV_CONFIG_DEFAULT;

    CHECK_EQ(tv_supervisor_new(config ? config : &usual, host, host_arg, &supervisor), TV_OK);
    return supervisor;
}

/* Serving; NULL: the default config. */
static inline struct tv_supervisor *serve(const struct tv_config *config)
{
    struct tv_supervisor *supervisor = make(config, NULL, NULL);

    CHECK_EQ(tv_serve(supervisor), TV_OK);
    return supervisor;
}

static inline void close_down(struct tv_supervisor *supervisor)
{
    CHECK_EQ(tv_shutdown(supervisor, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_wait_closed(supervisor, TV_NEVER), TV_OK);
    tv_supervisor_rele(supervisor);
}

static inline struct tv_counters counters(struct tv_supervisor *supervisor)
{
    struct tv_counters found;

    tv_counters(supervisor, &found);
    return found;
}

static inline bool is_alive(struct tv_supervisor *supervisor, const char *name)
{
    struct tv_text *wanted = text(name);
    bool alive = tv_target_is_alive(supervisor, (struct tv_target){.name = wanted});

    tv_text_rele(wanted);
    return alive;
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static inline enum tv_err try_add(struct tv_supervisor *supervisor, const char *name,
                                  const struct tv_spec *spec, struct tv_task **task)
{
    struct tv_text *made = text(name);
    enum tv_err err = tv_add(supervisor, spec, made, NULL, task);

    tv_text_rele(made);
    return err;
}

static inline struct tv_task *add(struct tv_supervisor *supervisor, const char *name,
                                  const struct tv_spec *spec)
{
    struct tv_task *task = NULL;

    CHECK_EQ(try_add(supervisor, name, spec, &task), TV_OK);
    return task;
}

/* Waits for its outcome, which is `kind`, and lets go of it. */
static inline void finish(struct tv_task *task, enum tv_outcome_kind kind)
{
    struct tv_outcome outcome;

    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_OK);
    tv_task_outcome(task, &outcome);
    CHECK_EQ(outcome.kind, kind);
    CHECK_EQ(tv_task_outcome_kind(task), kind);
    tv_task_rele(task);
}

static inline enum tv_err leave(struct tv_supervisor *supervisor, struct tv_task *task)
{
    return tv_leave(supervisor, (struct tv_target){.task = task}, TV_CANCEL, NULL);
}

/* ---- events --------------------------------------------------------------------------------- */

static inline struct tv_stream *listen_to(struct tv_supervisor *supervisor)
{
    struct tv_stream *stream;

    CHECK_EQ(tv_stream_open(supervisor, 1u << 17, &stream), TV_OK);
    return stream;
}

/* Takes the stream's next event, which is there; the caller releases it. */
static inline struct tv_event next_event(struct tv_stream *stream)
{
    struct tv_event event;
    uint64_t lost;

    CHECK_EQ(tv_stream_next(stream, TV_NEVER, &event, &lost), TV_OK);
    return event;
}

/* The next event is a `kind` of task `name` (NULL: of none). */
static inline void expect(struct tv_stream *stream, enum tv_event_kind kind, const char *name)
{
    struct tv_event event = next_event(stream);

    CHECK_EQ(event.kind, kind);
    if (name)
        CHECK_BYTES(event.task->bytes, event.task->size, name);
    else
        CHECK(!event.task);
    tv_event_release(&event);
}

/* Nothing more is in the stream now. */
static inline void expect_nothing(struct tv_stream *stream)
{
    struct tv_event event;
    uint64_t lost;

    CHECK_EQ(tv_stream_next(stream, 0, &event, &lost), TV_TIMEOUT);
}

/* ---- threads -------------------------------------------------------------------------------- */

/* Threads of this process whose name begins with `prefix`. */
static inline int threads_named(const char *prefix)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;

    CHECK(tasks);
    while ((entry = readdir(tasks))) {
        char path[300], name[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(name, sizeof name, file) && strncmp(name, prefix, strlen(prefix)) == 0)
            count++;
        fclose(file);
    }
    closedir(tasks);
    return count;
}

static inline int thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

/* Does the thread with this id sleep, in whatever it waits for? 0: there is none yet. */
static inline bool is_asleep(int id)
{
    char path[64], state = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
    file = id ? fopen(path, "r") : NULL;
    if (!file)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose(file);
    return state == 'S';
}

struct helper {
    pthread_t thread;
};

static inline struct helper helper_start(void *(*run)(void *), void *arg)
{
    struct helper helper;

    CHECK(pthread_create(&helper.thread, NULL, run, arg) == 0);
    return helper;
}

static inline void helper_join(struct helper helper)
{
    CHECK(pthread_join(helper.thread, NULL) == 0);
}

#endif
