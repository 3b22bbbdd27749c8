/*
 * The mailbox, whom a loop serves, and the thread of a private loop.
 */
#include "loops.h"

/* ---- the mailbox ---------------------------------------------------------------------------- */

#define BATCH 300

static void end_all(struct tv_task **tasks, size_t count, struct tv_loop *loop)
{
    for (size_t i = 0; i < count; i++) {
        expect_errand(loop, TV_ERRAND_START, tasks[i]);
        end_body(tasks[i], TV_ERROR_NONE);
    }
}

static void add_numbered(struct tv_supervisor *s, struct tv_task **tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tv_text *name = text_number("t", i);

        CHECK_EQ(tv_add(s, &on_loop, name, NULL, &tasks[i]), TV_OK);
        tv_text_rele(name);
    }
}

static void finish_all(struct tv_task **tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        finish(tasks[i], TV_OUTCOME_COMPLETED);
}

static void a_batch_rings_once_and_the_next_one_rings_again(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *tasks[BATCH];

    CHECK(!rings(loop));
    for (int round = 0; round < 2; round++) {
        add_numbered(s, tasks, 1);
        CHECK(rings(loop));
        tv_loop_hear(loop);
        CHECK(!rings(loop));
        end_all(tasks, 1, loop);
        expect_nothing_to_do(loop);
        CHECK(!rings(loop));
        finish_all(tasks, 1);
        add_numbered(s, tasks, BATCH);
        CHECK(rings(loop));
        tv_loop_hear(loop);
        CHECK(!rings(loop));
        end_all(tasks, BATCH, loop);
        expect_nothing_to_do(loop);
        finish_all(tasks, BATCH);
    }
    close_down(s);
    loop_end(loop);
}

static void a_loop_is_not_woken_before_it_was_told_that_there_is_nothing(void)
{
    struct tv_supervisor *s = serve(NULL), *other = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *first = add(s, "first", &on_loop), *second, *third;

    CHECK_EQ(tv_loop_give(other, loop), TV_OK);
    tv_loop_hear(loop);
    expect_errand(loop, TV_ERRAND_START, first);
    second = add(s, "second", &on_loop);
    third = add(other, "third", &on_loop);
    CHECK(!rings(loop)); /* it has stopped in between, and comes again by itself */
    expect_errand(loop, TV_ERRAND_START, second);
    expect_errand(loop, TV_ERRAND_START, third);
    CHECK(!rings(loop));
    expect_nothing_to_do(loop);
    CHECK_EQ(leave(s, first), TV_OK);
    CHECK(rings(loop));
    expect_errand(loop, TV_ERRAND_CANCEL, first);
    end_cancelled(first);
    finish(first, TV_OUTCOME_CANCELED);
    end_body(second, TV_ERROR_NONE);
    finish(second, TV_OUTCOME_COMPLETED);
    end_body(third, TV_ERROR_NONE);
    finish(third, TV_OUTCOME_COMPLETED);
    close_down(s);
    close_down(other);
    loop_end(loop);
}

/* One supervisor may have 64 orders in a row: then it is the next one's turn. */
static void supervisors_that_share_a_loop_take_turns(void)
{
    struct tv_supervisor *s[] = {serve(NULL), serve(NULL)};
    struct tv_loop *loop = loop_given(s[0]);
    struct tv_task *tasks[2][BATCH];
    int in_a_row = 0, now = 0;
    size_t taken[2] = {0, 0};

    CHECK_EQ(tv_loop_give(s[1], loop), TV_OK);
    add_numbered(s[0], tasks[0], BATCH);
    add_numbered(s[1], tasks[1], BATCH);
    while (taken[0] + taken[1] < (size_t)2 * BATCH) {
        struct tv_errand errand;
        int whose;

        CHECK(tv_loop_next(loop, &errand) && errand.kind == TV_ERRAND_START);
        whose = tv_task_supervisor(errand.task) == s[1];
        CHECK(errand.task == tasks[whose][taken[whose]++]);
        in_a_row = whose == now ? in_a_row + 1 : 1;
        now = whose;
        CHECK(in_a_row <= 64 || taken[!whose] == BATCH);
        end_body(errand.task, TV_ERROR_NONE);
    }
    expect_nothing_to_do(loop);
    for (int i = 0; i < 2; i++) {
        finish_all(tasks[i], BATCH);
        close_down(s[i]);
    }
    loop_end(loop);
}

/* ---- whom it serves ------------------------------------------------------------------------- */

static void attempts_wait_until_there_is_a_loop(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *waits = add(s, "waits", &on_loop), *leaves = add(s, "leaves", &on_loop);
    struct tv_loop *loop;

    CHECK(!tv_loop_of(s));
    CHECK_EQ(leave(s, leaves), TV_OK);
    finish(leaves, TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_task_state(waits), TV_TASK_WAITING);
    loop = loop_given(s);
    CHECK(tv_loop_of(s) == loop && rings(loop));
    end_all(&waits, 1, loop);
    finish(waits, TV_OUTCOME_COMPLETED);
    close_down(s);
    loop_end(loop);
}

static void a_supervisor_has_one_loop_for_life_and_a_loop_may_have_many(void)
{
    struct tv_supervisor *s = serve(NULL), *other = serve(NULL);
    struct tv_loop *loop = loop_new(), *second = loop_new();

    CHECK(!tv_loop_is_serving(loop));
    CHECK_EQ(tv_loop_give(s, loop), TV_OK);
    CHECK_EQ(tv_loop_give(s, loop), TV_ALREADY);
    CHECK_EQ(tv_loop_give(s, second), TV_ALREADY);
    CHECK_EQ(tv_loop_start(s, second, NULL), TV_ALREADY);
    CHECK_EQ(tv_loop_give(other, loop), TV_OK);
    CHECK(tv_loop_of(s) == loop && tv_loop_of(other) == loop);
    CHECK(tv_loop_is_serving(loop) && !tv_loop_is_serving(second));
    close_down(s);
    CHECK(tv_loop_is_serving(loop));
    close_down(other);
    CHECK(!tv_loop_is_serving(loop));
    loop_end(loop);
    loop_end(second);
}

static void a_supervisor_that_is_shut_down_takes_no_loop(void)
{
    struct tv_supervisor *s = serve(NULL), *ended = serve(NULL);
    struct tv_loop *loop = loop_new();

    CHECK_EQ(tv_finish(ended), TV_OK);
    CHECK_EQ(tv_wait_closed(ended, TV_NEVER), TV_OK);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_loop_give(s, loop), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_loop_start(s, loop, NULL), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_loop_give(ended, loop), TV_SHUTTING_DOWN);
    CHECK(!tv_loop_of(s) && !tv_loop_is_serving(loop));
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_loop_give(s, loop), TV_SHUTTING_DOWN);
    tv_supervisor_rele(s);
    tv_supervisor_rele(ended);
    loop_end(loop);
}

/* ---- the end of a loop ---------------------------------------------------------------------- */

/* Who is given up leaves nothing behind: what remains are the test's references. */
static void check_let_go(struct tv_supervisor *s)
{
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    EVENTUALLY(atomic_load(&s->refs) == 1);
    tv_supervisor_rele(s);
}

static void a_loop_that_closes_shuts_down_whom_it_serves(void)
{
    struct tv_supervisor *opened = serve(NULL), *unopened = serve(NULL), *idle = serve(NULL);
    struct tv_loop *loop = loop_given(opened);
    struct tv_task *running, *waiting, *unread;

    CHECK_EQ(tv_loop_give(unopened, loop), TV_OK);
    CHECK_EQ(tv_loop_give(idle, loop), TV_OK);
    running = add(opened, "running", &on_loop);
    waiting = add(opened, "waiting", &on_loop);
    unread = add(unopened, "unread", &on_loop);
    expect_errand(loop, TV_ERRAND_START, running);
    CHECK_EQ(leave(opened, running), TV_OK);
    tv_loop_close(loop);
    CHECK(!tv_is_open(opened) && !tv_is_open(unopened) && !tv_is_open(idle));
    CHECK(!tv_loop_is_serving(loop));
    finish(waiting, TV_OUTCOME_CANCELED);
    finish(unread, TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_task_state(running), TV_TASK_STOPPING);
    end_cancelled(running); /* the body that it has left behind */
    finish(running, TV_OUTCOME_CANCELED);
    check_let_go(opened);
    check_let_go(unopened);
    check_let_go(idle);
    tv_loop_close(loop);
    tv_loop_rele(loop);
}

/* Cancels that nobody will carry out any more hold no task. */
static void cancels_for_a_closed_loop_are_dropped(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *before = add(s, "before", &on_loop), *after = add(s, "after", &on_loop);

    expect_errand(loop, TV_ERRAND_START, before);
    expect_errand(loop, TV_ERRAND_START, after);
    expect_nothing_to_do(loop);
    CHECK_EQ(leave(s, before), TV_OK);
    tv_loop_close(loop);
    CHECK_EQ(tv_task_cancel_reason(after), TV_CANCEL_SHUTDOWN);
    end_cancelled(before);
    end_cancelled(after);
    EVENTUALLY(atomic_load(&before->refs) == 1 && atomic_load(&after->refs) == 1);
    finish(before, TV_OUTCOME_CANCELED);
    finish(after, TV_OUTCOME_CANCELED);
    check_let_go(s);
    tv_loop_rele(loop);
}

static void a_closed_loop_takes_nobody_and_leaves_him_free_for_another(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *task = add(s, "a", &on_loop);
    struct tv_loop *closed = loop_new(), *loop;

    tv_loop_close(closed);
    CHECK_EQ(tv_loop_give(s, closed), TV_SHUTTING_DOWN);
    CHECK(!tv_loop_of(s) && tv_is_open(s) && !rings(closed));
    loop = loop_given(s);
    CHECK(rings(loop));
    end_all(&task, 1, loop);
    finish(task, TV_OUTCOME_COMPLETED);
    close_down(s);
    loop_end(loop);
    tv_loop_rele(closed);
}

/* One that was never served has nobody else to take it out of its loop's list. */
static void a_supervisor_that_is_dropped_unserved_leaves_its_loop(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct tv_loop *loop = loop_given(s);

    CHECK(tv_loop_is_serving(loop));
    tv_supervisor_rele(s);
    CHECK(!tv_loop_is_serving(loop));
    loop_end(loop);
}

/* The task is the loop's until tv_loop_end, and the supervisor's memory lives as long. */
static void the_end_of_a_body_may_be_the_end_of_its_supervisor(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop);

    expect_errand(loop, TV_ERRAND_START, task);
    expect_nothing_to_do(loop);
    CHECK_EQ(tv_shutdown(s, 0, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    expect_errand(loop, TV_ERRAND_CANCEL, task);
    expect_nothing_to_do(loop);
    EVENTUALLY(atomic_load(&task->refs) == 2);
    tv_task_rele(task);
    EVENTUALLY(atomic_load(&s->refs) == 2);
    tv_supervisor_rele(s);
    end_body(task, TV_ERROR_NONE);
    loop_end(loop);
}

/* ---- a private loop ------------------------------------------------------------------------- */

static void a_private_loop_runs_bodies_and_leaves_with_its_supervisor(void)
{
    struct host host;
    struct fake fake;
    struct body bodies[] = {BODY, {.at_once = true}};
    struct record records[2] = {{.notify = true}, {.notify = true}};
    struct tv_supervisor *s = serve_private(&fake, &host, NULL);
    struct tv_task *a = host_add(&host, "a", ON_LOOP(&bodies[0]), &records[0]), *b;

    CHECK_EQ(start_private(&fake), TV_OK);
    CHECK_EQ(start_private(&fake), TV_ALREADY);
    EVENTUALLY(atomic_load(&bodies[0].begun) == 1);
    EVENTUALLY(threads_named("taskvisor-loop") == 1);
    b = host_add(&host, "b", ON_LOOP(&bodies[1]), &records[1]);
    finish(b, TV_OUTCOME_COMPLETED);
    fake_tell(&fake, &bodies[0]);
    finish(a, TV_OUTCOME_COMPLETED);
    CHECK(!tv_loop_has_left(s));
    host_shutdown(&host, TV_NONE, false);
    CHECK(tv_loop_has_left(s));
    CHECK_EQ(atomic_load(&fake.leaves), 1);
    host_fini(&host);
    fake_fini(&fake);
}

/* Its thread goes when the body does, and only then the host is told that all is closed. */
static void a_private_loop_in_a_body_is_written_off(void)
{
    struct host host;
    struct fake fake;
    struct body body = {.stubborn = true};
    struct record record = {.notify = false};
    struct tv_supervisor *s = serve_private(&fake, &host, NULL);
    struct tv_task *task = host_add(&host, "stuck", ON_LOOP(&body), &record);

    CHECK_EQ(start_private(&fake), TV_OK);
    EVENTUALLY(atomic_load(&body.begun) == 1);
    host_shutdown(&host, 0, false);
    CHECK_EQ(counters(s).threads_written_off, 1);
    CHECK(!tv_loop_has_left(s));
    CHECK_EQ(atomic_load(&host.closed), 0);
    finish(task, TV_OUTCOME_ABANDONED);
    CHECK_BYTES(host.stuck, strlen(host.stuck), "stuck ");
    fake_tell(&fake, &body);
    EVENTUALLY(atomic_load(&host.closed) == 1);
    EVENTUALLY(counters(s).threads_written_off == 0);
    CHECK_EQ(atomic_load(&fake.leaves), 1);
    host_fini(&host);
    fake_fini(&fake);
}

static struct gate stuck = GATE;

/* As a callback that somebody else has put into the loop: no body of ours, and it does not end. */
static void be_stuck(struct fake *fake)
{
    host_give(fake->host);
    gate_await(&stuck);
    host_take(fake->host);
}

static void a_private_loop_that_does_not_leave_is_waited_for_with_patience(void)
{
    struct host host;
    struct fake fake;
    struct tv_supervisor *s = serve_private(&fake, &host, NULL);
    tv_ns begin;

    fake.each_turn = be_stuck;
    CHECK_EQ(start_private(&fake), TV_OK);
    EVENTUALLY(gate_waiting(&stuck) == 1);
    begin = tv_now();
    host_shutdown(&host, TV_NONE, false);
    CHECK(tv_now() - begin >= TV_LOOP_PATIENCE);
    CHECK_EQ(counters(s).threads_written_off, 1);
    CHECK_EQ(atomic_load(&host.closed), 0);
    gate_open(&stuck);
    EVENTUALLY(counters(s).threads_written_off == 0);
    host_fini(&host);
    fake_fini(&fake);
}

/* A private loop that ends by itself shuts its supervisor down, as every other does. */
static void a_private_loop_that_ends_shuts_its_supervisor_down(void)
{
    struct host host;
    struct fake fake;
    struct body body = BODY;
    struct record record = {.notify = false};
    struct tv_supervisor *s = serve_private(&fake, &host, NULL);
    struct tv_task *task = host_add(&host, "a", ON_LOOP(&body), &record);

    CHECK_EQ(start_private(&fake), TV_OK);
    EVENTUALLY(atomic_load(&body.begun) == 1);
    atomic_store(&fake.stop, true);
    fake_nudge(&fake);
    finish(task, TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(atomic_load(&fake.leaves), 0);
    host_fini(&host);
    fake_fini(&fake);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_batch_rings_once_and_the_next_one_rings_again),
        TEST(a_loop_is_not_woken_before_it_was_told_that_there_is_nothing),
        TEST(supervisors_that_share_a_loop_take_turns),
        TEST(attempts_wait_until_there_is_a_loop),
        TEST(a_supervisor_has_one_loop_for_life_and_a_loop_may_have_many),
        TEST(a_supervisor_that_is_shut_down_takes_no_loop),
        TEST(a_loop_that_closes_shuts_down_whom_it_serves),
        TEST(cancels_for_a_closed_loop_are_dropped),
        TEST(a_closed_loop_takes_nobody_and_leaves_him_free_for_another),
        TEST(a_supervisor_that_is_dropped_unserved_leaves_its_loop),
        TEST(the_end_of_a_body_may_be_the_end_of_its_supervisor),
        TEST(a_private_loop_runs_bodies_and_leaves_with_its_supervisor),
        TEST(a_private_loop_in_a_body_is_written_off),
        TEST(a_private_loop_that_does_not_leave_is_waited_for_with_patience),
        TEST(a_private_loop_that_ends_shuts_its_supervisor_down),
    };

    return CHECK_RUN(tests, argc, argv);
}
