#include "core/controller.h"

#include "core/core.h"

void tv_controller_init(struct tv_controller *controller)
{
    *controller = (struct tv_controller){.waiting = 0};
    tv_map_init(&controller->slots);
    tv_list_init(&controller->seeking);
    tv_list_init(&controller->queued);
}

void tv_controller_fini(struct tv_controller *controller, void (*release)(void *))
{
    tv_grow_fini(&controller->slots.buckets, release);
}

struct tv_slot *tv_controller_find(const struct tv_controller *controller,
                                   const struct tv_text *name)
{
    struct tv_map_link *link = tv_map_chain(&controller->slots, name->hash);

    for (; link; link = link->next) {
        struct tv_slot *slot = TV_CONTAINER(link, struct tv_slot, by_name);

        if (tv_text_equal(slot->name, name))
            return slot;
    }
    return NULL;
}

bool tv_controller_has_room(const struct tv_core *core)
{
    return core->controller.waiting < core->config.queue_capacity;
}

void tv_controller_enter(struct tv_core *core, struct tv_slot *slot)
{
    tv_map_insert(&core->controller.slots, &slot->by_name, slot->name->hash);
}

/* ---- callers that wait for room ------------------------------------------------------------ */

static struct tv_actor *actor_of(struct tv_list *link)
{
    return TV_CONTAINER(link, struct tv_actor, link);
}

/* The first that can be decided now: room is the first one's, the others go by their slots. */
static struct tv_actor *next_decidable(const struct tv_core *core)
{
    const struct tv_list *room = &core->in[TV_ACTOR_ROOM];
    bool has_room = tv_controller_has_room(core);

    for (struct tv_list *link = room->next; link != room; link = link->next) {
        struct tv_actor *actor = actor_of(link);

        if (has_room || !tv_slot_needs_room(actor->slot, (enum tv_admission)actor->admission))
            return actor;
    }
    return NULL;
}

/* The first that waits for room in `slot`, or NULL. */
static struct tv_actor *next_of_slot(const struct tv_core *core, const struct tv_slot *slot)
{
    const struct tv_list *room = &core->in[TV_ACTOR_ROOM];

    for (struct tv_list *link = room->next; link != room; link = link->next)
        if (actor_of(link)->slot == slot)
            return actor_of(link);
    return NULL;
}

static void decide(struct tv_core *core, struct tv_actor *actor)
{
    tv_list_remove(&actor->link);
    tv_core_act(core, TV_ACT_DECIDED, actor);
    tv_slot_admit(core, actor);
}

/* ---- what follows -------------------------------------------------------------------------- */

static void purge_one(struct tv_core *core)
{
    struct tv_slot *slot = core->controller.purge;

    if (slot->length > 0) {
        tv_slot_reject_queued(core, actor_of(slot->queue.next), TV_REJECTION_REMOVED_FROM_QUEUE);
        return;
    }
    core->controller.purge = NULL;
    if (!slot->owner->cancelled)
        tv_core_leave(core, slot->owner, TV_LEAVE_CANCEL);
}

/*
 * An idle slot: its queue, then who waits for room in it; with neither it is gone. Where the
 * owner's end was what closed admission nobody starts any more.
 */
static void seek_one(struct tv_core *core)
{
    struct tv_slot *slot =
        TV_CONTAINER(core->controller.seeking.next, struct tv_slot, link);
    bool open = tv_core_is_open(core);
    struct tv_actor *actor = open ? next_of_slot(core, slot) : NULL;

    if (slot->length > 0 && !open) {
        tv_slot_reject_queued(core, actor_of(slot->queue.next), TV_REJECTION_SHUTTING_DOWN);
    } else if (slot->length > 0) {
        tv_slot_start_head(core, slot);
    } else if (actor) {
        decide(core, actor);
    } else {
        tv_map_remove(&core->controller.slots, &slot->by_name);
        tv_list_remove(&slot->link);
        tv_core_act_slot(core, slot);
    }
}

/* One move. False: everything has settled. */
static bool settle_one(struct tv_core *core)
{
    struct tv_actor *actor = NULL;

    if (core->controller.purge) {
        purge_one(core);
        return true;
    }
    if (!tv_list_empty(&core->controller.seeking)) {
        seek_one(core);
        return true;
    }
    if (tv_core_is_open(core))
        actor = next_decidable(core);
    if (actor)
        decide(core, actor);
    return actor != NULL;
}

void tv_controller_settle(struct tv_core *core)
{
    for (int n = 0; n < TV_SLICE && tv_core_fx_has_room(core); n++) {
        if (!settle_one(core)) {
            core->controller.unsettled = false;
            return;
        }
    }
}

bool tv_controller_reject_one(struct tv_core *core)
{
    struct tv_list *queued = &core->controller.queued, *room = &core->in[TV_ACTOR_ROOM];

    if (!tv_list_empty(queued)) {
        struct tv_slot *slot = TV_CONTAINER(queued->next, struct tv_slot, link);

        tv_slot_reject_queued(core, actor_of(slot->queue.next), TV_REJECTION_SHUTTING_DOWN);
        return true;
    }
    if (tv_list_empty(room))
        return false;
    tv_core_act(core, TV_ACT_DECIDED, actor_of(room->next));
    tv_core_let_go(core, actor_of(room->next));
    return true;
}
