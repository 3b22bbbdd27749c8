/*
 * process.c
 *
 * Locking discipline. One lock guards the list of running supervisors and that of departed threads.
 * It is taken with no other lock held, and nothing else is taken or waited for under it, so the
 * order with the supervisors' locks does not matter. `generation`, `exiting` and `gone` only rise
 * and are read without it.
 *
 * Fork. A child has one thread and a copy of everything: locks that another thread held are held
 * for ever. So the child's generation differs from that of each object of the parent, which is how
 * they are told apart; its lock and lists start anew.
 */
#include "rt/process.h"

#include "rt/runtime.h"

#include <stdlib.h>

static struct {
    struct tv_lock lock;
    struct tv_list supervisors; /* struct tv_supervisor, link `running` */
    struct tv_departed *departed;
    _Atomic unsigned generation;
    _Atomic bool exiting, gone;
} process = {
    .lock = {.mutex = PTHREAD_MUTEX_INITIALIZER},
    .supervisors = {&process.supervisors, &process.supervisors},
};

/* ---- threads that leave -------------------------------------------------------------------- */

void tv_depart(struct tv_departed *departed)
{
    departed->thread = tv_thread_self();
    tv_lock_take(&process.lock);
    departed->next = process.departed;
    process.departed = departed;
    tv_lock_drop(&process.lock);
}

void tv_reap(void)
{
    struct tv_departed *departed;

    tv_lock_take(&process.lock);
    departed = process.departed;
    process.departed = NULL;
    tv_lock_drop(&process.lock);
    while (departed) {
        struct tv_departed *next = departed->next;

        tv_thread_join(departed->thread);
        free(departed);
        departed = next;
    }
}

/* ---- supervisors --------------------------------------------------------------------------- */

void tv_process_enter(struct tv_supervisor *supervisor, struct tv_list *link)
{
    (void)supervisor;
    tv_lock_take(&process.lock);
    tv_list_append(&process.supervisors, link);
    tv_lock_drop(&process.lock);
}

void tv_process_leave(struct tv_list *link)
{
    tv_lock_take(&process.lock);
    tv_list_remove(link);
    tv_lock_drop(&process.lock);
}

/* The first running supervisor with a serial number above `serial`, held; NULL: none. */
static struct tv_supervisor *next_running(uint64_t serial)
{
    struct tv_supervisor *found = NULL;

    tv_lock_take(&process.lock);
    for (struct tv_list *link = process.supervisors.next; link != &process.supervisors;
         link = link->next) {
        struct tv_supervisor *supervisor = TV_CONTAINER(link, struct tv_supervisor, running);

        if (supervisor->serial > serial) {
            found = tv_supervisor_hold(supervisor);
            break;
        }
    }
    tv_lock_drop(&process.lock);
    return found;
}

static void shut_all_down(tv_ns grace_ns)
{
    struct tv_supervisor *supervisor;
    uint64_t serial = 0;

    while ((supervisor = next_running(serial))) {
        serial = supervisor->serial;
        if (supervisor->clock)
            tv_clock_release(supervisor->clock);
        tv_rt_shutdown(supervisor, grace_ns, false, TV_DETACHED);
        tv_supervisor_rele(supervisor);
    }
}

/* ---- the end ------------------------------------------------------------------------------- */

void tv_exit_begin(void)
{
    atomic_store(&process.exiting, true);
    shut_all_down(TV_NONE);
}

void tv_exit_hurry(void)
{
    shut_all_down(0);
}

enum tv_err tv_exit_wait(tv_ns deadline)
{
    struct tv_supervisor *supervisor;
    enum tv_err err = TV_OK;
    uint64_t serial = 0;

    while (err == TV_OK && (supervisor = next_running(serial))) {
        serial = supervisor->serial;
        err = tv_wait_closed(supervisor, deadline);
        tv_supervisor_rele(supervisor);
        if (err == TV_BROKEN)
            err = TV_OK;
    }
    if (err == TV_OK)
        tv_reap(); /* those of supervisors that have left the list themselves */
    return err;
}

void tv_exit_end(void)
{
    struct tv_supervisor *supervisor;

    atomic_store(&process.exiting, true);
    supervisor = next_running(0);
    if (supervisor) {
        tv_supervisor_rele(supervisor);
        tv_exit_hurry();
        tv_exit_wait(tv_after(tv_now(), TV_SECOND / 2));
    }
    tv_reap();
    atomic_store(&process.gone, true);
}

bool tv_is_exiting(void)
{
    return atomic_load_explicit(&process.exiting, memory_order_relaxed);
}

bool tv_is_gone(void)
{
    return atomic_load_explicit(&process.gone, memory_order_relaxed);
}

/* ---- forks --------------------------------------------------------------------------------- */

void tv_after_fork_child(void)
{
    atomic_fetch_add(&process.generation, 1);
    tv_lock_reset(&process.lock);
    tv_list_init(&process.supervisors);
    process.departed = NULL;
    atomic_store(&process.exiting, false);
}

unsigned tv_generation(void)
{
    return atomic_load_explicit(&process.generation, memory_order_relaxed);
}

bool tv_forked_since(unsigned generation)
{
    return tv_generation() != generation;
}
