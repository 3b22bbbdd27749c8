#include "core/core.h"

#include "core/inputs.h"

#include <string.h>

void tv_core_init(struct tv_core *core, const struct tv_core_config *config)
{
    memset(core, 0, offsetof(struct tv_core, fx));
    core->fx.mute = false;
    core->fx.events = core->fx.acts = 0;
    core->config = *config;
    tv_registry_init(&core->registry);
    tv_controller_init(&core->controller);
    tv_timers_init(&core->timers);
    tv_grow_give(&core->timers.heap, core->deadlines);
    tv_shutdown_init(&core->shutdown);
    for (int state = 0; state < TV_ACTOR_STATE_COUNT; state++)
        tv_list_init(&core->in[state]);
}

void tv_core_fini(struct tv_core *core, void (*release)(void *))
{
    tv_registry_fini(&core->registry, release);
    tv_controller_fini(&core->controller, release);
    core->timers.heap.chunk[0] = NULL; /* lies in the core */
    tv_grow_fini(&core->timers.heap, release);
}

_Noreturn void tv_core_fail(struct tv_core *core, const char *file, int line, const char *what)
{
    (void)file;
    (void)line;
    core->broken = true;
    core->failure = what;
    longjmp(*core->door, 1);
}

/* ---- effects ------------------------------------------------------------------------------- */

struct tv_event *tv_core_emit(struct tv_core *core, enum tv_event_kind kind,
                              const struct tv_actor *actor)
{
    struct tv_effects *fx = &core->fx;
    struct tv_event *event = &fx->event[fx->mute ? 0 : fx->events];

    TV_CHECK(core, fx->mute || fx->events < TV_FX_EVENTS);
    fx->events++;
    if (fx->mute)
        return event; /* it is written to, and nobody reads it */
    *event = (struct tv_event){.kind = (uint8_t)kind};
    if (actor) {
        event->task = actor->name;
        event->id = actor->id;
        event->attempt = actor->attempt;
    }
    return event;
}

void tv_core_act(struct tv_core *core, enum tv_act_kind kind, struct tv_actor *actor)
{
    struct tv_effects *fx = &core->fx;

    TV_CHECK(core, fx->acts < TV_FX_ACTS);
    fx->act[fx->acts++] = (struct tv_act){.kind = kind, .actor = actor};
}

void tv_core_act_slot(struct tv_core *core, struct tv_slot *slot)
{
    struct tv_effects *fx = &core->fx;

    TV_CHECK(core, fx->acts < TV_FX_ACTS);
    fx->act[fx->acts++] = (struct tv_act){.kind = TV_ACT_SLOT, .slot = slot};
}

void tv_core_let_go(struct tv_core *core, struct tv_actor *actor)
{
    tv_actor_enter(core, actor, TV_ACTOR_DONE);
    core->known--;
}

bool tv_core_fx_has_room(const struct tv_core *core)
{
    return (core->fx.mute || core->fx.events <= TV_FX_EVENTS - TV_STEP_ROOM) &&
           core->fx.acts <= TV_FX_ACTS - TV_STEP_ROOM;
}

/* ---- memory -------------------------------------------------------------------------------- */

/* The table that has no room for one task more, or NULL. A known one may need a place in each. */
static struct tv_grow *short_table(const struct tv_core *core)
{
    struct tv_core *mutable = (struct tv_core *)core;
    uint64_t tasks = core->known + 1;

    if (tasks > core->registry.names.buckets.capacity)
        return &mutable->registry.names.buckets;
    if (tasks > core->registry.ids.buckets.capacity)
        return &mutable->registry.ids.buckets;
    if (tasks + 1 > core->timers.heap.capacity)
        return &mutable->timers.heap;
    if (core->config.queue_capacity > 0 && tasks > core->controller.slots.buckets.capacity)
        return &mutable->controller.slots.buckets;
    return NULL;
}

size_t tv_core_shortage(const struct tv_core *core)
{
    const struct tv_grow *table = short_table(core);

    return table ? tv_grow_next_size(table) : 0;
}

void *tv_core_give(struct tv_core *core, void *memory, size_t size)
{
    struct tv_grow *table = short_table(core);

    if (!table || tv_grow_next_size(table) != size)
        return memory;
    tv_grow_give(table, memory);
    return NULL;
}

/* ---- pending slices and timers ------------------------------------------------------------- */

/*
 * What an input or a timer has brought about that no machine sees alone. A shutdown comes before a
 * slot's next owner, which would not live to see it.
 */
static void follow(struct tv_core *core)
{
    if (core->essential_lost && tv_core_is_open(core))
        tv_shutdown_request(core, core->config.defaults.grace_ns, false);
    core->essential_lost = false;
    if (tv_controller_is_busy(core))
        tv_controller_settle(core);
    if (tv_core_is_empty(core))
        tv_shutdown_empty(core);
}

bool tv_core_is_empty(const struct tv_core *core)
{
    return core->live == 0 && core->controller.waiting == 0 && !tv_controller_is_busy(core);
}

static void commit_slice(struct tv_core *core)
{
    const struct tv_stimulus accept = {.kind = TV_ACCEPT};
    struct tv_list *batch = core->commit;

    for (int n = 0; n < TV_SLICE && !tv_list_empty(batch) && tv_core_fx_has_room(core); n++)
        tv_actor_step(core, TV_CONTAINER(batch->next, struct tv_actor, link), &accept);
    if (tv_list_empty(batch))
        core->commit = NULL;
}

static bool is_busy(const struct tv_core *core)
{
    return core->commit || tv_controller_is_busy(core) || tv_shutdown_is_busy(core);
}

static void slice(struct tv_core *core)
{
    if (core->commit)
        commit_slice(core);
    else if (tv_controller_is_busy(core))
        tv_controller_settle(core);
    else
        tv_shutdown_slice(core);
    follow(core);
}

static void fire(struct tv_core *core, struct tv_timer *timer)
{
    tv_timers_disarm(&core->timers, timer);
    if (timer->owner == TV_TIMER_SHUTDOWN)
        tv_shutdown_due(core);
    else
        tv_actor_step(core, TV_CONTAINER(timer, struct tv_actor, timer),
                      &(struct tv_stimulus){.kind = TV_DUE});
    follow(core);
}

/* Fires what is due at `until` or before. False: one slice did not do, what fired included. */
static bool fire_until(struct tv_core *core, tv_ns until)
{
    const struct tv_deadline *first = tv_timers_first(&core->timers);

    for (int n = 0; first && first->at <= until; n++) {
        if (n == TV_SLICE || is_busy(core) || !tv_core_fx_has_room(core))
            return false;
        fire(core, first->timer);
        first = tv_timers_first(&core->timers);
    }
    return !is_busy(core);
}

/* ---- the step ------------------------------------------------------------------------------ */

static bool is_due(const struct tv_core *core)
{
    const struct tv_deadline *first = tv_timers_first(&core->timers);

    return first && first->at <= core->now;
}

/*
 * After a RESULT that has brought about events only: the TAKE that its worker would make next, at
 * the same instant.
 */
static struct tv_actor *go_on(struct tv_core *core)
{
    if (core->fx.acts > 0 || is_busy(core) || is_due(core) || !tv_core_fx_has_room(core))
        return NULL;
    return tv_core_take(core, false);
}

static enum tv_step step(struct tv_core *core, struct tv_input *in)
{
    enum tv_step answer;

    if (is_busy(core)) {
        slice(core);
        return TV_STEP_AGAIN;
    }
    if (is_due(core) && (!fire_until(core, core->now - 1) || !tv_core_fx_has_room(core)))
        return TV_STEP_AGAIN;
    answer = tv_core_apply(core, in);
    follow(core);
    if (is_busy(core))
        slice(core);
    if (is_due(core))
        fire_until(core, core->now);
    in->next = in->go_on ? go_on(core) : NULL;
    return answer;
}

static uint8_t state_of(const struct tv_actor *actor)
{
    return actor ? actor->state : TV_ACTOR_DONE;
}

static void trace(struct tv_core *core, enum tv_input_kind kind, const struct tv_actor *actor,
                  uint8_t before)
{
    core->trace[core->steps++ % TV_TRACE] = (struct tv_trace_line){
        .now = core->now,
        .id = actor ? actor->id : 0,
        .input = kind,
        .state_before = before,
        .state_after = state_of(actor),
    };
}

/* A failed check comes back here, wherever in the step it was. */
static enum tv_step guarded(struct tv_core *core, struct tv_input *in)
{
    enum tv_step answer;
    jmp_buf door;

    core->door = &door;
    if (setjmp(door)) {
        core->door = NULL;
        core->fx.events = core->fx.acts = 0;
        return TV_STEP_BROKEN;
    }
    answer = step(core, in);
    core->door = NULL;
    return answer;
}

enum tv_step tv_core_step(struct tv_core *core, tv_ns now, struct tv_input *input)
{
    uint8_t before = state_of(input->actor);
    enum tv_step answer;

    core->fx.events = core->fx.acts = 0;
    if (core->broken)
        return TV_STEP_BROKEN;
    if (now > core->now)
        core->now = now;
    answer = guarded(core, input);
    trace(core, input->kind, input->actor, before); /* of a failed check: the line to look for */
    if (input->next)
        trace(core, TV_IN_TAKE, input->next, TV_ACTOR_READY);
    return answer;
}

tv_ns tv_core_deadline(const struct tv_core *core)
{
    const struct tv_deadline *first = tv_timers_first(&core->timers);

    if (core->broken)
        return TV_NEVER;
    if (is_busy(core))
        return core->now;
    return first ? first->at : TV_NEVER;
}
