/*
 * orders.c: what a supervisor has its loop do: start an attempt, cancel one, leave.
 *
 * Locking discipline. struct tv_loop_part is guarded by the supervisor's lock; what loop.h says of
 * the one letter keeps wake-ups from being lost. A task waits in `orders` with a reference, since
 * its body may end, and the core let go of it, before the loop comes to it.
 */
#include "rt/loop.h"
#include "rt/runtime.h"

#include <stdio.h>

void tv_loop_part_init(struct tv_loop_part *part)
{
    tv_list_init(&part->served);
    part->letter.kind = TV_LETTER_ORDERS;
    part->last_order = &part->orders;
    snprintf(part->member.name, sizeof part->member.name, "taskvisor-loop");
}

bool tv_loop_has_left(struct tv_supervisor *supervisor)
{
    bool left;

    tv_lock_take(&supervisor->lock);
    left = supervisor->loop.told_leave;
    tv_lock_drop(&supervisor->lock);
    return left;
}

struct tv_loop *tv_loop_of(const struct tv_supervisor *supervisor)
{
    return atomic_load(&supervisor->loop.loop);
}

/* ---- calling the loop ---------------------------------------------------------------------- */

static bool must_leave(const struct tv_supervisor *supervisor)
{
    const struct tv_loop_part *part = &supervisor->loop;

    return part->has_thread && supervisor->crew.closing && part->bodies == 0 && !part->told_leave;
}

void tv_loop_notice(struct tv_supervisor *supervisor, struct tv_after *after)
{
    struct tv_loop_part *part = &supervisor->loop;

    if (part->called || !tv_loop_of(supervisor))
        return;
    if (!tv_core_has_inbox(&supervisor->core) && !part->orders && !must_leave(supervisor))
        return;
    part->called = true;
    after->call_loop = after->any = true;
}

void tv_loop_call(struct tv_supervisor *supervisor)
{
    tv_supervisor_hold(supervisor);
    tv_loop_send(tv_loop_of(supervisor), &supervisor->loop.letter);
}

void tv_loop_order_cancel(struct tv_task *task, struct tv_after *after)
{
    struct tv_loop_part *part = &task->supervisor->loop;

    if (!task->on_loop || task->is_ordered)
        return;
    task->is_ordered = true;
    task->next_order = NULL;
    *part->last_order = tv_task_hold(task);
    part->last_order = &task->next_order;
    tv_loop_notice(task->supervisor, after);
}

void tv_loop_leave(struct tv_supervisor *supervisor, struct tv_after *after)
{
    struct tv_loop_part *part = &supervisor->loop;

    if (part->running && part->bodies > 0)
        tv_member_write_off(&part->member);
    tv_loop_notice(supervisor, after);
}

void tv_loop_abandon(struct tv_supervisor *supervisor)
{
    if (supervisor->loop.running)
        tv_member_write_off(&supervisor->loop.member);
}

/* ---- what the loop asks -------------------------------------------------------------------- */

static struct tv_task *take_order(struct tv_loop_part *part)
{
    struct tv_task *task = part->orders;

    if (!task)
        return NULL;
    part->orders = task->next_order;
    if (!part->orders)
        part->last_order = &part->orders;
    task->is_ordered = false;
    return task;
}

/* Half of what the body has left, and then it is abandoned; a timeout alone abandons nobody. */
static void set_pause(struct tv_supervisor *supervisor, struct tv_task *task,
                      struct tv_errand *errand)
{
    struct tv_core *core = &supervisor->core;
    tv_ns due = tv_timers_due(&core->timers, &task->actor.timer);
    tv_ns end = tv_timers_due(&core->timers, &core->shutdown.timer);
    tv_ns now = tv_rt_now(supervisor);

    errand->on_and_on = task->actor.state == TV_ACTOR_OVERDUE;
    if (errand->on_and_on)
        errand->again_ns = tv_core_options(core, &task->actor, TV_INHERIT_GRACE)->grace_ns / 2;
    else if (task->actor.state == TV_ACTOR_STOPPING && due > now && end > now)
        errand->again_ns = ((due < end ? due : end) - now) / 2;
    else
        errand->again_ns = TV_NONE;
}

/* A cancel of an attempt that is still there; `ended` is to be released, its body is not. */
static bool take_cancel(struct tv_supervisor *supervisor, struct tv_errand *errand,
                        struct tv_task **ordered)
{
    struct tv_task *task = take_order(&supervisor->loop);

    *ordered = task;
    if (!task || !task->on_loop || !tv_task_is_cancelled(task))
        return false;
    errand->kind = TV_ERRAND_CANCEL;
    errand->task = task;
    set_pause(supervisor, task, errand);
    return true;
}

/* The next attempt that waits for the loop, begun; NULL: none. `old` is to be released. */
static struct tv_task *take_attempt(struct tv_supervisor *supervisor, struct tv_after *after,
                                    struct tv_token **old)
{
    struct tv_input in = {.kind = TV_IN_TAKE, .for_loop = true};
    struct tv_task *task;

    if (tv_is_exiting() || !tv_core_has_inbox(&supervisor->core) ||
        tv_rt_step(supervisor, tv_now(), &in, after) != TV_STEP_OK || !in.actor)
        return NULL;
    task = tv_task_of(in.actor);
    *old = tv_task_renew_token(task);
    task->on_loop = true;
    supervisor->loop.bodies++;
    return task;
}

static void take_any(struct tv_supervisor *supervisor, struct tv_errand *errand,
                     struct tv_after *after, struct tv_token **old)
{
    struct tv_loop_part *part = &supervisor->loop;

    errand->task = take_attempt(supervisor, after, old);
    if (errand->task) {
        errand->kind = TV_ERRAND_START;
    } else if (must_leave(supervisor)) {
        errand->kind = TV_ERRAND_LEAVE;
        part->told_leave = true;
    } else {
        part->called = false;
    }
}

bool tv_loop_next_order(struct tv_supervisor *supervisor, struct tv_errand *errand)
{
    struct tv_after after = TV_AFTER(TV_ATTACHED);
    struct tv_task *ordered;

    do {
        struct tv_token *old = NULL;

        *errand = (struct tv_errand){.kind = TV_ERRAND_NONE};
        tv_lock_take(&supervisor->lock);
        if (!take_cancel(supervisor, errand, &ordered) && !ordered)
            take_any(supervisor, errand, &after, &old);
        tv_rt_drop(supervisor, &after);
        tv_token_rele(old);
        if (ordered)
            tv_task_rele(ordered);
    } while (ordered && errand->kind == TV_ERRAND_NONE);
    return errand->kind != TV_ERRAND_NONE;
}

/* ---- the end of a body --------------------------------------------------------------------- */

/* The supervisor's last body has ended on a loop, and no member is left to tell the host. */
static void bring_teller(struct tv_supervisor *supervisor, struct tv_after *after)
{
    const struct tv_crew *crew = &supervisor->crew;

    if (!supervisor->host || !crew->closing || crew->told_closed ||
        crew->created != crew->leaving || supervisor->loop.bodies > 0)
        return;
    supervisor->pool.arriving++;
    after->start++;
    after->any = true;
}

void tv_loop_end(struct tv_task *task, struct tv_result *result)
{
    struct tv_supervisor *supervisor = task->supervisor;
    struct tv_after after = TV_AFTER(TV_ATTACHED);
    struct tv_input in = {.kind = TV_IN_RESULT,
                          .actor = &task->actor,
                          .error = result->error,
                          .stray = result->stray};
    tv_ns now = tv_now();

    tv_supervisor_hold(supervisor); /* the task's may be the last reference */
    tv_lock_take(&supervisor->lock);
    task->on_loop = false;
    supervisor->loop.bodies--;
    tv_rt_step(supervisor, now, &in, &after);
    tv_pool_notice(supervisor, now, &after);
    tv_loop_notice(supervisor, &after);
    bring_teller(supervisor, &after);
    tv_rt_drop(supervisor, &after);
    tv_text_rele(in.spare);
    tv_text_rele(tv_error_text(&in.error));
    tv_supervisor_rele(supervisor);
}
