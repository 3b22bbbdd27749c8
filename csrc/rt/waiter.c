#include "rt/waiter.h"

#include "rt/watch.h"

/*
 * The one thread that signal handlers interrupt sleeps on this semaphore instead of its waiter's
 * own: a handler may run on any thread and at any moment, when the waiter's stack may be gone.
 */
static struct tv_sem interruptible_sem;
static _Thread_local bool is_interruptible;
static _Thread_local bool is_brief;

void tv_wait_briefly(bool on)
{
    is_brief = on;
}

void tv_wait_interruptibly(bool on)
{
    is_interruptible = on;
    if (on)
        tv_sem_wait(&interruptible_sem, 0);
}

void tv_interrupt_waits(void)
{
    tv_sem_post(&interruptible_sem);
}

void tv_waiter_init(struct tv_waiter *waiter, enum tv_waits_for waits_for)
{
    *waiter = (struct tv_waiter){.waits_for = waits_for, .sem = &waiter->own};
    if (is_interruptible)
        waiter->sem = &interruptible_sem;
    tv_list_init(&waiter->link);
    tv_sem_init(&waiter->own);
}

void tv_waiter_fini(struct tv_waiter *waiter)
{
    tv_sem_fini(&waiter->own);
}

/* Until the post that is on its way has come; `err` is how the sleep ended. */
static void await_post(struct tv_waiter *waiter, enum tv_err err)
{
    if (waiter->sem == &waiter->own)
        while (err != TV_OK)
            err = tv_sem_wait(waiter->sem, TV_NEVER);
    else
        while (!atomic_load(&waiter->posted))
            tv_sem_wait(waiter->sem, TV_NEVER);
}

enum tv_err tv_waiter_sleep(struct tv_waiter *waiter, struct tv_list *list, struct tv_lock *lock,
                            tv_ns deadline)
{
    enum tv_err err;
    bool woken;

    tv_list_append(list, &waiter->link);
    tv_lock_drop(lock);
    err = is_brief ? tv_sem_spin(waiter->sem, deadline) : tv_sem_wait(waiter->sem, deadline);
    if (err == TV_OK && waiter->sem == &waiter->own)
        return TV_OK;
    tv_lock_take(lock);
    woken = waiter->woken;
    if (!woken)
        tv_list_remove(&waiter->link);
    tv_lock_drop(lock);
    if (woken) {
        await_post(waiter, err);
        return TV_OK;
    }
    return err == TV_OK ? TV_INTERRUPTED : err;
}

void tv_waiter_wake(struct tv_waiter *waiter, bool in_vain, struct tv_waiter **wake)
{
    tv_list_remove(&waiter->link);
    waiter->woken = true;
    waiter->in_vain = in_vain;
    waiter->next_woken = *wake;
    *wake = waiter;
}

void tv_waiters_wake(struct tv_list *list, enum tv_waits_for what, bool in_vain,
                     struct tv_waiter **wake)
{
    struct tv_list *link = list->next;

    while (link != list) {
        struct tv_waiter *waiter = TV_CONTAINER(link, struct tv_waiter, link);

        link = link->next;
        if (what == TV_WAITS_OTHER || waiter->waits_for == what)
            tv_waiter_wake(waiter, in_vain, wake);
    }
}

/* The waiter may be gone as soon as it has been posted, so nothing of it is read afterwards. */
static void post(struct tv_waiter *waiter)
{
    struct tv_sem *sem = waiter->sem;

    if (!sem) {
        tv_watch_post(waiter);
        return;
    }
    if (sem != &waiter->own)
        atomic_store(&waiter->posted, true);
    tv_sem_post(sem);
}

void tv_waiters_post(struct tv_waiter *wake)
{
    while (wake) {
        struct tv_waiter *next = wake->next_woken;

        post(wake);
        wake = next;
    }
}
