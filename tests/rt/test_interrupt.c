#include "waiting.h"

#include <signal.h>

/* ---- signals -------------------------------------------------------------------------------- */

static struct tv_supervisor *interrupted;

static void do_nothing(int number)
{
    (void)number;
}

static void interrupt(int number)
{
    (void)number;
    tv_interrupt(interrupted);
}

static void on_signal(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
}

/* Signals come until the wait has ended. */
static void check_interrupted(enum call call, struct tv_supervisor *s, struct tv_task *task)
{
    struct waiting waiting;

    start_waiting(&waiting, call, s, task);
    while (!atomic_load(&waiting.back)) {
        pthread_kill(waiting.helper.thread, SIGUSR1);
        tv_thread_rest(TV_MS / 10);
    }
    check_waited(&waiting, TV_INTERRUPTED);
}

/* rule: R0.51 */
static void a_signal_ends_every_wait(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));

    on_signal(do_nothing);
    check_interrupted(TASK, s, task);
    check_interrupted(GONE, s, task);
    check_interrupted(JOIN, s, task);
    check_interrupted(CLOSED, s, task);
    check_interrupted(RUN, s, task);
    gate_open(&gate);
    finish(task, TV_OUTCOME_COMPLETED);
    close_down(s);
}

static void an_interrupt_that_comes_before_the_wait_ends_it_and_no_other(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct waiting waiting;

    tv_interrupt(s);
    CHECK_EQ(tv_run_wait(s), TV_INTERRUPTED);
    start_waiting(&waiting, RUN, s, NULL);
    CHECK(!atomic_load(&waiting.back));
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    check_waited(&waiting, TV_OK);
    CHECK_EQ(tv_run_wait(s), TV_OK);
    tv_supervisor_rele(s);
}

/* The wait would not sleep any more: the interrupt is told all the same, once. */
static void an_interrupt_at_the_very_end_is_not_lost(void)
{
    struct tv_supervisor *s = serve(NULL);

    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    tv_interrupt(s);
    CHECK_EQ(tv_run_wait(s), TV_INTERRUPTED);
    CHECK_EQ(tv_run_wait(s), TV_OK);
    tv_supervisor_rele(s);
}

static void an_interrupt_ends_one_wait(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct waiting waiting;

    start_waiting(&waiting, RUN, s, NULL);
    tv_interrupt(s);
    check_waited(&waiting, TV_INTERRUPTED);
    start_waiting(&waiting, RUN, s, NULL);
    CHECK(!atomic_load(&waiting.back));
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    check_waited(&waiting, TV_OK);
    tv_supervisor_rele(s);
}

/*
 * The handler runs at any point of a call of tv_run_wait: none may be slept through. One signal
 * must do; but TSan puts a handler off until its thread calls something that TSan knows.
 */
static void no_interrupt_of_a_handler_is_slept_through(void)
{
    interrupted = serve(NULL);
    on_signal(interrupt);
    for (int i = 0; i < 300; i++) {
        struct waiting waiting = {.call = RUN, .supervisor = interrupted};

        waiting.helper = helper_start(wait_there, &waiting);
        for (volatile int spin = 0; spin < i * 30; spin++)
            continue;
        pthread_kill(waiting.helper.thread, SIGUSR1);
#ifdef __SANITIZE_THREAD__
        while (!atomic_load(&waiting.back)) {
            tv_thread_rest(TV_MS);
            pthread_kill(waiting.helper.thread, SIGUSR1);
        }
#endif
        check_waited(&waiting, TV_INTERRUPTED);
    }
    close_down(interrupted);
}

/* ---- waits that a handler on any thread interrupts ------------------------------------------ */

/* An interrupt that comes before the sleep counts, for one wait, and for this thread alone. */
static void an_interrupt_ends_one_wait_of_the_thread_that_wants_it(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct waiting aside;

    start_waiting(&aside, JOIN, s, NULL);
    tv_wait_interruptibly(true);
    tv_interrupt_waits();
    CHECK_EQ(tv_join(s, TV_NEVER), TV_INTERRUPTED);
    CHECK_EQ(tv_join(s, tv_now() + TV_MS), TV_TIMEOUT);
    tv_interrupt_waits();
    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_INTERRUPTED);
    tv_interrupt_waits();
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_INTERRUPTED);
    tv_interrupt_waits();
    tv_wait_interruptibly(false);
    CHECK_EQ(tv_join(s, tv_now() + TV_MS), TV_TIMEOUT);
    tv_wait_interruptibly(true);
    CHECK_EQ(tv_join(s, tv_now() + TV_MS), TV_TIMEOUT);
    CHECK(!atomic_load(&aside.back));
    gate_open(&gate);
    CHECK_EQ(tv_task_wait_gone(task, TV_NEVER), TV_OK);
    check_waited(&aside, TV_OK);
    tv_wait_interruptibly(false);
    tv_task_rele(task);
    close_down(s);
}

static void interrupt_all(int number)
{
    (void)number;
    tv_interrupt_waits();
}

static void *wait_interruptibly(void *arg)
{
    struct waiting *waiting = arg;

    tv_wait_interruptibly(true);
    atomic_store(&waiting->thread, thread_id());
    waiting->got = wait_as(waiting);
    tv_wait_interruptibly(false);
    return NULL;
}

/* The handler runs on this thread, at any point of the other one's call. */
static void no_interrupt_is_slept_through_whoever_handles_the_signal(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));

    on_signal(interrupt_all);
    for (int i = 0; i < 300; i++) {
        struct waiting waiting = {
            .call = i % 2 ? JOIN : GONE, .supervisor = s, .task = task, .deadline = TV_NEVER};

        waiting.helper = helper_start(wait_interruptibly, &waiting);
        EVENTUALLY(atomic_load(&waiting.thread));
        for (volatile int spin = 0; spin < i * 20; spin++)
            continue;
        pthread_kill(pthread_self(), SIGUSR1);
        check_waited(&waiting, TV_INTERRUPTED);
    }
    gate_open(&gate);
    finish(task, TV_OUTCOME_COMPLETED);
    close_down(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_signal_ends_every_wait),
        TEST(an_interrupt_that_comes_before_the_wait_ends_it_and_no_other),
        TEST(an_interrupt_at_the_very_end_is_not_lost),
        TEST(an_interrupt_ends_one_wait),
        TEST(no_interrupt_of_a_handler_is_slept_through),
        TEST(an_interrupt_ends_one_wait_of_the_thread_that_wants_it),
        TEST(no_interrupt_is_slept_through_whoever_handles_the_signal),
    };

    return CHECK_RUN(tests, argc, argv);
}
