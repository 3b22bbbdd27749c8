/*
 * pool.h: worker threads that pull, and that grow on evidence of blocking only.
 *
 * A worker attaches to the host first and then, in one hold of the supervisor's lock, hands in the
 * result of its last body and takes the next ready attempt. Readiness only wakes workers, and none
 * is woken or started while one is between wake-up and attach ("arriving"): it will look.
 *
 * More are brought when somebody has seen a body block: a worker that has attached and finds that
 * the attempt taken less than TV_POOL_FRESH before is still in progress (on a host with a GIL its
 * body must have given the GIL away), or the timer thread, TV_POOL_LOOK after a take that left
 * ready work, if nobody is arriving and nothing has been taken since. Each time twice as many, up
 * to TV_POOL_BURST. Where several threads can be attached at once, a worker's arrival proves
 * nothing; the look asks the system then whether the body taken last is asleep. If it is not, but
 * few attempts have been taken, one is brought, since long bodies had better run side by side, up
 * to TV_POOL_ABREAST for each processor.
 */
#ifndef TV_POOL_H
#define TV_POOL_H

#include "core/list.h"
#include "rt/member.h"
#include "rt/thread.h"

struct tv_after;
struct tv_self;
struct tv_task;

#define TV_POOL_FRESH (2 * TV_MS)
#define TV_POOL_LOOK (1 * TV_MS)
#define TV_POOL_FEW 20u /* takes between two looks: more, and the bodies are short */
#define TV_POOL_ABREAST 4u /* long bodies on one processor */
#define TV_POOL_RETRY (50 * TV_MS)
#define TV_POOL_STILL (50 * TV_MS) /* ready work that stands still so long brings one in any case */
#define TV_POOL_BURST 64u
#define TV_POOL_IDLE (5 * TV_SECOND)

enum tv_worker_state {
    TV_WORKER_ARRIVING, /* started or woken, not attached yet; or resting between two turns */
    TV_WORKER_IDLE,     /* in pool.idle, asleep */
    TV_WORKER_BUSY,     /* attached: in a body, a job or between two */
};

struct tv_worker {
    struct tv_member member;
    struct tv_list link;          /* in pool.idle, while IDLE */
    struct tv_list all;           /* in pool.workers */
    struct tv_worker *next_woken; /* in one hold's list */
    enum tv_worker_state is;
    struct tv_self *self;         /* of its thread: what is thread-local costs a call each time */
    long number;                  /* the system's, of its thread */
    struct tv_task *task;         /* whose body it is in */
    struct tv_sem sem;
};

/* Guarded by the supervisor's lock. */
struct tv_pool {
    struct tv_list workers;       /* struct tv_worker, all */
    struct tv_list idle;          /* struct tv_worker, the latest first */
    uint64_t arriving, busy;
    uint64_t takes;
    uint64_t takes_seen;          /* at the last look */
    tv_ns moved_ns;               /* a look that saw something taken */
    uint32_t burst;               /* how many to bring next time */
    tv_ns look_ns;                /* the timer thread looks then */
    tv_ns retry_ns;               /* no thread is started before: one could not be had */
    tv_ns took_ns;                /* when the last attempt was taken */
    struct tv_worker *last_taker; /* whose body was started last; NULL: it has ended */
    unsigned processors;
    uint64_t asleep_at;           /* `takes` when a look found the last taker asleep */
    bool leaving;                 /* every worker leaves as soon as it has nothing to do */
    _Atomic bool has_lookout;     /* an idle worker looks out for what comes next */
    _Atomic unsigned names;
};

void tv_pool_init(struct tv_pool *pool);

/* Brings a worker if there is work and none is arriving. Call with the lock held. */
void tv_pool_notice(struct tv_supervisor *supervisor, tv_ns now, struct tv_after *after);

/* Is there a job, or an attempt to be taken? Call with the lock held. */
bool tv_pool_has_work(const struct tv_supervisor *supervisor);

/*
 * A worker goes into somebody's code: what is left and has nobody coming for it is looked after.
 * Call with the lock held.
 */
void tv_pool_watch(struct tv_supervisor *supervisor, tv_ns now, struct tv_after *after);

/* A worker has attached: it counts as busy, and may have seen another one block. Lock held. */
void tv_pool_arrive(struct tv_worker *worker, tv_ns now, struct tv_after *after);

/*
 * Threads that cannot be had now delay attempts: the timer thread tries again. `count` of those
 * that were counted as arriving will not come. Call without the lock.
 */
void tv_pool_try_later(struct tv_supervisor *supervisor, uint32_t count);

/* The thread of a worker, `arg`; and freeing one that has no thread (any more). */
void *tv_worker_main(void *arg);
void tv_worker_free(void *arg);

/* The timer thread's look. Call with the lock held. */
void tv_pool_look(struct tv_supervisor *supervisor, tv_ns now, struct tv_after *after);

/* Starts what a hold has left to be started; wakes what it has left to be woken. */
void tv_pool_start(struct tv_supervisor *supervisor, uint32_t count);
void tv_pool_wake(struct tv_worker *workers);

/* Starts the first worker. NO_THREAD, NO_MEMORY. */
enum tv_err tv_pool_start_first(struct tv_supervisor *supervisor);

/* Tells all to leave, writes off those in a body or job. Call with the lock held. */
void tv_pool_leave(struct tv_supervisor *supervisor, struct tv_after *after);

#endif
