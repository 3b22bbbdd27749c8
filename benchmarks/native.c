/*
 * native.c: our runtime with bodies in C, through csrc/taskvisor.h and no Python in the process.
 *
 *     native WORK [RECEIVERS]
 *
 * For each line with a size it does the work once and prints a line of JSON, as the contenders in
 * other languages do. What is prepared (names, specs) is prepared outside the stretch that is
 * timed, here as there. native_run.c prepares it.
 */
#define _DEFAULT_SOURCE
#include "native_run.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 8

static int receivers; /* from the command line; for the works that have any */

static void add(size_t n)
{
    struct run run;
    tv_ns start;

    begin(&run, n);
    start = tv_now();
    add_all(&run, &once);
    must(tv_join(run.supervisor, TV_NEVER));
    answer(tv_now() - start, n);
    expect_completed(&run);
    end(&run);
}

static void batch(size_t n)
{
    struct tv_request *requests = must_have(calloc(n, sizeof *requests));
    struct tv_batch *reserved;
    struct run run;
    size_t failed;
    tv_ns start;

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

static void restart(size_t n)
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

static void accept_work(size_t n)
{
    struct run run;
    tv_ns elapsed;

    begin(&run, n);
    elapsed = time_adding(&run, &paused);
    wait_for_bodies(&run);
    answer(elapsed, n);
    end(&run);
}

static size_t in_backoff(const struct run *run)
{
    size_t there = 0;

    for (size_t i = 0; i < run->n; i++)
        there += tv_task_state(run->tasks[i]) == TV_TASK_BACKOFF;
    return there;
}

static void add_cancel(size_t n)
{
    struct run run;
    tv_ns start, adding;

    begin(&run, n);
    adding = time_adding(&run, &backoff);
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

static void list(size_t n)
{
    struct tv_task_info *infos;
    struct run run;
    size_t count;
    tv_ns start;

    begin_idle(&run, n);
    start = tv_now();
    must(tv_tasks(run.supervisor, &infos, &count));
    start = tv_now() - start;
    tv_tasks_free(infos, count);
    must(count == n ? TV_OK : TV_UNKNOWN);
    answer(start, n);
    end(&run);
}

static void slots(size_t n)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_text *names[SLOTS];
    struct run run;
    tv_ns start;

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
static void memory(size_t n)
{
    double before = resident();
    struct run run;

    begin_idle(&run, n);
    answer_value((resident() - before) / (double)n);
    end(&run);
}

static void shutdown_work(size_t n)
{
    struct run run;
    tv_ns start;

    begin_idle(&run, n);
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
static void hear_all(size_t n, bool until_outcomes)
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

static void fanout(size_t n)
{
    hear_all(n, false);
}

static void heard_later(size_t n)
{
    hear_all(n, true);
}

static void cold(size_t n)
{
    tv_ns elapsed = 0;
    uint64_t all = 0;

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

static void handover(size_t n)
{
    struct table table = {.n = n};
    pthread_t thread;
    tv_ns start;

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
    void (*play)(size_t n);
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
    size_t n;

    receivers = argc > 2 ? atoi(argv[2]) : 0;
    for (size_t i = 0; argc > 1 && i < sizeof works / sizeof *works; i++)
        if (strcmp(argv[1], works[i].name) == 0)
            while (scanf("%zu", &n) == 1) {
                works[i].play(n);
                fflush(stdout);
            }
    return 0;
}
