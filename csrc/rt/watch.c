/*
 * watch.c
 *
 * Locking discipline. Until it is woken a watch is in a list that is guarded by its target's lock,
 * as every waiter is. It has two references: the list's, which goes with the letter to the loop,
 * and the owner's. The owner withdraws it on the loop's thread, before or after it was woken;
 * whoever gives up the last reference frees it, and the target with it.
 */
#include "rt/watch.h"

#include "rt/runtime.h"

#include <stdlib.h>

struct tv_watch {
    struct tv_waiter waiter;
    struct tv_letter letter;
    struct tv_loop *loop; /* held */
    struct tv_lock *lock; /* of the list it is in */
    struct tv_watched target; /* held */
    void *user;           /* the owner's; NULL once it has withdrawn */
    _Atomic int refs;
    unsigned generation; /* of the process that made it */
};

struct tv_watch *tv_watch_of(struct tv_letter *letter)
{
    return TV_CONTAINER(letter, struct tv_watch, letter);
}

static void hold_target(const struct tv_watched *target)
{
    if (target->task)
        tv_task_hold(target->task);
    if (target->supervisor)
        tv_supervisor_hold(target->supervisor);
    if (target->stream)
        tv_stream_hold(target->stream);
    if (target->token)
        tv_token_hold(target->token);
}

static void rele_target(const struct tv_watched *target)
{
    if (target->task)
        tv_task_rele(target->task);
    if (target->supervisor)
        tv_supervisor_rele(target->supervisor);
    if (target->stream)
        tv_stream_rele(target->stream);
    tv_token_rele(target->token);
}

static void rele(struct tv_watch *watch)
{
    if (atomic_fetch_sub_explicit(&watch->refs, 1, memory_order_acq_rel) != 1)
        return;
    rele_target(&watch->target);
    tv_loop_rele(watch->loop);
    tv_waiter_fini(&watch->waiter);
    free(watch);
}

void tv_watch_forget(struct tv_watch *watch)
{
    rele(watch);
}

void tv_watch_post(struct tv_waiter *waiter)
{
    struct tv_watch *watch = TV_CONTAINER(waiter, struct tv_watch, waiter);

    tv_loop_send(watch->loop, &watch->letter);
}

/* ---- beginning ----------------------------------------------------------------------------- */

/* In a list of a supervisor's. */
static struct tv_lock *enter(struct tv_supervisor *supervisor, struct tv_list *list,
                             struct tv_waiter *waiter)
{
    tv_lock_take(&supervisor->lock);
    tv_list_append(list, &waiter->link);
    tv_lock_drop(&supervisor->lock);
    return &supervisor->lock;
}

static struct tv_lock *register_watch(struct tv_watch *watch)
{
    const struct tv_watched *target = &watch->target;
    struct tv_waiter *waiter = &watch->waiter;

    if (target->task)
        return enter(target->task->supervisor, &target->task->waiters, waiter);
    if (target->stream)
        return tv_stream_watch(target->stream, waiter);
    if (target->token)
        return tv_token_watch(target->token, waiter);
    return enter(target->supervisor,
                 target->closed ? &target->supervisor->closing : &target->supervisor->joining,
                 waiter);
}

static enum tv_waits_for what(const struct tv_watched *target)
{
    switch (target->what) {
    case TV_WATCH_OUTCOME:
        return TV_WAITS_OUTCOME;
    case TV_WATCH_GONE:
        return TV_WAITS_GONE;
    case TV_WATCH_DECIDED:
        return TV_WAITS_DECIDED;
    }
    return TV_WAITS_OTHER;
}

struct tv_watch *tv_watch_new(const struct tv_watched *target, struct tv_loop *loop, void *user)
{
    struct tv_watch *watch = malloc(sizeof *watch);

    if (!watch)
        return NULL;
    *watch = (struct tv_watch){.letter = {.kind = TV_LETTER_WATCH},
                               .loop = tv_loop_hold(loop),
                               .target = *target,
                               .user = user,
                               .generation = tv_generation()};
    atomic_init(&watch->refs, 2);
    tv_waiter_init(&watch->waiter, target->task ? what(target) : TV_WAITS_OTHER);
    watch->waiter.sem = NULL;
    hold_target(target);
    watch->lock = register_watch(watch);
    return watch;
}

/* ---- ending -------------------------------------------------------------------------------- */

void *tv_watch_end(struct tv_watch *watch)
{
    void *user = watch->user;

    if (user)
        rele(watch);
    rele(watch);
    return user;
}

/*
 * Where it has been woken the letter, which is under way, has the other reference. In a forked
 * child the list may be locked for ever: it stays in it.
 */
void tv_watch_withdraw(struct tv_watch *watch)
{
    bool woken;

    if (tv_forked_since(watch->generation))
        return;
    tv_lock_take(watch->lock);
    woken = watch->waiter.woken;
    if (!woken)
        tv_list_remove(&watch->waiter.link);
    tv_lock_drop(watch->lock);
    watch->user = NULL;
    if (!woken)
        rele(watch);
    rele(watch);
}
