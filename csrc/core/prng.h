/*
 * prng.h: a task's own generator of random numbers (splitmix64).
 *
 * Eight bytes of state, so that every task affords its own and its delays depend on nothing but
 * the supervisor's seed, the task's place in the order of acceptance, and its own history.
 */
#ifndef TV_PRNG_H
#define TV_PRNG_H

#include <stdint.h>

struct tv_prng {
    uint64_t state;
};

/* A bijection of 64 bits in which every input bit moves every output bit. */
static inline uint64_t tv_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline void tv_prng_init(struct tv_prng *prng, uint64_t seed, uint64_t place)
{
    prng->state = tv_mix(seed + UINT64_C(0x9e3779b97f4a7c15)) ^ tv_mix(place);
}

static inline uint64_t tv_prng_next(struct tv_prng *prng)
{
    prng->state += UINT64_C(0x9e3779b97f4a7c15);
    return tv_mix(prng->state);
}

/* Uniform in [0, 1), a multiple of 2^-53. */
static inline double tv_prng_unit(struct tv_prng *prng)
{
    return (double)(tv_prng_next(prng) >> 11) * 0x1p-53;
}

#endif
