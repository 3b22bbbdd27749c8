/*
 * Every thread creation fails once, and every allocation that comes with one: in tv_serve, where
 * the error is the caller's, and later, where it delays attempts and fails none.
 */
#include "failures.h"
#include "loops.h"

static struct tv_text *see_nothing(void *arg, const struct tv_event *event)
{
    (void)arg;
    (void)event;
    return NULL;
}

static void subscribe_twice(struct tv_supervisor *s)
{
    struct tv_subscriber subscriber = {text("s"), 10, see_nothing, NULL};

    CHECK_EQ(tv_subscribe(s, &subscriber), TV_OK);
    CHECK_EQ(tv_subscribe(s, &subscriber), TV_OK);
    tv_text_rele(subscriber.name);
}

/* ---- serving -------------------------------------------------------------------------------- */

/* With this order: the error, and everything back. True: it has succeeded. */
static bool try_serve(bool with_host, struct order memory_order, struct order thread_order)
{
    long before = atomic_load(&blocks);
    struct tv_supervisor *s;
    struct host host;
    enum tv_err err;
    bool used_up;

    host_init(&host);
    s = host.supervisor = make(NULL, with_host ? &host.hooks : NULL, &host);
    subscribe_twice(s);
    host_take(&host);
    memory = memory_order;
    threads = thread_order;
    err = tv_serve(s);
    forget_orders();
    host_give(&host);
    CHECK(err == TV_OK || err == TV_NO_MEMORY || err == TV_NO_THREAD);
    used_up = tv_is_serving(s);
    CHECK(used_up || err != TV_OK);
    if (err == TV_OK) {
        host_shutdown(&host, TV_NONE, false);
    } else if (used_up) {
        CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
        CHECK_EQ(tv_serve(s), TV_ALREADY_RUNNING);
    }
    EVENTUALLY(atomic_load(&host.closed) == (with_host && used_up));
    tv_supervisor_rele(s);
    EVENTUALLY(threads_named("taskvisor") == 0);
    CHECK_EQ(atomic_load(&host.begun), atomic_load(&host.ended));
    EVENTUALLY(atomic_load(&blocks) == before);
    return err == TV_OK;
}

static void serving_without_memory_or_threads_leaves_nothing_and_closes_once(void)
{
    const struct order none = {.at = 0};

    for (int i = 0; i < 4; i++) {
        bool with_host = i & 1, sticky = i & 2;
        long at = 1;

        while (!try_serve(with_host, (struct order){.at = at, .sticky = sticky}, none))
            at++;
        CHECK(at >= 5);
        at = 1;
        while (!try_serve(with_host, none, (struct order){.at = at, .sticky = sticky}))
            at++;
        CHECK_EQ(at, 5); /* the timer thread, a worker, two subscribers */
    }
}

static void a_supervisor_without_its_timer_thread_can_be_served_again(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);

    threads = (struct order){.at = 1};
    CHECK_EQ(tv_serve(s), TV_NO_THREAD);
    CHECK(!tv_is_serving(s));
    forget_orders();
    CHECK_EQ(tv_serve(s), TV_OK);
    finish(add(s, "a", &returning), TV_OUTCOME_COMPLETED);
    close_down(s);
}

/* Nor is it on its clock, which would step it. */
static void a_supervisor_without_its_timer_thread_has_left_its_clock(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_clock *clock = tv_clock_new(TV_NEVER);
    struct tv_supervisor *s;
    long before = atomic_load(&blocks);

    config.clock = clock;
    s = make(&config, NULL, NULL);
    threads = (struct order){.at = 1};
    CHECK_EQ(tv_serve(s), TV_NO_THREAD);
    forget_orders();
    tv_supervisor_rele(s);
    CHECK_EQ(atomic_load(&blocks), before);
    CHECK_EQ(tv_clock_advance(clock, 1), TV_OK);
    tv_clock_rele(clock);
}

/* ---- workers -------------------------------------------------------------------------------- */

/* rule: R1.12 */
static void workers_that_cannot_be_had_delay_attempts_and_fail_none(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *held = add(s, "held", SPEC(await_gate, &gate)), *a, *b;

    EVENTUALLY(is_alive(s, "held"));
    atomic_store(&no_threads, true);
    a = add(s, "a", &returning);
    tv_thread_rest(5 * TV_MS);
    atomic_store(&no_threads, false);
    finish(a, TV_OUTCOME_COMPLETED);
    atomic_store(&no_threads, true);
    b = add(s, "b", SPEC(await_gate, &gate));
    gate_open(&gate);
    finish(held, TV_OUTCOME_COMPLETED);
    finish(b, TV_OUTCOME_COMPLETED);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    atomic_store(&no_threads, false);
    tv_supervisor_rele(s);
}

/* ---- a private loop ------------------------------------------------------------------------- */

/* What was added before waits for a loop still, and the next start brings one. */
static void a_private_loop_that_gets_no_thread_can_be_started_again(void)
{
    long before = atomic_load(&blocks);
    struct host host;
    struct fake fake;
    struct record record = {.notify = false};
    struct body body = {.at_once = true};
    struct tv_supervisor *s = serve_private(&fake, &host, NULL);
    struct tv_task *task = host_add(&host, "a", ON_LOOP(&body), &record);

    for (int i = 0; i < 2; i++) {
        threads = (struct order){.at = 1, .sticky = true};
        CHECK_EQ(start_private(&fake), TV_NO_THREAD);
        forget_orders();
        CHECK(!tv_loop_of(s) && !tv_loop_is_serving(fake.mailbox) && !rings(fake.mailbox));
        CHECK_EQ(tv_task_state(task), TV_TASK_WAITING);
    }
    CHECK_EQ(start_private(&fake), TV_OK);
    finish(task, TV_OUTCOME_COMPLETED);
    host_close(&host);
    fake_fini(&fake);
    EVENTUALLY(atomic_load(&blocks) == before);
}

/* Nor is there a thread of it that the end would wait for. */
static void a_supervisor_whose_private_loop_got_no_thread_closes(void)
{
    struct host host;
    struct fake fake;
    struct record record = {.notify = false};
    struct body body = BODY;
    struct tv_supervisor *s = serve_private(&fake, &host, NULL);
    struct tv_task *task = host_add(&host, "a", ON_LOOP(&body), &record);

    threads = (struct order){.at = 1};
    CHECK_EQ(start_private(&fake), TV_NO_THREAD);
    forget_orders();
    host_shutdown(&host, TV_NONE, false);
    finish(task, TV_OUTCOME_CANCELED);
    CHECK(!tv_loop_of(s));
    host_fini(&host);
    fake_fini(&fake);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(serving_without_memory_or_threads_leaves_nothing_and_closes_once),
        TEST(a_supervisor_without_its_timer_thread_can_be_served_again),
        TEST(a_supervisor_without_its_timer_thread_has_left_its_clock),
        TEST(workers_that_cannot_be_had_delay_attempts_and_fail_none),
        TEST(a_private_loop_that_gets_no_thread_can_be_started_again),
        TEST(a_supervisor_whose_private_loop_got_no_thread_closes),
    };

    return CHECK_RUN(tests, argc, argv);
}
