/*
 * permit.h: at most max_concurrent attempts at a time, first come first served.
 *
 * A permit is held from READY or INBOX to the end of the body, so by RUNNING, OVERDUE, STOPPING
 * and ABANDONED too, and by nobody else.
 */
#ifndef TV_PERMIT_H
#define TV_PERMIT_H

#include "core/actor.h"

/* Queues the actor for a permit; it is READY (or in the INBOX) at once where one is free. */
void tv_permit_request(struct tv_core *core, struct tv_actor *actor);

/* Gives one back and grants it to the head of the queue, if any. */
void tv_permit_release(struct tv_core *core);

#endif
