/*
 * serve.c: how a supervisor starts, and what it is asked from outside.
 */
#include "rt/runtime.h"

static enum tv_err claim(struct tv_supervisor *supervisor)
{
    enum tv_err err = TV_OK;

    tv_lock_take(&supervisor->lock);
    if (supervisor->phase != TV_PHASE_NEW)
        err = TV_ALREADY_RUNNING;
    else
        supervisor->phase = TV_PHASE_SERVING;
    tv_lock_drop(&supervisor->lock);
    return err;
}

static void unclaim(struct tv_supervisor *supervisor)
{
    tv_lock_take(&supervisor->lock);
    supervisor->phase = TV_PHASE_NEW;
    tv_lock_drop(&supervisor->lock);
}

/* Where no member has been started, nobody but this thread can tell the host. */
static void undo(struct tv_supervisor *supervisor)
{
    bool tell;

    tv_lock_take(&supervisor->lock);
    tell = supervisor->host && supervisor->crew.created == supervisor->crew.left;
    supervisor->crew.told_closed = tell;
    tv_lock_drop(&supervisor->lock);
    tv_subscribers_give_up(supervisor);
    tv_shutdown(supervisor, 0, true);
    if (tell)
        supervisor->host->closed(supervisor->host_arg);
}

/*
 * The timer thread comes first, because it carries the shutdown that undoes the rest where a later
 * thread cannot be had; then the supervisor has been used up.
 */
enum tv_err tv_serve(struct tv_supervisor *supervisor)
{
    enum tv_err err;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    if (tv_is_exiting())
        return TV_SHUTTING_DOWN;
    tv_reap();
    err = claim(supervisor);
    if (err != TV_OK)
        return err;
    err = tv_timer_start(supervisor);
    if (err != TV_OK) {
        unclaim(supervisor);
        return err;
    }
    err = tv_pool_start_first(supervisor);
    if (err == TV_OK)
        err = tv_subscribers_start(supervisor);
    if (err != TV_OK)
        undo(supervisor);
    return err;
}

bool tv_is_serving(struct tv_supervisor *supervisor)
{
    bool serving;

    if (tv_is_forked(supervisor))
        return false;
    tv_lock_take(&supervisor->lock);
    serving = supervisor->phase != TV_PHASE_NEW;
    tv_lock_drop(&supervisor->lock);
    return serving;
}

bool tv_is_open(struct tv_supervisor *supervisor)
{
    bool open;

    if (tv_is_forked(supervisor))
        return false;
    tv_lock_take(&supervisor->lock);
    open = tv_core_is_open(&supervisor->core);
    tv_lock_drop(&supervisor->lock);
    return open;
}

/* Takes a reference of what the core has found, in the hold in which it found it. */
enum tv_err tv_leave(struct tv_supervisor *supervisor, struct tv_target target,
                     enum tv_leave_kind kind, struct tv_task **task)
{
    struct tv_after after = TV_AFTER(TV_ATTACHED);
    struct tv_input in = {
        .kind = TV_IN_LEAVE,
        .actor = target.task ? &target.task->actor : NULL,
        .name = target.name,
        .id = target.id,
        .style = kind == TV_CANCEL ? TV_LEAVE_CANCEL : TV_LEAVE_REMOVE,
    };
    enum tv_step answer;
    tv_ns now;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    tv_lock_take(&supervisor->lock);
    now = tv_now();
    answer = tv_rt_step(supervisor, now, &in, &after);
    if (tv_shutdown_is_decided(&supervisor->core) && answer == TV_STEP_ALREADY)
        answer = TV_STEP_UNKNOWN;
    if (task && (answer == TV_STEP_OK || answer == TV_STEP_ALREADY))
        *task = tv_task_hold(tv_task_of(in.actor));
    tv_pool_notice(supervisor, now, &after);
    tv_rt_drop(supervisor, &after);
    switch (answer) {
    case TV_STEP_OK:
        return TV_OK;
    case TV_STEP_ALREADY:
        return TV_ALREADY;
    case TV_STEP_UNKNOWN:
        return TV_UNKNOWN;
    case TV_STEP_AGAIN:
    case TV_STEP_SHORT:
    case TV_STEP_EXISTS:
    case TV_STEP_CLOSED:
    case TV_STEP_FULL:
    case TV_STEP_WAIT:
    case TV_STEP_BROKEN:
        break;
    }
    return TV_BROKEN;
}
