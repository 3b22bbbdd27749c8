#include "fixture.h"

static struct tv_config config_with_grace(tv_ns grace_ns)
{
    struct tv_config config = TV_CONFIG_DEFAULT;

    config.defaults.grace_ns = grace_ns;
    return config;
}

static struct tv_supervisor *serve_with_grace(tv_ns grace_ns)
{
    struct tv_config config = config_with_grace(grace_ns);

    return serve(&config);
}

static void await_closed(struct tv_supervisor *s)
{
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
}

static void check_verdict(struct tv_supervisor *s, enum tv_verdict_kind verdict, tv_ns grace_ns)
{
    tv_ns grace;

    CHECK_EQ(tv_verdict(s, &grace), verdict);
    CHECK_EQ(grace, grace_ns);
}

/* The names are as in `wanted`, separated by blanks, and those with a body have a thread. */
static void check_stuck(struct tv_supervisor *s, const char *wanted, bool with_bodies)
{
    struct tv_stuck_task *tasks;
    char found[256] = "";
    size_t count, length = 0;

    CHECK_EQ(tv_stuck(s, &tasks, &count), TV_OK);
    for (size_t i = 0; i < count; i++) {
        length += (size_t)snprintf(found + length, sizeof found - length, "%s%s", i ? " " : "",
                                   tasks[i].name->bytes);
        CHECK_EQ(tasks[i].thread != 0, with_bodies);
    }
    CHECK_BYTES(found, length, wanted);
    tv_stuck_free(tasks, count);
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* rule: R5.20, R5.22 */
static void with_nothing_to_stop_all_has_stopped(void)
{
    struct tv_supervisor *s = serve_with_grace(7 * TV_SECOND);
    struct tv_stream *stream = listen_to(s);

    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    await_closed(s);
    expect(stream, TV_EVENT_SHUTDOWN_REQUESTED, NULL);
    expect(stream, TV_EVENT_ALL_STOPPED_WITHIN_GRACE, NULL);
    check_verdict(s, TV_STOPPED_WITHIN_GRACE, 7 * TV_SECOND);
    check_stuck(s, "", true);
    tv_stream_rele(stream);
    tv_supervisor_rele(s);
}

/* rule: R5.21, R5.22 */
static void bodies_that_listen_stop_within_the_grace(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *tasks[20];

    for (int i = 0; i < 20; i++) {
        char name[16];

        snprintf(name, sizeof name, "t%d", i);
        tasks[i] = add(s, name, &waiting_for_cancel);
        EVENTUALLY(is_alive(s, name));
    }
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    await_closed(s);
    check_verdict(s, TV_STOPPED_WITHIN_GRACE, 60 * TV_SECOND);
    for (int i = 0; i < 20; i++)
        finish(tasks[i], TV_OUTCOME_CANCELED);
    CHECK_EQ(threads_named("taskvisor"), 0);
    tv_supervisor_rele(s);
}

/* rule: R5.23, R5.40, R5.41 */
static void those_who_do_not_listen_are_the_stuck_ones_and_only_free_what_they_held_later(void)
{
    struct tv_supervisor *s = serve_with_grace(20 * TV_MS);
    struct gate gate = GATE;
    struct tv_task *b = add(s, "b", SPEC(await_gate, &gate)), *c = add(s, "c", SPEC(fail, NULL));
    struct tv_task *a = add(s, "a", SPEC(await_gate, &gate));
    struct tv_task *ab = add(s, "ab", SPEC(await_gate, &gate));
    struct tv_stream *stream;

    EVENTUALLY(gate_waiting(&gate) == 3 && tv_task_state(c) == TV_TASK_BACKOFF);
    stream = listen_to(s);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    await_closed(s);
    check_verdict(s, TV_GRACE_EXCEEDED, 20 * TV_MS);
    check_stuck(s, "a ab b", true);
    expect(stream, TV_EVENT_SHUTDOWN_REQUESTED, NULL);
    expect(stream, TV_EVENT_TASK_REMOVED, "c");
    expect(stream, TV_EVENT_GRACE_EXCEEDED, NULL);
    CHECK_EQ(counters(s).threads_written_off, 3);
    finish(tv_task_hold(a), TV_OUTCOME_ABANDONED);
    CHECK(is_alive(s, "a"));
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    CHECK_EQ(tv_task_state(a), TV_TASK_DONE);
    check_stuck(s, "a ab b", false);
    CHECK_EQ(tv_stream_next(stream, TV_NEVER, &(struct tv_event){.seq = 0}, &(uint64_t){0}),
             TV_ENDED);
    finish(a, TV_OUTCOME_ABANDONED);
    finish(ab, TV_OUTCOME_ABANDONED);
    finish(b, TV_OUTCOME_ABANDONED);
    finish(c, TV_OUTCOME_CANCELED);
    tv_stream_rele(stream);
    tv_supervisor_rele(s);
}

static void nobody_is_stuck_before_the_verdict(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *task = add(s, "a", SPEC(await_cancel, NULL));

    check_stuck(s, "", true);
    close_down(s);
    finish(task, TV_OUTCOME_CANCELED);
}

static void a_task_abandoned_before_is_stuck_too(void)
{
    struct tv_supervisor *s = serve_with_grace(0);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));

    EVENTUALLY(is_alive(s, "a"));
    CHECK_EQ(leave(s, task), TV_OK);
    finish(task, TV_OUTCOME_ABANDONED);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    await_closed(s);
    check_verdict(s, TV_GRACE_EXCEEDED, 0);
    check_stuck(s, "a", true);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    tv_supervisor_rele(s);
}

/* rule: R4.86 */
static void a_body_may_outlive_every_reference(void)
{
    static struct gate gate = GATE;
    struct tv_supervisor *s = serve_with_grace(0);
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));

    EVENTUALLY(is_alive(s, "a"));
    close_down(s);
    finish(task, TV_OUTCOME_ABANDONED);
    CHECK_EQ(threads_named("taskvisor-timer"), 0);
    gate_open(&gate);
    EVENTUALLY(threads_named("taskvisor") == 0);
}

/* ---- callers -------------------------------------------------------------------------------- */

#define CALLERS 6

static void *close_too(void *arg)
{
    struct tv_supervisor *s = arg;

    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    await_closed(s);
    check_verdict(s, TV_GRACE_EXCEEDED, 5 * TV_MS);
    check_stuck(s, "a", true);
    return NULL;
}

/* rule: R5.5 */
static void all_callers_share_one_result(void)
{
    struct tv_supervisor *s = serve_with_grace(5 * TV_MS);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct helper helpers[CALLERS];

    EVENTUALLY(is_alive(s, "a"));
    for (int i = 0; i < CALLERS; i++)
        helpers[i] = helper_start(close_too, s);
    for (int i = 0; i < CALLERS; i++)
        helper_join(helpers[i]);
    close_too(s);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    finish(task, TV_OUTCOME_ABANDONED);
    tv_supervisor_rele(s);
}

/* A stuck body and two shutdowns, with these graces. */
static void check_two_graces(tv_ns first, tv_ns second, tv_ns in_force)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));

    EVENTUALLY(is_alive(s, "a"));
    CHECK_EQ(tv_shutdown(s, first, false), TV_OK);
    CHECK_EQ(tv_shutdown(s, second, false), TV_OK);
    await_closed(s);
    check_verdict(s, TV_GRACE_EXCEEDED, in_force);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    finish(task, TV_OUTCOME_ABANDONED);
    tv_supervisor_rele(s);
}

/* rule: R0.42, R5.6, R5.8 */
static void a_later_caller_can_only_shorten_the_grace(void)
{
    check_two_graces(3600 * TV_SECOND, 3 * TV_MS, 3 * TV_MS);
    check_two_graces(50 * TV_MS, 3600 * TV_SECOND, 50 * TV_MS);
    check_two_graces(50 * TV_MS, TV_NONE, 50 * TV_MS);
    check_two_graces(3600 * TV_SECOND, 0, 0);
}

static void shut_down_from_inside(struct tv_task *task, void *arg, struct tv_result *result)
{
    CHECK_EQ(tv_shutdown(tv_task_supervisor(task), TV_NONE, false), TV_OK);
    await_cancel(task, arg, result);
}

/* rule: R0.49 */
static void a_body_may_ask_for_the_shutdown(void)
{
    struct tv_supervisor *s = serve(NULL);

    finish(add(s, "a", SPEC(shut_down_from_inside, NULL)), TV_OUTCOME_CANCELED);
    await_closed(s);
    check_verdict(s, TV_STOPPED_WITHIN_GRACE, 60 * TV_SECOND);
    tv_supervisor_rele(s);
}

/* rule: R5.30 */
static void a_grace_of_zero_waits_for_nobody(void)
{
    struct tv_supervisor *s = serve_with_grace(0);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));

    EVENTUALLY(is_alive(s, "a"));
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_task_wait(task, 0), TV_OK);
    await_closed(s);
    check_verdict(s, TV_GRACE_EXCEEDED, 0);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    tv_task_rele(task);
    tv_supervisor_rele(s);
}

/* ---- other ends ----------------------------------------------------------------------------- */

/* rule: R4.81 */
static void a_quiet_shutdown_gives_no_verdict(void)
{
    struct tv_supervisor *s = serve_with_grace(0);
    struct tv_stream *stream = listen_to(s);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    tv_ns grace;

    expect(stream, TV_EVENT_TASK_ADD_REQUESTED, "a");
    expect(stream, TV_EVENT_TASK_ADDED, "a");
    expect(stream, TV_EVENT_TASK_STARTING, "a");
    CHECK_EQ(tv_shutdown(s, TV_NONE, true), TV_OK);
    await_closed(s);
    expect(stream, TV_EVENT_SHUTDOWN_REQUESTED, NULL);
    CHECK_EQ(tv_stream_next(stream, TV_NEVER, &(struct tv_event){.seq = 0}, &(uint64_t){0}),
             TV_ENDED);
    CHECK_EQ(tv_verdict(s, &grace), TV_NO_VERDICT);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    finish(task, TV_OUTCOME_ABANDONED);
    tv_stream_rele(stream);
    tv_supervisor_rele(s);
}

/* rule: R4.71, R5.31 */
static void a_natural_end_waits_for_the_last_task_and_gives_no_verdict(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream;
    struct gate gate = GATE;
    struct tv_task *a = add(s, "a", SPEC(await_gate, &gate)), *b;
    tv_ns grace;

    EVENTUALLY(is_alive(s, "a"));
    CHECK_EQ(tv_finish(s), TV_OK);
    b = add(s, "b", SPEC(no_op, NULL));
    finish(b, TV_OUTCOME_COMPLETED);
    CHECK(tv_is_open(s));
    CHECK_EQ(tv_wait_closed(s, 0), TV_TIMEOUT);
    stream = listen_to(s);
    gate_open(&gate);
    await_closed(s);
    expect(stream, TV_EVENT_TASK_STOPPED, "a");
    expect(stream, TV_EVENT_ACTOR_EXHAUSTED, "a");
    expect(stream, TV_EVENT_TASK_REMOVED, "a");
    CHECK_EQ(tv_stream_next(stream, TV_NEVER, &(struct tv_event){.seq = 0}, &(uint64_t){0}),
             TV_ENDED);
    CHECK_EQ(tv_verdict(s, &grace), TV_NO_VERDICT);
    CHECK_EQ(try_add(s, "c", SPEC(no_op, NULL), &b), TV_SHUTTING_DOWN);
    finish(a, TV_OUTCOME_COMPLETED);
    tv_stream_rele(stream);
    tv_supervisor_rele(s);
}

static void a_natural_end_of_nothing_comes_at_once(void)
{
    struct tv_supervisor *s = serve(NULL);

    CHECK_EQ(tv_finish(s), TV_OK);
    await_closed(s);
    tv_supervisor_rele(s);
}

/* ---- extent --------------------------------------------------------------------------------- */

#define MANY 2000

static void a_shutdown_reaches_every_task_in_whatever_it_waits(void)
{
    struct tv_config config = config_with_grace(60 * TV_SECOND);
    static struct tv_task *tasks[MANY];
    struct tv_supervisor *s;

    config.max_concurrent = 8;
    config.defaults.backoff = (struct tv_backoff){3600 * TV_SECOND, 3600 * TV_SECOND, 1.0,
                                                  TV_JITTER_NONE};
    s = serve(&config);
    for (size_t i = 0; i < MANY; i++) {
        struct tv_text *name = text_number("t", i);

        CHECK_EQ(tv_add(s, i < MANY / 2 ? &failing : &waiting_for_cancel, name, NULL,
                        &tasks[i]), TV_OK);
        tv_text_rele(name);
    }
    EVENTUALLY(tv_task_state(tasks[MANY / 2 + 7]) == TV_TASK_RUNNING);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    await_closed(s);
    check_verdict(s, TV_STOPPED_WITHIN_GRACE, 60 * TV_SECOND);
    for (int i = 0; i < MANY; i++)
        finish(tasks[i], TV_OUTCOME_CANCELED);
    tv_supervisor_rele(s);
}

/* rule: R5.42, R5.43 */
static void readers_go_on_answering_after_the_end(void)
{
    struct tv_supervisor *s = serve_with_grace(0);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct tv_task_info *infos;
    size_t count;

    EVENTUALLY(is_alive(s, "a"));
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    await_closed(s);
    CHECK_EQ(tv_tasks(s, &infos, &count), TV_OK);
    CHECK_EQ(count, 1);
    CHECK_EQ(infos[0].state, TV_TASK_ABANDONED);
    CHECK(infos[0].alive);
    tv_tasks_free(infos, count);
    CHECK_EQ(leave(s, task), TV_UNKNOWN);
    CHECK(tv_is_serving(s) && !tv_is_open(s));
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    tv_task_rele(task);
    tv_supervisor_rele(s);
}

/* rule: R5.29, R5.59 */
static void no_thread_is_left_behind_where_no_body_is(void)
{
    for (int i = 0; i < 200; i++) {
        struct tv_supervisor *s = serve(NULL);
        struct tv_task *fails = add(s, "fails", &failing);
        struct tv_counters found;

        for (int k = 0; k < i % 4; k++)
            tv_task_rele(add(s, (const char *[]){"a", "b", "c"}[k], &returning));
        CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
        await_closed(s);
        found = counters(s);
        CHECK_EQ(found.threads_written_off, 0);
        CHECK_EQ(found.threads_joined, found.threads_created);
        CHECK_EQ(found.workers_busy + found.workers_idle + found.workers_starting, 0);
        CHECK_EQ(threads_named("taskvisor"), 0);
        tv_task_rele(fails);
        tv_supervisor_rele(s);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(with_nothing_to_stop_all_has_stopped),
        TEST(bodies_that_listen_stop_within_the_grace),
        TEST(those_who_do_not_listen_are_the_stuck_ones_and_only_free_what_they_held_later),
        TEST(nobody_is_stuck_before_the_verdict),
        TEST(a_task_abandoned_before_is_stuck_too),
        TEST(a_body_may_outlive_every_reference),
        TEST(all_callers_share_one_result),
        TEST(a_later_caller_can_only_shorten_the_grace),
        TEST(a_body_may_ask_for_the_shutdown),
        TEST(a_grace_of_zero_waits_for_nobody),
        TEST(a_quiet_shutdown_gives_no_verdict),
        TEST(a_natural_end_waits_for_the_last_task_and_gives_no_verdict),
        TEST(a_natural_end_of_nothing_comes_at_once),
        TEST(a_shutdown_reaches_every_task_in_whatever_it_waits),
        TEST(readers_go_on_answering_after_the_end),
        TEST(no_thread_is_left_behind_where_no_body_is),
    };

    return CHECK_RUN(tests, argc, argv);
}
