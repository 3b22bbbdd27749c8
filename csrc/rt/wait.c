/*
 * wait.c: what blocks.
 *
 * A wait that its time has run out on steps the core once more before it says so: the timers that
 * were due before it come first, so who is told "not in time" finds every earlier deadline decided.
 */
#include "rt/runtime.h"

/* Does this thread run something that what it wants to wait for waits for? */
static bool carries(const struct tv_supervisor *supervisor)
{
    return tv_self.role != TV_ROLE_NONE && tv_self.supervisor == supervisor;
}

static bool is_own_body(const struct tv_task *task)
{
    return tv_self.role == TV_ROLE_BODY && tv_self.task == task;
}

void tv_rt_bring_time(struct tv_supervisor *supervisor, enum tv_caller caller)
{
    struct tv_input in = {.kind = TV_IN_TICK};
    tv_ns deadline;

    do {
        tv_rt_input(supervisor, &in, caller);
        tv_lock_take(&supervisor->lock);
        deadline = tv_rt_deadline(supervisor);
        tv_lock_drop(&supervisor->lock);
    } while (deadline <= tv_now());
}

/* Sleeps in `list`. Call with the lock held; it is dropped on return. */
static enum tv_err sleep_in(struct tv_supervisor *supervisor, struct tv_list *list,
                            enum tv_waits_for what, tv_ns deadline)
{
    struct tv_waiter waiter;
    enum tv_err err;

    if (tv_is_gone()) {
        tv_lock_drop(&supervisor->lock);
        return TV_SHUTTING_DOWN;
    }
    tv_waiter_init(&waiter, what);
    err = tv_waiter_sleep(&waiter, list, &supervisor->lock, deadline);
    tv_waiter_fini(&waiter);
    if (err == TV_OK && supervisor->told_broken)
        return TV_BROKEN;
    if (err == TV_OK && waiter.in_vain)
        return TV_SHUTTING_DOWN;
    return err;
}

/* ---- one task ------------------------------------------------------------------------------ */

static bool is_over(const struct tv_task *task, enum tv_waits_for what)
{
    return what == TV_WAITS_OUTCOME ? task->actor.settled : task->actor.state == TV_ACTOR_DONE;
}

/* TIMEOUT too where the supervisor has closed and the body is still there. */
static enum tv_err wait_task(struct tv_task *task, enum tv_waits_for what, tv_ns deadline)
{
    struct tv_supervisor *supervisor = task->supervisor;
    enum tv_err err;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    tv_lock_take(&supervisor->lock);
    if (is_over(task, what) || supervisor->phase == TV_PHASE_COMPLETE || is_own_body(task)) {
        err = is_over(task, what) ? TV_OK : is_own_body(task) ? TV_WAITS_FOR_ITSELF : TV_TIMEOUT;
        tv_lock_drop(&supervisor->lock);
        return err;
    }
    if (supervisor->core.broken) {
        tv_lock_drop(&supervisor->lock);
        return TV_BROKEN;
    }
    err = sleep_in(supervisor, &task->waiters, what, deadline);
    if (err == TV_SHUTTING_DOWN)
        return TV_TIMEOUT;
    if (err != TV_TIMEOUT)
        return err;
    tv_rt_bring_time(supervisor, TV_DETACHED);
    tv_lock_take(&supervisor->lock);
    err = is_over(task, what) ? TV_OK : TV_TIMEOUT;
    tv_lock_drop(&supervisor->lock);
    return err;
}

enum tv_err tv_task_wait(struct tv_task *task, tv_ns deadline)
{
    return tv_task_done(task) ? TV_OK : wait_task(task, TV_WAITS_OUTCOME, deadline);
}

enum tv_err tv_task_wait_gone(struct tv_task *task, tv_ns deadline)
{
    return wait_task(task, TV_WAITS_GONE, deadline);
}

/* ---- all of them --------------------------------------------------------------------------- */

enum tv_err tv_join(struct tv_supervisor *supervisor, tv_ns deadline)
{
    enum tv_err err = TV_OK;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    tv_lock_take(&supervisor->lock);
    if (supervisor->core.broken)
        err = TV_BROKEN;
    else if (tv_core_is_empty(&supervisor->core))
        err = TV_OK;
    else if (supervisor->phase == TV_PHASE_COMPLETE)
        err = TV_SHUTTING_DOWN;
    else if (tv_self.role == TV_ROLE_BODY && carries(supervisor))
        err = TV_WAITS_FOR_ITSELF;
    else
        return sleep_in(supervisor, &supervisor->joining, TV_WAITS_OTHER, deadline);
    tv_lock_drop(&supervisor->lock);
    return err;
}

/* ---- the end ------------------------------------------------------------------------------- */

enum tv_err tv_rt_shutdown(struct tv_supervisor *supervisor, tv_ns grace_ns, bool quiet,
                           enum tv_caller caller)
{
    struct tv_input in = {.kind = TV_IN_SHUTDOWN, .quiet = quiet};

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    if (grace_ns == TV_NONE && !tv_is_open(supervisor))
        in.kind = TV_IN_TICK; /* nothing changes, but a broken core says so */
    in.grace_ns = grace_ns == TV_NONE ? supervisor->config.defaults.grace_ns : grace_ns;
    return tv_rt_input(supervisor, &in, caller) == TV_STEP_BROKEN ? TV_BROKEN : TV_OK;
}

enum tv_err tv_shutdown(struct tv_supervisor *supervisor, tv_ns grace_ns, bool quiet)
{
    return tv_rt_shutdown(supervisor, grace_ns, quiet, TV_ATTACHED);
}

enum tv_err tv_finish(struct tv_supervisor *supervisor)
{
    struct tv_input in = {.kind = TV_IN_FINISH};

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    return tv_rt_input(supervisor, &in, TV_ATTACHED) == TV_STEP_BROKEN ? TV_BROKEN : TV_OK;
}

/* The timer thread of a broken supervisor closes it at once, and is joined as every other. */
static enum tv_err wait_closed(struct tv_supervisor *supervisor, struct tv_sem *sem, tv_ns deadline)
{
    struct tv_waiter waiter;
    enum tv_err err = TV_OK;
    bool broken;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    tv_lock_take(&supervisor->lock);
    if (supervisor->phase == TV_PHASE_COMPLETE)
        err = TV_OK;
    else if (supervisor->core.broken && (supervisor->phase == TV_PHASE_NEW || carries(supervisor)))
        err = TV_BROKEN;
    else if (carries(supervisor))
        err = TV_WAITS_FOR_ITSELF;
    else if (tv_is_gone())
        err = TV_SHUTTING_DOWN;
    else {
        tv_waiter_init(&waiter, TV_WAITS_OTHER);
        if (sem)
            waiter.sem = sem;
        err = tv_waiter_sleep(&waiter, &supervisor->closing, &supervisor->lock, deadline);
        tv_waiter_fini(&waiter);
        tv_lock_take(&supervisor->lock);
    }
    broken = supervisor->core.broken;
    tv_lock_drop(&supervisor->lock);
    if (err == TV_OK)
        tv_reap();
    return err == TV_OK && broken ? TV_BROKEN : err;
}

enum tv_err tv_wait_closed(struct tv_supervisor *supervisor, tv_ns deadline)
{
    return wait_closed(supervisor, NULL, deadline);
}

/*
 * The flag outlives a post that came before the sleep, and a sleep that ended otherwise. Who is
 * told takes both, so that one interrupt ends one wait; one that comes in between may end the next
 * too.
 */
enum tv_err tv_run_wait(struct tv_supervisor *supervisor)
{
    enum tv_err err;

    if (atomic_exchange(&supervisor->interrupted, false)) {
        tv_sem_wait(&supervisor->run_sem, 0);
        return TV_INTERRUPTED;
    }
    err = wait_closed(supervisor, &supervisor->run_sem, TV_NEVER);
    if (err == TV_INTERRUPTED)
        atomic_store(&supervisor->interrupted, false);
    return err;
}

void tv_interrupt(struct tv_supervisor *supervisor)
{
    atomic_store(&supervisor->interrupted, true);
    tv_sem_post(&supervisor->run_sem);
}

tv_id tv_essential(struct tv_supervisor *supervisor)
{
    tv_id id;

    if (tv_is_forked(supervisor))
        return 0;
    tv_lock_take(&supervisor->lock);
    id = supervisor->essential;
    tv_lock_drop(&supervisor->lock);
    return id;
}

enum tv_verdict_kind tv_verdict(struct tv_supervisor *supervisor, tv_ns *grace_ns)
{
    enum tv_verdict_kind verdict;

    if (tv_is_forked(supervisor))
        return TV_NO_VERDICT;
    tv_lock_take(&supervisor->lock);
    verdict = (enum tv_verdict_kind)supervisor->core.shutdown.verdict;
    *grace_ns = supervisor->core.shutdown.grace_ns;
    tv_lock_drop(&supervisor->lock);
    return verdict;
}
