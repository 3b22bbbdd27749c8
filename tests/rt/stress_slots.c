#include "slots.h"

#include <sched.h>

/*
 * Slots in storms of threads. That a slot has one owner is seen by a counter that bodies raise and
 * lower, not by looking at the slot.
 */

/* ---- bodies that count --------------------------------------------------------------------- */

struct inside {
    _Atomic int now;
};

static void enter(struct inside *inside)
{
    CHECK_EQ(atomic_fetch_add(&inside->now, 1), 0);
}

static void until_cancelled(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct inside *inside = arg;

    enter(inside);
    await_cancel(task, NULL, result);
    atomic_fetch_sub(&inside->now, 1);
}

static void at_once(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct inside *inside = arg;

    (void)task;
    (void)result;
    enter(inside);
    atomic_fetch_sub(&inside->now, 1);
}

static void failing_twice(struct tv_task *task, void *arg, struct tv_result *result)
{
    at_once(task, arg, result);
    if (tv_task_attempt(task) <= 2)
        end_with(result, TV_ERROR_FAIL, "again");
}

/* ---- storms -------------------------------------------------------------------------------- */

#define THREADS 50

struct storm {
    struct tv_supervisor *s;
    struct gate gate; /* all before it: the storm breaks loose */
    const struct tv_spec *spec;
    enum tv_admission admission;
    struct tv_task *task[THREADS];
    _Atomic int next;
};

static void *submit_one(void *arg)
{
    struct storm *storm = arg;
    int place = atomic_fetch_add(&storm->next, 1);

    gate_await(&storm->gate);
    CHECK_EQ(submit(storm->s, "s", "job", storm->spec, storm->admission, false,
                    &storm->task[place]),
             TV_OK);
    return NULL;
}

static void rage(struct storm *storm, int threads)
{
    struct helper helper[THREADS];

    for (int i = 0; i < threads; i++)
        helper[i] = helper_start(submit_one, storm);
    EVENTUALLY(gate_waiting(&storm->gate) == threads);
    gate_open(&storm->gate);
    for (int i = 0; i < threads; i++)
        helper_join(helper[i]);
}

/* The submission that the controller accepted last, from its events. */
static tv_id last_accepted(struct tv_stream *stream)
{
    struct tv_event event;
    uint64_t lost;
    tv_id last = 0;

    while (tv_stream_next(stream, 0, &event, &lost) == TV_OK) {
        if (event.kind == TV_EVENT_CONTROLLER_SUBMITTED &&
            event.reason.kind != TV_REASON_STARTED_FROM_QUEUE)
            last = event.id;
        tv_event_release(&event);
    }
    return last;
}

/* rule: R7.1 */
static void fifty_replaces_leave_the_last_one_as_the_owner(void)
{
    struct inside inside = {0};
    struct tv_supervisor *s = serve(CONFIG(1, 0));
    struct tv_stream *stream = listen_to(s);
    struct storm storm = {.s = s,
                          .gate = GATE,
                          .spec = SPEC(until_cancelled, &inside),
                          .admission = TV_ADMISSION_REPLACE};
    int left = 0;
    tv_id last;

    rage(&storm, THREADS);
    last = last_accepted(stream);
    for (int i = 0; i < THREADS; i++) {
        struct tv_outcome outcome;

        if (tv_task_id(storm.task[i]) == last)
            continue;
        outcome = outcome_of(storm.task[i]);
        CHECK(outcome.kind == TV_OUTCOME_CANCELED ||
              (outcome.kind == TV_OUTCOME_REJECTED &&
               outcome.rejection == TV_REJECTION_SUPERSEDED));
    }
    EVENTUALLY(atomic_load(&inside.now) == 1);
    check_slots(s, "s running job");
    for (int i = 0; i < THREADS; i++)
        left += !tv_task_done(storm.task[i]) && tv_task_id(storm.task[i]) == last;
    CHECK_EQ(left, 1);
    tv_stream_rele(stream);
    close_down(s);
    for (int i = 0; i < THREADS; i++)
        tv_task_rele(storm.task[i]);
    CHECK_EQ(atomic_load(&inside.now), 0);
}

/* rule: R7.10 R7.28 */
static void of_forty_that_drop_one_starts(void)
{
    struct gate gate = GATE;
    struct tv_supervisor *s = serve(CONFIG(10, 10));
    struct storm storm = {.s = s,
                          .gate = GATE,
                          .spec = SPEC(await_gate, &gate),
                          .admission = TV_ADMISSION_DROP_IF_RUNNING};
    struct tv_task *started = NULL;

    rage(&storm, 40);
    for (int i = 0; i < 40; i++) {
        if (tv_task_done(storm.task[i])) {
            check_rejected(storm.task[i], TV_REJECTION_SLOT_BUSY,
                           "dropped: slot busy (status=running)");
        } else {
            CHECK(!started);
            started = storm.task[i];
        }
    }
    CHECK(started);
    gate_open(&gate);
    finish(started, TV_OUTCOME_COMPLETED);
    check_slots(s, "");
    close_down(s);
}

struct crowd {
    struct gate gate;
    _Atomic int here;
};

static void join_crowd(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct crowd *crowd = arg;

    (void)task;
    (void)result;
    atomic_fetch_add(&crowd->here, 1);
    gate_await(&crowd->gate);
}

static void owners_of_128_slots_run_at_the_same_time(void)
{
    struct crowd crowd = {.gate = GATE};
    struct tv_supervisor *s = serve(CONFIG(1, 0));
    const struct tv_spec *spec = SPEC(join_crowd, &crowd);
    struct tv_task *task[128];

    for (size_t i = 0; i < 128; i++) {
        char name[16];

        snprintf(name, sizeof name, "%zu", i);
        task[i] = queue(s, name, name, spec);
    }
    EVENTUALLY(atomic_load(&crowd.here) == 128);
    gate_open(&crowd.gate);
    for (size_t i = 0; i < 128; i++)
        finish(task[i], TV_OUTCOME_COMPLETED);
    close_down(s);
}

/* ---- order --------------------------------------------------------------------------------- */

#define LINES 100
#define EACH 100
#define WRITERS 4

struct line {
    char name[16];
    struct inside inside;
    int next; /* guarded by the slot: by its one owner */
};

struct job {
    struct tv_spec spec;
    struct line *line;
    int number;
    struct tv_task *task;
};

static struct line lines[LINES];
static struct job jobs[LINES][EACH];

static void in_turn(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct job *job = arg;

    (void)task;
    (void)result;
    enter(&job->line->inside);
    CHECK_EQ(job->line->next, job->number);
    job->line->next++;
    atomic_fetch_sub(&job->line->inside.now, 1);
}

struct writer {
    struct tv_supervisor *s;
    int first;
};

/* Round by round, one to each of its slots. */
static void *write_lines(void *arg)
{
    const struct writer *writer = arg;

    for (int number = 0; number < EACH; number++)
        for (int i = writer->first; i < LINES; i += WRITERS) {
            struct job *job = &jobs[i][number];
            char name[24];

            *job = (struct job){.spec = {.options = TV_OPTIONS_INHERIT, .call = in_turn},
                                .line = &lines[i],
                                .number = number};
            job->spec.arg = job;
            snprintf(name, sizeof name, "%d-%d", i, number);
            job->task = queue(writer->s, lines[i].name, name, &job->spec);
        }
    return NULL;
}

/* rule: R7.1 R7.29 */
static void ten_thousand_over_a_hundred_slots_start_in_the_order_they_came(void)
{
    struct tv_supervisor *s = serve(CONFIG(LINES * EACH, EACH));
    struct writer writer[WRITERS];
    struct helper helper[WRITERS];

    for (int i = 0; i < LINES; i++) {
        lines[i] = (struct line){.next = 0};
        snprintf(lines[i].name, sizeof lines[i].name, "s%d", i);
    }
    for (int i = 0; i < WRITERS; i++) {
        writer[i] = (struct writer){.s = s, .first = i};
        helper[i] = helper_start(write_lines, &writer[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        helper_join(helper[i]);
    CHECK_EQ(tv_join(s, tv_now() + PATIENCE), TV_OK);
    for (int i = 0; i < LINES; i++) {
        CHECK_EQ(lines[i].next, EACH);
        for (int number = 0; number < EACH; number++)
            finish(jobs[i][number].task, TV_OUTCOME_COMPLETED);
    }
    close_down(s);
}

/* ---- one owner, whatever comes ------------------------------------------------------------- */

#define KEYS 4
#define ROUNDS 300

struct mixer {
    struct tv_supervisor *s;
    uint64_t seed;
    struct tv_task *task[ROUNDS];
};

enum { STAYING, SHORT, RETRYING, MIXED_BODIES };

/* Guarded by nothing: written before the threads start. */
static struct tv_spec mixed[MIXED_BODIES][KEYS];

static void prepare_mixed(struct inside inside[KEYS])
{
    static void (*const bodies[])(struct tv_task *, void *, struct tv_result *) = {
        [STAYING] = until_cancelled, [SHORT] = at_once, [RETRYING] = failing_twice};

    for (int body = 0; body < MIXED_BODIES; body++)
        for (int key = 0; key < KEYS; key++) {
            struct tv_spec *spec = &mixed[body][key];

            *spec = (struct tv_spec){
                .options = TV_OPTIONS_INHERIT, .call = bodies[body], .arg = &inside[key]};
            spec->options.inherits &= ~(uint32_t)TV_INHERIT_BACKOFF;
            spec->options.backoff =
                (struct tv_backoff){.first_ns = 1000, .max_ns = 1000, .factor = 1.0};
        }
}

static void *mix(void *arg)
{
    struct mixer *mixer = arg;
    struct tv_prng prng;

    tv_prng_init(&prng, mixer->seed, 1);
    for (int i = 0; i < ROUNDS; i++) {
        size_t key = tv_prng_next(&prng) % KEYS, body = tv_prng_next(&prng) % MIXED_BODIES;
        enum tv_admission admission = (enum tv_admission)(tv_prng_next(&prng) % 3);
        char slot[24];

        snprintf(slot, sizeof slot, "s%zu", key);
        CHECK_EQ(submit(mixer->s, slot, slot, &mixed[body][key], admission, false,
                        &mixer->task[i]),
                 TV_OK);
        if (i % 32 == 0)
            cancel_slot(mixer->s, slot, i % 64 == 0);
        sched_yield(); /* bodies come in between */
    }
    return NULL;
}

static int rejections_in(struct tv_stream *stream)
{
    struct tv_event event;
    uint64_t lost;
    int count = 0;
    enum tv_err err;

    while ((err = tv_stream_next(stream, 0, &event, &lost)) == TV_OK) {
        count += event.kind == TV_EVENT_CONTROLLER_REJECTED;
        tv_event_release(&event);
    }
    CHECK_EQ(err, TV_ENDED);
    return count;
}

/* After the storm: one more, which replaces all heads, gets in and stays. */
static void settle_in(struct tv_supervisor *s, struct inside inside[KEYS])
{
    for (int key = 0; key < KEYS; key++) {
        struct tv_task *task = NULL;
        char slot[16];

        snprintf(slot, sizeof slot, "s%d", key);
        CHECK_EQ(submit(s, slot, slot, &mixed[STAYING][key], TV_ADMISSION_REPLACE, false, &task),
                 TV_OK);
        EVENTUALLY(tv_task_state(task) == TV_TASK_RUNNING && atomic_load(&inside[key].now) == 1);
        tv_task_rele(task);
    }
}

/* rule: R7.1 R7.12 */
static void one_owner_at_a_time_whatever_comes(void)
{
    static struct mixer mixer[WRITERS];
    static struct inside inside[KEYS];
    struct tv_supervisor *s = serve(CONFIG(2 * WRITERS * ROUNDS, WRITERS * ROUNDS));
    struct tv_stream *stream = listen_to(s);
    struct helper helper[WRITERS];
    int rejected = 0;

    prepare_mixed(inside);
    for (int i = 0; i < WRITERS; i++) {
        mixer[i] = (struct mixer){.s = s, .seed = (uint64_t)i};
        helper[i] = helper_start(mix, &mixer[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        helper_join(helper[i]);
    settle_in(s, inside);
    close_down(s);
    for (int i = 0; i < WRITERS; i++)
        for (int n = 0; n < ROUNDS; n++) {
            rejected += outcome_of(mixer[i].task[n]).kind == TV_OUTCOME_REJECTED;
            tv_task_rele(mixer[i].task[n]);
        }
    CHECK_EQ(rejections_in(stream), rejected);
    tv_stream_rele(stream);
    for (int key = 0; key < KEYS; key++)
        CHECK_EQ(atomic_load(&inside[key].now), 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(fifty_replaces_leave_the_last_one_as_the_owner),
        TEST(of_forty_that_drop_one_starts),
        TEST(owners_of_128_slots_run_at_the_same_time),
        TEST(ten_thousand_over_a_hundred_slots_start_in_the_order_they_came),
        TEST(one_owner_at_a_time_whatever_comes),
    };

    return CHECK_RUN(tests, argc, argv);
}
