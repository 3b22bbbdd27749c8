/*
 * slot.h: one key, at most one owner, a FIFO of waiting submissions.
 *
 * A slot exists only while it has an owner or a queue; between the end of one owner and the start
 * of the next it is idle, inside one step or a few slices, and in controller.seeking. It is
 * running, or terminating once its owner was asked to leave, by anyone: that is read off the
 * owner, not kept. What an arriving submission does to it depends on that and on its admission
 * policy, and stands in one switch, tv_slot_admit().
 */
#ifndef TV_SLOT_H
#define TV_SLOT_H

#include "core/actor.h"

struct tv_slot {
    struct tv_map_link by_name;
    struct tv_list link;     /* in controller.seeking or .queued, or in no list */
    struct tv_list queue;    /* QUEUED actors, the next owner first */
    uint64_t length;         /* of the queue */
    struct tv_actor *owner;  /* NULL: idle */
    tv_ns since_ns;          /* when the owner became it */
    struct tv_text *name;    /* one reference, the record's */
};

/* Makes an idle slot in no list. Takes one reference of `name`. */
void tv_slot_init(struct tv_slot *slot, struct tv_text *name);

/* Call with an owner. */
enum tv_slot_status tv_slot_status(const struct tv_slot *slot);

/* Would this admission lengthen the queue, so that it needs room in it? */
bool tv_slot_needs_room(const struct tv_slot *slot, enum tv_admission admission);

/* Is the queue as long as max_slot_queue lets QUEUE make it? */
bool tv_slot_is_full(const struct tv_core *core, const struct tv_slot *slot);

/*
 * Decides about a submission in no list, whose `slot` and `admission` are set: it owns the slot, is
 * QUEUED in it, or has been rejected.
 */
void tv_slot_admit(struct tv_core *core, struct tv_actor *actor);

/* Takes a QUEUED actor out and rejects it. */
void tv_slot_reject_queued(struct tv_core *core, struct tv_actor *actor, enum tv_rejection why);

/* The owner has left the registry. */
void tv_slot_owner_gone(struct tv_core *core, struct tv_actor *owner);

/* The head of an idle slot's queue becomes the owner, or is rejected. */
void tv_slot_start_head(struct tv_core *core, struct tv_slot *slot);

#endif
