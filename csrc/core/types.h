/*
 * types.h: the scalars that must not be mixed.
 */
#ifndef TV_TYPES_H
#define TV_TYPES_H

#include <stdint.h>

/* A duration, or an instant of the monotonic clock, in whole nanoseconds. */
typedef int64_t tv_ns;

/* A task's number: process-wide, from 1, never reused. 0 is "no task". */
typedef uint64_t tv_id;

#define TV_NS_MAX INT64_MAX
#define TV_NEVER INT64_MAX /* an instant that does not come */
#define TV_NONE (-1)       /* an optional duration or count that is not set */

#define TV_MS INT64_C(1000000)
#define TV_SECOND INT64_C(1000000000)

/* The instant `delay` after `now`; TV_NEVER where the sum does not fit. */
static inline tv_ns tv_after(tv_ns now, tv_ns delay)
{
    return delay > TV_NEVER - now ? TV_NEVER : now + delay;
}

#endif
