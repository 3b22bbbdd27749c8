#include "chance.h"

#include <string.h>

/* ---- options ------------------------------------------------------------------------------- */

static const tv_ns delays[] = {0, 1, 2, 3, 5, 8, 20, TV_SECOND, TV_NS_MAX};
#define DELAYS (sizeof delays / sizeof *delays)

/* One of the first `count` delays where the seed has the feature, else `without`. */
static tv_ns delay(struct chance *chance, enum feature feature, uint64_t count, tv_ns without)
{
    tv_ns drawn = delays[below(chance, count)];

    return has(chance, feature) ? drawn : without;
}

static tv_ns maybe(struct chance *chance, enum feature feature, uint64_t count, tv_ns without)
{
    return one_in(chance, 2) ? without : delay(chance, feature, count, without);
}

static void draw_backoff(struct chance *chance, struct tv_backoff *backoff)
{
    static const double factors[] = {1.0, 1.5, 2.0, 10.0, 1e300};

    backoff->first_ns = delay(chance, FEATURE_DELAYS, 6, 0);
    backoff->max_ns = backoff->first_ns + delay(chance, FEATURE_DELAYS, DELAYS - 1, 0);
    backoff->factor = factors[below(chance, 5)];
    backoff->jitter = (enum tv_jitter)below(chance, 4);
    if (!has(chance, FEATURE_JITTER))
        backoff->jitter = TV_JITTER_NONE;
}

void draw_options(struct chance *chance, struct tv_options *options)
{
    uint32_t some = (uint32_t)below(chance, TV_INHERIT_ALL + 1), kinds = TV_RESTART_ALWAYS;
    int64_t budget = (int64_t)below(chance, 5);

    if (has(chance, FEATURE_ALWAYS))
        kinds++;
    *options = (struct tv_options){
        .inherits = has(chance, FEATURE_INHERITS) && !one_in(chance, 4) ? some : 0,
        .restart = (enum tv_restart_kind)below(chance, kinds),
        .interval_ns = maybe(chance, FEATURE_INTERVALS, 7, TV_NONE),
        .timeout_ns = maybe(chance, FEATURE_TIMEOUTS, DELAYS, 0),
        .reset_after_ns = maybe(chance, FEATURE_RESETS, 7, TV_NONE),
        .grace_ns = delay(chance, FEATURE_GRACES, DELAYS, TV_SECOND),
        .max_retries = has(chance, FEATURE_BUDGETS) && !one_in(chance, 3) ? budget : TV_NONE,
    };
    draw_backoff(chance, &options->backoff);
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

bool draw_look(struct chance *chance, const struct world *world, struct move *move)
{
    struct record *record = any(chance, world, is_anybody);

    if (!record)
        return false;
    move->what = record->handles ? MOVE_DROP : MOVE_HOLD;
    move->id = record->actor.id;
    return true;
}

/* ---- batches ------------------------------------------------------------------------------- */

/* A batch in this state, or SIM_BATCHES. */
static uint32_t batch_in(const struct chance *chance, enum batch_state state)
{
    uint32_t batch = 0;

    while (batch < SIM_BATCHES && chance->batch[batch] != state)
        batch++;
    return batch;
}

static bool draw_batch(struct chance *chance, struct move *move)
{
    move->batch = batch_in(chance, BATCH_OPEN);
    if (move->kind == TV_IN_RESERVE && (move->batch == SIM_BATCHES || one_in(chance, 4)))
        move->batch = batch_in(chance, BATCH_FREE);
    return move->batch < SIM_BATCHES;
}

bool draw_undo(struct chance *chance, const struct world *world, struct move *move)
{
    uint32_t batch = batch_in(chance, BATCH_UNDONE);

    if (batch == SIM_BATCHES)
        return false;
    move->kind = TV_IN_UNRESERVE;
    move->id = TV_CONTAINER(world->batch[batch].next, struct tv_actor, link)->id;
    return true;
}

/* ---- the kinds ----------------------------------------------------------------------------- */

static void draw_name(struct chance *chance, struct move *move)
{
    if (chance->big && move->kind != TV_IN_LEAVE && !one_in(chance, 100))
        snprintf(move->name, sizeof move->name, "t%u", (unsigned)chance->moves);
    else
        snprintf(move->name, sizeof move->name, "%c", (char)('a' + below(chance, chance->names)));
}

static void draw_task(struct chance *chance, struct move *move)
{
    draw_name(chance, move);
    draw_options(chance, &move->options);
    move->on_loop = has(chance, FEATURE_LOOP) && one_in(chance, 2);
    move->essential = has(chance, FEATURE_ESSENTIAL) && one_in(chance, 20);
}

static bool draw_leave(struct chance *chance, const struct world *world, struct move *move)
{
    struct record *record = any(chance, world, is_anybody);

    move->target = has(chance, FEATURE_UNKNOWN) ? (enum sim_target)below(chance, 3)
                                                : SIM_BY_HANDLE;
    move->style = (enum tv_leave_style)below(chance, 2);
    if (move->target == SIM_BY_NAME)
        draw_name(chance, move);
    else if (move->target == SIM_BY_ID)
        move->id = 1 + below(chance, world->ids + 2);
    else if (record)
        move->id = record->actor.id;
    return move->target != SIM_BY_HANDLE || record;
}

static enum tv_error_kind draw_error(struct chance *chance)
{
    if (has(chance, FEATURE_FATAL) && one_in(chance, 10))
        return TV_ERROR_FATAL;
    if (has(chance, FEATURE_CANCELED) && one_in(chance, 10))
        return TV_ERROR_CANCELED;
    return TV_ERROR_FAIL;
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
    move->stray = has(chance, FEATURE_STRAY) && one_in(chance, 8);
    move->error = move->stray ? TV_ERROR_NONE : draw_error(chance);
    strcpy(move->text, texts[below(chance, 4)]);
    move->has_exit_code =
        move->error == TV_ERROR_FAIL && has(chance, FEATURE_EXIT_CODES) && one_in(chance, 3);
    move->exit_code = move->has_exit_code ? (int32_t)below(chance, 300) - 100 : 0;
    return true;
}

static bool draw_shutdown(struct chance *chance, struct move *move)
{
    static const tv_ns graces[] = {0, 0, 1, 5, 30, TV_SECOND, TV_NS_MAX};

    move->grace_ns = graces[below(chance, 7)];
    move->quiet = has(chance, FEATURE_QUIET) && one_in(chance, 5);
    return chance->moves >= chance->ends_at;
}

static void draw_slot(struct chance *chance, struct move *move)
{
    snprintf(move->slot, sizeof move->slot, "s%u", (unsigned)below(chance, chance->slots));
}

static void draw_submit(struct chance *chance, struct move *move)
{
    enum tv_admission admission = (enum tv_admission)below(chance, 3);
    bool other = has(chance, admission == TV_ADMISSION_REPLACE ? FEATURE_REPLACE : FEATURE_DROP);

    draw_slot(chance, move);
    draw_task(chance, move);
    move->admission = other && !(chance->big && !one_in(chance, 50)) ? admission
                                                                    : TV_ADMISSION_QUEUE;
    move->wait = has(chance, FEATURE_ROOM) && one_in(chance, 2);
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

bool draw_rest(struct chance *chance, const struct world *world, struct move *move)
{
    switch (move->kind) {
    case TV_IN_ADD:
        draw_task(chance, move);
        break;
    case TV_IN_RESERVE:
        draw_task(chance, move);
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
        break;
    case TV_IN_WITHDRAW:
        return draw_withdraw(chance, world, move);
    case TV_IN_CANCEL_SLOT:
        return draw_cancel_slot(chance, move);
    case TV_IN_TAKE:
        move->on_loop = has(chance, FEATURE_LOOP) && one_in(chance, 2);
        break;
    case TV_IN_TICK:
    case TV_IN_DRAINED:
    case TV_IN_UNRESERVE:
        break;
    }
    return true;
}
