#include "chance.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Worlds that differ in what must not matter. The same moves are played
 *
 *     with receivers that keep 1 event, 4096 events, or none that listens: the same states;
 *     with every instant later by as much: the same decisions, as much later;
 *     with a result and the take that follows it in one step: the same effects;
 *     once more: the same of everything.
 *
 * And tasks that have nothing to do with each other are added in two orders: each has the same
 * events at the same instants.
 */

static struct world world;

static uint64_t mixed(uint64_t hash, uint64_t value)
{
    return tv_mix(hash ^ value) + UINT64_C(0x9e3779b97f4a7c15);
}

/* ---- the same moves ------------------------------------------------------------------------ */

struct variant {
    const char *name;
    uint64_t queue;
    tv_ns epoch_ns;
    bool goes_on;
};

struct outcome {
    uint64_t effects, told, states;
    uint64_t joined; /* results that took the next attempt in their step */
};

/* What everybody can see of the tasks, in the order of their ids. */
static uint64_t hash_of_state(uint64_t hash)
{
    const struct tv_core *core = &world.core;

    for (tv_id id = 1; id <= world.ids; id++) {
        const struct record *record = world_record(&world, id);

        if (!record || record->forgotten)
            continue;
        hash = mixed(hash, id << 8 | record->actor.state);
        hash = mixed(hash, record->actor.attempt << 32 | record->actor.failures);
        hash = mixed(hash, (uint64_t)record->actor.outcome << 2 | record->actor.settled << 1 |
                               record->actor.cancelled);
    }
    hash = mixed(hash, core->live << 32 | core->running);
    hash = mixed(hash, core->controller.waiting << 32 | core->controller.slots.count);
    return mixed(hash, (uint64_t)core->shutdown.state << 8 | core->shutdown.verdict);
}

/* Is the move at `i` a result, and does a worker take what is next at the same instant? */
static bool may_go_on(const struct list *list, size_t i)
{
    const struct move *move = &list->move[i];

    return move[0].what == MOVE_INPUT && move[0].kind == TV_IN_RESULT && i + 1 < list->count &&
           move[1].what == MOVE_INPUT && move[1].kind == TV_IN_TAKE && !move[1].on_loop &&
           move[1].now == move[0].now;
}

/* Who takes what is next right after a result, does so at once, as a worker does. */
static void hurry(struct list *list)
{
    for (size_t i = 0; i + 1 < list->count; i++)
        if (list->move[i].kind == TV_IN_RESULT && list->move[i + 1].kind == TV_IN_TAKE)
            list->move[i + 1].now = list->move[i].now;
}

/* Plays the moves at `i` and, where they may be one step, behind it; returns how many. */
static size_t play_at(const struct list *list, size_t i, bool goes_on, struct outcome *outcome)
{
    const struct move *move = &list->move[i];
    size_t count = may_go_on(list, i) ? 2 : 1;

    for (size_t n = 0; n < count; n++) {
        world.goes_on = goes_on && count == 2;
        if (world_objects(&world, &move[n]))
            world_skip(&world, &move[n]);
        else if (world_play(&world, &move[n]).next) {
            outcome->joined++;
            break;
        }
    }
    return count;
}

/* False: an invariant is broken. */
static bool outcome_of(const struct list *list, const struct variant *variant,
                       struct outcome *outcome)
{
    struct move move = {.kind = TV_IN_TICK};
    jmp_buf door;

    world_init(&world, &list->config, variant->queue);
    world.epoch_ns = variant->epoch_ns;
    world.door = &door;
    if (setjmp(door))
        return false;
    *outcome = (struct outcome){.states = 0};
    world_play(&world, &move); /* both clocks begin where the epoch does */
    for (size_t i = 0; i < list->count;) {
        i += play_at(list, i, variant->goes_on, outcome);
        outcome->states = hash_of_state(outcome->states);
    }
    world.goes_on = false;
    while (ending_next(&world, &move))
        world_play(&world, &move);
    outcome->effects = world.hash;
    outcome->told = world.told;
    world_fini(&world);
    return true;
}

static bool differs(const struct variant *variant, const struct outcome *a,
                    const struct outcome *b)
{
    return a->states != b->states || (variant->queue && a->told != b->told) ||
           (variant->queue && a->joined == b->joined && a->effects != b->effects);
}

static uint64_t joined; /* steps of two moves, of all seeds */

static int judge_moves(uint64_t seed, const struct list *list)
{
    static const struct variant variants[] = {
        {"as it is", SIM_QUEUE, 0, false},
        {"once more", SIM_QUEUE, 0, false},
        {"with queues of 1", 1, 0, false},
        {"with queues of 4096", 4096, 0, false},
        {"where nobody listens", 0, 0, false},
        {"a billion later", SIM_QUEUE, 1000000007, false},
        {"one instant later", SIM_QUEUE, 1, false},
        {"with a take in the step of a result", SIM_QUEUE, 0, true},
    };
    struct outcome first = {0}, outcome = {0};

    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        bool good = outcome_of(list, &variants[i], i ? &outcome : &first);

        joined += good ? outcome.joined : 0;
        if (good && (i == 0 || !differs(&variants[i], &outcome, &first)))
            continue;
        printf("\nFAILED seed %" PRIu64 " %s: %s\n", seed, variants[i].name,
               good ? "5 another world has come of the same moves" : sim_failure);
        return 1;
    }
    return 0;
}

/* The moves of a seed, as a list. False: an invariant is broken already. */
static bool moves_of(uint64_t seed, struct list *list)
{
    static struct play play;
    unsigned long number;
    bool good;

    play.journal = tmpfile();
    if (!play.journal)
        exit(2);
    good = play_seed(&play, seed);
    rewind(play.journal);
    if (good && list_read(play.journal, list, &number))
        exit(2);
    fclose(play.journal);
    if (!good)
        printf("\nFAILED seed %" PRIu64 ": %s\n", seed, sim_failure);
    return good;
}

static bool is_big(uint64_t seed)
{
    struct chance chance;

    chance_init(&chance, seed);
    return chance.big;
}

/* ---- independent tasks --------------------------------------------------------------------- */

#define TASKS 6
#define INSTANTS 60

/* What happens to a task, whatever happens to others. */
struct fate {
    struct move add;
    tv_ns added_at, leaves_at;
    tv_ns lasts[4];                /* its bodies, in turn */
    enum tv_error_kind error[4];   /* how they end */
    uint64_t hash;                 /* of its events, and when they came */
    uint64_t attempts;
    tv_ns ends_at;                 /* that of the body that runs */
    bool runs;
};

static void draw_fate(struct chance *chance, struct fate *fate, int number)
{
    *fate = (struct fate){.added_at = (tv_ns)below(chance, 8),
                          .leaves_at = (tv_ns)below(chance, 2 * INSTANTS)};
    fate->add.name[0] = (char)('a' + number);
    draw_options(chance, &fate->add.options);
    fate->add.options.backoff.jitter = TV_JITTER_NONE; /* draws depend on the place */
    for (int i = 0; i < 4; i++) {
        fate->lasts[i] = (tv_ns)below(chance, 9);
        fate->error[i] = one_in(chance, 3) ? TV_ERROR_NONE
                         : one_in(chance, 8) ? TV_ERROR_FATAL
                                             : TV_ERROR_FAIL;
    }
}

static struct fate *fate_of(struct fate *fates, const struct tv_text *name)
{
    return &fates[name->bytes[0] - 'a'];
}

/* Plays it, and tells each task's events to its fate. */
static struct played played(struct fate *fates, struct move move)
{
    struct played played = world_play(&world, &move);
    const struct tv_effects *fx = &world.core.fx;

    for (uint32_t i = 0; i < fx->events; i++) {
        const struct tv_event *event = &fx->event[i];
        struct record *record = event->id ? world_record(&world, event->id) : NULL;
        struct fate *fate = record ? fate_of(fates, record->actor.name) : NULL;

        if (!fate)
            continue;
        fate->hash = mixed(fate->hash, (uint64_t)world.core.now << 8 | event->kind);
        fate->hash = mixed(fate->hash, event->attempt << 8 | event->reason.kind);
        fate->hash = mixed(fate->hash, (uint64_t)event->span_ns);
    }
    return played;
}

static void play_fate(struct fate *fates, struct fate *fate, tv_ns now)
{
    struct move move = fate->add;

    move.now = now;
    move.kind = TV_IN_ADD;
    if (now == fate->added_at) {
        move.id = played(fates, move).id;
        fate->add.id = move.id;
        world_play(&world, &(struct move){.what = MOVE_HOLD, .id = move.id});
    }
    move.kind = TV_IN_LEAVE;
    move.target = SIM_BY_HANDLE;
    if (now == fate->leaves_at && fate->add.id)
        played(fates, move);
    move.kind = TV_IN_RESULT;
    move.error = fate->error[(fate->attempts + 3) % 4];
    if (fate->runs && now >= fate->ends_at) {
        fate->runs = false;
        played(fates, move);
    }
}

static void take_all(struct fate *fates, tv_ns now)
{
    for (;;) {
        struct move take = {.kind = TV_IN_TAKE, .now = now};
        tv_id id = played(fates, take).id;
        struct fate *fate;

        if (!id)
            return;
        fate = fate_of(fates, world_record(&world, id)->actor.name);
        fate->runs = true;
        fate->ends_at = now + fate->lasts[fate->attempts++ % 4];
    }
}

/* Within each instant the tasks have their turn in this order. False: an invariant is broken. */
static bool play_fates(const struct tv_core_config *config, struct fate *fates, const int *order)
{
    struct move move;
    jmp_buf door;

    world_init(&world, config, SIM_QUEUE);
    world.door = &door;
    if (setjmp(door))
        return false;
    for (tv_ns now = 0; now < INSTANTS; now++) {
        played(fates, (struct move){.kind = TV_IN_TICK, .now = now});
        for (int i = 0; i < TASKS; i++)
            play_fate(fates, &fates[order[i]], now);
        take_all(fates, now);
    }
    while (ending_next(&world, &move))
        world_play(&world, &move);
    for (int i = 0; i < TASKS; i++)
        world_play(&world, &(struct move){.what = MOVE_DROP, .id = fates[i].add.id});
    world_fini(&world);
    return true;
}

static void shuffle(struct chance *chance, int *order)
{
    for (int i = 0; i < TASKS; i++) {
        int j = (int)below(chance, (uint64_t)i + 1);

        order[i] = order[j];
        order[j] = i;
    }
}

static int judge_order(uint64_t seed)
{
    static const int given[TASKS] = {0, 1, 2, 3, 4, 5};
    struct fate fates[TASKS], others[TASKS];
    struct chance chance;
    int order[TASKS];
    bool good;

    chance_init(&chance, seed);
    chance.config.max_concurrent = 0;
    chance.config.defaults.backoff.jitter = TV_JITTER_NONE;
    for (int i = 0; i < TASKS; i++) {
        draw_fate(&chance, &fates[i], i);
        others[i] = fates[i];
    }
    shuffle(&chance, order);
    good = play_fates(&chance.config, fates, given) && play_fates(&chance.config, others, order);
    for (int i = 0; i < TASKS && good; i++)
        if (fates[i].hash != others[i].hash) {
            snprintf(sim_failure, sizeof sim_failure,
                     "5 task %c has other events where others come first", 'a' + i);
            good = false;
        }
    if (!good)
        printf("\nFAILED seed %" PRIu64 " with its tasks in another order: %s\n", seed,
               sim_failure);
    return good ? 0 : 1;
}

/* ---- many ---------------------------------------------------------------------------------- */

int relations_many(uint64_t from, uint64_t count)
{
    uint64_t compared = 0;
    int code = 0;

    for (uint64_t seed = from; seed < from + count && code == 0; seed++) {
        struct list list = {.move = NULL};

        if (!is_big(seed)) {
            code = moves_of(seed, &list) ? 0 : 1;
            hurry(&list);
            code = code ? code : judge_moves(seed, &list);
            compared++;
        }
        list_free(&list);
        if (code == 0)
            code = judge_order(seed);
    }
    if (code == 0)
        printf("sim: %" PRIu64 " seeds, the moves of %" PRIu64 " played in 8 worlds, %" PRIu64
               " results with the take behind them\n",
               count, compared, joined);
    return code;
}
