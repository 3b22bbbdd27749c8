#include "core/policy.h"

#include <math.h>

/* factor^n by squaring: the same bits under every compiler, which pow() does not promise. */
static double power(double factor, uint64_t n)
{
    double result = 1.0;

    for (; n; n >>= 1) {
        if (n & 1)
            result *= factor;
        factor *= factor;
    }
    return result;
}

/* 0 stays 0, also where factor^n has overflowed. */
static tv_ns base(const struct tv_backoff *backoff, uint64_t n)
{
    double delay;

    if (backoff->first_ns == 0)
        return 0;
    delay = (double)backoff->first_ns * power(backoff->factor, n);
    if (!isfinite(delay) || delay < 0.0 || delay >= (double)backoff->max_ns)
        return backoff->max_ns;
    return (tv_ns)(delay + 0.5);
}

static struct tv_delay_range decorrelated(const struct tv_backoff *backoff, tv_ns previous)
{
    struct tv_delay_range range = {.low_ns = backoff->first_ns};

    if (previous == TV_NONE)
        previous = backoff->first_ns;
    range.high_ns = previous > backoff->max_ns / 3 ? backoff->max_ns : 3 * previous;
    if (range.high_ns < range.low_ns)
        range.high_ns = range.low_ns;
    return range;
}

struct tv_delay_range tv_backoff_range(const struct tv_backoff *backoff, uint64_t n,
                                       tv_ns previous_ns)
{
    tv_ns delay;

    switch (backoff->jitter) {
    case TV_JITTER_NONE:
        delay = base(backoff, n);
        return (struct tv_delay_range){delay, delay};
    case TV_JITTER_FULL:
        return (struct tv_delay_range){0, base(backoff, n)};
    case TV_JITTER_EQUAL:
        delay = base(backoff, n);
        return (struct tv_delay_range){delay / 2, delay};
    case TV_JITTER_DECORRELATED:
        break;
    }
    return decorrelated(backoff, previous_ns);
}

tv_ns tv_backoff_draw(const struct tv_backoff *backoff, uint64_t n, tv_ns previous_ns,
                      struct tv_prng *prng)
{
    struct tv_delay_range range = tv_backoff_range(backoff, n, previous_ns);
    tv_ns delay;

    if (range.low_ns == range.high_ns)
        return range.low_ns;
    delay = range.low_ns +
            (tv_ns)(tv_prng_unit(prng) * (double)(range.high_ns - range.low_ns) + 0.5);
    return delay < range.high_ns ? delay : range.high_ns;
}
