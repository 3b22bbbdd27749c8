/*
 * chance.h: what a seed draws: its features, its temper, then move after move.
 *
 * A seed has a random subset of the features there are, so that one lives among timeouts alone,
 * another among retries in slots with the clock standing still, a third has everything: what only
 * shows where something else is missing shows too. And it has a temper: how many tasks, which kinds
 * of moves how often, how time goes, when it begins to end.
 */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

#include "sim.h"

#define SWARM_FEATURES(X)               \
    X(FAILURES, "failures")             \
    X(FATAL, "fatal")                   \
    X(CANCELED, "canceled")             \
    X(STRAY, "stray")                   \
    X(EXIT_CODES, "exit_codes")         \
    X(BUDGETS, "budgets")               \
    X(DELAYS, "delays")                 \
    X(JITTER, "jitter")                 \
    X(RESETS, "resets")                 \
    X(ALWAYS, "always")                 \
    X(INTERVALS, "intervals")           \
    X(TIMEOUTS, "timeouts")             \
    X(GRACES, "graces")                 \
    X(INHERITS, "inherits")             \
    X(PERMITS, "permits")               \
    X(LOOP, "loop")                     \
    X(ESSENTIAL, "essential")           \
    X(BATCHES, "batches")               \
    X(LEAVES, "leaves")                 \
    X(UNKNOWN, "unknown")               \
    X(HANDLES, "handles")               \
    X(SLOTS, "slots")                   \
    X(REPLACE, "replace")               \
    X(DROP, "drop")                     \
    X(ROOM, "room")                     \
    X(WITHDRAWALS, "withdrawals")       \
    X(CANCEL_SLOT, "cancel_slot")       \
    X(FINISH, "finish")                 \
    X(SHUTDOWN, "shutdown")             \
    X(QUIET, "quiet")                   \
    X(STANDSTILL, "standstill")         \
    X(JUMPS, "jumps")                   \
    X(BACKWARDS, "backwards")

enum feature {
#define X(name, text) FEATURE_##name,
    SWARM_FEATURES(X)
#undef X
    FEATURES,
};

enum batch_state { BATCH_FREE, BATCH_OPEN, BATCH_UNDONE, BATCH_COMMITTED };

#define KINDS (TV_IN_CANCEL_SLOT + 1)

struct chance {
    struct tv_prng prng;
    struct tv_core_config config;
    uint64_t features;                   /* a bit for each enum feature */
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

void chance_init(struct chance *chance, uint64_t seed);

/* For struct source. */
bool chance_next(void *chance, const struct world *world, struct move *move);
void chance_played(void *chance, const struct move *move, struct played played);

/* A random subset: about half of them, in every eighth seed all. */
uint64_t swarm_draw(struct tv_prng *prng);

/* Their names, each after a blank. */
void swarm_write(uint64_t features, FILE *out);

/* The options of a task, and the rest of a move of its kind. False: there is none such now. */
void draw_options(struct chance *chance, struct tv_options *options);
bool draw_rest(struct chance *chance, const struct world *world, struct move *move);

/* Somebody begins or stops to look at a task, now and then. */
bool draw_look(struct chance *chance, const struct world *world, struct move *move);

/* A refused batch is let go of, one by one. */
bool draw_undo(struct chance *chance, const struct world *world, struct move *move);

static inline bool has(const struct chance *chance, enum feature feature)
{
    return chance->features >> feature & 1;
}

static inline uint64_t below(struct chance *chance, uint64_t limit)
{
    return tv_prng_next(&chance->prng) % limit;
}

static inline bool one_in(struct chance *chance, uint64_t n)
{
    return below(chance, n) == 0;
}

#endif
