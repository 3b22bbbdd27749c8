#include "by_clock.h"

#include <sys/wait.h>

/* Clocks that are set by hand: what goes by them, who shares them, how they end. */

/* ---- what goes by it ------------------------------------------------------------------------ */

/* rule: R11.1 R11.2 */
static void a_delay_ends_at_its_deadline_and_no_sooner(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, retries_after(3600 * TV_SECOND));
    struct tv_task *task = add(s, "a", &failing_once);

    EVENTUALLY(tv_task_state(task) == TV_TASK_BACKOFF);
    CHECK_EQ(next_of(clock), 3600 * TV_SECOND);
    advance(clock, 3600 * TV_SECOND - 1);
    CHECK_EQ(tv_task_state(task), TV_TASK_BACKOFF);
    CHECK_EQ(next_of(clock), 3600 * TV_SECOND);
    advance(clock, 1);
    CHECK(tv_task_state(task) != TV_TASK_BACKOFF);
    finish(task, TV_OUTCOME_COMPLETED);
    CHECK_EQ(tv_clock_now(clock), 3600 * TV_SECOND);
    CHECK_EQ(next_of(clock), TV_NEVER);
    close_down(s);
    tv_clock_rele(clock);
}

/* rule: R11.2 R11.3 */
static void a_timeout_has_been_decided_when_the_advance_returns(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, once_within(60 * TV_SECOND));
    struct tv_stream *stream = listen_to(s);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));

    EVENTUALLY(gate_waiting(&gate) == 1);
    advance(clock, 60 * TV_SECOND);
    CHECK_EQ(tv_task_state(task), TV_TASK_STOPPING);
    CHECK(tv_task_is_cancelled(task));
    for (int i = 0; i < 3; i++)
        expect(stream, (enum tv_event_kind[]){TV_EVENT_TASK_ADD_REQUESTED, TV_EVENT_TASK_ADDED,
                                              TV_EVENT_TASK_STARTING}[i], "a");
    expect(stream, TV_EVENT_TIMEOUT_HIT, "a");
    gate_open(&gate);
    finish(task, TV_OUTCOME_FAILED);
    tv_stream_rele(stream);
    close_down(s);
    tv_clock_rele(clock);
}

/* rule: R11.3 */
static void one_advance_is_one_step_however_many_intervals_fit(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, (struct tv_config)TV_CONFIG_DEFAULT);
    _Atomic int calls = 0;
    struct tv_spec spec = {.options = TV_OPTIONS_DEFAULT, .call = count_call};
    struct tv_task *task;

    spec.arg = (void *)&calls;
    spec.options.restart = TV_RESTART_ALWAYS;
    spec.options.interval_ns = TV_SECOND;
    task = add(s, "a", &spec);
    for (int round = 1; round <= 5; round++) {
        EVENTUALLY(tv_task_state(task) == TV_TASK_PAUSED);
        CHECK_EQ(atomic_load(&calls), round);
        CHECK_EQ(next_of(clock), tv_clock_now(clock) + TV_SECOND);
        advance(clock, 100 * TV_SECOND);
    }
    CHECK_EQ(leave(s, task), TV_OK);
    finish(task, TV_OUTCOME_CANCELED);
    close_down(s);
    tv_clock_rele(clock);
}

/* rule: R11.2 */
static void graces_of_tasks_and_of_the_shutdown_go_by_it(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, (struct tv_config)TV_CONFIG_DEFAULT);
    struct gate gate = GATE;
    struct tv_task *first = add(s, "first", SPEC(await_gate, &gate));
    struct tv_task *second = add(s, "second", SPEC(await_gate, &gate));
    tv_ns grace;

    EVENTUALLY(gate_waiting(&gate) == 2);
    CHECK_EQ(leave(s, first), TV_OK);
    advance(clock, 60 * TV_SECOND);
    CHECK(tv_task_done(first));
    CHECK_EQ(tv_shutdown(s, 10 * TV_SECOND, false), TV_OK);
    advance(clock, 10 * TV_SECOND - 1);
    CHECK(!tv_task_done(second));
    advance(clock, 1);
    finish(first, TV_OUTCOME_ABANDONED);
    finish(second, TV_OUTCOME_ABANDONED);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_verdict(s, &grace), TV_GRACE_EXCEEDED);
    gate_open(&gate);
    EVENTUALLY(counters(s).workers_busy == 0);
    tv_supervisor_rele(s);
    tv_clock_rele(clock);
}

static void views_tell_its_time(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_config config = retries_after(50 * TV_SECOND);
    struct tv_text *name = text("slot");
    struct tv_request request = {.spec = &waiting_for_cancel, .name = name};
    struct tv_supervisor *s;
    struct tv_slots slots[2];
    struct tv_task *task, *owner;
    struct tv_task_info *infos;
    size_t count;

    config.queue_capacity = 1;
    s = serve_on(clock, config);
    task = add(s, "a", SPEC(fail, NULL));
    EVENTUALLY(tv_task_state(task) == TV_TASK_BACKOFF);
    advance(clock, 20 * TV_SECOND);
    CHECK_EQ(tv_tasks(s, &infos, &count), TV_OK);
    CHECK_EQ(infos[0].next_start_ns, 30 * TV_SECOND);
    tv_tasks_free(infos, count);

    CHECK_EQ(tv_submit(s, &request, name, TV_ADMISSION_QUEUE, false, &owner), TV_OK);
    CHECK_EQ(tv_slots(s, &slots[0]), TV_OK);
    advance(clock, 3600 * TV_SECOND);
    CHECK_EQ(tv_slots(s, &slots[1]), TV_OK);
    CHECK_EQ(slots[0].slots[0].since_ns, slots[1].slots[0].since_ns);
    for (int i = 0; i < 2; i++)
        tv_slots_free(&slots[i]);
    close_down(s);
    finish(task, TV_OUTCOME_CANCELED);
    finish(owner, TV_OUTCOME_CANCELED);
    tv_text_rele(name);
    tv_clock_rele(clock);
}

/* More fall due at once than one step handles. */
static void a_crowd_that_is_due_has_all_been_decided(void)
{
    enum { CROWD = 3000 };
    static struct tv_task *tasks[CROWD];
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, retries_after(TV_SECOND));

    for (size_t i = 0; i < CROWD; i++) {
        struct tv_text *name = text_number("t", i);

        CHECK_EQ(tv_add(s, &failing, name, NULL, &tasks[i]), TV_OK);
        tv_text_rele(name);
    }
    for (size_t i = 0; i < CROWD; i++)
        EVENTUALLY(tv_task_state(tasks[i]) == TV_TASK_BACKOFF);
    advance(clock, TV_SECOND); /* none is in it any more */
    for (size_t i = 0; i < CROWD; i++)
        EVENTUALLY(tv_task_state(tasks[i]) == TV_TASK_BACKOFF);
    CHECK_EQ(next_of(clock), 2 * TV_SECOND);
    close_down(s);
    for (size_t i = 0; i < CROWD; i++)
        finish(tasks[i], TV_OUTCOME_CANCELED);
    tv_clock_rele(clock);
}

static void it_wakes_no_thread_while_it_stands(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, retries_after(TV_MS));
    struct tv_task *task = add(s, "a", &failing_once);
    uint64_t wakeups;

    EVENTUALLY(tv_task_state(task) == TV_TASK_BACKOFF);
    EVENTUALLY(counters(s).workers_busy + counters(s).workers_starting == 0);
    tv_thread_rest(20 * TV_MS);
    wakeups = counters(s).timer_wakeups;
    tv_thread_rest(50 * TV_MS);
    CHECK_EQ(counters(s).timer_wakeups, wakeups);
    CHECK_EQ(tv_task_state(task), TV_TASK_BACKOFF);
    advance(clock, TV_MS);
    finish(task, TV_OUTCOME_COMPLETED);
    close_down(s);
    tv_clock_rele(clock);
}

/* ---- several on one clock ------------------------------------------------------------------- */

/* rule: R11.4 */
static void supervisors_share_a_clock_and_leave_it_when_they_close(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s[10];
    struct tv_task *tasks[10];

    for (int i = 0; i < 10; i++) {
        s[i] = serve_on(clock, retries_after((10 - i) * TV_SECOND));
        tasks[i] = add(s[i], "a", &failing_once);
        EVENTUALLY(tv_task_state(tasks[i]) == TV_TASK_BACKOFF);
    }
    for (int i = 9; i >= 0; i--) {
        CHECK_EQ(next_of(clock), (10 - i) * TV_SECOND);
        advance(clock, TV_SECOND);
        finish(tasks[i], TV_OUTCOME_COMPLETED);
        close_down(s[i]);
    }
    CHECK_EQ(next_of(clock), TV_NEVER);
    tv_clock_rele(clock);
}

static void a_supervisor_keeps_its_clock(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, (struct tv_config)TV_CONFIG_DEFAULT);

    tv_clock_rele(clock);
    CHECK(tv_clock_of(s) == clock);
    advance(tv_clock_of(s), TV_SECOND);
    finish(add(s, "a", SPEC(no_op, NULL)), TV_OUTCOME_COMPLETED);
    close_down(s);
    s = make(NULL, NULL, NULL);
    CHECK(!tv_clock_of(s));
    tv_supervisor_rele(s);
}

static void time_is_cut_short_of_never(void)
{
    struct tv_clock *clock = new_clock();

    advance(clock, TV_NS_MAX);
    CHECK_EQ(tv_clock_now(clock), TV_NEVER - 1);
    advance(clock, TV_NS_MAX);
    CHECK_EQ(tv_clock_now(clock), TV_NEVER - 1);
    CHECK_EQ(next_of(clock), TV_NEVER);
    tv_clock_rele(clock);
}

/* ---- the ends ------------------------------------------------------------------------------- */

/* rule: R11.8 */
static void a_clock_that_is_released_goes_on_from_where_it_stood(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, retries_after(2 * TV_MS));
    struct tv_task *task = add(s, "a", &failing_once);

    EVENTUALLY(tv_task_state(task) == TV_TASK_BACKOFF);
    advance(clock, TV_MS);
    tv_clock_release(clock);
    tv_clock_release(clock);
    advance(clock, 0);
    finish(task, TV_OUTCOME_COMPLETED);
    CHECK(tv_clock_now(clock) >= 2 * TV_MS);
    close_down(s);
    tv_clock_rele(clock);
}

/* In the child; what is there of the parent's stays. */
/* rule: R11.9 */
static void a_shutdown_is_waited_for_as_long_as_patience_lasts(void)
{
    struct gate gate = GATE;
    struct tv_clock *clock = tv_clock_new(2 * TV_MS);
    struct tv_supervisor *s = serve_on(clock, (struct tv_config)TV_CONFIG_DEFAULT);
    struct tv_task *stuck = add(s, "stuck", SPEC(await_gate, &gate));
    tv_ns grace;

    EVENTUALLY(gate_waiting(&gate) == 1);
    CHECK_EQ(tv_shutdown(s, TV_SECOND, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, tv_after(tv_now(), 100 * TV_SECOND)), TV_OK);
    CHECK_EQ(tv_verdict(s, &grace), TV_GRACE_EXCEEDED);
    CHECK_EQ(grace, 0);
    CHECK(tv_clock_now(clock) < 50 * TV_SECOND);
    finish(stuck, TV_OUTCOME_ABANDONED);
    gate_open(&gate);
    EVENTUALLY(counters(s).workers_busy == 0);
    tv_supervisor_rele(s);
    tv_clock_rele(clock);
}

static void use_in_child(struct tv_clock *clock, struct tv_alarm *alarm)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s = NULL;
    struct tv_alarm *other = NULL;
    tv_ns at;

    tv_after_fork_child();
    config.clock = clock;
    CHECK_EQ(tv_clock_advance(clock, 1), TV_FORKED);
    CHECK_EQ(tv_clock_next(clock, &at), TV_FORKED);
    CHECK_EQ(tv_alarm_new(clock, NULL, 1, &other), TV_FORKED);
    CHECK_EQ(tv_supervisor_new(&config, NULL, NULL, &s), TV_FORKED);
    CHECK_EQ(tv_clock_asleep(clock), 0);
    tv_alarm_free(alarm);
    tv_clock_rele(clock);
    clock = new_clock();
    advance(clock, 1);
    tv_clock_rele(clock);
    end_child(0);
}

static void a_clock_is_not_usable_in_a_forked_child(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_alarm *alarm = alarm_in(clock, NULL, 5);
    pid_t child;
    int status;

    fflush(stdout);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        use_in_child(clock, alarm);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    tv_alarm_free(alarm);
    tv_clock_rele(clock);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_delay_ends_at_its_deadline_and_no_sooner),
        TEST(a_timeout_has_been_decided_when_the_advance_returns),
        TEST(one_advance_is_one_step_however_many_intervals_fit),
        TEST(graces_of_tasks_and_of_the_shutdown_go_by_it),
        TEST(views_tell_its_time),
        TEST(a_crowd_that_is_due_has_all_been_decided),
        TEST(it_wakes_no_thread_while_it_stands),
        TEST(supervisors_share_a_clock_and_leave_it_when_they_close),
        TEST(a_supervisor_keeps_its_clock),
        TEST(time_is_cut_short_of_never),
        TEST(a_clock_that_is_released_goes_on_from_where_it_stood),
        TEST(a_shutdown_is_waited_for_as_long_as_patience_lasts),
        TEST(a_clock_is_not_usable_in_a_forked_child),
    };

    return CHECK_RUN(tests, argc, argv);
}
