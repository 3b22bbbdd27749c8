/*
 * chance.h: what the stress tests draw from: a generator for each thread, seeded from STRESS_SEED
 * (1 by default), so that a run can be had again as far as the system's scheduling allows.
 */
#ifndef CHANCE_H
#define CHANCE_H

#include "core/prng.h"

#include <stdlib.h>

static inline struct tv_prng chance_of(uint64_t thread)
{
    const char *seed = getenv("STRESS_SEED");
    struct tv_prng chance;

    tv_prng_init(&chance, seed ? strtoull(seed, NULL, 10) : 1, thread);
    return chance;
}

/* 0 to `bound` - 1. */
static inline int draw(struct tv_prng *chance, unsigned bound)
{
    return (int)(tv_prng_next(chance) % bound);
}

#endif
