/*
 * manual.h: clocks that stand still until they are set forward; see taskvisor.h.
 *
 * A supervisor on such a clock has core time, which its core decides by, from the clock. All else
 * goes by tv_now(): how workers come and go, turns, the timeouts of callers that wait. So instants
 * of the core are turned into real ones before a thread sleeps until them: what is due is due at
 * once, and what is not has no instant.
 *
 * At the end of the process nobody is left to set a clock forward: it goes on by itself then.
 */
#ifndef TV_MANUAL_H
#define TV_MANUAL_H

#include "core/list.h"
#include "taskvisor.h"

/* When to look, by tv_now(), for what is due at `at` by the clock. Takes no lock. */
tv_ns tv_clock_real(const struct tv_clock *clock, tv_ns at);

/* What to add to an instant of the clock to have it as wall-clock time. Never changes. */
tv_ns tv_clock_epoch(const struct tv_clock *clock);

/* For how long, by tv_now(), somebody may wait for a shutdown and nobody set it forward. */
tv_ns tv_clock_patience(const struct tv_clock *clock);

/*
 * A supervisor that is about to run, and one that has closed. `link` is the supervisor's, which
 * lives as long as it is in the list. Without a clock, NULL, nothing is to be done.
 */
void tv_clock_enter(struct tv_clock *clock, struct tv_list *link);
void tv_clock_leave(struct tv_clock *clock, struct tv_list *link);

#endif
