/*
 * slots.c: submissions to the controller, and what it looks like.
 *
 * Locking discipline. Slots are the core's, under the lock. A submission brings a fresh slot
 * record in case its slot does not exist; the core takes it or leaves it, and gives it back when
 * the slot is gone, to be freed after the hold. A submitter that waits for room waits on its own
 * task, whose record the core holds in line; no wake-up is lost, because it looks at the task's
 * state and enters the waiters in one hold.
 */
#include "rt/runtime.h"

#include <stdlib.h>

/* ---- records ------------------------------------------------------------------------------- */

static struct tv_slot *new_slot(struct tv_text *name)
{
    struct tv_slot *slot = malloc(sizeof *slot);

    if (slot)
        tv_slot_init(slot, tv_text_hold(name));
    return slot;
}

static void free_slot(struct tv_slot *slot)
{
    tv_text_rele(slot->name);
    free(slot);
}

void tv_slot_retire(struct tv_slot *slot, struct tv_after *after)
{
    slot->link.next = after->slots ? &after->slots->link : NULL;
    after->slots = slot;
    after->any = true;
}

void tv_slots_release(struct tv_slot *slots)
{
    while (slots) {
        struct tv_list *next = slots->link.next;

        free_slot(slots);
        slots = next ? TV_CONTAINER(next, struct tv_slot, link) : NULL;
    }
}

/* ---- submitting ---------------------------------------------------------------------------- */

/* Takes back both references of a task that the core has not taken, or has let go of. */
static void release_both(struct tv_task *task)
{
    tv_task_rele(task);
    tv_task_rele(task);
}

enum tv_err tv_submit(struct tv_supervisor *supervisor, const struct tv_request *request,
                      struct tv_text *slot, enum tv_admission admission, bool wait,
                      struct tv_task **task)
{
    struct tv_input in = {.kind = TV_IN_SUBMIT, .admission = admission, .wait = wait};
    enum tv_err err = tv_rt_may_add(supervisor);
    struct tv_task *made;

    if (err != TV_OK)
        return err;
    in.slot = new_slot(slot);
    if (!in.slot)
        return TV_NO_MEMORY;
    err = TV_NO_MEMORY;
    made = tv_task_new(supervisor, request->spec, request->name, request->user);
    if (made) {
        tv_task_hold(made);
        in.actor = &made->actor;
        err = tv_rt_input_growing(supervisor, &in);
    }
    if (in.slot)
        free_slot(in.slot);
    if (err == TV_OK || err == TV_WAITS)
        *task = made;
    else if (made)
        release_both(made);
    return err;
}

/* What has become of a submission that stood in line; WAITS: nothing yet. Lock held. */
static enum tv_err decision(const struct tv_task *task)
{
    if (task->supervisor->core.broken)
        return TV_BROKEN;
    if (task->actor.state == TV_ACTOR_ROOM)
        return TV_WAITS;
    return task->actor.state == TV_ACTOR_DONE && !task->actor.settled ? TV_SHUTTING_DOWN : TV_OK;
}

enum tv_err tv_submit_wait(struct tv_task *task, tv_ns deadline)
{
    struct tv_supervisor *supervisor = task->supervisor;
    struct tv_waiter waiter;
    enum tv_err err, slept = TV_OK;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    tv_waiter_init(&waiter, TV_WAITS_DECIDED);
    tv_lock_take(&supervisor->lock);
    err = decision(task);
    if (err == TV_WAITS) {
        slept = tv_waiter_sleep(&waiter, &task->waiters, &supervisor->lock, deadline);
        tv_lock_take(&supervisor->lock);
        err = decision(task);
    }
    tv_lock_drop(&supervisor->lock);
    tv_waiter_fini(&waiter);
    if (err == TV_SHUTTING_DOWN)
        release_both(task);
    if (err == TV_WAITS)
        return slept == TV_OK ? TV_INTERRUPTED : slept;
    return err;
}

enum tv_err tv_submit_withdraw(struct tv_task *task)
{
    struct tv_input in = {.kind = TV_IN_WITHDRAW, .actor = &task->actor};
    enum tv_err err;

    if (tv_is_forked(task->supervisor))
        return TV_FORKED;
    err = tv_rt_error(tv_rt_input(task->supervisor, &in, TV_ATTACHED));
    if (err == TV_OK)
        release_both(task);
    return err;
}

/* The tick carries out what one hold of the lock was too short for. */
enum tv_err tv_cancel_slot(struct tv_supervisor *supervisor, struct tv_text *slot, bool purge,
                           uint64_t *count)
{
    struct tv_input in = {.kind = TV_IN_CANCEL_SLOT, .name = slot, .purge = purge};
    struct tv_input tick = {.kind = TV_IN_TICK};
    enum tv_err err;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    err = tv_rt_error(tv_rt_input(supervisor, &in, TV_ATTACHED));
    tv_rt_input(supervisor, &tick, TV_ATTACHED);
    *count = in.count;
    return err == TV_UNKNOWN ? TV_OK : err;
}

/* ---- looking ------------------------------------------------------------------------------- */

static void free_room(struct tv_slots *slots)
{
    free(slots->slots);
    free(slots->names);
}

static bool make_room(struct tv_supervisor *supervisor, struct tv_slots *slots)
{
    tv_lock_take(&supervisor->lock);
    slots->slot_count = (size_t)supervisor->core.controller.slots.count + 16;
    slots->name_count = (size_t)supervisor->core.controller.waiting + 16;
    tv_lock_drop(&supervisor->lock);
    slots->slots = malloc(slots->slot_count * sizeof *slots->slots);
    slots->names = malloc(slots->name_count * sizeof(struct tv_text *));
    if (slots->slots && slots->names)
        return true;
    free_room(slots);
    return false;
}

static void describe(const struct tv_slot *slot, tv_ns epoch, struct tv_slots *slots)
{
    slots->slots[slots->slot_count++] = (struct tv_slot_info){
        .name = tv_text_hold(slot->name),
        .status = tv_slot_status(slot),
        .owner = tv_text_hold(slot->owner->name),
        .owner_id = slot->owner->id,
        .since_ns = epoch + slot->since_ns,
        .first = slots->name_count,
        .waiting = (size_t)slot->length,
    };
    for (const struct tv_list *link = slot->queue.next; link != &slot->queue; link = link->next)
        slots->names[slots->name_count++] =
            tv_text_hold(TV_CONTAINER(link, struct tv_actor, link)->name);
}

/*
 * What to add to a monotonic instant. Two readings of the clocks never agree to the nanosecond, and
 * an instant is to be told the same each time; only a clock that has been set changes it. A manual
 * clock has a wall-clock time of its own.
 */
static tv_ns wall_clock_offset(struct tv_supervisor *supervisor)
{
    tv_ns offset, off;

    if (supervisor->clock)
        return tv_clock_epoch(supervisor->clock);
    offset = tv_wall_clock() - tv_now();
    off = offset - supervisor->wall_offset_ns;
    if (off > TV_SECOND || off < -TV_SECOND)
        supervisor->wall_offset_ns = offset;
    return supervisor->wall_offset_ns;
}

/* All slots into the room there is. False: there are more, or something is unsettled. Lock held. */
static bool copy(struct tv_supervisor *supervisor, struct tv_slots *slots)
{
    const struct tv_controller *controller = &supervisor->core.controller;
    tv_ns epoch = wall_clock_offset(supervisor);

    if (controller->slots.count > slots->slot_count || controller->waiting > slots->name_count ||
        tv_controller_is_busy(&supervisor->core))
        return false;
    slots->slot_count = slots->name_count = 0;
    for (uint64_t i = 0; i < controller->slots.used; i++)
        for (struct tv_map_link *link = tv_map_bucket(&controller->slots, i); link;
             link = link->next)
            describe(TV_CONTAINER(link, struct tv_slot, by_name), epoch, slots);
    return true;
}

enum tv_err tv_slots(struct tv_supervisor *supervisor, struct tv_slots *slots)
{
    struct tv_input tick = {.kind = TV_IN_TICK};

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    for (;;) {
        bool fits;

        if (tv_rt_input(supervisor, &tick, TV_ATTACHED) == TV_STEP_BROKEN)
            return TV_BROKEN;
        if (!make_room(supervisor, slots))
            return TV_NO_MEMORY;
        tv_lock_take(&supervisor->lock);
        fits = copy(supervisor, slots);
        tv_lock_drop(&supervisor->lock);
        if (fits)
            return TV_OK;
        free_room(slots);
    }
}

void tv_slots_free(struct tv_slots *slots)
{
    for (size_t i = 0; i < slots->slot_count; i++) {
        tv_text_rele(slots->slots[i].name);
        tv_text_rele(slots->slots[i].owner);
    }
    for (size_t i = 0; i < slots->name_count; i++)
        tv_text_rele(slots->names[i]);
    free_room(slots);
}
