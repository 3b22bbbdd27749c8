/*
 * native_run.h: what the works of native.c have in common: bodies that count, their specs, a
 * supervisor with names for n tasks, the answer.
 *
 * Any call that fails ends the program with its text. Bodies count on the workers' threads, so the
 * count is atomic; all else here belongs to the thread that plays.
 */
#ifndef BENCHMARKS_NATIVE_RUN_H
#define BENCHMARKS_NATIVE_RUN_H

#include "taskvisor.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

void must(enum tv_err err);
void *must_have(void *memory);

/* ---- bodies ---- */

extern _Atomic uint64_t ran; /* bodies that have run */
extern uint64_t enough;      /* after so many, a task of `always` ends */

extern const struct tv_spec once;    /* counts */
extern const struct tv_spec always;  /* counts, and restarts without a pause */
extern const struct tv_spec paused;  /* counts, then pauses for an hour */
extern const struct tv_spec backoff; /* counts and fails, then waits for an hour */

/* ---- a run ---- */

struct run {
    size_t n;
    struct tv_supervisor *supervisor;
    struct tv_text **names; /* t0, t1, … */
    struct tv_task **tasks; /* NULL until added */
};

/* "prefix<number>". The caller releases it. */
struct tv_text *text(const char *prefix, size_t number);

/* The count begins at zero. Not served yet. */
void make(struct run *run, size_t n, const struct tv_config *config);
/* The same with defaults, served. */
void begin(struct run *run, size_t n);
/* The same with n tasks of `paused` that have all run once. */
void begin_idle(struct run *run, size_t n);

void add_all(struct run *run, const struct tv_spec *spec);
/* The time that add_all takes. */
tv_ns time_adding(struct run *run, const struct tv_spec *spec);
/* Blocks. Polls, so not for a stretch that is timed. */
void wait_for_bodies(const struct run *run);
/* Aborts unless every task has completed. */
void expect_completed(const struct run *run);

/* Shuts down and waits until it has closed. */
void close_it(struct run *run);
/* Closes, and releases all. */
void end(struct run *run);

/* ---- the answer: one line of JSON ---- */

void answer(tv_ns elapsed, size_t count);
/* A figure that is not a time. */
void answer_value(double value);

#endif
