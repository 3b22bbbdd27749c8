#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

char sim_failure[256];

_Noreturn void sim_fail(struct world *world, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(sim_failure, sizeof sim_failure, format, args);
    va_end(args);
    longjmp(*world->door, 1);
}

/* The simulator itself does not go on without memory. */
static void *memory(void *old, size_t size)
{
    void *grown = realloc(old, size);

    if (!grown) {
        fputs("sim: out of memory\n", stderr);
        exit(2);
    }
    return grown;
}

/* ---- texts --------------------------------------------------------------------------------- */

/* A new text with one reference for the caller; the ledger keeps another one. */
static struct tv_text *new_text(struct world *world, const char *bytes)
{
    struct tv_text *text = tv_text_new_reason(bytes, strlen(bytes));

    if (world->texts == world->texts_room) {
        world->texts_room = 2 * world->texts_room + 64;
        world->ledger = memory(world->ledger, world->texts_room * sizeof *world->ledger);
    }
    world->ledger[world->texts++] = tv_text_hold(text);
    return text;
}

static void settle_ledger(struct world *world)
{
    for (size_t i = 0; i < world->texts; i++) {
        struct tv_text *text = world->ledger[i];

        SIM_EXPECT(world, atomic_load(&text->refs) == 1, "25 \"%s\" has %" PRIu32 " references",
                   text->bytes, atomic_load(&text->refs) - 1);
        tv_text_rele(text);
    }
    free(world->ledger);
}

/* ---- records ------------------------------------------------------------------------------- */

static struct record *new_record(struct world *world, const struct move *move)
{
    struct record *record = memory(NULL, sizeof *record);

    if (world->ids + 2 > world->ids_room) {
        world->ids_room = 2 * world->ids_room + 64;
        world->by_id = memory(world->by_id, world->ids_room * sizeof *world->by_id);
        world->there = memory(world->there, world->ids_room * sizeof *world->there);
        world->by_id[0] = NULL;
    }
    *record = (struct record){.options = move->options,
                              .place = world->there_count,
                              .in_line = move->kind == TV_IN_SUBMIT && move->wait};
    strcpy(record->slot, move->slot);
    record->history.terminal = TV_EVENT_TASK_REMOVED;
    tv_actor_init(&record->actor, ++world->ids, new_text(world, move->name), &record->options);
    world->by_id[world->ids] = record;
    world->there[world->there_count++] = record;
    return record;
}

/* What is freed is overwritten first, so that no later look at it goes unnoticed. */
static void free_record(struct world *world, struct record *record)
{
    struct record *last = world->there[--world->there_count];

    world->there[record->place] = last;
    last->place = record->place;
    world->by_id[record->actor.id] = NULL;
    tv_text_rele(record->actor.name);
    tv_text_rele(tv_error_text(&record->actor.error));
    memset(record, 0xA5, sizeof *record);
    free(record);
}

struct record *world_record(const struct world *world, tv_id id)
{
    return id <= world->ids && id > 0 ? world->by_id[id] : NULL;
}

void world_hold(struct world *world, tv_id id)
{
    world_record(world, id)->handles++;
}

void world_drop(struct world *world, tv_id id)
{
    struct record *record = world_record(world, id);

    if (--record->handles == 0 && record->forgotten)
        free_record(world, record);
}

/* ---- memory of the core's tables ----------------------------------------------------------- */

static uint64_t released; /* by the tv_core_fini that is running */

static void release_chunk(void *chunk)
{
    released += chunk != NULL;
    free(chunk);
}

static void give_memory(struct world *world)
{
    size_t size = tv_core_shortage(&world->core);

    SIM_EXPECT(world, size > 0, "25 memory was asked for, and none is short");
    world->chunks++;
    SIM_EXPECT(world, !tv_core_give(&world->core, memory(NULL, size), size),
               "25 the memory that was short was not taken");
}

/* ---- effects ------------------------------------------------------------------------------- */

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
    return mixed(hash, text ? text->hash + text->size : 0);
}

/* Which task, or which slot, an act is about. */
static uint64_t what(const struct tv_act *act)
{
    return act->actor ? act->actor->id : act->slot->name->hash;
}

static void hash_step(struct world *world, enum tv_step answer)
{
    const struct tv_effects *fx = &world->core.fx;
    uint64_t hash = mixed(world->hash, (uint64_t)answer);

    for (uint32_t i = 0; i < fx->events && !fx->mute; i++)
        hash = hash_of_event(hash, &fx->event[i]);
    for (uint32_t i = 0; i < fx->acts; i++)
        hash = mixed(mixed(hash, (uint64_t)fx->act[i].kind), what(&fx->act[i]));
    world->hash = mixed(hash, (uint64_t)tv_core_deadline(&world->core));
}

static void let_go(const struct tv_event *event)
{
    tv_text_rele(event->task);
    tv_text_rele(tv_reason_text(&event->reason));
}

/* A receiver's copy holds the texts it refers to, and lives longer than what it tells of. */
static void receive(struct world *world, const struct tv_event *event)
{
    struct tv_event *copy = &world->receiver[world->received % SIM_RECEIVER];

    if (world->received++ >= SIM_RECEIVER)
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

static void put_away(struct record *record)
{
    record->forgotten = true;
    record->in_line = false;
    memset(&record->options, 0x5A, sizeof record->options);
}

static void apply_act(struct world *world, const struct tv_act *act)
{
    if (world->acts)
        show_act(world->acts, act);
    if (is_over(act))
        put_away(record_of(act->actor));
    else if (act->kind == TV_ACT_DECIDED)
        record_of(act->actor)->in_line = false;
}

static void apply_effects(struct world *world)
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

static void free_forgotten(struct world *world)
{
    const struct tv_effects *fx = &world->core.fx;

    for (uint32_t i = 0; i < fx->acts; i++)
        if (fx->act[i].kind == TV_ACT_SLOT)
            slots_free(world, fx->act[i].slot);
        else if (is_over(&fx->act[i]) && record_of(fx->act[i].actor)->handles == 0)
            free_record(world, record_of(fx->act[i].actor));
}

/* ---- one step ------------------------------------------------------------------------------ */

static enum tv_step step(struct world *world, tv_ns now, struct tv_input *in)
{
    tv_ns before = world->core.now;
    enum tv_step answer = tv_core_step(&world->core, now, in);
    const char *wrong;

    world->steps++;
    SIM_EXPECT(world, answer != TV_STEP_BROKEN, "0 a check of the core failed: %s",
               world->core.failure);
    SIM_EXPECT(world, world->core.now >= before, "0 time went back");
    hash_step(world, answer);
    if (world->judged)
        history_judge(world);
    wrong = tv_core_check(&world->core);
    SIM_EXPECT(world, !wrong, "%s", wrong);
    apply_effects(world);
    if (answer == TV_STEP_SHORT)
        give_memory(world);
    return answer;
}

static void fill_error(struct world *world, const struct move *move, struct tv_error *error)
{
    error->kind = (uint8_t)move->error;
    error->has_exit_code = move->has_exit_code;
    error->exit_code = move->exit_code;
    if (move->error == TV_ERROR_FAIL || move->error == TV_ERROR_FATAL)
        error->text = new_text(world, move->text);
}

static void fill_target(struct world *world, const struct move *move, struct tv_input *in)
{
    if (move->target == SIM_BY_NAME)
        in->name = new_text(world, move->name);
    else if (move->target == SIM_BY_ID)
        in->id = move->id;
    else
        in->actor = &world_record(world, move->id)->actor;
}

static struct tv_input input_of(struct world *world, const struct move *move)
{
    struct tv_input in = {.kind = move->kind,
                          .style = move->style,
                          .stray = move->stray,
                          .grace_ns = move->grace_ns,
                          .quiet = move->quiet,
                          .admission = move->admission,
                          .wait = move->wait,
                          .purge = move->purge};

    if (move->kind == TV_IN_ADD || move->kind == TV_IN_RESERVE || move->kind == TV_IN_SUBMIT)
        in.actor = &new_record(world, move)->actor;
    else if (move->kind == TV_IN_RESULT || move->kind == TV_IN_UNRESERVE ||
             move->kind == TV_IN_WITHDRAW)
        in.actor = &world_record(world, move->id)->actor;
    else if (move->kind == TV_IN_LEAVE)
        fill_target(world, move, &in);
    if (move->kind == TV_IN_RESERVE || move->kind == TV_IN_COMMIT)
        in.batch = &world->batch[move->batch];
    if (move->kind == TV_IN_RESULT) {
        fill_error(world, move, &in.error);
        record_of(in.actor)->returning = true;
    }
    if (move->kind == TV_IN_CANCEL_SLOT)
        in.name = new_text(world, move->slot);
    if (move->kind == TV_IN_SUBMIT)
        in.slot = slots_new(world, new_text(world, move->slot));
    return in;
}

static void take_submission(struct world *world, struct record *record, enum tv_step answer)
{
    if (answer != TV_STEP_WAIT)
        record->in_line = false;
    if (answer != TV_STEP_WAIT && answer != TV_STEP_OK)
        free_record(world, record);
}

static void take_withdrawal(struct world *world, struct record *record, enum tv_step answer)
{
    if (answer != TV_STEP_OK)
        return;
    put_away(record);
    if (record->handles == 0)
        free_record(world, record);
}

/* What the host does with the answer; the effects are applied and nothing is freed yet. */
static void take_answer(struct world *world, const struct move *move, struct tv_input *in,
                        enum tv_step answer)
{
    struct record *record = in->actor ? record_of(in->actor) : NULL;

    if (move->kind == TV_IN_TAKE && record) {
        SIM_EXPECT(world, !record->in_flight, "6 two attempts of task %" PRIu64 " overlap",
                   record->actor.id);
        record->in_flight = true;
        world->in_flight++;
    } else if (move->kind == TV_IN_RESULT) {
        record->in_flight = record->returning = false;
        world->in_flight--;
        tv_text_rele(tv_error_text(&in->error));
        tv_text_rele(in->spare);
    } else if (move->kind == TV_IN_RESERVE && answer == TV_STEP_OK) {
        record->batch = move->batch + 1;
    } else if (move->kind == TV_IN_UNRESERVE || move->kind == TV_IN_RESERVE ||
               (move->kind == TV_IN_ADD && answer != TV_STEP_OK)) {
        free_record(world, record);
    }
    if (move->kind == TV_IN_SUBMIT)
        take_submission(world, record, answer);
    else if (move->kind == TV_IN_WITHDRAW)
        take_withdrawal(world, record, answer);
    if (in->slot)
        slots_free(world, in->slot);
    tv_text_rele(in->name);
}

struct played world_play(struct world *world, const struct move *move)
{
    struct tv_input in = input_of(world, move);
    struct played played;

    world->move = move;
    do {
        played.answer = step(world, move->now, &in);
        if (played.answer == TV_STEP_AGAIN)
            free_forgotten(world);
    } while (played.answer == TV_STEP_AGAIN || played.answer == TV_STEP_SHORT);
    played.id = in.actor ? in.actor->id : 0;
    played.count = in.count;
    take_answer(world, move, &in, played.answer);
    free_forgotten(world);
    history_answered(world, played.answer);
    world->move = NULL;
    return played;
}

void world_pump(struct world *world)
{
    while (tv_core_deadline(&world->core) <= world->core.now) {
        struct tv_input tick = {.kind = TV_IN_TICK};

        step(world, world->core.now, &tick);
        free_forgotten(world);
    }
}

/* ---- the whole ----------------------------------------------------------------------------- */

void world_init(struct world *world, const struct tv_core_config *config, bool judged)
{
    tv_core_init(&world->core, config);
    memset(&world->by_id, 0, sizeof *world - offsetof(struct world, by_id));
    world->core.fx.mute = !judged;
    world->judged = judged;
    for (size_t i = 0; i < SIM_BATCHES; i++)
        tv_list_init(&world->batch[i]);
}

void world_fini(struct world *world)
{
    uint64_t kept = world->received < SIM_RECEIVER ? world->received : SIM_RECEIVER;

    slots_fini(world);
    SIM_EXPECT(world, world->core.live == 0, "4 %" PRIu64 " tasks are left", world->core.live);
    while (world->there_count > 0) {
        struct record *record = world->there[0];

        SIM_EXPECT(world, record->forgotten, "17 task %" PRIu64 " never ended", record->actor.id);
        free_record(world, record);
    }
    for (uint64_t i = 0; i < kept; i++)
        let_go(&world->receiver[i]);
    settle_ledger(world);
    released = 0;
    tv_core_fini(&world->core, release_chunk);
    SIM_EXPECT(world, released == world->chunks, "25 %" PRIu64 " chunks of %" PRIu64 " came back",
               released, world->chunks);
    free(world->by_id);
    free(world->there);
}

static bool looks_the_same(const struct world *a, const struct tv_actor *x, const struct world *b,
                           const struct tv_actor *y)
{
    return x->state == y->state && x->attempt == y->attempt && x->failures == y->failures &&
           x->cancelled == y->cancelled && x->cancel_reason == y->cancel_reason &&
           x->settled == y->settled && x->outcome == y->outcome && x->reason == y->reason &&
           x->delay_ns == y->delay_ns && x->timed_out == y->timed_out &&
           tv_timers_due(&a->core.timers, &x->timer) == tv_timers_due(&b->core.timers, &y->timer);
}

void world_compare(struct world *world, struct world *mute)
{
    SIM_EXPECT(world,
               world->core.live == mute->core.live && world->core.running == mute->core.running &&
                   world->core.shutdown.state == mute->core.shutdown.state &&
                   world->core.shutdown.verdict == mute->core.shutdown.verdict &&
                   world->core.controller.waiting == mute->core.controller.waiting &&
                   world->core.controller.slots.count == mute->core.controller.slots.count,
               "5 a world that nobody listens to is another one");
    SIM_EXPECT(world, world->there_count == mute->there_count,
               "5 there are other tasks where nobody listens");
    for (size_t i = 0; i < world->there_count; i++) {
        struct tv_actor *actor = &world->there[i]->actor;
        struct record *other = world_record(mute, actor->id);

        SIM_EXPECT(world, other && looks_the_same(world, actor, mute, &other->actor),
                   "5 task %" PRIu64 " is in another state where nobody listens", actor->id);
    }
}
