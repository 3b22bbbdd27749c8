/*
 * shutdown.h: from open to closed.
 *
 *   OPEN        tasks are accepted
 *   CANCELLING  every token is being cancelled, in slices
 *   WAITING     until the registry is empty or the grace is over; timer: the grace
 *   ABANDONING  the grace is over: what is left is being abandoned, in slices
 *   DRAINING    the verdict is out: subscribers drain, jobs run; timer: the subscriber grace
 *   CLOSED      nothing is published any more
 *
 * A natural end (the last task of a `run` has ended) goes from OPEN to DRAINING.
 */
#ifndef TV_SHUTDOWN_H
#define TV_SHUTDOWN_H

#include "core/timers.h"
#include "core/tables.h"

struct tv_core;

enum tv_verdict {
    TV_VERDICT_NONE, /* a natural end, or a shutdown nobody waits for */
    TV_VERDICT_STOPPED,
    TV_VERDICT_EXCEEDED,
};

struct tv_shutdown {
    uint8_t state;   /* enum tv_shutdown_state */
    uint8_t verdict; /* enum tv_verdict; from DRAINING on */
    bool quiet;      /* publishes no verdict: nobody waits */
    tv_ns since_ns;  /* when it was requested: tasks are cancelled as of then */
    tv_ns grace_ns;  /* the shortest that was in force */
    struct tv_timer timer;
};

void tv_shutdown_init(struct tv_shutdown *shutdown);

/* Starts a shutdown, or shortens one that runs: the deadline becomes the earlier of the two. */
void tv_shutdown_request(struct tv_core *core, tv_ns grace_ns, bool quiet);

/* One slice of CANCELLING or ABANDONING. Call while tv_shutdown_is_busy(). */
void tv_shutdown_slice(struct tv_core *core);

/* The last task has left the registry. */
void tv_shutdown_empty(struct tv_core *core);

void tv_shutdown_due(struct tv_core *core);

/* DRAINING: the receivers are empty and the jobs have run. */
void tv_shutdown_drained(struct tv_core *core);

/* Has the verdict been given, so that only diagnostics may be published? */
bool tv_shutdown_is_decided(const struct tv_core *core);

#endif
