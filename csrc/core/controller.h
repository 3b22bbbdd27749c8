/*
 * controller.h: all slots, and the submitters that wait for room in their queues.
 *
 * queue_capacity bounds the waiting submissions over all slots. A submission needs room only if it
 * would lengthen a queue. If there is none its submitter may wait: the actor is in ROOM, first come
 * first served, and is decided when room is there, or as soon as its slot no longer needs it, after
 * that slot's own queue.
 *
 * What follows from an input (an owner has ended, a queue has become shorter) is done by
 * tv_controller_settle() in the same step, or where that is more than one step may do, in slices
 * before the next input.
 */
#ifndef TV_CONTROLLER_H
#define TV_CONTROLLER_H

#include "core/slot.h"

struct tv_controller {
    struct tv_map slots;
    struct tv_list seeking; /* idle slots: the owner has ended, or could not start */
    struct tv_list queued;  /* slots with an owner and a queue */
    uint64_t waiting;       /* QUEUED actors */
    bool unsettled;         /* tv_controller_settle has something to look at */
    struct tv_slot *purge;  /* its queue is being emptied, then its owner asked to leave */
};

void tv_controller_init(struct tv_controller *controller);
void tv_controller_fini(struct tv_controller *controller, void (*release)(void *));

/* NULL: no such slot. */
struct tv_slot *tv_controller_find(const struct tv_controller *controller,
                                   const struct tv_text *name);

/* Could a submission that lengthens a queue be queued now? */
bool tv_controller_has_room(const struct tv_core *core);

/* Puts a fresh slot in; it is the controller's until TV_ACT_SLOT. Needs room in `slots`. */
void tv_controller_enter(struct tv_core *core, struct tv_slot *slot);

/* As much of that work as the effects have room for. */
void tv_controller_settle(struct tv_core *core);

/* The shutdown's: rejects one waiting submission, or lets go one caller in ROOM. False: none. */
bool tv_controller_reject_one(struct tv_core *core);

#endif
