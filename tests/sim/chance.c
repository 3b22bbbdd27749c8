#include "sim.h"

#include <stdlib.h>
#include <string.h>

/*
 * A seed has a temper: how many tasks, which kinds of moves how often, how time goes, when it
 * begins to end. So one seed lives among timeouts, another among retries, a third in a shutdown.
 */

enum batch_state { BATCH_FREE, BATCH_OPEN, BATCH_UNDONE, BATCH_COMMITTED };

#define KINDS (TV_IN_CANCEL_SLOT + 1)

struct chance {
    struct tv_prng prng;
    struct tv_core_config config;
    bool big;                            /* hundreds of tasks: slices */
    uint32_t weight[KINDS];
    uint32_t names;                      /* how many there are; big: each is new */
    uint32_t slots;                      /* how many there are */
    uint32_t still;                      /* of 16: how often time stands */
    uint32_t moves, ends_at;             /* made; from then on a shutdown may come */
    uint32_t last;                       /* the move after which all is brought to its end */
    uint32_t failing;                    /* of 16: how many bodies fail */
    enum batch_state batch[SIM_BATCHES];
};

static uint64_t below(struct chance *chance, uint64_t limit)
{
    return tv_prng_next(&chance->prng) % limit;
}

static bool one_in(struct chance *chance, uint64_t n)
{
    return below(chance, n) == 0;
}

/* ---- tempers ------------------------------------------------------------------------------- */

static void draw_options(struct chance *chance, struct tv_options *options)
{
    static const double factors[] = {1.0, 1.5, 2.0, 10.0, 1e300};
    static const tv_ns delays[] = {0, 1, 2, 3, 5, 8, 20, TV_SECOND, TV_NS_MAX};
    static const uint64_t most = sizeof delays / sizeof *delays;

    *options = (struct tv_options){
        .inherits = (uint32_t)below(chance, 4) ? (uint32_t)below(chance, TV_INHERIT_ALL + 1) : 0,
        .restart = (enum tv_restart_kind)below(chance, 3),
        .interval_ns = one_in(chance, 2) ? TV_NONE : delays[below(chance, 7)],
        .timeout_ns = one_in(chance, 2) ? 0 : delays[below(chance, most)],
        .reset_after_ns = one_in(chance, 2) ? TV_NONE : delays[below(chance, 7)],
        .grace_ns = delays[below(chance, most)],
        .max_retries = one_in(chance, 3) ? TV_NONE : (int64_t)below(chance, 5),
        .backoff = {.first_ns = delays[below(chance, 6)],
                    .factor = factors[below(chance, 5)],
                    .jitter = (enum tv_jitter)below(chance, 4)},
    };
    options->backoff.max_ns = options->backoff.first_ns + delays[below(chance, most - 1)];
}

static void draw_weights(struct chance *chance)
{
    static const uint32_t usual[] = {
        [TV_IN_TICK] = 2,  [TV_IN_ADD] = 8,    [TV_IN_RESERVE] = 3,  [TV_IN_UNRESERVE] = 0,
        [TV_IN_COMMIT] = 1, [TV_IN_LEAVE] = 4, [TV_IN_TAKE] = 10,    [TV_IN_RESULT] = 10,
        [TV_IN_FINISH] = 1, [TV_IN_SHUTDOWN] = 2, [TV_IN_DRAINED] = 2, [TV_IN_SUBMIT] = 8,
        [TV_IN_WITHDRAW] = 1, [TV_IN_CANCEL_SLOT] = 1,
    };

    for (size_t kind = 0; kind < KINDS; kind++)
        chance->weight[kind] = usual[kind] * (uint32_t)below(chance, 6);
    chance->weight[TV_IN_ADD] += 4;
    chance->weight[TV_IN_TAKE] += 4;
    if (!chance->big)
        return;
    chance->weight[TV_IN_LEAVE] /= 8;
    chance->weight[TV_IN_ADD] *= 4;
    chance->weight[TV_IN_TAKE] *= 4;
    chance->weight[TV_IN_SUBMIT] *= 4;
}

static void draw_controller(struct chance *chance)
{
    static const uint64_t capacities[] = {1, 1, 2, 3, 5, 20}, queues[] = {0, 1, 2, 3, 100};

    chance->slots = 1 + (uint32_t)below(chance, chance->big ? 2 : 4);
    chance->config.queue_capacity = chance->big ? 2000 : capacities[below(chance, 6)];
    chance->config.max_slot_queue = chance->big ? 1000 : queues[below(chance, 5)];
}

struct chance *chance_new(uint64_t seed)
{
    static const uint64_t permits[] = {0, 0, 0, 1, 2, 3, 8};
    struct chance *chance = calloc(1, sizeof *chance);

    if (!chance)
        abort();
    tv_prng_init(&chance->prng, seed, 1);
    chance->big = one_in(chance, 50);
    chance->config = (struct tv_core_config){
        .max_concurrent = chance->big ? below(chance, 2) * 300 : permits[below(chance, 7)],
        .seed = tv_prng_next(&chance->prng),
        .subscriber_grace_ns = (tv_ns)below(chance, 10),
    };
    draw_controller(chance);
    draw_options(chance, &chance->config.defaults);
    chance->config.defaults.inherits = 0;
    draw_weights(chance);
    chance->names = 1 + (uint32_t)below(chance, 12);
    chance->still = chance->big ? 16 : (uint32_t)below(chance, 16);
    chance->last = chance->big ? 1500 : 20 + (uint32_t)below(chance, 400);
    chance->ends_at = (uint32_t)below(chance, chance->last + chance->last / 2);
    chance->failing = (uint32_t)below(chance, 13);
    return chance;
}

void chance_free(struct chance *chance)
{
    free(chance);
}

const struct tv_core_config *chance_config(const struct chance *chance)
{
    return &chance->config;
}

bool chance_has_twin(const struct chance *chance)
{
    return !chance->big;
}

/* ---- time ---------------------------------------------------------------------------------- */

static tv_ns draw_now(struct chance *chance, const struct world *world)
{
    tv_ns now = world->core.now, due = tv_core_deadline(&world->core);

    if (below(chance, 16) < chance->still && !(chance->big && one_in(chance, 40)))
        return now;
    if (one_in(chance, 40))
        return now - (tv_ns)below(chance, 4); /* a clock read before another thread stepped */
    if (one_in(chance, 1000))
        return now < TV_NS_MAX / 2 ? now + TV_NS_MAX / 8 : now;
    if (one_in(chance, 10))
        return now + (tv_ns)below(chance, 50);
    if (due != TV_NEVER && due > now && due - now < TV_SECOND && one_in(chance, 2))
        return due + (tv_ns)below(chance, 3) - 1;
    return now + (tv_ns)below(chance, 4);
}

/* ---- whom it is about ---------------------------------------------------------------------- */

static bool has_body(const struct record *record)
{
    return record->in_flight;
}

static bool is_anybody(const struct record *record)
{
    (void)record;
    return true;
}

static bool is_in_line(const struct record *record)
{
    return record->in_line;
}

static bool is_submission(const struct record *record)
{
    return record->slot[0];
}

/* A random task for which `is` holds, or NULL. */
static struct record *any(struct chance *chance, const struct world *world,
                          bool (*is)(const struct record *))
{
    size_t from = world->there_count ? below(chance, world->there_count) : 0;

    for (size_t i = 0; i < world->there_count; i++) {
        struct record *record = world->there[(from + i) % world->there_count];

        if (is(record))
            return record;
    }
    return NULL;
}

static struct record *reserved_in(const struct world *world, uint32_t batch)
{
    const struct tv_list *list = &world->batch[batch];

    return tv_list_empty(list) ? NULL
                               : record_of(TV_CONTAINER(list->next, struct tv_actor, link));
}

/* A batch in this state, or SIM_BATCHES. */
static uint32_t batch_in(const struct chance *chance, enum batch_state state)
{
    uint32_t batch = 0;

    while (batch < SIM_BATCHES && chance->batch[batch] != state)
        batch++;
    return batch;
}

static void look_after_batches(struct chance *chance, const struct world *world)
{
    for (uint32_t batch = 0; batch < SIM_BATCHES; batch++)
        if (chance->batch[batch] >= BATCH_UNDONE && !reserved_in(world, batch) &&
            world->core.commit != &world->batch[batch])
            chance->batch[batch] = BATCH_FREE;
}

/* ---- moves --------------------------------------------------------------------------------- */

static void draw_name(struct chance *chance, struct move *move)
{
    if (chance->big && move->kind != TV_IN_LEAVE && !one_in(chance, 100))
        snprintf(move->name, sizeof move->name, "t%u", (unsigned)chance->moves);
    else
        snprintf(move->name, sizeof move->name, "%c", (char)('a' + below(chance, chance->names)));
}

static bool draw_batch(struct chance *chance, struct move *move)
{
    move->batch = batch_in(chance, BATCH_OPEN);
    if (move->kind == TV_IN_RESERVE && (move->batch == SIM_BATCHES || one_in(chance, 4)))
        move->batch = batch_in(chance, BATCH_FREE);
    return move->batch < SIM_BATCHES;
}

static bool draw_leave(struct chance *chance, const struct world *world, struct move *move)
{
    struct record *record = any(chance, world, is_anybody);

    move->target = (enum sim_target)below(chance, 3);
    move->style = (enum tv_leave_style)below(chance, 2);
    if (move->target == SIM_BY_NAME)
        draw_name(chance, move);
    else if (move->target == SIM_BY_ID)
        move->id = 1 + below(chance, world->ids + 2);
    else if (record)
        move->id = record->actor.id;
    return move->target != SIM_BY_HANDLE || record;
}

static bool draw_result(struct chance *chance, const struct world *world, struct move *move)
{
    static const char *const texts[] = {"boom", "", "µ-law", "no luck this time"};
    struct record *record = any(chance, world, has_body);

    if (!record)
        return false;
    move->id = record->actor.id;
    if (below(chance, 16) >= chance->failing)
        return true;
    move->stray = one_in(chance, 8);
    move->error = move->stray           ? TV_ERROR_NONE
                  : one_in(chance, 10) ? TV_ERROR_FATAL
                  : one_in(chance, 10) ? TV_ERROR_CANCELED
                                       : TV_ERROR_FAIL;
    move->text = texts[below(chance, 4)];
    move->has_exit_code = move->error == TV_ERROR_FAIL && one_in(chance, 3);
    move->exit_code = move->has_exit_code ? (int32_t)below(chance, 300) - 100 : 0;
    return true;
}

static bool draw_shutdown(struct chance *chance, struct move *move)
{
    static const tv_ns graces[] = {0, 0, 1, 5, 30, TV_SECOND, TV_NS_MAX};

    move->grace_ns = graces[below(chance, 7)];
    move->quiet = one_in(chance, 5);
    return chance->moves >= chance->ends_at;
}

static void draw_slot(struct chance *chance, struct move *move)
{
    snprintf(move->slot, sizeof move->slot, "s%u", (unsigned)below(chance, chance->slots));
}

static void draw_submit(struct chance *chance, struct move *move)
{
    draw_slot(chance, move);
    draw_name(chance, move);
    draw_options(chance, &move->options);
    move->admission = (enum tv_admission)below(chance, 3);
    if (chance->big && !one_in(chance, 50))
        move->admission = TV_ADMISSION_QUEUE;
    move->wait = one_in(chance, 2);
}

/* One that stands in line, or has been decided meanwhile. */
static bool draw_withdraw(struct chance *chance, const struct world *world, struct move *move)
{
    struct record *record = any(chance, world, one_in(chance, 5) ? is_submission : is_in_line);

    if (record)
        move->id = record->actor.id;
    return record;
}

static bool draw_cancel_slot(struct chance *chance, struct move *move)
{
    draw_slot(chance, move);
    move->purge = one_in(chance, 2);
    return !chance->big || one_in(chance, 4);
}

/* Fills in the rest of a move of its kind. False: there is none such now. */
static bool draw_rest(struct chance *chance, const struct world *world, struct move *move)
{
    switch (move->kind) {
    case TV_IN_ADD:
        draw_name(chance, move);
        draw_options(chance, &move->options);
        return true;
    case TV_IN_RESERVE:
        draw_name(chance, move);
        draw_options(chance, &move->options);
        return draw_batch(chance, move);
    case TV_IN_COMMIT:
        return draw_batch(chance, move);
    case TV_IN_LEAVE:
        return draw_leave(chance, world, move);
    case TV_IN_RESULT:
        return draw_result(chance, world, move);
    case TV_IN_FINISH:
        return chance->moves >= chance->ends_at;
    case TV_IN_SHUTDOWN:
        return draw_shutdown(chance, move);
    case TV_IN_SUBMIT:
        draw_submit(chance, move);
        return true;
    case TV_IN_WITHDRAW:
        return draw_withdraw(chance, world, move);
    case TV_IN_CANCEL_SLOT:
        return draw_cancel_slot(chance, move);
    case TV_IN_TICK:
    case TV_IN_TAKE:
    case TV_IN_DRAINED:
    case TV_IN_UNRESERVE:
        break;
    }
    return move->kind != TV_IN_UNRESERVE;
}

static enum tv_input_kind draw_kind(struct chance *chance)
{
    uint64_t all = 0, at;
    size_t kind = 0;

    for (size_t i = 0; i < KINDS; i++)
        all += chance->weight[i];
    for (at = below(chance, all); at >= chance->weight[kind]; kind++)
        at -= chance->weight[kind];
    return (enum tv_input_kind)kind;
}

/* A refused batch is let go of, one by one. */
static bool undo(struct chance *chance, const struct world *world, struct move *move)
{
    uint32_t batch = batch_in(chance, BATCH_UNDONE);

    if (batch == SIM_BATCHES)
        return false;
    *move = (struct move){.kind = TV_IN_UNRESERVE, .now = world->core.now, .text = ""};
    move->id = reserved_in(world, batch)->actor.id;
    return true;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Everything that is still open is brought to its end: then the world must be empty. */
static bool draw_ending(struct chance *chance, const struct world *world, struct move *move)
{
    tv_ns due = tv_core_deadline(&world->core), now = world->core.now;
    struct record *record = any(chance, world, has_body);
    uint32_t batch = batch_in(chance, BATCH_OPEN);

    *move = (struct move){.kind = TV_IN_TICK, .now = now, .text = ""};
    if (batch < SIM_BATCHES) {
        chance->batch[batch] = BATCH_UNDONE;
        look_after_batches(chance, world);
    }
    if (undo(chance, world, move) || batch < SIM_BATCHES)
        return true;
    if (world->core.shutdown.state < TV_SHUTDOWN_DRAINING) {
        move->kind = TV_IN_SHUTDOWN;
    } else if (record) {
        move->kind = TV_IN_RESULT;
        move->id = record->actor.id;
    } else if (world->core.shutdown.state != TV_SHUTDOWN_CLOSED) {
        move->kind = one_in(chance, 2) ? TV_IN_DRAINED : TV_IN_TICK;
        move->now = due;
    } else {
        return false;
    }
    return true;
}

bool chance_next(struct chance *chance, const struct world *world, struct move *move)
{
    look_after_batches(chance, world);
    if (chance->moves++ >= chance->last)
        return draw_ending(chance, world, move);
    if (one_in(chance, 2) && undo(chance, world, move))
        return true;
    *move = (struct move){.kind = draw_kind(chance), .text = ""};
    move->now = draw_now(chance, world);
    if (!draw_rest(chance, world, move))
        *move = (struct move){.kind = TV_IN_TICK, .now = move->now, .text = ""};
    return true;
}

void chance_played(struct chance *chance, const struct move *move, struct played played)
{
    if (move->kind == TV_IN_RESERVE)
        chance->batch[move->batch] = played.answer == TV_STEP_OK ? BATCH_OPEN : BATCH_UNDONE;
    else if (move->kind == TV_IN_COMMIT)
        chance->batch[move->batch] = played.answer == TV_STEP_OK ? BATCH_COMMITTED : BATCH_UNDONE;
}

tv_id chance_look(struct chance *chance, const struct world *world, bool *hold)
{
    struct record *record = one_in(chance, 8) ? any(chance, world, is_anybody) : NULL;

    if (!record)
        return 0;
    *hold = record->handles == 0;
    return record->actor.id;
}
