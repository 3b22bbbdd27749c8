/*
 * timers.h: deadlines, ordered by (deadline, arming).
 *
 * A four-way heap in a growing array with the key beside the pointer: a compare touches no timer.
 * A timer is embedded in its owner and knows its place, so disarming needs no search. Each actor
 * has one timer, because each of its states prescribes at most one; the shutdown has another.
 */
#ifndef TV_TIMERS_H
#define TV_TIMERS_H

#include "core/grow.h"
#include "core/types.h"

enum tv_timer_owner { TV_TIMER_ACTOR, TV_TIMER_SHUTDOWN };

struct tv_timer {
    uint32_t place; /* index + 1 in the heap; 0: not armed */
    uint32_t owner; /* enum tv_timer_owner */
};

struct tv_timers {
    struct tv_grow heap; /* of struct tv_deadline */
    uint64_t count;
    uint64_t armings; /* how often a timer was armed: the second part of the key */
};

struct tv_deadline {
    tv_ns at;
    uint64_t arming;
    struct tv_timer *timer;
};

void tv_timers_init(struct tv_timers *timers);

/* Can `timers` more be armed in the memory there is? If not, give the heap a chunk first. */
bool tv_timers_has_room(const struct tv_timers *timers, uint64_t more);

/* Arms `timer`, which is not armed. Needs room. Cannot fail. */
void tv_timers_arm(struct tv_timers *timers, struct tv_timer *timer, tv_ns at);

/* Does nothing where `timer` is not armed. */
void tv_timers_disarm(struct tv_timers *timers, struct tv_timer *timer);

/* The earliest deadline, or NULL. */
static inline const struct tv_deadline *tv_timers_first(const struct tv_timers *timers)
{
    return timers->count ? tv_grow_at(&timers->heap, 0) : NULL;
}

/* When `timer` is due; TV_NEVER where it is not armed. */
tv_ns tv_timers_due(const struct tv_timers *timers, const struct tv_timer *timer);

#endif
