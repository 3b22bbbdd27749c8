#include "watched.h"

static struct host host;

static void set_up(const struct tv_config *config)
{
    host_init(&host);
    host.held_locks = held_here;
    host_serve(&host, config);
}

/* ---- hooks ---------------------------------------------------------------------------------- */

static void cancel_itself(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)arg;
    end_with(result, TV_ERROR_CANCELED, NULL);
}

static void leave_and_await_gate(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct host *left = host_leave();

    await_gate(task, arg, result);
    host_return(left);
}

static void leave_and_await_cancel(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct host *left = host_leave();

    await_cancel(task, arg, result);
    host_return(left);
}

static void check_told(struct record *record, int settled)
{
    EVENTUALLY(atomic_load(&record->forgotten) == 1);
    CHECK_EQ(atomic_load(&record->settled), settled);
}

static void the_host_is_told_of_outcomes_it_asked_for_or_that_are_bad(void)
{
    struct tv_options never = TV_OPTIONS_INHERIT;
    struct tv_spec fails = {.options = never, .call = fail};
    struct record records[5] = {{.notify = true}, {.notify = false}};

    fails.options.inherits &= ~(uint32_t)TV_INHERIT_RESTART;
    fails.options.restart = TV_RESTART_NEVER;
    set_up(NULL);
    finish(host_add(&host, "asked", SPEC(no_op, NULL), &records[0]), TV_OUTCOME_COMPLETED);
    finish(host_add(&host, "not", SPEC(no_op, NULL), &records[1]), TV_OUTCOME_COMPLETED);
    finish(host_add(&host, "bad", &fails, &records[2]), TV_OUTCOME_FAILED);
    finish(host_add(&host, "off", SPEC(cancel_itself, NULL), &records[3]), TV_OUTCOME_CANCELED);
    finish(host_add(&host, "both", &fails, &records[4]), TV_OUTCOME_FAILED);
    check_told(&records[0], atomic_load(&records[0].settled)); /* it may have been too late */
    check_told(&records[1], 0);
    check_told(&records[2], 1);
    check_told(&records[3], 0);
    check_told(&records[4], 1);
    host_close(&host);
}

static void who_asks_in_time_is_told(void)
{
    struct record record = {.notify = true};
    struct gate gate = GATE;
    struct tv_task *task;

    set_up(NULL);
    task = host_add(&host, "a", SPEC(leave_and_await_gate, &gate), &record);
    gate_open(&gate);
    finish(task, TV_OUTCOME_COMPLETED);
    check_told(&record, 1);
    host_close(&host);
}

static void an_abandoned_task_is_settled_at_once_and_forgotten_when_its_body_returns(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct record record = {.notify = true};
    struct gate gate = GATE;
    struct tv_task *task;

    config.defaults.grace_ns = 0;
    set_up(&config);
    task = host_add(&host, "a", SPEC(leave_and_await_gate, &gate), &record);
    EVENTUALLY(gate_waiting(&gate) == 1);
    CHECK_EQ(host_cancel(&host, task), TV_OK);
    EVENTUALLY(atomic_load(&record.settled) == 1);
    CHECK_EQ(atomic_load(&record.forgotten), 0);
    gate_open(&gate);
    check_told(&record, 1);
    finish(task, TV_OUTCOME_ABANDONED);
    host_close(&host);
}

/* It waits for a permit, so no worker has it: who cancels forgets it. */
static void a_task_that_no_worker_has_is_forgotten_by_who_cancels_it(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct record record = {.notify = false};
    struct tv_task *first, *second;

    config.max_concurrent = 1;
    set_up(&config);
    first = host_add(&host, "first", SPEC(leave_and_await_cancel, NULL), NULL);
    second = host_add(&host, "second", SPEC(no_op, NULL), &record);
    CHECK_EQ(host_cancel(&host, second), TV_OK);
    CHECK_EQ(atomic_load(&record.forgotten), 1);
    finish(second, TV_OUTCOME_CANCELED);
    CHECK_EQ(host_cancel(&host, first), TV_OK);
    finish(first, TV_OUTCOME_CANCELED);
    host_close(&host);
}

static void the_host_is_told_who_is_stuck_and_closes_after_the_last_body(void)
{
    struct gate gate = GATE;
    struct record record = {.notify = false};
    struct tv_task *a, *b;

    set_up(NULL);
    b = host_add(&host, "b", SPEC(leave_and_await_gate, &gate), NULL);
    a = host_add(&host, "a", SPEC(leave_and_await_gate, &gate), &record);
    EVENTUALLY(gate_waiting(&gate) == 2);
    host_shutdown(&host, 0, false);
    CHECK_EQ(atomic_load(&host.exceeded), 1);
    CHECK_BYTES(host.stuck, strlen(host.stuck), "a b ");
    CHECK_EQ(atomic_load(&record.settled), 1);
    CHECK_EQ(atomic_load(&host.closed), 0);
    gate_open(&gate);
    host_fini(&host);
    CHECK_EQ(atomic_load(&host.exceeded), 1);
    finish(a, TV_OUTCOME_ABANDONED);
    finish(b, TV_OUTCOME_ABANDONED);
}

static void nobody_is_told_of_a_grace_that_was_enough_or_that_nobody_waits_for(void)
{
    struct gate gate = GATE;
    struct tv_task *task;

    set_up(NULL);
    finish(host_add(&host, "a", SPEC(no_op, NULL), NULL), TV_OUTCOME_COMPLETED);
    host_close(&host);
    CHECK_EQ(atomic_load(&host.exceeded), 0);
    set_up(NULL);
    task = host_add(&host, "a", SPEC(leave_and_await_gate, &gate), NULL);
    EVENTUALLY(gate_waiting(&gate) == 1);
    host_shutdown(&host, 0, true);
    gate_open(&gate);
    host_fini(&host);
    CHECK_EQ(atomic_load(&host.exceeded), 0);
    finish(task, TV_OUTCOME_ABANDONED);
}

static struct tv_text *observe(void *arg, const struct tv_event *event)
{
    (void)event;
    CHECK(host_is_mine(&host));
    atomic_fetch_add((_Atomic int *)arg, 1);
    return NULL;
}

static void subscribers_are_called_attached_and_end_before_the_host_closes(void)
{
    _Atomic int seen = 0;
    struct tv_subscriber subscriber = {
        .name = text("s"), .capacity = 1000, .on_event = observe, .arg = (void *)&seen};

    host_init(&host);
    host.held_locks = held_here;
    host.supervisor = make(NULL, &host.hooks, &host);
    CHECK_EQ(tv_subscribe(host.supervisor, &subscriber), TV_OK);
    CHECK_EQ(tv_serve(host.supervisor), TV_OK);
    finish(host_add(&host, "a", SPEC(no_op, NULL), NULL), TV_OUTCOME_COMPLETED);
    host_close(&host);
    CHECK_EQ(atomic_load(&seen), 8);
    tv_text_rele(subscriber.name);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void linger(struct host *left)
{
    tv_ns until = tv_now() + 50 * TV_MS;

    while (tv_now() < until) {
        check_open(left);
        tv_thread_rest(TV_MS / 5);
    }
}

/* Each thread that ends takes its time, and looks whether the host has been closed meanwhile. */
static void the_host_closes_after_every_other_thread_has_ended(void)
{
    static const char *names[] = {"a", "b", "c"};
    struct gate gate = GATE;
    const struct tv_spec waits = {
        .options = TV_OPTIONS_INHERIT, .call = leave_and_await_gate, .arg = &gate};
    struct tv_task *tasks[3];

    set_up(NULL);
    host.on_thread_end = linger;
    for (int i = 0; i < 3; i++)
        tasks[i] = host_add(&host, names[i], &waits, NULL);
    EVENTUALLY(gate_waiting(&gate) == 3);
    gate_open(&gate);
    for (int i = 0; i < 3; i++)
        finish(tasks[i], TV_OUTCOME_COMPLETED);
    host_close(&host);
}

/* ---- work is never held up by a hook -------------------------------------------------------- */

static struct gate hook_gate;

static void open_gate(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)result;
    gate_open(arg);
}

static void leave_for_gate(struct host *left, struct tv_task *task)
{
    if (strcmp(tv_task_name(task)->bytes, "first") != 0)
        return;
    host_leave();
    gate_await(&hook_gate);
    host_return(left);
}

/* "second" gets the permit in the very step that settles "first", whose callback waits for it. */
static void a_callback_that_waits_holds_up_no_attempt_that_its_task_made_ready(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct record record = {.notify = true};
    struct gate begun = GATE;
    struct tv_task *first, *second;

    hook_gate = (struct gate)GATE;
    config.max_concurrent = 1;
    set_up(&config);
    host.on_settled = leave_for_gate;
    first = host_add(&host, "first", SPEC(leave_and_await_gate, &begun), &record);
    second = host_add(&host, "second", SPEC(open_gate, &hook_gate), NULL);
    EVENTUALLY(gate_waiting(&begun) == 1);
    gate_open(&begun);
    finish(first, TV_OUTCOME_COMPLETED);
    finish(second, TV_OUTCOME_COMPLETED);
    host_close(&host);
}

/* ---- threads that the host refuses ---------------------------------------------------------- */

static void threads_without_a_state_delay_attempts_and_fail_none(void)
{
    host_init(&host);
    host.held_locks = held_here;
    atomic_store(&host.refuse, 3);
    host_serve(&host, NULL);
    finish(host_add(&host, "a", SPEC(no_op, NULL), NULL), TV_OUTCOME_COMPLETED);
    CHECK_EQ(atomic_load(&host.refused), 3);
    host_close(&host);
}

static void refused_threads_are_not_replaced_in_a_hurry(void)
{
    struct tv_task *task;

    host_init(&host);
    atomic_store(&host.refuse, 1000000);
    host_serve(&host, NULL);
    task = host_add(&host, "a", SPEC(no_op, NULL), NULL);
    EVENTUALLY(atomic_load(&host.refused) > 0);
    tv_thread_rest(200 * TV_MS);
    CHECK(atomic_load(&host.refused) < 50);
    atomic_store(&host.refuse, 0);
    finish(task, TV_OUTCOME_COMPLETED);
    host_close(&host);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(the_host_is_told_of_outcomes_it_asked_for_or_that_are_bad),
        TEST(who_asks_in_time_is_told),
        TEST(an_abandoned_task_is_settled_at_once_and_forgotten_when_its_body_returns),
        TEST(a_task_that_no_worker_has_is_forgotten_by_who_cancels_it),
        TEST(the_host_is_told_who_is_stuck_and_closes_after_the_last_body),
        TEST(nobody_is_told_of_a_grace_that_was_enough_or_that_nobody_waits_for),
        TEST(subscribers_are_called_attached_and_end_before_the_host_closes),
        TEST(the_host_closes_after_every_other_thread_has_ended),
        TEST(a_callback_that_waits_holds_up_no_attempt_that_its_task_made_ready),
        TEST(threads_without_a_state_delay_attempts_and_fail_none),
        TEST(refused_threads_are_not_replaced_in_a_hurry),
    };

    return CHECK_RUN(tests, argc, argv);
}
