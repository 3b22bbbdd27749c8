/*
 * waiter.h: a thread that waits for something the core will do.
 *
 * Locking discipline. A waiter lies on its thread's stack and in one list, both guarded by the
 * supervisor's lock. Who brings about what it waits for moves it, under the lock, from that list
 * to the wake list of its own lock hold, and posts it after unlocking. From `woken` on, the waiter
 * belongs to the waker until it is posted: a waiter whose time is over takes the lock, and if it
 * has been woken meanwhile it waits for the post, which is on its way. So no wake-up is lost and
 * no waiter leaves while somebody still has it in a list.
 */
#ifndef TV_WAITER_H
#define TV_WAITER_H

#include "core/list.h"
#include "rt/thread.h"

enum tv_waits_for {
    TV_WAITS_OUTCOME, /* of the task whose list it is in */
    TV_WAITS_GONE,    /* the body has returned and the name is free */
    TV_WAITS_DECIDED, /* a submission that stands in line for room */
    TV_WAITS_OTHER,   /* whatever its list is about */
};

struct tv_waiter {
    struct tv_list link;
    struct tv_waiter *next_woken;
    enum tv_waits_for waits_for;
    bool woken;
    bool in_vain;         /* woken because it will not come */
    struct tv_sem own;
    struct tv_sem *sem;   /* its own, or one that others post too and that outlives it; NULL: a
                             watch's, whose loop is told */
    _Atomic bool posted;  /* the waker has posted such a one, and is done with the waiter */
};

void tv_waiter_init(struct tv_waiter *waiter, enum tv_waits_for waits_for);
void tv_waiter_fini(struct tv_waiter *waiter);

/*
 * Puts the waiter into `list`, drops `lock` and sleeps. Blocks. Call with the lock held; returns
 * with it dropped and the waiter in no list. OK: woken. TIMEOUT, INTERRUPTED.
 */
enum tv_err tv_waiter_sleep(struct tv_waiter *waiter, struct tv_list *list, struct tv_lock *lock,
                            tv_ns deadline);

/* Moves one waiter to `wake`. Call with the lock held. */
void tv_waiter_wake(struct tv_waiter *waiter, bool in_vain, struct tv_waiter **wake);

/* Moves those that wait for `what` (OTHER: all) to `wake`. Call with the lock held. */
void tv_waiters_wake(struct tv_list *list, enum tv_waits_for what, bool in_vain,
                     struct tv_waiter **wake);

/* Posts what has been woken. Call without the lock. */
void tv_waiters_post(struct tv_waiter *wake);

#endif
