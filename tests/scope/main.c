#include "scope.h"

#include <inttypes.h>
#include <time.h>

/* ---- kinds of tasks ------------------------------------------------------------------------ */

enum { WORKER = 0, LOOP = 1, ESSENTIAL = 2 };

/* Retried after 1, then after 2; a grace of 1. */
#define KIND(text, place, when, pause, limit, again, budget)                                  \
    {                                                                                         \
        .about = (text), .on_loop = (place) & LOOP, .essential = (place) & ESSENTIAL,         \
        .options = {.restart = TV_RESTART_##when, .interval_ns = (pause),                     \
                    .timeout_ns = (limit), .reset_after_ns = (again), .max_retries = (budget), \
                    .grace_ns = 1, .backoff = {1, 2, 2.0, TV_JITTER_NONE}}                    \
    }
#define NO TV_NONE

static const struct kind every[] = {
    KIND("once", WORKER, NEVER, NO, 0, NO, NO),
    KIND("once, with a timeout", WORKER, NEVER, NO, 1, NO, NO),
    KIND("retried, with a timeout", WORKER, ON_FAILURE, NO, 2, NO, NO),
    KIND("retried, on the loop", LOOP, ON_FAILURE, NO, 0, NO, NO),
    KIND("with a budget of 1 and a reset", WORKER, ON_FAILURE, NO, 0, 2, 1),
    KIND("for ever", WORKER, ALWAYS, NO, 0, NO, NO),
    KIND("periodic, with a timeout", WORKER, ALWAYS, 1, 2, NO, NO),
};

static const struct kind some[] = {
    KIND("with a timeout and a budget of 1", WORKER, ON_FAILURE, NO, 2, NO, 1),
    KIND("for ever, on the loop", LOOP, ALWAYS, NO, 0, NO, NO),
};

static const struct kind slow[] = {
    KIND("essential, with a timeout and a budget of 1", ESSENTIAL, ON_FAILURE, NO, 2, NO, 1),
    KIND("periodic, on the loop", LOOP, ALWAYS, 1, 0, NO, NO),
};

static const struct kind plain[] = {
    KIND("once, with a timeout", WORKER, NEVER, NO, 1, NO, NO),
};

static const struct scope scopes[] = {
    {.about = "two tasks of every kind",
     .config = {.subscriber_grace_ns = 1},
     .kinds = every, .kind_count = 7, .tasks = 2, .instants = 2, .adds = true, .errors = true},
    {.about = "three tasks, one permit, batches",
     .config = {.max_concurrent = 1, .subscriber_grace_ns = 1},
     .kinds = some, .kind_count = 2, .tasks = 3, .instants = 2, .adds = true, .batches = true},
    {.about = "three tasks in one slot",
     .config = {.queue_capacity = 1, .max_slot_queue = 2, .subscriber_grace_ns = 1},
     .kinds = plain, .kind_count = 1, .tasks = 3, .instants = 2, .adds = true,
     .slots = true, .waits = true, .errors = true},
    {.about = "three tasks of two kinds in a short queue, one permit",
     .config = {.max_concurrent = 1, .queue_capacity = 2, .max_slot_queue = 1,
                .subscriber_grace_ns = 0},
     .kinds = slow, .kind_count = 2, .tasks = 3, .instants = 2, .slots = true, .waits = true},
};

/* ---- what is printed ----------------------------------------------------------------------- */

static const char head[] =
    "# Transitions\n"
    "\n"
    "Written by `make transitions`, never by hand: all that the three machines of the "
    "core did when\n"
    "every input was played in every state of a few small scopes (`tests/scope/`). A row "
    "is a state,\n"
    "what was given to the machine, the state it was left in, and the events and acts of its own\n"
    "that this brought, in order; *acts* follow events. Where a pair has several rows, policies,\n"
    "budgets, permits or what waits make the difference. What has no row never happened; that the\n"
    "core refuses it is shown by `tests/core/test_transitions.c`.\n"
    "\n"
    "| scope | states | inputs | the farthest state |\n"
    "|---|---|---|---|\n";

int main(int argc, char **argv)
{
    FILE *out = argc == 2 ? fopen(argv[1], "w") : stdout;
    clock_t start = clock();

    if (!out || argc > 2) {
        fputs("usage: scope [FILE]   walk all scopes, write the table of transitions\n", stderr);
        return 2;
    }
    fputs(head, out);
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        struct walked walked;

        if (!walk(&scopes[i], &walked))
            return 1;
        fprintf(out, "| %s | %" PRIu32 " | %" PRIu64 " | %" PRIu32 " inputs |\n",
                scopes[i].about, walked.states, walked.inputs, walked.depth);
    }
    table_write(out);
    fprintf(stderr, "scope: %zu scopes in %.1f s\n", sizeof scopes / sizeof *scopes,
            (double)(clock() - start) / CLOCKS_PER_SEC);
    return ferror(out) || fclose(out) ? 2 : 0;
}
