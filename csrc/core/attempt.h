/*
 * attempt.h: how one attempt ended, and what comes of it: another one, a delay, the task's end.
 */
#ifndef TV_ATTEMPT_H
#define TV_ATTEMPT_H

#include "core/actor.h"

/* The body has ended in RUNNING, OVERDUE or STOPPING: publishes how, and decides. */
void tv_attempt_end(struct tv_core *core, struct tv_actor *actor,
                    const struct tv_stimulus *stimulus);

/* The body has ended in ABANDONED: publishes how unless `quietly`; there is nothing to decide. */
void tv_attempt_end_late(struct tv_core *core, struct tv_actor *actor,
                         const struct tv_stimulus *stimulus, bool quietly);

#endif
