#include "fixture.h"

/* Options that try again at once. */
static struct tv_options options(enum tv_restart_kind restart, int64_t max_retries)
{
    struct tv_options made = TV_OPTIONS_DEFAULT;

    made.restart = restart;
    made.max_retries = max_retries;
    made.backoff = (struct tv_backoff){.factor = 1.0, .jitter = TV_JITTER_NONE};
    return made;
}

static const struct tv_options never = {.inherits = TV_INHERIT_ALL & ~TV_INHERIT_RESTART,
                                        .restart = TV_RESTART_NEVER};

/* ---- how a body ends, and what becomes of its task ------------------------------------------ */

struct ending {
    struct tv_result result; /* without its text */
    const char *text;
    int failures; /* this often, then it returns */
    _Atomic int calls;
};

static void end_as_told(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct ending *ending = arg;

    (void)task;
    if (atomic_fetch_add(&ending->calls, 1) >= ending->failures)
        return;
    *result = ending->result;
    if (ending->text)
        result->error.text = text(ending->text);
}

/* Runs one task to its end; it is the caller's to release. */
static struct tv_task *run(struct ending *ending, const struct tv_options *with,
                           struct tv_outcome *outcome)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_spec spec = {.options = *with, .call = end_as_told, .arg = ending};
    struct tv_task *task = add(s, "t", &spec);

    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_OK);
    close_down(s);
    tv_task_outcome(task, outcome);
    return task;
}

static void a_body_that_returns_completes_its_task(void)
{
    struct tv_options on_failure = options(TV_RESTART_ON_FAILURE, TV_NONE);
    struct tv_outcome outcome;
    struct ending ending = {.failures = 0};
    struct tv_task *task = run(&ending, &on_failure, &outcome);

    CHECK_EQ(outcome.kind, TV_OUTCOME_COMPLETED);
    CHECK_EQ(outcome.attempts, 1);
    CHECK_EQ(outcome.reason.kind, TV_REASON_NONE);
    CHECK(!outcome.has_exit_code && !outcome.timed_out);
    tv_task_rele(task);
}

static void a_body_that_fails_is_called_again_until_it_returns(void)
{
    struct tv_options on_failure = options(TV_RESTART_ON_FAILURE, TV_NONE);
    struct ending ending = {.failures = 2, .result.error.kind = TV_ERROR_FAIL, .text = "no"};
    struct tv_outcome outcome;
    struct tv_task *task = run(&ending, &on_failure, &outcome);

    CHECK_EQ(outcome.kind, TV_OUTCOME_COMPLETED);
    CHECK_EQ(outcome.attempts, 3);
    CHECK_EQ(atomic_load(&ending.calls), 3);
    tv_task_rele(task);
}

static void a_failure_that_is_not_tried_again_keeps_its_reason_and_exit_code(void)
{
    struct ending ending = {
        .failures = 1,
        .result.error = {.kind = TV_ERROR_FAIL, .has_exit_code = true, .exit_code = -3},
        .text = "broke",
    };
    struct tv_outcome outcome;
    struct tv_task *task = run(&ending, &never, &outcome);

    CHECK_EQ(outcome.kind, TV_OUTCOME_FAILED);
    check_reason(&outcome.reason, "execution failed: broke");
    CHECK(outcome.has_exit_code);
    CHECK_EQ(outcome.exit_code, -3);
    tv_task_rele(task);
}

static void retries_are_used_up(void)
{
    struct tv_options twice = options(TV_RESTART_ALWAYS, 2);
    struct ending ending = {.failures = 99, .result.error.kind = TV_ERROR_FAIL, .text = "no"};
    struct tv_outcome outcome;
    struct tv_task *task = run(&ending, &twice, &outcome);

    CHECK_EQ(outcome.kind, TV_OUTCOME_FAILED);
    CHECK_EQ(outcome.attempts, 3);
    check_reason(&outcome.reason, "max_retries_exceeded(2/2): execution failed: no");
    tv_task_rele(task);
}

static void a_fatal_body_is_not_tried_again(void)
{
    struct tv_options always = options(TV_RESTART_ALWAYS, TV_NONE);
    struct ending ending = {.failures = 1, .result.error.kind = TV_ERROR_FATAL, .text = "over"};
    struct tv_outcome outcome;
    struct tv_task *task = run(&ending, &always, &outcome);

    CHECK_EQ(outcome.kind, TV_OUTCOME_FATAL);
    CHECK_EQ(outcome.attempts, 1);
    check_reason(&outcome.reason, "fatal error (no retry): over");
    tv_task_rele(task);
}

static void a_body_may_cancel_its_task(void)
{
    struct tv_options always = options(TV_RESTART_ALWAYS, TV_NONE);
    struct ending ending = {.failures = 1, .result.error.kind = TV_ERROR_CANCELED};
    struct tv_outcome outcome;
    struct tv_task *task = run(&ending, &always, &outcome);

    CHECK_EQ(outcome.kind, TV_OUTCOME_CANCELED);
    CHECK_EQ(outcome.reason.kind, TV_REASON_NONE);
    tv_task_rele(task);
}

/* rule: R1.46 */
static void a_cancellation_that_nobody_asked_for_is_a_failure(void)
{
    struct ending ending = {.failures = 1, .result.stray = true};
    struct tv_outcome outcome;
    struct tv_task *task = run(&ending, &never, &outcome);

    CHECK_EQ(outcome.kind, TV_OUTCOME_FAILED);
    check_reason(&outcome.reason, "execution failed: CancelledError: not requested");
    tv_task_rele(task);
}

static void return_what_is_needed(struct tv_task *task, void *arg, struct tv_result *result)
{
    await_cancel(task, arg, result);
    CHECK_EQ(tv_task_cancel_reason(task), TV_CANCEL_TIMEOUT);
    end_with(result, TV_ERROR_FATAL, "too late to matter");
}

/* rule: R2.6, R2.7 */
static void a_timeout_cancels_the_attempt_and_decides_how_it_ended(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_spec spec = {.options = never, .call = return_what_is_needed};
    struct tv_outcome outcome;
    struct tv_task *task;

    spec.options.inherits &= ~(uint32_t)TV_INHERIT_TIMEOUT;
    spec.options.timeout_ns = 3 * TV_MS / 2;
    task = add(s, "t", &spec);
    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_OK);
    tv_task_outcome(task, &outcome);
    CHECK_EQ(outcome.kind, TV_OUTCOME_FAILED);
    CHECK(outcome.timed_out);
    check_reason(&outcome.reason, "timed out after 1.5ms");
    tv_task_rele(task);
    close_down(s);
}

/* ---- what a body sees ----------------------------------------------------------------------- */

struct look {
    uint64_t attempts[3];
    struct tv_token *tokens[3];
    bool same_twice, itself, cancelled;
    int reason;
};

static void look_around(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct look *look = arg;
    uint64_t n = tv_task_attempt(task) - 1;
    struct tv_token *again;

    look->attempts[n] = n + 1;
    look->tokens[n] = tv_task_token(task);
    again = tv_task_token(task);
    look->same_twice |= again == look->tokens[n];
    look->itself = tv_current_task() == task;
    look->cancelled |= tv_task_is_cancelled(task);
    look->reason = tv_task_cancel_reason(task);
    tv_token_cancel(again);
    look->cancelled |= tv_task_is_cancelled(task);
    tv_token_rele(again);
    if (n < 2)
        end_with(result, TV_ERROR_FAIL, "again");
}

/* rule: R2.21, R2.26 */
static void each_attempt_has_its_number_and_a_fresh_token_whose_cancel_is_its_own_affair(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_spec spec = {.options = options(TV_RESTART_ON_FAILURE, TV_NONE)};
    struct look look = {.reason = 0};
    struct tv_task *task;

    spec.call = look_around;
    spec.arg = &look;
    CHECK(!tv_current_task());
    task = add(s, "t", &spec);
    finish(tv_task_hold(task), TV_OUTCOME_COMPLETED);
    CHECK_EQ(tv_task_attempt(task), 3);
    CHECK(look.same_twice && look.itself && !look.cancelled);
    CHECK_EQ(look.reason, -1);
    CHECK(look.tokens[0] != look.tokens[1] && look.tokens[1] != look.tokens[2]);
    for (int i = 0; i < 3; i++) {
        CHECK(tv_token_is_cancelled(look.tokens[i]));
        CHECK_EQ(tv_token_reason(look.tokens[i]), -1);
        tv_token_rele(look.tokens[i]);
    }
    tv_task_rele(task);
    close_down(s);
}

static _Atomic int reason_seen;

static void tell_reason(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_token *token;

    await_cancel(task, arg, result);
    token = tv_task_token(task);
    CHECK(tv_task_is_cancelled(task));
    CHECK_EQ(tv_token_reason(token), tv_task_cancel_reason(task));
    atomic_store(&reason_seen, tv_task_cancel_reason(task));
    tv_token_rele(token);
}

/* rule: R2.22 */
static void a_body_learns_why_it_is_cancelled(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *removed = add(s, "removed", SPEC(tell_reason, NULL)), *down;

    EVENTUALLY(is_alive(s, "removed"));
    CHECK_EQ(leave(s, removed), TV_OK);
    finish(removed, TV_OUTCOME_CANCELED);
    CHECK_EQ(atomic_load(&reason_seen), TV_CANCEL_REMOVED);
    down = add(s, "down", SPEC(tell_reason, NULL));
    EVENTUALLY(is_alive(s, "down"));
    close_down(s);
    finish(down, TV_OUTCOME_CANCELED);
    CHECK_EQ(atomic_load(&reason_seen), TV_CANCEL_SHUTDOWN);
}

/* Asks for its token only when it knows that it is cancelled, and then fails once. */
static void ask_late(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_token *token;

    CHECK(!tv_task_is_cancelled(task) || tv_task_attempt(task) == 1);
    atomic_store((_Atomic int *)arg, (int)tv_task_attempt(task));
    if (tv_task_attempt(task) > 1)
        return;
    EVENTUALLY(tv_task_is_cancelled(task));
    token = tv_task_token(task);
    CHECK_EQ(tv_token_wait(token, 0), TV_OK);
    CHECK_EQ(tv_token_reason(token), tv_task_cancel_reason(task));
    atomic_store(&reason_seen, tv_token_reason(token));
    tv_token_rele(token);
    end_with(result, TV_ERROR_FAIL, "late");
}

/* rule: R2.21, R2.22 */
static void a_token_asked_for_late_is_cancelled_and_that_of_the_next_attempt_is_not(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_spec spec = {.options = options(TV_RESTART_ON_FAILURE, TV_NONE)};
    _Atomic int attempt = 0;
    struct tv_task *task;

    spec.call = ask_late;
    spec.arg = (void *)&attempt;
    task = add(s, "removed", &spec);
    EVENTUALLY(atomic_load(&attempt) == 1);
    CHECK_EQ(leave(s, task), TV_OK);
    finish(task, TV_OUTCOME_CANCELED);
    CHECK_EQ(atomic_load(&reason_seen), TV_CANCEL_REMOVED);
    spec.options.timeout_ns = TV_MS;
    finish(add(s, "timed out", &spec), TV_OUTCOME_COMPLETED);
    CHECK_EQ(atomic_load(&reason_seen), TV_CANCEL_TIMEOUT);
    CHECK_EQ(atomic_load(&attempt), 2);
    close_down(s);
}

#define ASKERS 3
static _Atomic int asking;

static void *ask_for_token(void *arg)
{
    struct tv_token *token;

    atomic_fetch_add(&asking, 1);
    while (atomic_load(&asking) < ASKERS)
        continue;
    token = tv_task_token(arg);
    CHECK(token);
    CHECK_EQ(tv_token_wait(token, tv_now() + PATIENCE), TV_OK);
    tv_token_rele(token);
    return NULL;
}

/* Several threads ask for the first time at once. */
static void share_token(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct helper helpers[ASKERS];

    (void)arg;
    (void)result;
    atomic_store(&asking, 0);
    for (int i = 0; i < ASKERS; i++)
        helpers[i] = helper_start(ask_for_token, task);
    leave(tv_task_supervisor(task), task);
    for (int i = 0; i < ASKERS; i++)
        helper_join(helpers[i]);
}

/* rule: R0.52 */
static void whoever_asks_for_the_token_of_an_attempt_gets_one_that_the_cancel_reaches(void)
{
    struct tv_supervisor *s = serve(NULL);

    for (int i = 0; i < 100; i++)
        finish(add(s, "t", SPEC(share_token, NULL)), TV_OUTCOME_CANCELED);
    close_down(s);
}

/* ---- what a task is asked ------------------------------------------------------------------- */

static void a_task_knows_who_it_is(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_text *name = text("t");
    struct tv_task *first, *second;
    int user;

    CHECK_EQ(tv_add(s, SPEC(no_op, NULL), name, &user, &first), TV_OK);
    CHECK(tv_task_user(first) == &user);
    CHECK(tv_task_supervisor(first) == s);
    CHECK(tv_task_name(first) == name);
    second = add(s, "u", SPEC(no_op, NULL));
    CHECK(tv_task_id(first) > 0 && tv_task_id(second) > tv_task_id(first));
    tv_text_rele(name);
    finish(second, TV_OUTCOME_COMPLETED);
    close_down(s);
    finish(tv_task_hold(first), TV_OUTCOME_COMPLETED);
    CHECK_BYTES(tv_task_name(first)->bytes, tv_task_name(first)->size, "t");
    tv_task_rele(first);
}

/* rule: R4.57 */
static void a_task_tells_its_state(void)
{
    const struct tv_config one = {.defaults = TV_OPTIONS_DEFAULT, .max_concurrent = 1,
                                  .bus_capacity = 1};
    struct tv_supervisor *s = serve(&one);
    struct tv_spec later = {.options = TV_OPTIONS_INHERIT, .call = fail};
    struct gate gate = GATE;
    struct tv_task *running = add(s, "running", SPEC(await_gate, &gate)), *waiting;

    EVENTUALLY(tv_task_state(running) == TV_TASK_RUNNING);
    later.options.inherits &= ~(uint32_t)TV_INHERIT_BACKOFF;
    later.options.backoff = (struct tv_backoff){3600 * TV_SECOND, 3600 * TV_SECOND, 1.0,
                                                TV_JITTER_NONE};
    waiting = add(s, "waiting", &later);
    CHECK_EQ(tv_task_state(waiting), TV_TASK_WAITING);
    CHECK(!tv_task_done(waiting));
    CHECK(tv_task_notify(waiting));
    CHECK_EQ(leave(s, running), TV_OK);
    CHECK_EQ(tv_task_state(running), TV_TASK_STOPPING);
    gate_open(&gate);
    finish(tv_task_hold(running), TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_task_state(running), TV_TASK_DONE);
    CHECK(tv_task_done(running) && !tv_task_notify(running));
    EVENTUALLY(tv_task_state(waiting) == TV_TASK_BACKOFF);
    close_down(s);
    CHECK_EQ(tv_task_state(waiting), TV_TASK_DONE);
    tv_task_rele(running);
    tv_task_rele(waiting);
}

/* rule: R4.41, R4.43, R4.44 */
static void an_abandoned_task_is_done_and_gone_only_when_its_body_returns(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_spec hurried = {.options = TV_OPTIONS_INHERIT, .call = await_gate};
    struct gate gate = GATE;
    struct tv_task *task;

    hurried.options.inherits &= ~(uint32_t)TV_INHERIT_GRACE;
    hurried.options.grace_ns = 0;
    hurried.arg = &gate;
    task = add(s, "t", &hurried);
    CHECK_EQ(tv_task_grace(task), 0);
    EVENTUALLY(is_alive(s, "t"));
    CHECK_EQ(leave(s, task), TV_OK);
    finish(tv_task_hold(task), TV_OUTCOME_ABANDONED);
    CHECK_EQ(tv_task_state(task), TV_TASK_ABANDONED);
    CHECK(is_alive(s, "t"));
    CHECK_EQ(tv_task_wait_gone(task, 0), TV_TIMEOUT);
    gate_open(&gate);
    CHECK_EQ(tv_task_wait_gone(task, TV_NEVER), TV_OK);
    CHECK(!is_alive(s, "t"));
    finish(task, TV_OUTCOME_ABANDONED);
    close_down(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_body_that_returns_completes_its_task),
        TEST(a_body_that_fails_is_called_again_until_it_returns),
        TEST(a_failure_that_is_not_tried_again_keeps_its_reason_and_exit_code),
        TEST(retries_are_used_up),
        TEST(a_fatal_body_is_not_tried_again),
        TEST(a_body_may_cancel_its_task),
        TEST(a_cancellation_that_nobody_asked_for_is_a_failure),
        TEST(a_timeout_cancels_the_attempt_and_decides_how_it_ended),
        TEST(each_attempt_has_its_number_and_a_fresh_token_whose_cancel_is_its_own_affair),
        TEST(a_body_learns_why_it_is_cancelled),
        TEST(a_token_asked_for_late_is_cancelled_and_that_of_the_next_attempt_is_not),
        TEST(whoever_asks_for_the_token_of_an_attempt_gets_one_that_the_cancel_reaches),
        TEST(a_task_knows_who_it_is),
        TEST(a_task_tells_its_state),
        TEST(an_abandoned_task_is_done_and_gone_only_when_its_body_returns),
    };

    return CHECK_RUN(tests, argc, argv);
}
