/*
 * host.h: a host with one big lock, which looks at everything that is asked of it.
 *
 *     struct host host;
 *     struct tv_supervisor *s = host_serve(&host, NULL);
 *     struct record record = {.notify = true};
 *     struct tv_task *task = host_add(&host, s, "a", SPEC(body, NULL), &record);
 *     host_close(&host, s);       // CHECKs that all came back
 *
 * Each hook checks on the spot what taskvisor.h promises for it: that the thread is attached, that
 * no lock of ours is held while it waits for the big one (where the test can tell: `held_locks`),
 * that a task is told settled before forgotten and each once, that nothing follows `closed` but
 * the end of the thread that called it. A body that blocks gives the big lock away with host_leave
 * and takes it again with host_return.
 */
#ifndef HOST_H
#define HOST_H

#include "fixture.h"

#include <semaphore.h>

/* What the host has been told of one task: its `user`. */
struct record {
    bool notify; /* tv_task_notify is called for it */
    _Atomic int settled, forgotten;
};

struct host {
    struct tv_host hooks;
    struct tv_supervisor *supervisor; /* held */
    sem_t big;                        /* the big lock */
    _Atomic uintptr_t owner;          /* of it: pthread_self() */
    int (*held_locks)(void);          /* of this thread; NULL: unknown */
    _Atomic int begun, ended, settled, forgotten, exceeded, closed, accepted;
    _Atomic int refuse;               /* so many threads get no state */
    _Atomic int refused;
    void (*on_settled)(struct host *host, struct tv_task *task); /* may leave the host */
    void (*on_forgotten)(struct host *host, struct tv_task *task);
    void (*on_thread_end)(struct host *host);
    char stuck[256]; /* the names that `exceeded` was told */
};

/* A thread that the host knows. */
struct host_thread {
    struct host *host;
    uintptr_t self;
    bool attached;
    bool closer; /* it has called `closed` */
};

static _Thread_local struct host_thread *host_self;

/* ---- the big lock --------------------------------------------------------------------------- */

static inline void host_take(struct host *host)
{
    if (host->held_locks)
        CHECK_EQ(host->held_locks(), 0);
    while (sem_wait(&host->big) != 0)
        continue;
    atomic_store(&host->owner, (uintptr_t)pthread_self());
}

static inline void host_give(struct host *host)
{
    CHECK(atomic_load(&host->owner) == (uintptr_t)pthread_self());
    atomic_store(&host->owner, 0);
    sem_post(&host->big);
}

static inline bool host_is_mine(struct host *host)
{
    return atomic_load(&host->owner) == (uintptr_t)pthread_self();
}

/* In a body or hook: gives the big lock away to block, and takes it again. */
static inline struct host *host_leave(void)
{
    host_give(host_self->host);
    return host_self->host;
}

static inline void host_return(struct host *host)
{
    host_take(host);
}

/* ---- hooks ---------------------------------------------------------------------------------- */

static inline void check_open(struct host *host)
{
    CHECK_EQ(atomic_load(&host->closed), 0);
}

static inline void *host_thread_begin(void *arg, const char *name)
{
    struct host *host = arg;
    struct host_thread *thread;

    check_open(host);
    CHECK(strncmp(name, "taskvisor-", 10) == 0);
    CHECK(!host_is_mine(host));
    if (atomic_load(&host->refuse) > 0) {
        atomic_fetch_sub(&host->refuse, 1);
        atomic_fetch_add(&host->refused, 1);
        return NULL;
    }
    thread = calloc(1, sizeof *thread);
    CHECK(thread);
    *thread = (struct host_thread){.host = host, .self = (uintptr_t)pthread_self()};
    atomic_fetch_add(&host->begun, 1);
    return thread;
}

static inline void host_thread_end(void *arg, void *state)
{
    struct host *host = arg;
    struct host_thread *thread = state;

    CHECK(thread->self == (uintptr_t)pthread_self() && !thread->attached);
    CHECK(!host_is_mine(host));
    CHECK(atomic_load(&host->closed) == 0 || thread->closer);
    if (host->on_thread_end && !thread->closer)
        host->on_thread_end(host);
    free(thread);
    atomic_fetch_add(&host->ended, 1);
}

static inline void host_attach(void *arg, void *state)
{
    struct host *host = arg;
    struct host_thread *thread = state;

    check_open(host);
    CHECK(thread->self == (uintptr_t)pthread_self() && !thread->attached);
    host_take(host);
    thread->attached = true;
    host_self = thread;
}

static inline void host_detach(void *arg, void *state)
{
    struct host_thread *thread = state;

    CHECK(thread->self == (uintptr_t)pthread_self() && thread->attached);
    CHECK(atomic_load(&thread->host->closed) == 0 || thread->closer);
    thread->attached = false;
    host_self = NULL;
    host_give(arg);
}

/* The task's outcome is there, and it has not been told of before. */
static inline void host_settled(void *arg, struct tv_task *task)
{
    struct host *host = arg;
    struct record *record = tv_task_user(task);
    struct tv_outcome outcome;

    check_open(host);
    CHECK(host_is_mine(host) && host_self);
    tv_task_outcome(task, &outcome);
    if (record) {
        CHECK(record->notify || outcome.kind == TV_OUTCOME_FAILED ||
              outcome.kind == TV_OUTCOME_FATAL || outcome.kind == TV_OUTCOME_ABANDONED);
        CHECK_EQ(atomic_fetch_add(&record->settled, 1), 0);
        CHECK_EQ(atomic_load(&record->forgotten), 0);
    }
    atomic_fetch_add(&host->settled, 1);
    if (host->on_settled)
        host->on_settled(host, task);
}

static inline void host_forgotten(void *arg, struct tv_task *task)
{
    struct host *host = arg;
    struct record *record = tv_task_user(task);

    check_open(host);
    CHECK(host_is_mine(host));
    CHECK_EQ(tv_task_state(task), TV_TASK_DONE);
    if (record)
        CHECK_EQ(atomic_fetch_add(&record->forgotten, 1), 0);
    atomic_fetch_add(&host->forgotten, 1);
    if (host->on_forgotten)
        host->on_forgotten(host, task);
}

static inline void host_exceeded(void *arg)
{
    struct host *host = arg;
    struct tv_stuck_task *tasks;
    size_t count, length = 0;

    check_open(host);
    CHECK(host_is_mine(host) && host_self);
    CHECK_EQ(tv_stuck(host->supervisor, &tasks, &count), TV_OK);
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(host->stuck + length, sizeof host->stuck - length, "%s ",
                                   tasks[i].name->bytes);
    tv_stuck_free(tasks, count);
    CHECK_EQ(atomic_fetch_add(&host->exceeded, 1), 0);
}

static inline void host_closed(void *arg)
{
    struct host *host = arg;

    CHECK(host_is_mine(host));
    CHECK_EQ(atomic_load(&host->forgotten), atomic_load(&host->accepted));
    CHECK_EQ(atomic_load(&host->begun), atomic_load(&host->ended) + (host_self ? 1 : 0));
    if (host_self)
        host_self->closer = true;
    CHECK_EQ(atomic_fetch_add(&host->closed, 1), 0);
}

/* ---- a supervisor with it ------------------------------------------------------------------- */

static inline void host_init(struct host *host)
{
    *host = (struct host){
        .hooks = {.thread_begin = host_thread_begin, .thread_end = host_thread_end,
                  .attach = host_attach, .detach = host_detach, .exclusive = true,
                  .settled = host_settled, .forgotten = host_forgotten,
                  .exceeded = host_exceeded, .closed = host_closed},
    };
    CHECK(sem_init(&host->big, 0, 1) == 0);
}

/* Served from a thread that the host has attached for the call. */
static inline struct tv_supervisor *host_serve(struct host *host, const struct tv_config *config)
{
    enum tv_err err;

    host->supervisor = make(config, &host->hooks, host);
    host_take(host);
    err = tv_serve(host->supervisor);
    host_give(host);
    CHECK_EQ(err, TV_OK);
    return host->supervisor;
}

static inline struct tv_task *host_add(struct host *host, const char *name,
                                       const struct tv_spec *spec, struct record *record)
{
    struct tv_text *made = text(name);
    struct tv_task *task;

    host_take(host);
    CHECK_EQ(tv_add(host->supervisor, spec, made, record, &task), TV_OK);
    CHECK(tv_task_host_arg(task) == host);
    if (record && record->notify)
        tv_task_notify(task);
    atomic_fetch_add(&host->accepted, 1);
    host_give(host);
    tv_text_rele(made);
    return task;
}

static inline enum tv_err host_cancel(struct host *host, struct tv_task *task)
{
    enum tv_err err;

    host_take(host);
    err = leave(host->supervisor, task);
    host_give(host);
    return err;
}

static inline void host_shutdown(struct host *host, tv_ns grace_ns, bool quiet)
{
    host_take(host);
    CHECK_EQ(tv_shutdown(host->supervisor, grace_ns, quiet), TV_OK);
    host_give(host);
    CHECK_EQ(tv_wait_closed(host->supervisor, TV_NEVER), TV_OK);
}

/* No body is left or will be soon: the host has got everything back. */
static inline void host_fini(struct host *host)
{
    EVENTUALLY(atomic_load(&host->ended) == atomic_load(&host->begun));
    CHECK_EQ(atomic_load(&host->closed), 1);
    CHECK_EQ(atomic_load(&host->forgotten), atomic_load(&host->accepted));
    tv_supervisor_rele(host->supervisor);
    EVENTUALLY(threads_named("taskvisor") == 0);
    CHECK(sem_destroy(&host->big) == 0);
}

static inline void host_close(struct host *host)
{
    host_shutdown(host, TV_NONE, false);
    host_fini(host);
}

#endif
