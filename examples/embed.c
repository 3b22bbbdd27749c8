/*
 * embed.c: taskvisor in a C program, with C bodies and no Python in the process.
 *
 *     cc -std=c11 -Icsrc examples/embed.c $(find csrc/core csrc/rt -name '*.c') -pthread -o embed
 *
 * Three tasks: `flaky` fails twice before it succeeds, `ticker` runs again and again with a pause,
 * `listener` waits to be told to stop. Every event is printed as a line. When `flaky` has succeeded
 * and `ticker` has run five times the supervisor is shut down, and a table tells how each ended.
 */
#include "taskvisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- bodies -------------------------------------------------------------------------------- */

static void flaky(struct tv_task *task, void *arg, struct tv_result *result)
{
    static const char reason[] = "the first two never work";

    (void)arg;
    if (tv_task_attempt(task) > 2)
        return;
    result->error.kind = TV_ERROR_FAIL;
    result->error.text = tv_text_new_reason(reason, strlen(reason));
}

static void tick(struct tv_task *task, void *arg, struct tv_result *result)
{
    int *ticks = arg;

    (void)task;
    (void)result;
    ++*ticks; /* attempts of one task never overlap, so nobody else counts */
}

static void listen_for_the_end(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_token *token = tv_task_token(task);

    (void)arg;
    (void)result;
    while (token && tv_token_wait(token, TV_NEVER) == TV_INTERRUPTED)
        continue;
    tv_token_rele(token);
}

/* ---- what is supervised -------------------------------------------------------------------- */

static int ticks;

static const struct tv_spec specs[] = {
    {.options = {.inherits = TV_INHERIT_ALL & ~TV_INHERIT_BACKOFF,
                 .backoff = {.first_ns = 20 * TV_MS, .max_ns = TV_SECOND, .factor = 2.0,
                             .jitter = TV_JITTER_NONE}},
     .call = flaky},
    {.options = {.inherits = TV_INHERIT_ALL & ~TV_INHERIT_RESTART,
                 .restart = TV_RESTART_ALWAYS, .interval_ns = 30 * TV_MS},
     .call = tick,
     .arg = &ticks},
    {.options = TV_OPTIONS_INHERIT, .call = listen_for_the_end},
};
static const char *const names[] = {"flaky", "ticker", "listener"};
enum { FLAKY, TICKER, LISTENER, TASKS };

static void must(enum tv_err err)
{
    static const char *const texts[] = {
#define X(name, text) text,
        TV_ERRORS(X)
#undef X
    };

    if (err == TV_OK)
        return;
    fprintf(stderr, "embed: %s\n", texts[err]);
    exit(1);
}

static void add(struct tv_supervisor *supervisor, int which, struct tv_task **task)
{
    struct tv_text *name = tv_text_new(names[which], strlen(names[which]));

    must(name ? TV_OK : TV_NO_MEMORY);
    must(tv_add(supervisor, &specs[which], name, NULL, task));
    tv_text_rele(name);
}

/* ---- what is printed ----------------------------------------------------------------------- */

static const char *name_of(enum tv_event_kind kind)
{
    static const char *const kinds[] = {
#define X(name, text) text,
        TV_EVENT_KINDS(X)
#undef X
    };

    return kinds[kind];
}

static void print_event(const struct tv_event *event)
{
    const char *name = name_of((enum tv_event_kind)event->kind);
    char reason[256];
    size_t size = tv_reason_format(&event->reason, reason, sizeof reason);

    if (size > sizeof reason)
        size = sizeof reason;
    if (event->task)
        printf("%-22s %s", name, event->task->bytes);
    else
        printf("%s", name);
    if (event->attempt)
        printf(", attempt %d", (int)event->attempt);
    if (size)
        printf(": %.*s", (int)size, reason);
    putchar('\n');
}

static void print_outcome(struct tv_task *task)
{
    static const char *const kinds[] = {
#define X(name, text) text,
        TV_OUTCOME_KINDS(X)
#undef X
    };
    struct tv_outcome outcome;

    tv_task_outcome(task, &outcome);
    printf("%-9s %-10s %8d\n", tv_task_name(task)->bytes, kinds[outcome.kind],
           (int)outcome.attempts);
}

/* ---- the program --------------------------------------------------------------------------- */

static int runs_of_ticker;
static int flaky_has_ended;

static void note(const struct tv_event *event)
{
    if (event->kind != TV_EVENT_TASK_STOPPED)
        return;
    runs_of_ticker += strcmp(event->task->bytes, names[TICKER]) == 0;
    flaky_has_ended |= strcmp(event->task->bytes, names[FLAKY]) == 0;
}

/* Until the stream ends, which it does when the supervisor has shut down. */
static void watch(struct tv_supervisor *supervisor, struct tv_stream *stream)
{
    struct tv_event event;
    uint64_t lost;
    enum tv_err err;

    while ((err = tv_stream_next(stream, TV_NEVER, &event, &lost)) != TV_ENDED) {
        if (err == TV_LAGGED)
            printf("… %d events were dropped\n", (int)lost);
        if (err != TV_OK)
            continue;
        print_event(&event);
        note(&event);
        tv_event_release(&event);
        if (flaky_has_ended && runs_of_ticker >= 5 && tv_is_open(supervisor))
            must(tv_shutdown(supervisor, TV_NONE, false));
    }
}

int main(void)
{
    const struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *supervisor;
    struct tv_stream *stream;
    struct tv_task *tasks[TASKS];

    must(tv_supervisor_new(&config, NULL, NULL, &supervisor));
    must(tv_stream_open(supervisor, 0, &stream));
    must(tv_serve(supervisor));
    for (int i = 0; i < TASKS; i++)
        add(supervisor, i, &tasks[i]);
    watch(supervisor, stream);
    must(tv_wait_closed(supervisor, TV_NEVER));
    printf("\n%-9s %-10s %8s\n", "task", "outcome", "attempts");
    for (int i = 0; i < TASKS; i++) {
        print_outcome(tasks[i]);
        tv_task_rele(tasks[i]);
    }
    printf("\nticker has counted to %d\n", ticks);
    tv_stream_rele(stream);
    tv_supervisor_rele(supervisor);
    return 0;
}
