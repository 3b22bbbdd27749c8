#include "fixture.h"

#include <signal.h>

/* ---- a thread that waits ------------------------------------------------------------------- */

enum call { TASK, GONE, JOIN, CLOSED, RUN };

struct waiting {
    struct helper helper;
    enum call call;
    struct tv_supervisor *supervisor;
    struct tv_task *task;
    tv_ns deadline;
    enum tv_err got;
    _Atomic int thread;
    _Atomic bool back;
};

static enum tv_err wait_as(const struct waiting *waiting)
{
    switch (waiting->call) {
    case TASK:
        return tv_task_wait(waiting->task, waiting->deadline);
    case GONE:
        return tv_task_wait_gone(waiting->task, waiting->deadline);
    case JOIN:
        return tv_join(waiting->supervisor, waiting->deadline);
    case CLOSED:
        return tv_wait_closed(waiting->supervisor, waiting->deadline);
    case RUN:
        break;
    }
    return tv_run_wait(waiting->supervisor);
}

static void *wait_there(void *arg)
{
    struct waiting *waiting = arg;

    atomic_store(&waiting->thread, thread_id());
    waiting->got = wait_as(waiting);
    atomic_store(&waiting->back, true);
    return NULL;
}

/* Returns when the thread sleeps. */
static void start_waiting(struct waiting *waiting, enum call call, struct tv_supervisor *s,
                          struct tv_task *task)
{
    *waiting = (struct waiting){
        .call = call, .supervisor = s, .task = task, .deadline = TV_NEVER};
    waiting->helper = helper_start(wait_there, waiting);
    EVENTUALLY(is_asleep(atomic_load(&waiting->thread)));
}

static void check_waited(struct waiting *waiting, enum tv_err got)
{
    helper_join(waiting->helper);
    CHECK_EQ(waiting->got, got);
}

/* ---- join ---------------------------------------------------------------------------------- */

/* rule: R4.64 */
static void join_waits_until_nothing_is_registered(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task;
    struct waiting first, second;

    CHECK_EQ(tv_join(s, 0), TV_OK);
    task = add(s, "a", SPEC(await_gate, &gate));
    CHECK_EQ(tv_join(s, tv_now() + TV_MS), TV_TIMEOUT);
    start_waiting(&first, JOIN, s, NULL);
    start_waiting(&second, JOIN, s, NULL);
    gate_open(&gate);
    check_waited(&first, TV_OK);
    check_waited(&second, TV_OK);
    finish(task, TV_OUTCOME_COMPLETED);
    close_down(s);
}

/* rule: R0.43, R0.44 */
static void the_end_of_a_shutdown_ends_waits_for_bodies_that_are_left(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct waiting join, gone;

    EVENTUALLY(is_alive(s, "a"));
    start_waiting(&join, JOIN, s, NULL);
    start_waiting(&gone, GONE, NULL, task);
    CHECK_EQ(tv_shutdown(s, 0, false), TV_OK);
    check_waited(&join, TV_SHUTTING_DOWN);
    check_waited(&gone, TV_TIMEOUT);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_task_wait_gone(task, TV_NEVER), TV_TIMEOUT);
    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_OK);
    gate_open(&gate);
    EVENTUALLY(tv_task_state(task) == TV_TASK_DONE);
    CHECK_EQ(tv_task_wait_gone(task, TV_NEVER), TV_OK);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_OK);
    tv_task_rele(task);
    tv_supervisor_rele(s);
}

/* ---- one task ------------------------------------------------------------------------------ */

static void many_wait_for_one_task(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct waiting waiting[4];

    for (int i = 0; i < 4; i++)
        start_waiting(&waiting[i], i % 2 ? TASK : GONE, NULL, task);
    CHECK_EQ(tv_task_wait(task, 0), TV_TIMEOUT);
    gate_open(&gate);
    for (int i = 0; i < 4; i++)
        check_waited(&waiting[i], TV_OK);
    tv_task_rele(task);
    close_down(s);
}

/* rule: R4.46 */
static void who_waits_no_longer_than_the_grace_finds_the_task_abandoned(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct gate gate = GATE;
    const struct tv_spec waits = {
        .options = TV_OPTIONS_INHERIT, .call = await_gate, .arg = &gate};
    struct tv_supervisor *s;
    struct tv_task *task, *found;

    config.defaults.grace_ns = 2 * TV_MS;
    s = serve(&config);
    for (int i = 0; i < 20; i++) {
        char name[16];

        snprintf(name, sizeof name, "t%d", i);
        task = add(s, name, &waits);
        EVENTUALLY(is_alive(s, name));
        CHECK_EQ(tv_leave(s, (struct tv_target){.task = task}, TV_CANCEL, &found), TV_OK);
        CHECK_EQ(tv_task_wait_gone(found, tv_now() + tv_task_grace(found)), TV_TIMEOUT);
        CHECK(tv_task_done(task));
        tv_task_rele(found);
        finish(task, TV_OUTCOME_ABANDONED);
    }
    gate_open(&gate);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_OK);
    close_down(s);
}

/* ---- leaving ------------------------------------------------------------------------------- */

#define CALLERS 6
static _Atomic int claimed;

static void *cancel(void *arg)
{
    struct tv_task *task = arg, *found;
    enum tv_err err = tv_leave(tv_task_supervisor(task), (struct tv_target){.task = task},
                               TV_CANCEL, &found);

    CHECK(err == TV_OK || err == TV_ALREADY || err == TV_UNKNOWN);
    if (err == TV_OK)
        atomic_fetch_add(&claimed, 1);
    if (err != TV_UNKNOWN) {
        CHECK(found == task);
        CHECK_EQ(tv_task_wait_gone(found, TV_NEVER), TV_OK);
        tv_task_rele(found);
    }
    CHECK(tv_task_done(task));
    return NULL;
}

static void exactly_one_of_many_who_cancel_is_told_that_it_was_first(void)
{
    struct tv_supervisor *s = serve(NULL);

    for (int i = 0; i < 30; i++) {
        struct tv_task *task = add(s, "a", &waiting_for_cancel);
        struct helper helpers[CALLERS];

        atomic_store(&claimed, 0);
        for (int k = 0; k < CALLERS; k++)
            helpers[k] = helper_start(cancel, task);
        for (int k = 0; k < CALLERS; k++)
            helper_join(helpers[k]);
        CHECK_EQ(atomic_load(&claimed), 1);
        finish(task, TV_OUTCOME_CANCELED);
    }
    close_down(s);
}

static void a_task_is_found_by_itself_its_name_or_its_id(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *a = add(s, "a", SPEC(await_cancel, NULL)), *found;
    struct tv_text *name = text("a"), *other = text("b");

    CHECK_EQ(tv_leave(s, (struct tv_target){.name = other}, TV_CANCEL, NULL), TV_UNKNOWN);
    CHECK_EQ(tv_leave(s, (struct tv_target){.id = tv_task_id(a) + 1000}, TV_CANCEL, NULL),
             TV_UNKNOWN);
    CHECK_EQ(tv_leave(s, (struct tv_target){.id = tv_task_id(a)}, TV_REMOVE, &found), TV_OK);
    CHECK(found == a);
    tv_task_rele(found);
    finish(tv_task_hold(a), TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_leave(s, (struct tv_target){.task = a}, TV_REMOVE, NULL), TV_UNKNOWN);
    CHECK_EQ(tv_leave(s, (struct tv_target){.name = name}, TV_CANCEL, NULL), TV_UNKNOWN);
    tv_text_rele(name);
    tv_text_rele(other);
    tv_task_rele(a);
    close_down(s);
}

/* ---- waiting for oneself ------------------------------------------------------------------- */

struct answers {
    enum tv_err outcome, gone, join, closed, other;
    struct tv_task *task, *ended;
    _Atomic bool known; /* `task` */
};

static void ask_for_itself(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct answers *answers = arg;
    struct tv_supervisor *s = tv_task_supervisor(task);

    (void)result;
    EVENTUALLY(atomic_load(&answers->known));
    answers->outcome = tv_task_wait(answers->task, TV_NEVER);
    answers->gone = tv_task_wait_gone(answers->task, TV_NEVER);
    answers->join = tv_join(s, TV_NEVER);
    answers->closed = tv_wait_closed(s, TV_NEVER);
    answers->ended = add(s, "other", SPEC(no_op, NULL));
    answers->other = tv_task_wait_gone(answers->ended, TV_NEVER);
}

/* rule: R0.46, R0.47 */
static void a_body_is_told_where_it_could_only_wait_for_itself(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct answers answers = {.outcome = TV_OK};

    answers.task = add(s, "a", SPEC(ask_for_itself, &answers));
    atomic_store(&answers.known, true);
    finish(answers.task, TV_OUTCOME_COMPLETED);
    CHECK_EQ(answers.outcome, TV_WAITS_FOR_ITSELF);
    CHECK_EQ(answers.gone, TV_WAITS_FOR_ITSELF);
    CHECK_EQ(answers.join, TV_WAITS_FOR_ITSELF);
    CHECK_EQ(answers.closed, TV_WAITS_FOR_ITSELF);
    CHECK_EQ(answers.other, TV_OK);
    finish(answers.ended, TV_OUTCOME_COMPLETED);
    close_down(s);
}

static void close_another(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)result;
    close_down(arg);
}

static void a_body_may_wait_for_another_supervisor(void)
{
    struct tv_supervisor *s = serve(NULL), *other = serve(NULL);
    struct tv_task *left = add(other, "a", SPEC(await_cancel, NULL));

    finish(add(s, "a", SPEC(close_another, other)), TV_OUTCOME_COMPLETED);
    finish(left, TV_OUTCOME_CANCELED);
    close_down(s);
}

/* ---- signals ------------------------------------------------------------------------------- */

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

/* The handler runs at any point of a call of tv_run_wait: none may be slept through. */
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
        TEST(join_waits_until_nothing_is_registered),
        TEST(the_end_of_a_shutdown_ends_waits_for_bodies_that_are_left),
        TEST(many_wait_for_one_task),
        TEST(who_waits_no_longer_than_the_grace_finds_the_task_abandoned),
        TEST(exactly_one_of_many_who_cancel_is_told_that_it_was_first),
        TEST(a_task_is_found_by_itself_its_name_or_its_id),
        TEST(a_body_is_told_where_it_could_only_wait_for_itself),
        TEST(a_body_may_wait_for_another_supervisor),
        TEST(a_signal_ends_every_wait),
        TEST(an_interrupt_that_comes_before_the_wait_ends_it_and_no_other),
        TEST(an_interrupt_ends_one_wait),
        TEST(no_interrupt_of_a_handler_is_slept_through),
        TEST(an_interrupt_ends_one_wait_of_the_thread_that_wants_it),
        TEST(no_interrupt_is_slept_through_whoever_handles_the_signal),
    };

    return CHECK_RUN(tests, argc, argv);
}
