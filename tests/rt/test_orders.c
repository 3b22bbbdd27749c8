/*
 * What a loop is asked to do for a supervisor: to start attempts, to cancel them, and what comes of
 * their ends. The loop is worked by hand.
 */
#include "loops.h"

#include <sys/wait.h>

static struct tv_config config_of(tv_ns grace_ns, tv_ns timeout_ns)
{
    struct tv_config config = TV_CONFIG_DEFAULT;

    config.defaults.grace_ns = grace_ns;
    config.defaults.timeout_ns = timeout_ns;
    config.defaults.backoff = (struct tv_backoff){0, 0, 1.0, TV_JITTER_NONE};
    return config;
}

static void check_never_again(const struct tv_errand *errand)
{
    CHECK_EQ(errand->again_ns, TV_NONE);
    CHECK(!errand->on_and_on);
}

/* ---- starts and ends ------------------------------------------------------------------------ */

static void the_end_of_a_body_decides_as_a_worker_s_does(void)
{
    struct tv_config config = config_of(TV_SECOND, 0);
    struct tv_supervisor *s;
    struct tv_task *task, *fatal, *stray;
    struct tv_outcome outcome;
    struct tv_loop *loop;

    config.defaults.max_retries = 1;
    s = serve(&config);
    loop = loop_given(s);
    task = add(s, "a", &on_loop);
    fatal = add(s, "b", &on_loop);
    stray = add(s, "c", &on_loop);
    expect_errand(loop, TV_ERRAND_START, task);
    expect_errand(loop, TV_ERRAND_START, fatal);
    expect_errand(loop, TV_ERRAND_START, stray);
    CHECK_EQ(tv_task_attempt(task), 1);
    CHECK(is_alive(s, "a") && tv_task_state(task) == TV_TASK_RUNNING);
    end_body(task, TV_ERROR_FAIL);
    end_body(fatal, TV_ERROR_FATAL);
    end_cancelled(stray); /* not requested: a Fail */
    finish(fatal, TV_OUTCOME_FATAL);
    EVENTUALLY(tv_task_state(task) == TV_TASK_WAITING);
    expect_errand(loop, TV_ERRAND_START, task);
    CHECK_EQ(tv_task_attempt(task), 2);
    end_body(task, TV_ERROR_FAIL);
    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_OK);
    tv_task_outcome(task, &outcome);
    check_reason(&outcome.reason, "max_retries_exceeded(1/1): execution failed: no");
    finish(task, TV_OUTCOME_FAILED);
    EVENTUALLY(tv_task_state(stray) == TV_TASK_WAITING);
    expect_errand(loop, TV_ERRAND_START, stray);
    end_body(stray, TV_ERROR_NONE);
    finish(stray, TV_OUTCOME_COMPLETED);
    expect_nothing_to_do(loop);
    close_down(s);
    loop_end(loop);
}

static void a_permit_is_waited_for_and_given_back(void)
{
    struct tv_config config = config_of(TV_SECOND, 0);
    struct tv_supervisor *s;
    struct tv_task *first, *second;
    struct tv_loop *loop;

    config.max_concurrent = 1;
    s = serve(&config);
    loop = loop_given(s);
    first = add(s, "first", &on_loop);
    second = add(s, "second", &on_loop);
    expect_errand(loop, TV_ERRAND_START, first);
    expect_nothing_to_do(loop);
    tv_loop_hear(loop);
    CHECK(!rings(loop));
    end_body(first, TV_ERROR_NONE);
    CHECK(rings(loop));
    expect_errand(loop, TV_ERRAND_START, second);
    end_body(second, TV_ERROR_NONE);
    finish(first, TV_OUTCOME_COMPLETED);
    finish(second, TV_OUTCOME_COMPLETED);
    close_down(s);
    loop_end(loop);
}

static void workers_leave_the_loop_s_attempts_alone_and_it_theirs(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *ours = add(s, "ours", &on_loop);

    finish(add(s, "theirs", &returning), TV_OUTCOME_COMPLETED);
    CHECK_EQ(tv_task_state(ours), TV_TASK_WAITING);
    expect_errand(loop, TV_ERRAND_START, ours);
    expect_nothing_to_do(loop);
    end_body(ours, TV_ERROR_NONE);
    finish(ours, TV_OUTCOME_COMPLETED);
    close_down(s);
    loop_end(loop);
}

static void the_verdict_tells_whose_body_is_on_a_loop(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop);
    struct tv_stuck_task *stuck;
    size_t count;

    expect_errand(loop, TV_ERRAND_START, task);
    CHECK_EQ(tv_shutdown(s, 0, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_stuck(s, &stuck, &count), TV_OK);
    CHECK(count == 1 && stuck[0].on_loop == task && stuck[0].thread == 0);
    tv_stuck_free(stuck, count);
    end_body(task, TV_ERROR_NONE);
    CHECK_EQ(tv_stuck(s, &stuck, &count), TV_OK);
    CHECK(count == 1 && !stuck[0].on_loop);
    tv_stuck_free(stuck, count);
    finish(task, TV_OUTCOME_ABANDONED);
    tv_supervisor_rele(s);
    loop_end(loop);
}

/* ---- cancels -------------------------------------------------------------------------------- */

static void a_cancel_comes_once_and_again_after_half_of_what_is_left(void)
{
    struct tv_config config = config_of(1000 * TV_SECOND, 0);
    struct tv_supervisor *s = serve(&config);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop);
    struct tv_errand errand;
    tv_ns asked;

    expect_errand(loop, TV_ERRAND_START, task);
    expect_nothing_to_do(loop);
    asked = tv_now();
    CHECK_EQ(leave(s, task), TV_OK);
    CHECK_EQ(leave(s, task), TV_ALREADY);
    errand = expect_errand(loop, TV_ERRAND_CANCEL, task);
    CHECK_EQ(tv_task_cancel_reason(task), TV_CANCEL_REMOVED);
    CHECK(errand.again_ns <= 500 * TV_SECOND && !errand.on_and_on);
    CHECK(errand.again_ns >= 500 * TV_SECOND - (tv_now() - asked));
    expect_nothing_to_do(loop);
    end_cancelled(task);
    finish(task, TV_OUTCOME_CANCELED);
    close_down(s);
    loop_end(loop);
}

static void a_shutdown_s_cancel_is_repeated_within_the_shutdown_s_grace(void)
{
    struct tv_config config = config_of(1000 * TV_SECOND, 0);
    struct tv_supervisor *s = serve(&config);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop), *waiting;
    struct tv_errand errand;

    expect_errand(loop, TV_ERRAND_START, task);
    waiting = add(s, "waiting", &on_loop);
    CHECK_EQ(tv_shutdown(s, 100 * TV_SECOND, false), TV_OK);
    errand = expect_errand(loop, TV_ERRAND_CANCEL, task);
    CHECK_EQ(tv_task_cancel_reason(task), TV_CANCEL_SHUTDOWN);
    CHECK(errand.again_ns > 0 && errand.again_ns <= 50 * TV_SECOND && !errand.on_and_on);
    expect_nothing_to_do(loop);
    finish(waiting, TV_OUTCOME_CANCELED);
    end_cancelled(task);
    finish(task, TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    tv_supervisor_rele(s);
    loop_end(loop);
}

static void a_cancel_without_grace_comes_and_is_not_repeated(void)
{
    struct tv_config config = config_of(0, 0);
    struct tv_supervisor *s = serve(&config);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop);
    struct tv_errand errand;

    expect_errand(loop, TV_ERRAND_START, task);
    CHECK_EQ(leave(s, task), TV_OK);
    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_OK);
    CHECK_EQ(tv_task_state(task), TV_TASK_ABANDONED);
    errand = expect_errand(loop, TV_ERRAND_CANCEL, task);
    check_never_again(&errand);
    expect_nothing_to_do(loop);
    end_cancelled(task);
    finish(task, TV_OUTCOME_ABANDONED);
    close_down(s);
    loop_end(loop);
}

static void a_timeout_s_cancel_is_repeated_on_and_on(void)
{
    struct tv_config config = config_of(30 * TV_SECOND, TV_MS);
    struct tv_supervisor *s;
    struct tv_loop *loop;
    struct tv_task *task;
    struct tv_errand errand;

    config.defaults.restart = TV_RESTART_NEVER;
    s = serve(&config);
    loop = loop_given(s);
    task = add(s, "a", &on_loop);
    expect_errand(loop, TV_ERRAND_START, task);
    expect_nothing_to_do(loop);
    tv_loop_hear(loop);
    EVENTUALLY(rings(loop));
    errand = expect_errand(loop, TV_ERRAND_CANCEL, task);
    CHECK_EQ(tv_task_cancel_reason(task), TV_CANCEL_TIMEOUT);
    CHECK(errand.on_and_on);
    CHECK_EQ(errand.again_ns, 15 * TV_SECOND);
    expect_nothing_to_do(loop);
    CHECK_EQ(leave(s, task), TV_OK); /* another cancel, which is within its grace */
    errand = expect_errand(loop, TV_ERRAND_CANCEL, task);
    CHECK(!errand.on_and_on);
    CHECK(errand.again_ns > 0 && errand.again_ns <= 15 * TV_SECOND);
    end_cancelled(task);
    finish(task, TV_OUTCOME_CANCELED);
    close_down(s);
    loop_end(loop);
}

/* One of both is told: what the body is to know is that it is cancelled. */
static void a_timeout_and_a_cancel_before_the_loop_looks_are_one(void)
{
    struct tv_config config = config_of(30 * TV_SECOND, TV_MS);
    struct tv_supervisor *s = serve(&config);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop);
    struct tv_errand errand;

    expect_errand(loop, TV_ERRAND_START, task);
    EVENTUALLY(tv_task_state(task) == TV_TASK_STOPPING);
    CHECK_EQ(leave(s, task), TV_OK);
    errand = expect_errand(loop, TV_ERRAND_CANCEL, task);
    CHECK(!errand.on_and_on && errand.again_ns != TV_NONE);
    expect_nothing_to_do(loop);
    end_cancelled(task);
    finish(task, TV_OUTCOME_CANCELED);
    close_down(s);
    loop_end(loop);
}

static void a_cancel_of_an_attempt_that_has_ended_is_not_told(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop), *other = add(s, "b", &on_loop);

    expect_errand(loop, TV_ERRAND_START, task);
    expect_errand(loop, TV_ERRAND_START, other);
    CHECK_EQ(leave(s, task), TV_OK);
    CHECK_EQ(leave(s, other), TV_OK);
    end_body(task, TV_ERROR_NONE);
    finish(task, TV_OUTCOME_CANCELED); /* the last but the order's reference */
    expect_errand(loop, TV_ERRAND_CANCEL, other);
    expect_nothing_to_do(loop);
    end_cancelled(other);
    finish(other, TV_OUTCOME_CANCELED);
    close_down(s);
    loop_end(loop);
}

/* Its retry waits for the loop already, when the loop comes to the cancel. */
static void a_cancel_of_an_earlier_attempt_is_not_told_to_the_next(void)
{
    struct tv_config config = config_of(30 * TV_SECOND, 20 * TV_MS);
    struct tv_supervisor *s = serve(&config);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop);

    expect_errand(loop, TV_ERRAND_START, task);
    EVENTUALLY(tv_task_state(task) == TV_TASK_STOPPING);
    end_body(task, TV_ERROR_NONE);
    EVENTUALLY(tv_task_state(task) == TV_TASK_WAITING);
    expect_errand(loop, TV_ERRAND_START, task);
    CHECK_EQ(tv_task_attempt(task), 2);
    EVENTUALLY(tv_task_state(task) == TV_TASK_STOPPING);
    expect_errand(loop, TV_ERRAND_CANCEL, task); /* its own */
    expect_nothing_to_do(loop);
    CHECK_EQ(leave(s, task), TV_OK);
    expect_errand(loop, TV_ERRAND_CANCEL, task);
    end_cancelled(task);
    finish(task, TV_OUTCOME_CANCELED);
    close_down(s);
    loop_end(loop);
}

static void cancels_come_before_the_attempts_that_wait(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop), *next;

    expect_errand(loop, TV_ERRAND_START, task);
    next = add(s, "next", &on_loop);
    CHECK_EQ(leave(s, task), TV_OK);
    expect_errand(loop, TV_ERRAND_CANCEL, task);
    expect_errand(loop, TV_ERRAND_START, next);
    end_cancelled(task);
    end_body(next, TV_ERROR_NONE);
    finish(task, TV_OUTCOME_CANCELED);
    finish(next, TV_OUTCOME_COMPLETED);
    close_down(s);
    loop_end(loop);
}

/* ---- the host ------------------------------------------------------------------------------- */

static void end_attached(struct host *host, struct tv_task *task)
{
    host_take(host);
    end_body(task, TV_ERROR_NONE);
    host_give(host);
}

/* A shared loop is no member of the supervisor's, but what it runs is. */
static void a_host_is_told_that_all_is_closed_when_the_loop_s_last_body_has_ended(void)
{
    struct host host;
    struct record records[2] = {{.notify = false}, {.notify = false}};
    struct tv_task *tasks[2];
    struct tv_supervisor *s;
    struct tv_loop *loop;

    host_init(&host);
    s = host_serve(&host, NULL);
    loop = loop_given(s);
    tasks[0] = host_add(&host, "a", &on_loop, &records[0]);
    tasks[1] = host_add(&host, "b", &on_loop, &records[1]);
    expect_errand(loop, TV_ERRAND_START, tasks[0]);
    expect_errand(loop, TV_ERRAND_START, tasks[1]);
    host_shutdown(&host, 0, false);
    EVENTUALLY(threads_named("taskvisor") == 0);
    CHECK_EQ(atomic_load(&host.closed), 0);
    end_attached(&host, tasks[0]);
    CHECK_EQ(atomic_load(&host.closed), 0);
    end_attached(&host, tasks[1]);
    EVENTUALLY(atomic_load(&host.closed) == 1);
    EVENTUALLY(threads_named("taskvisor") == 0); /* who told it has handed itself in, late */
    tv_reap();
    finish(tasks[0], TV_OUTCOME_ABANDONED);
    finish(tasks[1], TV_OUTCOME_ABANDONED);
    host_fini(&host);
    loop_end(loop);
}

/* ---- the end of the process ----------------------------------------------------------------- */

static void begin_exit(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *running = add(s, "running", &on_loop), *waiting;

    expect_errand(loop, TV_ERRAND_START, running);
    waiting = add(s, "waiting", &on_loop);
    tv_exit_begin();
    expect_errand(loop, TV_ERRAND_CANCEL, running);
    expect_nothing_to_do(loop);
    finish(waiting, TV_OUTCOME_CANCELED);
    end_cancelled(running);
    finish(running, TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_exit_wait(TV_NEVER), TV_OK);
    tv_exit_end();
    tv_supervisor_rele(s);
    loop_end(loop);
}

/* That can be had once in a process. */
static void at_the_end_of_the_process_nothing_begins_and_cancels_still_come(void)
{
    int status = 0;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        alarm((unsigned)(PATIENCE / TV_SECOND));
        begin_exit();
        fflush(NULL);
        end_child(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(the_end_of_a_body_decides_as_a_worker_s_does),
        TEST(a_permit_is_waited_for_and_given_back),
        TEST(workers_leave_the_loop_s_attempts_alone_and_it_theirs),
        TEST(the_verdict_tells_whose_body_is_on_a_loop),
        TEST(a_cancel_comes_once_and_again_after_half_of_what_is_left),
        TEST(a_shutdown_s_cancel_is_repeated_within_the_shutdown_s_grace),
        TEST(a_cancel_without_grace_comes_and_is_not_repeated),
        TEST(a_timeout_s_cancel_is_repeated_on_and_on),
        TEST(a_timeout_and_a_cancel_before_the_loop_looks_are_one),
        TEST(a_cancel_of_an_attempt_that_has_ended_is_not_told),
        TEST(a_cancel_of_an_earlier_attempt_is_not_told_to_the_next),
        TEST(cancels_come_before_the_attempts_that_wait),
        TEST(a_host_is_told_that_all_is_closed_when_the_loop_s_last_body_has_ended),
        TEST(at_the_end_of_the_process_nothing_begins_and_cancels_still_come),
    };

    return CHECK_RUN(tests, argc, argv);
}
