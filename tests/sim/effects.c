#include "sim.h"

#include <stdlib.h>

static uint64_t mixed(uint64_t hash, uint64_t value)
{
    return tv_mix(hash ^ value) + UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t hash_of_event(uint64_t hash, const struct tv_event *event)
{
    const struct tv_text *text = tv_reason_text(&event->reason);

    hash = mixed(hash, event->kind | (uint64_t)event->source << 8 |
                           (uint64_t)event->reason.kind << 16);
    hash = mixed(hash, event->id);
    hash = mixed(hash, event->attempt);
    hash = mixed(hash, (uint64_t)event->span_ns);
    hash = mixed(hash, event->task ? event->task->hash : 0);
    hash = mixed(hash, (uint64_t)event->reason.count << 32 | event->reason.limit);
    hash = mixed(hash, event->reason.error.kind | (uint64_t)event->reason.admission << 8 |
                           (uint64_t)event->reason.status << 16 |
                           (uint64_t)(uint32_t)event->reason.error.exit_code << 32);
    return mixed(hash, text ? text->hash + text->size : 0);
}

/* Which task, or which slot, an act is about, and what the task has come to. */
static uint64_t hash_of_act(uint64_t hash, const struct tv_act *act)
{
    const struct tv_actor *actor = act->actor;

    hash = mixed(hash, (uint64_t)act->kind);
    if (!actor)
        return mixed(hash, act->slot->name->hash);
    hash = mixed(hash, actor->id);
    return mixed(hash, actor->state | (uint64_t)actor->outcome << 8 |
                           (uint64_t)actor->reason << 16 | (uint64_t)actor->cancel_reason << 24);
}

void effects_hash(struct world *world, enum tv_step answer)
{
    const struct tv_effects *fx = &world->core.fx;
    uint64_t hash = mixed(world->hash, (uint64_t)answer);
    tv_ns due = tv_core_deadline(&world->core);

    for (uint32_t i = 0; i < fx->events && !fx->mute; i++)
        world->told = hash_of_event(world->told, &fx->event[i]);
    for (uint32_t i = 0; i < fx->acts; i++)
        world->told = hash_of_act(world->told, &fx->act[i]);
    hash = mixed(hash, world->told);
    hash = mixed(hash, (uint64_t)(world->core.now - world->epoch_ns));
    world->hash = mixed(hash, (uint64_t)(due == TV_NEVER ? TV_NEVER : due - world->epoch_ns));
}

static void let_go(const struct tv_event *event)
{
    tv_text_rele(event->task);
    tv_text_rele(tv_reason_text(&event->reason));
}

/* A receiver's copy holds the texts it refers to, and lives longer than what it tells of. */
static void receive(struct world *world, const struct tv_event *event)
{
    struct tv_event *copy = &world->receiver[world->received % world->queue];

    if (world->received++ >= world->queue)
        let_go(copy);
    *copy = *event;
    tv_text_hold(copy->task);
    tv_text_hold(tv_reason_text(&copy->reason));
}

/* Will the core never look at the task again? A submitter that is let go has no outcome. */
static bool is_over(const struct tv_act *act)
{
    return act->kind == TV_ACT_FORGET ||
           (act->kind == TV_ACT_DECIDED && act->actor->state == TV_ACTOR_DONE &&
            !act->actor->settled);
}

static void apply_act(struct world *world, const struct tv_act *act)
{
    if (world->acts)
        show_act(world->acts, act);
    if (is_over(act))
        world_put_away(record_of(act->actor));
    else if (act->kind == TV_ACT_DECIDED)
        record_of(act->actor)->in_line = false;
}

void effects_apply(struct world *world)
{
    const struct tv_effects *fx = &world->core.fx;

    for (uint32_t i = 0; i < fx->events && !fx->mute; i++) {
        receive(world, &fx->event[i]);
        if (world->events)
            show_event(world->events, &fx->event[i]);
    }
    for (uint32_t i = 0; i < fx->acts; i++)
        apply_act(world, &fx->act[i]);
}

void effects_free(struct world *world)
{
    const struct tv_effects *fx = &world->core.fx;

    for (uint32_t i = 0; i < fx->acts; i++)
        if (fx->act[i].kind == TV_ACT_SLOT)
            slots_free(world, fx->act[i].slot);
        else if (is_over(&fx->act[i]))
            world_free(world, record_of(fx->act[i].actor));
}

void effects_fini(struct world *world)
{
    uint64_t kept = world->received < world->queue ? world->received : world->queue;

    for (uint64_t i = 0; i < kept; i++)
        let_go(&world->receiver[i]);
    free(world->receiver);
}
