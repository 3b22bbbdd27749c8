#include "scope.h"

#include <string.h>

/*
 * What makes a difference to what can happen from here on. Instants count from now. Tasks stand in
 * the order of their states' lists, so which of them is which makes no difference either. Left out
 * are ids, numbers of attempts, texts, and how long an attempt has run where no policy asks.
 */
struct writer {
    uint8_t *at;
};

static void put(struct writer *out, uint64_t byte)
{
    *out->at++ = (uint8_t)byte;
}

static uint8_t since(tv_ns at, tv_ns cap)
{
    tv_ns passed = place.core->now - at;

    return (uint8_t)(passed > cap ? cap : passed);
}

/* The place in the order that is written; a task in no list has none. */
static struct tv_actor *order[SCOPE_TASKS];
static int ordered;

static void append_list(const struct tv_list *list)
{
    for (const struct tv_list *link = list->next; link != list; link = link->next)
        order[ordered++] = TV_CONTAINER(link, struct tv_actor, link);
}

static void put_in_order(void)
{
    const struct tv_slot *slot = place.slot_used[0] ? &place.slot[0] : &place.slot[1];

    ordered = 0;
    append_list(&place.batch);
    for (int state = 0; state < TV_ACTOR_STATE_COUNT; state++)
        append_list(&place.core->in[state]);
    if (place.slot_used[0] || place.slot_used[1])
        append_list(&slot->queue);
}

static uint8_t index_of(const struct tv_actor *actor)
{
    for (int i = 0; i < ordered; i++)
        if (order[i] == actor)
            return (uint8_t)i;
    return SCOPE_TASKS;
}

/* The first of that name. */
static uint8_t name_of(const struct tv_actor *actor)
{
    for (int i = 0; i < ordered; i++)
        if (order[i]->name == actor->name)
            return (uint8_t)i;
    return SCOPE_TASKS;
}

static void put_actor(struct writer *out, const struct tv_actor *actor)
{
    const struct task *task = TV_CONTAINER(actor, struct task, actor);
    tv_ns reset = actor->options->reset_after_ns;

    put(out, actor->state);
    put(out, task->kind);
    put(out, name_of(actor));
    put(out, actor->cancelled | actor->timed_out << 1 | actor->failed << 2 | actor->settled << 3 |
                 task->in_flight << 4 | task->in_line << 5 | (actor->attempt > 0) << 6 |
                 (actor->slot && actor->slot->owner == actor) << 7);
    put(out, actor->cancel_reason | actor->admission << 2 | actor->outcome << 4);
    put(out, actor->reason);
    put(out, actor->error.kind | (actor->failures > 2 ? 2 : actor->failures) << 4);
    put(out, task->in_flight && reset != TV_NONE ? since(actor->started_ns, reset) : 0);
}

static void put_timers(struct writer *out)
{
    const struct tv_timers *timers = &place.core->timers;
    struct tv_deadline sorted[SCOPE_TASKS + 1];

    for (uint64_t i = 0; i < timers->count; i++) {
        struct tv_deadline one = *(struct tv_deadline *)tv_grow_at(&timers->heap, i);
        uint64_t at = i;

        for (; at > 0 && (sorted[at - 1].at > one.at || (sorted[at - 1].at == one.at &&
                                                         sorted[at - 1].arming > one.arming));
             at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = one;
    }
    put(out, timers->count);
    for (uint64_t i = 0; i < timers->count; i++) {
        put(out, (uint64_t)(sorted[i].at - place.core->now));
        put(out, sorted[i].timer->owner == TV_TIMER_SHUTDOWN
                     ? 0xff
                     : index_of(TV_CONTAINER(sorted[i].timer, struct tv_actor, timer)));
    }
}

size_t state_write(uint8_t bytes[STATE_SIZE])
{
    struct writer out = {.at = bytes};
    const struct tv_core *core = place.core;

    put_in_order();
    put(&out, core->shutdown.state | core->shutdown.verdict << 4 | core->shutdown.quiet << 6 |
                  core->finish << 7);
    put(&out, place.slot_used[0] | place.slot_used[1]);
    put_timers(&out);
    for (int i = 0; i < ordered; i++)
        put_actor(&out, order[i]);
    return (size_t)(out.at - bytes);
}
