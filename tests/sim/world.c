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

void *sim_memory(void *old, size_t size)
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
        world->ledger = sim_memory(world->ledger, world->texts_room * sizeof *world->ledger);
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

static void make_room(struct world *world)
{
    if (world->ids + 2 <= world->ids_room)
        return;
    world->ids_room = 2 * world->ids_room + 64;
    world->by_id = sim_memory(world->by_id, world->ids_room * sizeof *world->by_id);
    world->there = sim_memory(world->there, world->ids_room * sizeof *world->there);
    world->by_id[0] = NULL;
}

static struct record *new_record(struct world *world, const struct move *move)
{
    struct record *record = sim_memory(NULL, sizeof *record);

    make_room(world);
    *record = (struct record){.options = move->options,
                              .place = world->there_count,
                              .in_line = move->kind == TV_IN_SUBMIT && move->wait};
    strcpy(record->slot, move->slot);
    record->history.terminal = TV_EVENT_TASK_REMOVED;
    tv_actor_init(&record->actor, ++world->ids, new_text(world, move->name), &record->options);
    record->actor.on_loop = move->on_loop;
    record->actor.essential = move->essential;
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

void world_put_away(struct record *record)
{
    record->forgotten = true;
    record->in_line = false;
    memset(&record->options, 0x5A, sizeof record->options);
}

/* Where the core has let go of it and nobody looks at it any more. */
void world_free(struct world *world, struct record *record)
{
    if (record->handles == 0 && record->forgotten)
        free_record(world, record);
}

static void look(struct world *world, const struct move *move)
{
    struct record *record = world_record(world, move->id);

    if (move->what == MOVE_HOLD)
        record->handles++;
    else
        record->handles--;
    world_free(world, record);
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
    SIM_EXPECT(world, !tv_core_give(&world->core, sim_memory(NULL, size), size),
               "25 the memory that was short was not taken");
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
    effects_hash(world, answer);
    if (world->queue)
        history_judge(world);
    wrong = tv_core_check(&world->core);
    SIM_EXPECT(world, !wrong, "%s", wrong);
    effects_apply(world);
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
                          .purge = move->purge,
                          .for_loop = move->on_loop,
                          .go_on = world->goes_on && move->kind == TV_IN_RESULT};

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
    world_put_away(record);
    world_free(world, record);
}

static void take_attempt(struct world *world, struct record *record)
{
    SIM_EXPECT(world, !record->in_flight, "6 two attempts of task %" PRIu64 " overlap",
               record->actor.id);
    record->in_flight = true;
    world->in_flight++;
}

/* What the host does with the answer; the effects are applied and nothing is freed yet. */
static void take_answer(struct world *world, const struct move *move, struct tv_input *in,
                        enum tv_step answer)
{
    struct record *record = in->actor ? record_of(in->actor) : NULL;

    if (move->kind == TV_IN_TAKE && record) {
        take_attempt(world, record);
    } else if (move->kind == TV_IN_RESULT) {
        record->in_flight = record->returning = false;
        world->in_flight--;
        tv_text_rele(tv_error_text(&in->error));
        tv_text_rele(in->spare);
        if (in->next)
            take_attempt(world, record_of(in->next));
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

/* Who asks this of a task has a handle of it while he asks. */
static struct record *asked_about(struct world *world, const struct move *move)
{
    bool asks = move->kind == TV_IN_WITHDRAW ||
                (move->kind == TV_IN_LEAVE && move->target == SIM_BY_HANDLE);

    return asks ? world_record(world, move->id) : NULL;
}

static struct played input(struct world *world, const struct move *move)
{
    struct record *asked = asked_about(world, move);
    struct tv_input in = input_of(world, move);
    struct played played;

    if (asked)
        asked->handles++;
    do {
        played.answer = step(world, world->epoch_ns + move->now, &in);
        if (played.answer == TV_STEP_AGAIN)
            effects_free(world);
    } while (played.answer == TV_STEP_AGAIN || played.answer == TV_STEP_SHORT);
    played.id = in.actor ? in.actor->id : 0;
    played.count = in.count;
    played.next = in.next ? in.next->id : 0;
    take_answer(world, move, &in, played.answer);
    effects_free(world);
    if (asked) {
        asked->handles--;
        world_free(world, asked);
    }
    return played;
}

struct played world_play(struct world *world, const struct move *move)
{
    struct played played = {.answer = TV_STEP_OK};

    world->move = move;
    if (move->what == MOVE_INPUT) {
        played = input(world, move);
        history_answered(world, played.answer);
    } else {
        look(world, move);
    }
    world->move = NULL;
    return played;
}

/* A reserved task that nobody is about to accept. */
static bool is_reserved(const struct world *world, const struct record *record)
{
    return record && record->actor.state == TV_ACTOR_RESERVED && record->batch &&
           world->core.commit != &world->batch[record->batch - 1];
}

const char *world_objects(const struct world *world, const struct move *move)
{
    const struct record *record = world_record(world, move->id);

    if (move->what == MOVE_INPUT && move->kind == TV_IN_SUBMIT &&
        world->core.config.queue_capacity == 0)
        return "there is no controller";
    if (!move_needs_task(move))
        return NULL;
    if (!record)
        return "nobody has a handle of this task";
    if (move->what == MOVE_DROP)
        return record->handles ? NULL : "nobody looks at this task";
    if (move->what == MOVE_HOLD)
        return NULL;
    if (move->kind == TV_IN_RESULT && !record->in_flight)
        return "no body of this task is running";
    if (move->kind == TV_IN_UNRESERVE && !is_reserved(world, record))
        return "this task is not reserved";
    if (move->kind == TV_IN_WITHDRAW && !record->slot[0])
        return "this is no submission that was taken";
    return NULL;
}

void world_skip(struct world *world, const struct move *move)
{
    if (!move_brings_task(move))
        return;
    make_room(world);
    world->by_id[++world->ids] = NULL;
}

void world_pump(struct world *world)
{
    while (tv_core_deadline(&world->core) <= world->core.now) {
        struct tv_input tick = {.kind = TV_IN_TICK};

        step(world, world->core.now, &tick);
        effects_free(world);
    }
}

/* ---- the whole ----------------------------------------------------------------------------- */

void world_init(struct world *world, const struct tv_core_config *config, uint64_t queue)
{
    tv_core_init(&world->core, config);
    memset(&world->by_id, 0, sizeof *world - offsetof(struct world, by_id));
    world->core.fx.mute = queue == 0;
    world->queue = queue;
    if (queue)
        world->receiver = sim_memory(NULL, queue * sizeof *world->receiver);
    for (size_t i = 0; i < SIM_BATCHES; i++)
        tv_list_init(&world->batch[i]);
}

void world_fini(struct world *world)
{
    slots_fini(world);
    SIM_EXPECT(world, world->core.live == 0, "4 %" PRIu64 " tasks are left", world->core.live);
    while (world->there_count > 0) {
        struct record *record = world->there[0];

        SIM_EXPECT(world, record->forgotten, "17 task %" PRIu64 " never ended", record->actor.id);
        free_record(world, record);
    }
    effects_fini(world);
    settle_ledger(world);
    released = 0;
    tv_core_fini(&world->core, release_chunk);
    SIM_EXPECT(world, released == world->chunks, "25 %" PRIu64 " chunks of %" PRIu64 " came back",
               released, world->chunks);
    free(world->by_id);
    free(world->there);
}

/* The instant in the world's own time. */
static tv_ns own(const struct world *world, tv_ns at)
{
    return at == TV_NEVER ? TV_NEVER : at - world->epoch_ns;
}

static bool looks_the_same(const struct world *a, const struct tv_actor *x, const struct world *b,
                           const struct tv_actor *y)
{
    return x->state == y->state && x->attempt == y->attempt && x->failures == y->failures &&
           x->cancelled == y->cancelled && x->cancel_reason == y->cancel_reason &&
           x->settled == y->settled && x->outcome == y->outcome && x->reason == y->reason &&
           x->delay_ns == y->delay_ns && x->timed_out == y->timed_out &&
           own(a, tv_timers_due(&a->core.timers, &x->timer)) ==
               own(b, tv_timers_due(&b->core.timers, &y->timer));
}

void world_compare(struct world *world, const struct world *other)
{
    const struct tv_core *core = &world->core, *twin = &other->core;

    SIM_EXPECT(world,
               core->live == twin->live && core->running == twin->running &&
                   core->shutdown.state == twin->shutdown.state &&
                   core->shutdown.verdict == twin->shutdown.verdict &&
                   core->controller.waiting == twin->controller.waiting &&
                   core->controller.slots.count == twin->controller.slots.count &&
                   own(world, core->now) == own(other, twin->now),
               "5 another world has come of the same moves");
    SIM_EXPECT(world, world->there_count == other->there_count,
               "5 there are other tasks in another world");
    for (size_t i = 0; i < world->there_count; i++) {
        const struct tv_actor *actor = &world->there[i]->actor;
        const struct record *there = world_record(other, actor->id);

        SIM_EXPECT(world, there && looks_the_same(world, actor, other, &there->actor),
                   "5 task %" PRIu64 " is in another state in another world", actor->id);
    }
}
