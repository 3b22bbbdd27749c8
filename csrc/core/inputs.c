#include "core/inputs.h"

static enum tv_step admit(const struct tv_core *core, const struct tv_actor *actor)
{
    if (!tv_core_is_open(core))
        return TV_STEP_CLOSED;
    if (tv_registry_by_name(&core->registry, actor->name))
        return TV_STEP_EXISTS;
    return tv_core_shortage(core) ? TV_STEP_SHORT : TV_STEP_OK;
}

void tv_core_emit_refused(struct tv_core *core, const struct tv_actor *actor)
{
    struct tv_event *event = tv_core_emit(core, TV_EVENT_TASK_ADD_REQUESTED, actor);

    event->id = 0;
    event = tv_core_emit(core, TV_EVENT_TASK_ADDED, actor);
    event->id = 0;
    event->reason.kind = TV_REASON_ALREADY_EXISTS;
}

static enum tv_step add(struct tv_core *core, struct tv_input *in)
{
    enum tv_step admitted = admit(core, in->actor);

    if (admitted == TV_STEP_EXISTS)
        tv_core_emit_refused(core, in->actor);
    if (admitted != TV_STEP_OK)
        return admitted;
    core->known++;
    tv_registry_reserve(&core->registry, in->actor);
    tv_actor_step(core, in->actor, &(struct tv_stimulus){.kind = TV_ACCEPT});
    return TV_STEP_OK;
}

static enum tv_step reserve(struct tv_core *core, struct tv_input *in)
{
    enum tv_step admitted = admit(core, in->actor);

    if (admitted != TV_STEP_OK)
        return admitted;
    core->known++;
    tv_registry_reserve(&core->registry, in->actor);
    tv_list_append(in->batch, &in->actor->link);
    return TV_STEP_OK;
}

static enum tv_step unreserve(struct tv_core *core, struct tv_input *in)
{
    TV_CHECK(core, in->actor->state == TV_ACTOR_RESERVED);
    core->known--;
    tv_registry_unreserve(&core->registry, in->actor);
    tv_list_remove(&in->actor->link);
    return TV_STEP_OK;
}

static enum tv_step commit(struct tv_core *core, struct tv_input *in)
{
    if (!tv_core_is_open(core))
        return TV_STEP_CLOSED;
    core->commit = in->batch;
    return TV_STEP_OK;
}

static enum tv_step leave_unknown(struct tv_core *core, const struct tv_input *in)
{
    struct tv_event *event;

    if (!in->name || in->style != TV_LEAVE_REMOVE || tv_shutdown_is_decided(core))
        return TV_STEP_UNKNOWN;
    event = tv_core_emit(core, TV_EVENT_TASK_REMOVE_REQUESTED, NULL);
    event->task = in->name;
    event = tv_core_emit(core, TV_EVENT_TASK_REMOVED, NULL);
    event->task = in->name;
    event->reason.kind = TV_REASON_NOT_FOUND;
    return TV_STEP_UNKNOWN;
}

/* Is it the core's to ask it to leave: accepted or waiting in a queue, and not yet gone? */
static bool may_leave(const struct tv_actor *actor)
{
    return actor->state != TV_ACTOR_RESERVED && actor->state != TV_ACTOR_ROOM &&
           actor->state != TV_ACTOR_DONE;
}

/* The task a LEAVE means, or NULL. */
static struct tv_actor *target(const struct tv_core *core, const struct tv_input *in)
{
    struct tv_actor *actor = in->actor;

    if (in->name)
        actor = tv_registry_by_name(&core->registry, in->name);
    else if (!actor)
        actor = tv_registry_by_id(&core->registry, in->id);
    return actor && may_leave(actor) ? actor : NULL;
}

void tv_core_leave(struct tv_core *core, struct tv_actor *actor, enum tv_leave_style style)
{
    const struct tv_stimulus stimulus = {.kind = TV_LEAVE, .reason = TV_CANCEL_REMOVED};
    struct tv_event *event;

    if (actor->state != TV_ACTOR_QUEUED) {
        event = tv_core_emit(core, TV_EVENT_TASK_REMOVE_REQUESTED, actor);
        event->attempt = 0;
        if (style == TV_LEAVE_CANCEL)
            event->reason.kind = TV_REASON_MANUAL_CANCEL;
    }
    tv_actor_step(core, actor, &stimulus);
}

static enum tv_step leave(struct tv_core *core, struct tv_input *in)
{
    struct tv_actor *actor = target(core, in);

    in->actor = actor;
    if (!actor)
        return leave_unknown(core, in);
    if (actor->cancelled)
        return TV_STEP_ALREADY;
    tv_core_leave(core, actor, in->style);
    return TV_STEP_OK;
}

struct tv_actor *tv_core_take(struct tv_core *core, bool for_loop)
{
    struct tv_list *ready = &core->in[for_loop ? TV_ACTOR_INBOX : TV_ACTOR_READY];
    struct tv_actor *actor;

    if (tv_list_empty(ready))
        return NULL;
    actor = TV_CONTAINER(ready->next, struct tv_actor, link);
    tv_actor_step(core, actor, &(struct tv_stimulus){.kind = TV_TAKE});
    return actor;
}

static enum tv_step take(struct tv_core *core, struct tv_input *in)
{
    in->actor = tv_core_take(core, in->for_loop);
    return TV_STEP_OK;
}

static enum tv_step result(struct tv_core *core, struct tv_input *in)
{
    const struct tv_stimulus end = {
        .kind = TV_END, .error = &in->error, .stray = in->stray, .spare = &in->spare};

    tv_actor_step(core, in->actor, &end);
    return TV_STEP_OK;
}

/* ---- slots --------------------------------------------------------------------------------- */

/* Must it wait for room, after those that wait already? */
static bool must_wait(const struct tv_core *core, const struct tv_actor *actor)
{
    enum tv_admission admission = (enum tv_admission)actor->admission;

    if (!tv_slot_needs_room(actor->slot, admission))
        return false;
    if (admission == TV_ADMISSION_QUEUE && tv_slot_is_full(core, actor->slot))
        return false;
    return !tv_controller_has_room(core) || !tv_list_empty(&core->in[TV_ACTOR_ROOM]);
}

static enum tv_step submit(struct tv_core *core, struct tv_input *in)
{
    struct tv_slot *slot = tv_controller_find(&core->controller, in->slot->name);

    if (!tv_core_is_open(core))
        return TV_STEP_CLOSED;
    if (tv_core_shortage(core))
        return TV_STEP_SHORT;
    if (!slot) {
        slot = in->slot;
        in->slot = NULL;
        tv_controller_enter(core, slot);
    }
    in->actor->slot = slot;
    in->actor->admission = (uint8_t)in->admission;
    if (must_wait(core, in->actor)) {
        if (!in->wait)
            return TV_STEP_FULL;
        core->known++;
        tv_actor_enter(core, in->actor, TV_ACTOR_ROOM);
        return TV_STEP_WAIT;
    }
    core->known++;
    tv_slot_admit(core, in->actor);
    return TV_STEP_OK;
}

static enum tv_step withdraw(struct tv_core *core, struct tv_input *in)
{
    if (in->actor->state != TV_ACTOR_ROOM)
        return TV_STEP_ALREADY;
    tv_core_let_go(core, in->actor);
    return TV_STEP_OK;
}

/* How many will have been asked to leave is known before the first has left. */
static enum tv_step cancel_slot(struct tv_core *core, struct tv_input *in)
{
    struct tv_slot *slot = tv_controller_find(&core->controller, in->name);

    in->count = 0;
    if (!slot || tv_shutdown_is_decided(core))
        return TV_STEP_UNKNOWN;
    in->count = !slot->owner->cancelled;
    if (in->purge) {
        in->count += slot->length;
        core->controller.purge = slot;
    } else if (in->count) {
        tv_core_leave(core, slot->owner, TV_LEAVE_CANCEL);
    }
    return TV_STEP_OK;
}

enum tv_step tv_core_apply(struct tv_core *core, struct tv_input *in)
{
    switch (in->kind) {
    case TV_IN_TICK:
        break;
    case TV_IN_ADD:
        return add(core, in);
    case TV_IN_RESERVE:
        return reserve(core, in);
    case TV_IN_UNRESERVE:
        return unreserve(core, in);
    case TV_IN_COMMIT:
        return commit(core, in);
    case TV_IN_LEAVE:
        return leave(core, in);
    case TV_IN_TAKE:
        return take(core, in);
    case TV_IN_RESULT:
        return result(core, in);
    case TV_IN_FINISH:
        core->finish = true;
        break;
    case TV_IN_SHUTDOWN:
        tv_shutdown_request(core, in->grace_ns, in->quiet);
        break;
    case TV_IN_DRAINED:
        tv_shutdown_drained(core);
        break;
    case TV_IN_SUBMIT:
        return submit(core, in);
    case TV_IN_WITHDRAW:
        return withdraw(core, in);
    case TV_IN_CANCEL_SLOT:
        return cancel_slot(core, in);
    }
    return TV_STEP_OK;
}
