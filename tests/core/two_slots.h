/*
 * two_slots.h: a rig with two slots: an owner in each, and somebody who waits in the first.
 */
#ifndef TWO_SLOTS_H
#define TWO_SLOTS_H

#include "rig.h"

#define MANY 3000 /* a queue longer than a step */

static struct rig rig;
static struct task o, p, a, b, c, d;

static struct task *const all[] = {&o, &p, &a, &b, &c, &d};

static inline void begin(uint64_t queue_capacity)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS,
                                           .queue_capacity = queue_capacity,
                                           .max_slot_queue = MANY,
                                           .subscriber_grace_ns = 9});
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        all[i]->actor.name = NULL;
}

static inline void done(void)
{
    rig_fini(&rig);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->actor.name)
            rig_free(all[i]);
}

static inline enum tv_step queue(struct task *task, const char *name, const char *slot)
{
    return rig_submit(&rig, rig.core.now, task, name, slot, TV_ADMISSION_QUEUE);
}

/* By a caller that waits. */
static inline void stand_in_line(struct task *task, const char *name, const char *slot,
                          enum tv_admission admission)
{
    CHECK_EQ(rig_submit_waiting(&rig, rig.core.now, task, name, slot, admission), TV_STEP_WAIT);
    CHECK_FX(&rig, "");
    CHECK_EQ(task->actor.state, TV_ACTOR_ROOM);
}

/* "o" runs in slot "s", "p" in slot "t"; `a` waits in the queue of "s". */
static inline void begin_with_two_slots(uint64_t queue_capacity)
{
    begin(queue_capacity);
    queue(&o, "o", "s");
    queue(&p, "p", "t");
    CHECK(rig_take(&rig, 0) == &o.actor);
    CHECK(rig_take(&rig, 0) == &p.actor);
    CHECK_EQ(queue(&a, "a", "s"), TV_STEP_OK);
}

static inline void check_rejected(const struct task *task, enum tv_rejection why)
{
    CHECK(task->actor.settled);
    CHECK_EQ(task->actor.outcome, TV_OUTCOME_REJECTED);
    CHECK_EQ(task->actor.rejection, why);
}

/* What the leaving of `a` brings. */
#define REMOVED "controller_rejected s (removed_from_queue), settle a rejected, forget a"

#endif
