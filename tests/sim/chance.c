#include "chance.h"

/* ---- tempers ------------------------------------------------------------------------------- */

/* Which feature a kind of moves belongs to; those of none are always there. */
static bool is_had(const struct chance *chance, enum tv_input_kind kind)
{
    switch (kind) {
    case TV_IN_RESERVE:
    case TV_IN_COMMIT:
        return has(chance, FEATURE_BATCHES);
    case TV_IN_LEAVE:
        return has(chance, FEATURE_LEAVES);
    case TV_IN_FINISH:
        return has(chance, FEATURE_FINISH);
    case TV_IN_SHUTDOWN:
        return has(chance, FEATURE_SHUTDOWN);
    case TV_IN_SUBMIT:
        return has(chance, FEATURE_SLOTS);
    case TV_IN_WITHDRAW:
        return has(chance, FEATURE_SLOTS) && has(chance, FEATURE_WITHDRAWALS);
    case TV_IN_CANCEL_SLOT:
        return has(chance, FEATURE_SLOTS) && has(chance, FEATURE_CANCEL_SLOT);
    case TV_IN_UNRESERVE: /* comes of a batch that was refused */
        return false;
    case TV_IN_TICK:
    case TV_IN_ADD:
    case TV_IN_TAKE:
    case TV_IN_RESULT:
    case TV_IN_DRAINED:
        break;
    }
    return true;
}

static void draw_weights(struct chance *chance)
{
    static const uint32_t usual[] = {
        [TV_IN_TICK] = 2,  [TV_IN_ADD] = 8,    [TV_IN_RESERVE] = 3,  [TV_IN_UNRESERVE] = 0,
        [TV_IN_COMMIT] = 1, [TV_IN_LEAVE] = 4, [TV_IN_TAKE] = 10,    [TV_IN_RESULT] = 10,
        [TV_IN_FINISH] = 1, [TV_IN_SHUTDOWN] = 2, [TV_IN_DRAINED] = 2, [TV_IN_SUBMIT] = 8,
        [TV_IN_WITHDRAW] = 1, [TV_IN_CANCEL_SLOT] = 1,
    };

    for (size_t kind = 0; kind < KINDS; kind++) {
        uint32_t weight = usual[kind] * (uint32_t)below(chance, 6);

        chance->weight[kind] = is_had(chance, (enum tv_input_kind)kind) ? weight : 0;
    }
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

void chance_init(struct chance *chance, uint64_t seed)
{
    static const uint64_t permits[] = {1, 1, 2, 3, 8};
    uint64_t some;

    *chance = (struct chance){.big = false};
    tv_prng_init(&chance->prng, seed, 1);
    chance->big = one_in(chance, 50);
    chance->features = swarm_draw(&chance->prng);
    chance->config = (struct tv_core_config){
        .seed = tv_prng_next(&chance->prng),
        .subscriber_grace_ns = (tv_ns)below(chance, 10),
    };
    some = permits[below(chance, 5)];
    if (has(chance, FEATURE_PERMITS))
        chance->config.max_concurrent = chance->big ? 300 : some;
    draw_controller(chance);
    draw_options(chance, &chance->config.defaults);
    chance->config.defaults.inherits = 0;
    draw_weights(chance);
    chance->names = 1 + (uint32_t)below(chance, 12);
    chance->still = chance->big                         ? 16
                    : has(chance, FEATURE_STANDSTILL) ? (uint32_t)below(chance, 16)
                                                        : 0;
    chance->last = chance->big ? 1500 : 20 + (uint32_t)below(chance, 400);
    chance->ends_at = (uint32_t)below(chance, chance->last + chance->last / 2);
    chance->failing = has(chance, FEATURE_FAILURES) ? (uint32_t)below(chance, 13) : 0;
}

/* ---- time ---------------------------------------------------------------------------------- */

static tv_ns draw_now(struct chance *chance, const struct world *world)
{
    tv_ns now = world->core.now, due = tv_core_deadline(&world->core);

    if (below(chance, 16) < chance->still && !(chance->big && one_in(chance, 40)))
        return now;
    if (has(chance, FEATURE_BACKWARDS) && one_in(chance, 40))
        return now - (tv_ns)below(chance, 4); /* a clock read before another thread stepped */
    if (has(chance, FEATURE_JUMPS) && one_in(chance, 1000))
        return now < TV_NS_MAX / 2 ? now + TV_NS_MAX / 8 : now;
    if (has(chance, FEATURE_JUMPS) && one_in(chance, 10))
        return now + (tv_ns)below(chance, 50);
    if (due != TV_NEVER && due > now && due - now < TV_SECOND && one_in(chance, 2))
        return due + (tv_ns)below(chance, 3) - 1;
    return now + (tv_ns)below(chance, 4);
}

/* ---- moves --------------------------------------------------------------------------------- */

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

static void look_after_batches(struct chance *chance, const struct world *world)
{
    for (uint32_t batch = 0; batch < SIM_BATCHES; batch++)
        if (chance->batch[batch] >= BATCH_UNDONE && tv_list_empty(&world->batch[batch]) &&
            world->core.commit != &world->batch[batch])
            chance->batch[batch] = BATCH_FREE;
}

bool chance_next(void *arg, const struct world *world, struct move *move)
{
    struct chance *chance = arg;

    look_after_batches(chance, world);
    if (chance->moves++ >= chance->last)
        return false;
    *move = (struct move){.now = world->core.now};
    if (one_in(chance, 2) && draw_undo(chance, world, move))
        return true;
    if (has(chance, FEATURE_HANDLES) && one_in(chance, 8) && draw_look(chance, world, move))
        return true;
    move->kind = draw_kind(chance);
    move->now = draw_now(chance, world);
    if (!draw_rest(chance, world, move))
        *move = (struct move){.kind = TV_IN_TICK, .now = move->now};
    return true;
}

void chance_played(void *arg, const struct move *move, struct played played)
{
    struct chance *chance = arg;

    if (move->what != MOVE_INPUT)
        return;
    if (move->kind == TV_IN_RESERVE)
        chance->batch[move->batch] = played.answer == TV_STEP_OK ? BATCH_OPEN : BATCH_UNDONE;
    else if (move->kind == TV_IN_COMMIT)
        chance->batch[move->batch] = played.answer == TV_STEP_OK ? BATCH_COMMITTED : BATCH_UNDONE;
}
