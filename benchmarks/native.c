/*
 * native.c: our runtime with bodies in C, through csrc/taskvisor.h and no Python in the process.
 *
 *     native WORK [RECEIVERS]
 *
 * For each line with a size it does the work once and prints a line of JSON, as the contenders in
 * other languages do. What is prepared (names, specs) is prepared outside the stretch that is
 * timed, here as there.
 */
#define _DEFAULT_SOURCE
#include "taskvisor.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOUR (3600 * TV_SECOND)
#define SLOTS 8

static void must(enum tv_err err)
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

static void *must_have(void *memory)
{
    must(memory ? TV_OK : TV_NO_MEMORY);
    return memory;
}

/* ---- bodies -------------------------------------------------------------------------------- */

static _Atomic uint64_t ran;
static uint64_t enough;

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

static const struct tv_spec once = {
    .options = {ALL_BUT(RESTART), .restart = TV_RESTART_NEVER},
    .call = instant,
};
static const struct tv_spec always = {
    .options = {ALL_BUT(RESTART), .restart = TV_RESTART_ALWAYS, .interval_ns = TV_NONE},
    .call = again,
};
static const struct tv_spec paused = {
    .options = {ALL_BUT(RESTART), .restart = TV_RESTART_ALWAYS, .interval_ns = HOUR},
    .call = instant,
};
static const struct tv_spec backoff = {
    .options = {ALL_BUT(BACKOFF),
                .backoff = {.first_ns = HOUR, .max_ns = HOUR, .factor = 1.0,
                            .jitter = TV_JITTER_NONE}},
    .call = failing,
};

/* ---- a run --------------------------------------------------------------------------------- */

struct run {
    size_t n;
    struct tv_supervisor *supervisor;
    struct tv_text **names;
    struct tv_task **tasks;
};

static struct tv_text *text(const char *prefix, size_t number)
{
    char bytes[32];
    int size = snprintf(bytes, sizeof bytes, "%s%zu", prefix, number);

    return must_have(tv_text_new(bytes, (size_t)size));
}

static void make(struct run *run, size_t n, const struct tv_config *config)
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

static void begin(struct run *run, size_t n)
{
    const struct tv_config config = TV_CONFIG_DEFAULT;

    make(run, n, &config);
    must(tv_serve(run->supervisor));
}

static void close_it(struct run *run)
{
    must(tv_shutdown(run->supervisor, TV_NONE, false));
    must(tv_wait_closed(run->supervisor, TV_NEVER));
}

static void end(struct run *run)
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

static void add_all(struct run *run, const struct tv_spec *spec)
{
    for (size_t i = 0; i < run->n; i++)
        must(tv_add(run->supervisor, spec, run->names[i], NULL, &run->tasks[i]));
}

static void wait_for_bodies(const struct run *run)
{
    while (atomic_load(&ran) < run->n)
        usleep(200);
}

static void expect_completed(const struct run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        struct tv_outcome outcome;

        tv_task_outcome(run->tasks[i], &outcome);
        if (!tv_task_done(run->tasks[i]) || outcome.kind != TV_OUTCOME_COMPLETED)
            abort();
    }
}

static double seconds(tv_ns ns)
{
    return (double)ns / TV_SECOND;
}

static void answer(tv_ns elapsed, size_t count)
{
    printf("{\"seconds\": %.9f, \"count\": %zu, \"bodies\": %llu}\n", seconds(elapsed), count,
           (unsigned long long)atomic_load(&ran));
}

/* ---- works --------------------------------------------------------------------------------- */

static void add(size_t n, int receivers)
{
    struct run run;
    tv_ns start;

    (void)receivers;
    begin(&run, n);
    start = tv_now();
    add_all(&run, &once);
    must(tv_join(run.supervisor, TV_NEVER));
    answer(tv_now() - start, n);
    expect_completed(&run);
    end(&run);
}

static void batch(size_t n, int receivers)
{
    struct tv_request *requests = must_have(calloc(n, sizeof *requests));
    struct tv_batch *reserved;
    struct run run;
    size_t failed;
    tv_ns start;

    (void)receivers;
    make(&run, n, &(const struct tv_config)TV_CONFIG_DEFAULT);
    for (size_t i = 0; i < n; i++)
        requests[i] = (struct tv_request){.spec = &once, .name = run.names[i]};
    start = tv_now();
    must(tv_serve(run.supervisor));
    must(tv_reserve(run.supervisor, requests, n, run.tasks, &reserved, &failed));
    must(tv_commit(reserved));
    must(tv_join(run.supervisor, TV_NEVER));
    must(tv_finish(run.supervisor));
    must(tv_wait_closed(run.supervisor, TV_NEVER));
    answer(tv_now() - start, n);
    expect_completed(&run);
    end(&run);
    free(requests);
}

static tv_ns time_one(struct run *run, const struct tv_spec *spec)
{
    struct tv_text *name = text("again", 0);
    struct tv_task *task;
    tv_ns start = tv_now();

    must(tv_add(run->supervisor, spec, name, NULL, &task));
    must(tv_task_wait(task, TV_NEVER));
    start = tv_now() - start;
    tv_task_rele(task);
    tv_text_rele(name);
    return start;
}

static void restart(size_t n, int receivers)
{
    struct tv_stream *stream = NULL;
    struct run run;

    begin(&run, 0);
    enough = n;
    if (receivers)
        must(tv_stream_open(run.supervisor, 0, &stream));
    answer(time_one(&run, &always), n);
    if (stream)
        tv_stream_rele(stream);
    end(&run);
}

static void accept_work(size_t n, int receivers)
{
    struct run run;
    tv_ns start;

    (void)receivers;
    begin(&run, n);
    start = tv_now();
    add_all(&run, &paused);
    start = tv_now() - start;
    wait_for_bodies(&run);
    answer(start, n);
    end(&run);
}

static size_t in_backoff(const struct run *run)
{
    size_t there = 0;

    for (size_t i = 0; i < run->n; i++)
        there += tv_task_state(run->tasks[i]) == TV_TASK_BACKOFF;
    return there;
}

static void add_cancel(size_t n, int receivers)
{
    struct run run;
    tv_ns start, adding;

    (void)receivers;
    begin(&run, n);
    start = tv_now();
    add_all(&run, &backoff);
    adding = tv_now() - start;
    while (in_backoff(&run) < n)
        usleep(200);
    start = tv_now();
    for (size_t i = 0; i < n; i++) {
        struct tv_task *task;

        must(tv_leave(run.supervisor, (struct tv_target){.task = run.tasks[i]}, TV_CANCEL, &task));
        must(tv_task_wait_gone(task, TV_NEVER));
        tv_task_rele(task);
    }
    answer(adding + tv_now() - start, n);
    end(&run);
}

static void list(size_t n, int receivers)
{
    struct tv_task_info *infos;
    struct run run;
    size_t count;
    tv_ns start;

    (void)receivers;
    begin(&run, n);
    add_all(&run, &paused);
    wait_for_bodies(&run);
    start = tv_now();
    must(tv_tasks(run.supervisor, &infos, &count));
    start = tv_now() - start;
    tv_tasks_free(infos, count);
    must(count == n ? TV_OK : TV_UNKNOWN);
    answer(start, n);
    end(&run);
}

static void slots(size_t n, int receivers)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_text *names[SLOTS];
    struct run run;
    tv_ns start;

    (void)receivers;
    config.queue_capacity = config.max_slot_queue = n;
    make(&run, n, &config);
    must(tv_serve(run.supervisor));
    for (size_t i = 0; i < SLOTS; i++)
        names[i] = text("slot", i);
    start = tv_now();
    for (size_t i = 0; i < n; i++) {
        struct tv_request request = {.spec = &once, .name = run.names[i]};

        must(tv_submit(run.supervisor, &request, names[i % SLOTS], TV_ADMISSION_QUEUE, false,
                       &run.tasks[i]));
    }
    must(tv_join(run.supervisor, TV_NEVER));
    answer(tv_now() - start, n);
    expect_completed(&run);
    for (size_t i = 0; i < SLOTS; i++)
        tv_text_rele(names[i]);
    end(&run);
}

static double resident(void)
{
    FILE *file = must_have(fopen("/proc/self/statm", "r"));
    long pages = 0;

    if (fscanf(file, "%*d %ld", &pages) != 1)
        abort();
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Names and handles are kept, and count. */
static void memory(size_t n, int receivers)
{
    double before = resident();
    struct run run;

    (void)receivers;
    begin(&run, n);
    add_all(&run, &paused);
    wait_for_bodies(&run);
    printf("{\"value\": %.1f, \"bodies\": %llu}\n", (resident() - before) / (double)n,
           (unsigned long long)atomic_load(&ran));
    end(&run);
}

static void shutdown_work(size_t n, int receivers)
{
    struct run run;
    tv_ns start;

    (void)receivers;
    begin(&run, n);
    add_all(&run, &paused);
    wait_for_bodies(&run);
    start = tv_now();
    close_it(&run);
    answer(tv_now() - start, n);
    end(&run);
}

static struct tv_text *hear(void *arg, const struct tv_event *event)
{
    if (event->kind == TV_EVENT_TASK_REMOVED)
        ++*(uint64_t *)arg;
    return NULL;
}

/* Receivers have drained when the supervisor has closed. */
static void hear_all(size_t n, int receivers, bool until_outcomes)
{
    uint64_t heard[64] = {0};
    struct tv_subscriber subscriber = {.capacity = n * 8, .on_event = hear};
    struct run run;
    tv_ns start, elapsed;

    make(&run, n, &(const struct tv_config)TV_CONFIG_DEFAULT);
    for (int i = 0; i < receivers; i++) {
        subscriber.name = text("receiver", (size_t)i);
        subscriber.arg = &heard[i];
        must(tv_subscribe(run.supervisor, &subscriber));
        tv_text_rele(subscriber.name);
    }
    must(tv_serve(run.supervisor));
    start = tv_now();
    add_all(&run, &once);
    must(tv_join(run.supervisor, TV_NEVER));
    elapsed = tv_now() - start;
    close_it(&run);
    if (!until_outcomes)
        elapsed = tv_now() - start;
    for (int i = 0; i < receivers; i++)
        if (heard[i] != n)
            abort();
    answer(elapsed, n);
    end(&run);
}

static void fanout(size_t n, int receivers)
{
    hear_all(n, receivers, false);
}

static void heard_later(size_t n, int receivers)
{
    hear_all(n, receivers, true);
}

static void cold(size_t n, int receivers)
{
    tv_ns elapsed = 0;
    uint64_t all = 0;

    (void)receivers;
    for (size_t i = 0; i < n; i++) {
        struct run run;
        tv_ns start = tv_now();

        begin(&run, 1);
        add_all(&run, &once);
        must(tv_join(run.supervisor, TV_NEVER));
        end(&run);
        elapsed += tv_now() - start;
        all += atomic_load(&ran);
    }
    atomic_store(&ran, all);
    answer(elapsed, n);
}

/* ---- the limit: a bare hand-over to a thread that sleeps, and back ------------------------- */

struct table {
    sem_t there, back;
    size_t n;
};

static void *other_side(void *arg)
{
    struct table *table = arg;

    for (size_t i = 0; i < table->n; i++) {
        sem_wait(&table->there);
        atomic_fetch_add_explicit(&ran, 1, memory_order_relaxed);
        sem_post(&table->back);
    }
    return NULL;
}

static void handover(size_t n, int receivers)
{
    struct table table = {.n = n};
    pthread_t thread;
    tv_ns start;

    (void)receivers;
    atomic_store(&ran, 0);
    sem_init(&table.there, 0, 0);
    sem_init(&table.back, 0, 0);
    must(pthread_create(&thread, NULL, other_side, &table) ? TV_NO_THREAD : TV_OK);
    start = tv_now();
    for (size_t i = 0; i < n; i++) {
        sem_post(&table.there);
        sem_wait(&table.back);
    }
    answer(tv_now() - start, n);
    pthread_join(thread, NULL);
}

/* ---- the program --------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*play)(size_t n, int receivers);
} works[] = {
    {"add", add},
    {"batch", batch},
    {"restart", restart},
    {"accept", accept_work},
    {"add_cancel", add_cancel},
    {"list", list},
    {"slots", slots},
    {"memory", memory},
    {"shutdown", shutdown_work},
    {"fanout", fanout},
    {"heard", heard_later},
    {"cold", cold},
    {"handover", handover},
};

int main(int argc, char **argv)
{
    int receivers = argc > 2 ? atoi(argv[2]) : 0;
    size_t n;

    for (size_t i = 0; argc > 1 && i < sizeof works / sizeof *works; i++)
        if (strcmp(argv[1], works[i].name) == 0)
            while (scanf("%zu", &n) == 1) {
                works[i].play(n, receivers);
                fflush(stdout);
            }
    return 0;
}
