#include "chance.h"

static const char *const names[] = {
#define X(name, text) text,
    SWARM_FEATURES(X)
#undef X
};

uint64_t swarm_draw(struct tv_prng *prng)
{
    uint64_t all = (UINT64_C(1) << FEATURES) - 1;
    bool everything = tv_prng_next(prng) % 8 == 0;
    uint64_t some = tv_prng_next(prng) & all;

    return everything ? all : some;
}

void swarm_write(uint64_t features, FILE *out)
{
    for (int feature = 0; feature < FEATURES; feature++)
        if (features >> feature & 1)
            fprintf(out, " %s", names[feature]);
}
