/* native_run.c: bodies, supervisors and answers for native.c. */
#define _DEFAULT_SOURCE
#include "native_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOUR (3600 * TV_SECOND)

void must(enum tv_err err)
{
    static const char *const texts[] = {
#define X(name, text) text,
        TV_ERRORS(X)
#undef X
    };

    if (err == TV_OK)
        return;
    fprintf(stderr, "native: %s\n", texts[err]);
    exit(1);
}

void *must_have(void *memory)
{
    must(memory ? TV_OK : TV_NO_MEMORY);
    return memory;
}

/* ---- bodies -------------------------------------------------------------------------------- */

_Atomic uint64_t ran;
uint64_t enough;

static void instant(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)arg;
    (void)result;
    atomic_fetch_add_explicit(&ran, 1, memory_order_relaxed);
}

static void failing(struct tv_task *task, void *arg, struct tv_result *result)
{
    instant(task, arg, result);
    result->error.kind = TV_ERROR_FAIL;
    result->error.text = tv_text_new_reason("no", 2);
}

static void again(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)arg;
    if (atomic_fetch_add_explicit(&ran, 1, memory_order_relaxed) + 1 == enough)
        result->error.kind = TV_ERROR_CANCELED;
}

#define ALL_BUT(what) .inherits = TV_INHERIT_ALL & ~TV_INHERIT_##what

const struct tv_spec once = {
    .options = {ALL_BUT(RESTART), .restart = TV_RESTART_NEVER},
    .call = instant,
};
const struct tv_spec always = {
    .options = {ALL_BUT(RESTART), .restart = TV_RESTART_ALWAYS, .interval_ns = TV_NONE},
    .call = again,
};
const struct tv_spec paused = {
    .options = {ALL_BUT(RESTART), .restart = TV_RESTART_ALWAYS, .interval_ns = HOUR},
    .call = instant,
};
const struct tv_spec backoff = {
    .options = {ALL_BUT(BACKOFF),
                .backoff = {.first_ns = HOUR, .max_ns = HOUR, .factor = 1.0,
                            .jitter = TV_JITTER_NONE}},
    .call = failing,
};

/* ---- a run --------------------------------------------------------------------------------- */

struct tv_text *text(const char *prefix, size_t number)
{
    char bytes[32];
    int size = snprintf(bytes, sizeof bytes, "%s%zu", prefix, number);

    return must_have(tv_text_new(bytes, (size_t)size));
}

void make(struct run *run, size_t n, const struct tv_config *config)
{
    atomic_store(&ran, 0);
    enough = n;
    run->n = n;
    run->names = must_have(malloc(n * sizeof *run->names));
    run->tasks = must_have(calloc(n, sizeof *run->tasks));
    for (size_t i = 0; i < n; i++)
        run->names[i] = text("t", i);
    must(tv_supervisor_new(config, NULL, NULL, &run->supervisor));
}

void begin(struct run *run, size_t n)
{
    const struct tv_config config = TV_CONFIG_DEFAULT;

    make(run, n, &config);
    must(tv_serve(run->supervisor));
}

void begin_idle(struct run *run, size_t n)
{
    begin(run, n);
    add_all(run, &paused);
    wait_for_bodies(run);
}

void close_it(struct run *run)
{
    must(tv_shutdown(run->supervisor, TV_NONE, false));
    must(tv_wait_closed(run->supervisor, TV_NEVER));
}

void end(struct run *run)
{
    close_it(run);
    for (size_t i = 0; i < run->n; i++) {
        if (run->tasks[i])
            tv_task_rele(run->tasks[i]);
        tv_text_rele(run->names[i]);
    }
    tv_supervisor_rele(run->supervisor);
    free(run->names);
    free(run->tasks);
}

void add_all(struct run *run, const struct tv_spec *spec)
{
    for (size_t i = 0; i < run->n; i++)
        must(tv_add(run->supervisor, spec, run->names[i], NULL, &run->tasks[i]));
}

tv_ns time_adding(struct run *run, const struct tv_spec *spec)
{
    tv_ns start = tv_now();

    add_all(run, spec);
    return tv_now() - start;
}

void wait_for_bodies(const struct run *run)
{
    while (atomic_load(&ran) < run->n)
        usleep(200);
}

void expect_completed(const struct run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        struct tv_outcome outcome;

        tv_task_outcome(run->tasks[i], &outcome);
        if (!tv_task_done(run->tasks[i]) || outcome.kind != TV_OUTCOME_COMPLETED)
            abort();
    }
}

/* ---- the answer ---------------------------------------------------------------------------- */

void answer(tv_ns elapsed, size_t count)
{
    printf("{\"seconds\": %.9f, \"count\": %zu, \"bodies\": %llu}\n",
           (double)elapsed / TV_SECOND, count, (unsigned long long)atomic_load(&ran));
}

void answer_value(double value)
{
    printf("{\"value\": %.1f, \"bodies\": %llu}\n", value,
           (unsigned long long)atomic_load(&ran));
}
