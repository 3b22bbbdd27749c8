#include "fixture.h"

#define MANY 10000

/* ---- order ---------------------------------------------------------------------------------- */

/* What the events of a task tell about its first retry. */
struct retry {
    tv_ns started_ns, span_ns, delay_ns;
};
static struct retry retries[MANY];
static tv_id first_id;

/* Fails once; notes when the core says that the attempt began. */
static void fail_once(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)arg;
    if (tv_task_attempt(task) > 1)
        return;
    retries[tv_task_id(task) - first_id].started_ns = task->actor.started_ns;
    end_with(result, TV_ERROR_FAIL, "once");
}

/* Delays from 0 to 50 ms, in no order. */
static struct tv_spec spec_of(size_t i)
{
    struct tv_spec spec = {.options = TV_OPTIONS_DEFAULT, .call = fail_once};
    tv_ns delay = (tv_ns)(i * 7919 % 100) * TV_MS / 2;

    spec.options.backoff = (struct tv_backoff){delay, delay, 1.0, TV_JITTER_NONE};
    return spec;
}

static void note_event(const struct tv_event *event, tv_ns *latest, size_t *starts)
{
    struct retry *retry = event->id ? &retries[event->id - first_id] : NULL;

    if (event->kind == TV_EVENT_TASK_FAILED) {
        retry->span_ns = event->span_ns;
    } else if (event->kind == TV_EVENT_BACKOFF_SCHEDULED) {
        retry->delay_ns = event->span_ns;
    } else if (event->kind == TV_EVENT_TASK_STARTING && event->attempt == 2) {
        tv_ns due = retry->started_ns + retry->span_ns + retry->delay_ns;

        CHECK(due >= *latest);
        *latest = due;
        ++*starts;
    }
}

/*
 * With one permit, tasks start in the order in which their timers fired.
 * rule: R0.61, R1.5, R1.6
 */
static void delays_end_in_the_order_of_their_deadlines(void)
{
    static struct tv_spec specs[1000];
    static struct tv_task *tasks[1000];
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s;
    struct tv_stream *stream;
    size_t starts = 0;
    tv_ns latest = 0;

    config.max_concurrent = 1;
    s = serve(&config);
    stream = listen_to(s);
    first_id = tv_id_next() + 1;
    for (size_t i = 0; i < 1000; i++) {
        struct tv_text *name = text_number("t", i);

        specs[i] = spec_of(i);
        CHECK_EQ(tv_add(s, &specs[i], name, NULL, &tasks[i]), TV_OK);
        tv_text_rele(name);
    }
    for (size_t i = 0; i < 1000; i++)
        finish(tasks[i], TV_OUTCOME_COMPLETED);
    while (starts < 1000) {
        struct tv_event event = next_event(stream);

        note_event(&event, &latest, &starts);
        tv_event_release(&event);
    }
    tv_stream_rele(stream);
    close_down(s);
}

static _Atomic bool early;

/* Its second attempt must not begin before its delay is over. */
static void check_not_early(struct tv_task *task, void *arg, struct tv_result *result)
{
    _Atomic tv_ns *ended_ns = arg;

    if (tv_task_attempt(task) == 1) {
        atomic_store(ended_ns, tv_now());
        end_with(result, TV_ERROR_FAIL, "once");
    } else if (tv_now() < atomic_load(ended_ns) + 2 * TV_MS) {
        atomic_store(&early, true);
    }
}

static void no_delay_ends_early(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s;

    config.defaults.backoff = (struct tv_backoff){2 * TV_MS, 2 * TV_MS, 1.0, TV_JITTER_NONE};
    s = serve(&config);
    for (int i = 0; i < 30; i++) {
        _Atomic tv_ns ended_ns = 0;

        finish(add(s, "t", SPEC(check_not_early, &ended_ns)), TV_OUTCOME_COMPLETED);
    }
    CHECK(!atomic_load(&early));
    close_down(s);
}

/* ---- one thread, and only when something is due --------------------------------------------- */

static struct tv_spec delayed_by(tv_ns delay)
{
    struct tv_spec spec = {.options = TV_OPTIONS_DEFAULT, .call = fail};

    spec.options.backoff = (struct tv_backoff){delay, delay, 1.0, TV_JITTER_NONE};
    return spec;
}

static size_t count_in(struct tv_supervisor *s, enum tv_task_state state)
{
    struct tv_task_info *infos;
    size_t count, found = 0;

    CHECK_EQ(tv_tasks(s, &infos, &count), TV_OK);
    for (size_t i = 0; i < count; i++)
        found += infos[i].state == state;
    tv_tasks_free(infos, count);
    return found;
}

static void add_many(struct tv_supervisor *s, const struct tv_spec *spec, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tv_text *name = text_number("t", i);
        struct tv_task *task;

        CHECK_EQ(tv_add(s, spec, name, NULL, &task), TV_OK);
        tv_text_rele(name);
        tv_task_rele(task);
    }
}

/* rule: R1.14, R5.61 */
static void many_delays_cost_one_thread_and_no_wake_up(void)
{
    struct tv_spec spec = delayed_by(3600 * TV_SECOND);
    struct tv_supervisor *s = serve(NULL);
    struct tv_counters before, after;

    add_many(s, &spec, MANY);
    EVENTUALLY(count_in(s, TV_TASK_BACKOFF) == MANY);
    EVENTUALLY(counters(s).workers_busy + counters(s).workers_starting == 0);
    CHECK_EQ(threads_named("taskvisor-timer"), 1);
    CHECK(threads_named("taskvisor") < MANY / 10);
    tv_thread_rest(20 * TV_MS);
    before = counters(s);
    tv_thread_rest(300 * TV_MS);
    after = counters(s);
    CHECK_EQ(after.timer_wakeups, before.timer_wakeups);
    CHECK_EQ(after.threads_created, before.threads_created);
    close_down(s);
}

static void fail_and_count(struct tv_task *task, void *arg, struct tv_result *result)
{
    count_call(task, arg, result);
    fail(task, NULL, result);
}

static void an_earlier_deadline_wakes_the_timer_thread(void)
{
    struct tv_spec later = delayed_by(3600 * TV_SECOND), sooner = delayed_by(2 * TV_MS);
    struct tv_supervisor *s = serve(NULL);
    _Atomic int calls = 0;
    struct tv_task *first, *second;

    first = add(s, "later", &later);
    EVENTUALLY(tv_task_state(first) == TV_TASK_BACKOFF);
    sooner.call = fail_and_count;
    sooner.arg = (void *)&calls;
    second = add(s, "sooner", &sooner);
    EVENTUALLY(atomic_load(&calls) > 1);
    CHECK_EQ(tv_task_state(first), TV_TASK_BACKOFF);
    close_down(s);
    finish(first, TV_OUTCOME_CANCELED);
    finish(second, TV_OUTCOME_CANCELED);
}

static void count_attempts(struct tv_task *task, void *arg, struct tv_result *result)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
    if (tv_task_attempt(task) == 1)
        end_with(result, TV_ERROR_FAIL, "once");
}

/* More fall due at once than one step handles. */
static void a_crowd_of_delays_that_end_together_all_end(void)
{
    _Atomic int calls = 0;
    struct tv_spec spec = delayed_by(30 * TV_MS);
    struct tv_supervisor *s = serve(NULL);

    spec.call = count_attempts;
    spec.arg = (void *)&calls;
    add_many(s, &spec, 3000);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_OK);
    CHECK_EQ(atomic_load(&calls), 6000);
    close_down(s);
}

/* rule: R1.31 */
static void an_interval_of_zero_is_an_interval(void)
{
    struct tv_spec spec = {.options = TV_OPTIONS_DEFAULT, .call = count_call};
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);
    _Atomic int calls = 0;
    struct tv_task *task;

    spec.arg = (void *)&calls;
    spec.options.restart = TV_RESTART_ALWAYS;
    spec.options.interval_ns = 0;
    task = add(s, "t", &spec);
    EVENTUALLY(atomic_load(&calls) >= 100);
    CHECK_EQ(leave(s, task), TV_OK);
    expect(stream, TV_EVENT_TASK_ADD_REQUESTED, "t");
    expect(stream, TV_EVENT_TASK_ADDED, "t");
    for (int i = 0; i < 50; i++) {
        expect(stream, TV_EVENT_TASK_STARTING, "t");
        expect(stream, TV_EVENT_TASK_STOPPED, "t");
        expect(stream, TV_EVENT_BACKOFF_SCHEDULED, "t");
    }
    finish(task, TV_OUTCOME_CANCELED);
    tv_stream_rele(stream);
    close_down(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(delays_end_in_the_order_of_their_deadlines),
        TEST(no_delay_ends_early),
        TEST(many_delays_cost_one_thread_and_no_wake_up),
        TEST(an_earlier_deadline_wakes_the_timer_thread),
        TEST(a_crowd_of_delays_that_end_together_all_end),
        TEST(an_interval_of_zero_is_an_interval),
    };

    return CHECK_RUN(tests, argc, argv);
}
