/*
 * one_slot.h: a rig with a slot "s", its owner, and what the slot looks like.
 */
#ifndef ONE_SLOT_H
#define ONE_SLOT_H

#include "rig.h"

static struct rig rig;
static struct task owner, first, second, third, outside;

static inline void begin(uint64_t max_slot_queue)
{
    struct task *const all[] = {&owner, &first, &second, &third, &outside};

    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS,
                                           .queue_capacity = 10,
                                           .max_slot_queue = max_slot_queue,
                                           .subscriber_grace_ns = 9});
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        all[i]->actor.name = NULL;
}

static inline void done(void)
{
    struct task *const all[] = {&owner, &first, &second, &third, &outside};

    rig_fini(&rig);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->actor.name)
            rig_free(all[i]);
}

/* Slot "s" is owned by "o", whose body runs. */
static inline void begin_running(uint64_t max_slot_queue)
{
    begin(max_slot_queue);
    rig_submit(&rig, 0, &owner, "o", "s", TV_ADMISSION_QUEUE);
    CHECK(rig_take(&rig, 0) == &owner.actor);
}

/* And was asked to leave. */
static inline void begin_terminating(uint64_t max_slot_queue)
{
    begin_running(max_slot_queue);
    rig_leave(&rig, 0, &owner, TV_LEAVE_REMOVE);
    CHECK_EQ(owner.actor.state, TV_ACTOR_STOPPING);
}

static inline struct tv_slot *slot(void)
{
    struct tv_text *name = tv_text_new("s", 1);
    struct tv_slot *found = tv_controller_find(&rig.core.controller, name);

    tv_text_rele(name);
    return found;
}

/* The owner, then the queue: `o`, `o: a b`, `-` without a slot. */
static inline const char *looks(void)
{
    static char text[256];
    const struct tv_slot *found = slot();
    size_t at;

    if (!found)
        return "-";
    at = (size_t)snprintf(text, sizeof text, "%s", found->owner->name->bytes);
    for (struct tv_list *link = found->queue.next; link != &found->queue; link = link->next)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s",
                               link == found->queue.next ? ": " : " ",
                               TV_CONTAINER(link, struct tv_actor, link)->name->bytes);
    return text;
}

#define CHECK_SLOT(wanted) CHECK_BYTES(looks(), strlen(looks()), wanted)

static inline void check_rejected(const struct task *task, enum tv_rejection why,
                                  const char *wanted)
{
    struct tv_reason reason = tv_actor_reason(&task->actor);
    char text[256];
    size_t size = tv_reason_format(&reason, text, sizeof text);

    CHECK(task->actor.settled);
    CHECK_EQ(task->actor.state, TV_ACTOR_DONE);
    CHECK_EQ(task->actor.outcome, TV_OUTCOME_REJECTED);
    CHECK_EQ(task->actor.rejection, why);
    CHECK_EQ(task->actor.attempt, 0);
    CHECK_BYTES(text, size, wanted);
}

#endif
