/*
 * A thread that comes late: it is kept from its next lock while the others go on.
 */
#include "watched.h"

#include "loops.h"

static struct host host;

static void set_up(const struct tv_config *config)
{
    host_init(&host);
    host.held_locks = held_here;
    atomic_store(&stopped, 0);
    host_serve(&host, config);
}

static void leave_and_await_gate(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct host *left = host_leave();

    await_gate(task, arg, result);
    host_return(left);
}

/* ---- a late worker -------------------------------------------------------------------------- */

/* The worker has one lock to take for its last job, and another one after it: it stops there. */
static void stop_after_this_job(struct host *told, struct tv_task *task)
{
    (void)told;
    (void)task;
    skip = 1;
}

static void a_worker_on_its_way_out_of_a_job_is_waited_for(void)
{
    struct gate gate = GATE;
    struct tv_counters found;
    struct tv_task *task;

    set_up(NULL);
    host.on_forgotten = stop_after_this_job;
    task = host_add(&host, "a", SPEC(leave_and_await_gate, &gate), NULL);
    EVENTUALLY(gate_waiting(&gate) == 1);
    host_take(&host);
    CHECK_EQ(tv_shutdown(host.supervisor, TV_NONE, false), TV_OK);
    host_give(&host);
    gate_open(&gate);
    CHECK_EQ(tv_wait_closed(host.supervisor, TV_NEVER), TV_OK);
    found = counters(host.supervisor);
    CHECK_EQ(found.threads_written_off, 0);
    CHECK_EQ(found.threads_joined, found.threads_created);
    CHECK_EQ(atomic_load(&stopped), 1);
    finish(task, TV_OUTCOME_CANCELED);
    host_fini(&host);
}

/* ---- a late timer thread -------------------------------------------------------------------- */

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

/*
 * "first" is abandoned by the very step in which a worker takes "second": the timer thread is kept
 * from its lock, and the worker from the host until the grace is over.
 */
static void a_callback_that_falls_due_with_a_take_holds_up_no_body_that_was_taken(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct gate stuck = GATE;
    struct tv_task *first, *second;
    tv_ns grace_over;

    hook_gate = (struct gate)GATE;
    config.defaults.grace_ns = 20 * TV_MS;
    set_up(&config);
    host.on_settled = leave_for_gate;
    first = host_add(&host, "first", SPEC(leave_and_await_gate, &stuck), NULL);
    EVENTUALLY(gate_waiting(&stuck) == 1);
    host_take(&host);
    make_late("taskvisor-timer", NULL);
    CHECK_EQ(leave(host.supervisor, first), TV_OK);
    grace_over = tv_now() + config.defaults.grace_ns;
    host_give(&host);
    second = host_add(&host, "second", SPEC(open_gate, &hook_gate), NULL);
    host_take(&host);
    while (tv_now() <= grace_over)
        tv_thread_rest(TV_MS / 5);
    host_give(&host);
    finish(second, TV_OUTCOME_COMPLETED);
    free_the_late();
    finish(first, TV_OUTCOME_ABANDONED);
    gate_open(&stuck);
    host_close(&host);
}

/* rule: R4.46 */
static void who_is_told_that_his_time_is_over_finds_earlier_deadlines_decided(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct gate gate = GATE;
    struct tv_supervisor *s;
    struct tv_task *task;

    config.defaults.grace_ns = 5 * TV_MS;
    s = serve(&config);
    task = add(s, "a", SPEC(await_gate, &gate));
    EVENTUALLY(gate_waiting(&gate) == 1);
    make_late("taskvisor-timer", NULL);
    CHECK_EQ(leave(s, task), TV_OK);
    CHECK_EQ(tv_task_wait_gone(task, tv_now() + tv_task_grace(task)), TV_TIMEOUT);
    CHECK(tv_task_done(task));
    free_the_late();
    finish(task, TV_OUTCOME_ABANDONED);
    gate_open(&gate);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_OK);
    close_down(s);
}

#define CROWD 600 /* more than a step cancels at once */

static struct tv_task *held_task;
static _Atomic int body_thread;

static void leave_and_await_gate_here(struct tv_task *task, void *arg, struct tv_result *result)
{
    atomic_store(&body_thread, thread_id());
    leave_and_await_gate(task, arg, result);
}

static void check_handed_in(struct host *told, struct tv_task *task)
{
    (void)told;
    (void)task;
    CHECK(thread_id() != atomic_load(&body_thread) || tv_task_done(held_task));
}

/* With all others late this worker cancels the crowd, in slices, to hand in its own result. */
static void a_result_is_not_held_up_by_the_callbacks_of_others(void)
{
    static struct record records[CROWD];
    static struct tv_task *crowd[CROWD];
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct gate gate = GATE;

    config.max_concurrent = 1;
    set_up(&config);
    host.on_settled = check_handed_in;
    held_task = host_add(&host, "held", SPEC(leave_and_await_gate_here, &gate), NULL);
    EVENTUALLY(gate_waiting(&gate) == 1);
    for (int i = 0; i < CROWD; i++) {
        char name[16];

        snprintf(name, sizeof name, "t%d", i);
        records[i].notify = true;
        crowd[i] = host_add(&host, name, &returning, &records[i]);
    }
    make_late("taskvisor-timer", "taskvisor-2");
    host_take(&host);
    CHECK_EQ(tv_shutdown(host.supervisor, TV_NONE, false), TV_OK);
    host_give(&host);
    CHECK(!tv_task_done(crowd[CROWD - 1]));
    gate_open(&gate);
    for (int i = 0; i < CROWD; i++)
        finish(crowd[i], TV_OUTCOME_CANCELED);
    free_the_late();
    host_shutdown(&host, TV_NONE, false);
    finish(held_task, TV_OUTCOME_CANCELED);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(atomic_load(&records[i].settled), 1);
    host_fini(&host);
}

/* ---- a late private loop -------------------------------------------------------------------- */

static void *close_meanwhile(void *arg)
{
    EVENTUALLY(atomic_load(&stopped) == 1);
    host_shutdown(arg, 0, false);
    return NULL;
}

/* It is the supervisor's already, and has no thread yet that the end would wait for. */
static void a_private_loop_whose_thread_comes_late_is_waited_for(void)
{
    struct helper helper;
    struct fake fake;

    set_up(NULL);
    host.hooks.run_loop = fake_run_private;
    fake_init(&fake, &host);
    atomic_store(&freed, false);
    helper = helper_start(close_meanwhile, &host);
    skip = 2; /* the locks to claim it and to be served; it stops before its thread is counted */
    CHECK_EQ(tv_loop_start(host.supervisor, fake.mailbox, &fake), TV_OK);
    CHECK_EQ(atomic_load(&stopped), 1);
    helper_join(helper);
    CHECK_EQ(atomic_load(&fake.leaves), 1);
    host_fini(&host);
    fake_fini(&fake);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_worker_on_its_way_out_of_a_job_is_waited_for),
        TEST(a_callback_that_falls_due_with_a_take_holds_up_no_body_that_was_taken),
        TEST(who_is_told_that_his_time_is_over_finds_earlier_deadlines_decided),
        TEST(a_result_is_not_held_up_by_the_callbacks_of_others),
        TEST(a_private_loop_whose_thread_comes_late_is_waited_for),
    };

    return CHECK_RUN(tests, argc, argv);
}
