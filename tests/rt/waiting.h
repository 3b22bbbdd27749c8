/*
 * waiting.h: a thread that makes one call that blocks, and tells what it was told.
 *
 *     struct waiting waiting;
 *     start_waiting(&waiting, JOIN, supervisor, NULL);  // returns when it sleeps
 *     …
 *     check_waited(&waiting, TV_OK);
 */
#ifndef WAITING_H
#define WAITING_H

#include "fixture.h"

enum call { TASK, GONE, JOIN, CLOSED, RUN };

struct waiting {
    struct helper helper;
    enum call call;
    struct tv_supervisor *supervisor;
    struct tv_task *task;
    tv_ns deadline;
    enum tv_err got;
    _Atomic int thread;
    _Atomic bool back;
};

static inline enum tv_err wait_as(const struct waiting *waiting)
{
    switch (waiting->call) {
    case TASK:
        return tv_task_wait(waiting->task, waiting->deadline);
    case GONE:
        return tv_task_wait_gone(waiting->task, waiting->deadline);
    case JOIN:
        return tv_join(waiting->supervisor, waiting->deadline);
    case CLOSED:
        return tv_wait_closed(waiting->supervisor, waiting->deadline);
    case RUN:
        break;
    }
    return tv_run_wait(waiting->supervisor);
}

static inline void *wait_there(void *arg)
{
    struct waiting *waiting = arg;

    atomic_store(&waiting->thread, thread_id());
    waiting->got = wait_as(waiting);
    atomic_store(&waiting->back, true);
    return NULL;
}

/* Returns when the thread sleeps. */
static inline void start_waiting(struct waiting *waiting, enum call call, struct tv_supervisor *s,
                          struct tv_task *task)
{
    *waiting = (struct waiting){
        .call = call, .supervisor = s, .task = task, .deadline = TV_NEVER};
    waiting->helper = helper_start(wait_there, waiting);
    EVENTUALLY(is_asleep(atomic_load(&waiting->thread)));
}

static inline void check_waited(struct waiting *waiting, enum tv_err got)
{
    helper_join(waiting->helper);
    CHECK_EQ(waiting->got, got);
}

#endif
