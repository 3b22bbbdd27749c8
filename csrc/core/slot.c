#include "core/slot.h"

#include "core/core.h"

void tv_slot_init(struct tv_slot *slot, struct tv_text *name)
{
    *slot = (struct tv_slot){.name = name};
    tv_list_init(&slot->link);
    tv_list_init(&slot->queue);
}

enum tv_slot_status tv_slot_status(const struct tv_slot *slot)
{
    return slot->owner->cancelled ? TV_SLOT_TERMINATING : TV_SLOT_RUNNING;
}

bool tv_slot_needs_room(const struct tv_slot *slot, enum tv_admission admission)
{
    if (!slot->owner)
        return false;
    return admission == TV_ADMISSION_QUEUE ||
           (admission == TV_ADMISSION_REPLACE && slot->length == 0);
}

bool tv_slot_is_full(const struct tv_core *core, const struct tv_slot *slot)
{
    return slot->owner && slot->length >= core->config.max_slot_queue;
}

/* ---- what the events say ------------------------------------------------------------------- */

static struct tv_event *emit(struct tv_core *core, enum tv_event_kind kind,
                             const struct tv_actor *actor, enum tv_reason_kind reason)
{
    struct tv_event *event = tv_core_emit(core, kind, actor);

    event->task = actor->slot->name;
    event->attempt = 0;
    event->reason = (struct tv_reason){.kind = (uint8_t)reason, .admission = actor->admission};
    return event;
}

static uint32_t number(uint64_t count)
{
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

static void emit_depth(struct tv_core *core, const struct tv_actor *actor,
                       enum tv_reason_kind reason, enum tv_slot_status status)
{
    struct tv_event *event = emit(core, TV_EVENT_CONTROLLER_SUBMITTED, actor, reason);

    event->reason.count = number(actor->slot->length);
    event->reason.status = (uint8_t)status;
}

/* ---- rejecting ----------------------------------------------------------------------------- */

static enum tv_reason_kind reason_of(enum tv_rejection why, bool was_queued)
{
    switch (why) {
    case TV_REJECTION_SLOT_BUSY:
        return TV_REASON_SLOT_BUSY;
    case TV_REJECTION_QUEUE_FULL:
        return TV_REASON_QUEUE_FULL;
    case TV_REJECTION_SUPERSEDED:
        return TV_REASON_SUPERSEDED;
    case TV_REJECTION_ALREADY_EXISTS:
        return was_queued ? TV_REASON_QUEUE_START_FAILED : TV_REASON_ADD_FAILED;
    case TV_REJECTION_REMOVED_FROM_QUEUE:
        return TV_REASON_REMOVED_FROM_QUEUE;
    case TV_REJECTION_SHUTTING_DOWN:
        return TV_REASON_SHUTTING_DOWN;
    }
    return TV_REASON_NONE;
}

/* Ends a submission that is in no queue any more. */
static void reject(struct tv_core *core, struct tv_actor *actor, enum tv_rejection why,
                   bool was_queued)
{
    struct tv_slot *slot = actor->slot;
    enum tv_reason_kind reason = reason_of(why, was_queued);
    struct tv_event *event = emit(core, TV_EVENT_CONTROLLER_REJECTED, actor, reason);

    actor->rejection = (uint8_t)why;
    actor->failures = number(slot->length);
    actor->budget = number(core->config.max_slot_queue);
    actor->slot_status = slot->owner ? (uint8_t)tv_slot_status(slot) : TV_SLOT_RUNNING;
    event->reason.count = actor->failures;
    event->reason.limit = actor->budget;
    event->reason.status = actor->slot_status;
    if (why == TV_REJECTION_ALREADY_EXISTS)
        event->reason.error.text = actor->name;
    tv_actor_reject(core, actor, reason);
}

/* ---- the queue ----------------------------------------------------------------------------- */

/* Into the list that goes with what the slot has. */
static void place(struct tv_core *core, struct tv_slot *slot)
{
    tv_list_remove(&slot->link);
    if (!slot->owner)
        tv_list_append(&core->controller.seeking, &slot->link);
    else if (slot->length > 0)
        tv_list_append(&core->controller.queued, &slot->link);
    core->controller.unsettled = true;
}

static void dequeue(struct tv_core *core, struct tv_actor *actor)
{
    tv_list_remove(&actor->link);
    core->controller.waiting--;
    actor->slot->length--;
    place(core, actor->slot);
}

static void enqueue(struct tv_core *core, struct tv_actor *actor, bool first)
{
    struct tv_slot *slot = actor->slot;

    tv_actor_enter(core, actor, TV_ACTOR_QUEUED);
    tv_list_append(first ? slot->queue.next : &slot->queue, &actor->link);
    tv_registry_enter(&core->registry, actor);
    core->controller.waiting++;
    slot->length++;
    place(core, slot);
}

void tv_slot_reject_queued(struct tv_core *core, struct tv_actor *actor, enum tv_rejection why)
{
    dequeue(core, actor);
    reject(core, actor, why, true);
}

/* ---- owners -------------------------------------------------------------------------------- */

/* Makes `actor` the owner, or rejects it where its name is taken outside. */
static void start(struct tv_core *core, struct tv_actor *actor, bool was_queued)
{
    struct tv_slot *slot = actor->slot;

    if (tv_registry_by_name(&core->registry, actor->name)) {
        tv_core_emit_refused(core, actor);
        reject(core, actor, TV_REJECTION_ALREADY_EXISTS, was_queued);
    } else {
        slot->owner = actor;
        slot->since_ns = core->now;
        tv_registry_reserve(&core->registry, actor);
        tv_actor_step(core, actor, &(struct tv_stimulus){.kind = TV_ACCEPT});
        emit_depth(core, actor, was_queued ? TV_REASON_STARTED_FROM_QUEUE : TV_REASON_SUBMITTED,
                   TV_SLOT_RUNNING);
    }
    place(core, slot);
}

void tv_slot_start_head(struct tv_core *core, struct tv_slot *slot)
{
    struct tv_actor *head = TV_CONTAINER(slot->queue.next, struct tv_actor, link);

    dequeue(core, head);
    start(core, head, true);
}

void tv_slot_owner_gone(struct tv_core *core, struct tv_actor *owner)
{
    TV_CHECK(core, owner->slot->owner == owner);
    owner->slot->owner = NULL;
    place(core, owner->slot);
}

/* ---- the machine --------------------------------------------------------------------------- */

static void queue(struct tv_core *core, struct tv_actor *actor, enum tv_slot_status status)
{
    if (tv_slot_is_full(core, actor->slot)) {
        reject(core, actor, TV_REJECTION_QUEUE_FULL, false);
        return;
    }
    enqueue(core, actor, false);
    emit_depth(core, actor, TV_REASON_SUBMITTED_DEPTH, status);
}

/*
 * The submission takes the head's place. A running owner is asked to leave after the submission has
 * been announced, so that the end of an owner without a body comes after it in the events.
 */
static void replace(struct tv_core *core, struct tv_actor *actor, enum tv_slot_status status)
{
    struct tv_slot *slot = actor->slot;
    struct tv_actor *owner = slot->owner;

    if (slot->length > 0)
        tv_slot_reject_queued(core, TV_CONTAINER(slot->queue.next, struct tv_actor, link),
                              TV_REJECTION_SUPERSEDED);
    if (status == TV_SLOT_RUNNING) {
        emit(core, TV_EVENT_CONTROLLER_SLOT_TRANSITION, owner, TV_REASON_REPLACED);
        tv_core_emit(core, TV_EVENT_TASK_REMOVE_REQUESTED, owner)->attempt = 0;
    }
    enqueue(core, actor, true);
    emit_depth(core, actor, TV_REASON_SUBMITTED_DEPTH, status);
    if (status == TV_SLOT_RUNNING)
        tv_actor_step(core, owner,
                      &(struct tv_stimulus){.kind = TV_LEAVE, .reason = TV_CANCEL_REPLACED});
}

static void admit_busy(struct tv_core *core, struct tv_actor *actor, enum tv_slot_status status)
{
    switch ((enum tv_admission)actor->admission) {
    case TV_ADMISSION_QUEUE:
        queue(core, actor, status);
        break;
    case TV_ADMISSION_REPLACE:
        replace(core, actor, status);
        break;
    case TV_ADMISSION_DROP_IF_RUNNING:
        reject(core, actor, TV_REJECTION_SLOT_BUSY, false);
        break;
    }
}

void tv_slot_admit(struct tv_core *core, struct tv_actor *actor)
{
    struct tv_slot *slot = actor->slot;

    if (slot->owner)
        admit_busy(core, actor, tv_slot_status(slot));
    else
        start(core, actor, false);
}
