#include "rig.h"

/* One task "a" whose body fails: is it tried again, when, and how often. */

static struct rig rig;
static struct task a;

static void begin(struct tv_options options)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .seed = 7});
    rig_add(&rig, 0, &a, "a", options);
    CHECK_FX(&rig, "task_add_requested a, task_added a");
}

static void done(void)
{
    rig_fini(&rig);
    rig_free(&a);
}

static void start(tv_ns now)
{
    CHECK(rig_take(&rig, now) == &a.actor);
}

static void fail_at(tv_ns now)
{
    rig_end(&rig, now, &a, TV_ERROR_FAIL, "boom");
}

/* The outcome's reason. */
static void check_reason(int line, const char *wanted)
{
    struct tv_reason reason = tv_actor_reason(&a.actor);
    char out[256];

    check_bytes(__FILE__, line, out, tv_reason_format(&reason, out, sizeof out), wanted);
}

#define CHECK_OUTCOME_REASON(wanted) check_reason(__LINE__, wanted)

static struct tv_options with(enum tv_restart_kind restart, int64_t retries)
{
    struct tv_options options = RIG_OPTIONS;

    options.restart = restart;
    options.max_retries = retries;
    return options;
}

/* rule: R1.33 R2.2 R1.61 */
static void fatal_ends_the_task_under_every_policy(void)
{
    for (int restart = TV_RESTART_NEVER; restart <= TV_RESTART_ALWAYS; restart++) {
        struct tv_input in = {.error = {.kind = TV_ERROR_FATAL, .has_exit_code = true,
                                        .exit_code = 3}};

        begin(with((enum tv_restart_kind)restart, TV_NONE));
        start(0);
        in.error.text = tv_text_new("boom", 4);
        rig_end_with(&rig, 5, &a, in);
        CHECK_FX(&rig, "task_failed a/1 (fatal error (no retry): boom) exit=3 5ns, "
                       "actor_dead a/1 (fatal error (no retry): boom) exit=3, task_removed a, "
                       "settle a fatal, forget a");
        CHECK_OUTCOME_REASON("fatal error (no retry): boom");
        done();
    }
}

/* rule: R1.34 R2.1 */
static void canceled_ends_the_task_under_every_policy(void)
{
    for (int restart = TV_RESTART_NEVER; restart <= TV_RESTART_ALWAYS; restart++) {
        begin(with((enum tv_restart_kind)restart, TV_NONE));
        start(0);
        rig_end(&rig, 5, &a, TV_ERROR_CANCELED, NULL);
        CHECK_FX(&rig, "task_stopped a/1 5ns, task_removed a, settle a canceled, forget a");
        CHECK_OUTCOME_REASON("");
        done();
    }
}

/* rule: R1.35 R1.62 */
static void a_failure_under_never_ends_the_task(void)
{
    struct tv_input in = {.error = {.kind = TV_ERROR_FAIL, .has_exit_code = true,
                                    .exit_code = -1}};

    begin(with(TV_RESTART_NEVER, 5));
    start(0);
    in.error.text = tv_text_new("boom", 4);
    rig_end_with(&rig, 5, &a, in);
    CHECK_FX(&rig, "task_failed a/1 (execution failed: boom) exit=-1 5ns, "
                   "actor_exhausted a/1 (execution failed: boom) exit=-1, task_removed a, "
                   "settle a failed, forget a");
    CHECK_OUTCOME_REASON("execution failed: boom");
    done();
}

/* rule: R1.37 R1.42 R1.11 */
static void a_failure_is_retried_after_its_delay(void)
{
    for (int restart = TV_RESTART_ON_FAILURE; restart <= TV_RESTART_ALWAYS; restart++) {
        begin(with((enum tv_restart_kind)restart, TV_NONE));
        start(0);
        fail_at(5);
        CHECK_FX(&rig, "task_failed a/1 (execution failed: boom) 5ns, "
                       "backoff_scheduled a/1 (execution failed: boom) 10ns");
        CHECK_EQ(rig.core.fx.event[1].source, TV_BACKOFF_FAILURE);
        CHECK_EQ(a.actor.failures, 1);
        CHECK(rig_take(&rig, 14) == NULL);
        rig_settle(&rig, 15);
        start(15);
        done();
    }
}

/* rule: R1.36 R1.40 R1.42 */
static void max_retries_allows_one_more_failing_attempt(void)
{
    for (int restart = TV_RESTART_ON_FAILURE; restart <= TV_RESTART_ALWAYS; restart++) {
        begin(with((enum tv_restart_kind)restart, 2));
        for (tv_ns now = 0; now < 20; now += 10) {
            start(now);
            fail_at(now);
            rig_settle(&rig, now + 10);
        }
        start(20);
        fail_at(25);
        CHECK_FX(&rig,
                 "task_failed a/3 (execution failed: boom) 5ns, "
                 "actor_exhausted a/3 (max_retries_exceeded(2/2): execution failed: boom), "
                 "task_removed a, settle a failed, forget a");
        CHECK_OUTCOME_REASON("max_retries_exceeded(2/2): execution failed: boom");
        done();
    }
}

/* rule: R1.36 */
static void max_retries_of_zero_ends_with_the_first_failure(void)
{
    begin(with(TV_RESTART_ON_FAILURE, 0));
    start(0);
    fail_at(5);
    CHECK_FX(&rig, "task_failed a/1 (execution failed: boom) 5ns, "
                   "actor_exhausted a/1 (max_retries_exceeded(0/0): execution failed: boom), "
                   "task_removed a, settle a failed, forget a");
    done();
}

/* rule: R1.2 */
static void a_success_forgets_the_failures(void)
{
    begin(with(TV_RESTART_ALWAYS, TV_NONE));
    start(0);
    fail_at(0);
    rig_settle(&rig, 10);
    CHECK_EQ(a.actor.failures, 1);
    start(10);
    rig_end(&rig, 10, &a, TV_ERROR_NONE, NULL);
    CHECK_EQ(a.actor.failures, 0);
    done();
}

/* rule: R1.3 */
static void a_failure_after_reset_after_begins_a_new_budget(void)
{
    struct tv_options options = with(TV_RESTART_ON_FAILURE, 1);

    options.reset_after_ns = 30;
    begin(options);
    start(0);
    fail_at(0);
    rig_settle(&rig, 10);
    start(10);
    fail_at(40);
    CHECK_FX(&rig, "task_failed a/2 (execution failed: boom) 30ns, "
                   "backoff_scheduled a/2 (execution failed: boom) 10ns");
    CHECK_EQ(a.actor.failures, 1);
    rig_settle(&rig, 50);
    start(50);
    fail_at(79);
    CHECK_EQ(a.actor.outcome, TV_OUTCOME_FAILED);
    done();
}

/* rule: R1.4 */
static void a_timeout_after_reset_after_does_not(void)
{
    struct tv_options options = with(TV_RESTART_ON_FAILURE, 1);

    options.reset_after_ns = 30;
    options.timeout_ns = 40;
    begin(options);
    for (tv_ns now = 0; now <= 110; now += 110) {
        start(now);
        rig_settle(&rig, now + 40);
        fail_at(now + 100);
        rig_settle(&rig, now + 110);
    }
    CHECK_EQ(a.actor.outcome, TV_OUTCOME_FAILED);
    CHECK_OUTCOME_REASON("max_retries_exceeded(1/1): timed out after 40ns");
    done();
}

/* rule: R1.41 R3.1 */
static void the_first_retry_has_the_exponent_zero(void)
{
    struct tv_options options = RIG_OPTIONS;
    static const tv_ns delays[] = {10, 20, 40, 50, 50};
    tv_ns now = 0;

    options.backoff.factor = 2.0;
    options.backoff.max_ns = 50;
    begin(options);
    for (size_t i = 0; i < 5; i++) {
        start(now);
        fail_at(now);
        CHECK_EQ(a.actor.delay_ns, delays[i]);
        rig_settle(&rig, now += delays[i]);
    }
    done();
}

/* rule: R3.6 */
static void decorrelated_goes_on_from_the_last_delay_and_starts_from_first(void)
{
    struct tv_options options = RIG_OPTIONS;
    tv_ns now = 0, last = 10;

    options.backoff = (struct tv_backoff){10, 1000, 2.0, TV_JITTER_DECORRELATED};
    options.reset_after_ns = 5000;
    begin(options);
    for (int i = 0; i < 50; i++) {
        bool reset = i % 10 == 9;

        start(now);
        fail_at(now += reset ? 5000 : 1);
        last = reset || i == 0 ? 10 : last;
        CHECK(a.actor.delay_ns >= 10 && a.actor.delay_ns <= (3 * last < 1000 ? 3 * last : 1000));
        last = a.actor.delay_ns;
        rig_settle(&rig, now += last);
    }
    done();
}

/* rule: R1.46 */
static void a_stray_cancellation_is_a_failure(void)
{
    begin(RIG_OPTIONS);
    start(0);
    rig_end_with(&rig, 5, &a, (struct tv_input){.stray = true});
    CHECK_FX(&rig, "task_failed a/1 (execution failed: CancelledError: not requested) 5ns, "
                   "backoff_scheduled a/1 (execution failed: CancelledError: not requested) 10ns");
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(fatal_ends_the_task_under_every_policy),
        TEST(canceled_ends_the_task_under_every_policy),
        TEST(a_failure_under_never_ends_the_task),
        TEST(a_failure_is_retried_after_its_delay),
        TEST(max_retries_allows_one_more_failing_attempt),
        TEST(max_retries_of_zero_ends_with_the_first_failure),
        TEST(a_success_forgets_the_failures),
        TEST(a_failure_after_reset_after_begins_a_new_budget),
        TEST(a_timeout_after_reset_after_does_not),
        TEST(the_first_retry_has_the_exponent_zero),
        TEST(decorrelated_goes_on_from_the_last_delay_and_starts_from_first),
        TEST(a_stray_cancellation_is_a_failure),
    };

    return CHECK_RUN(tests, argc, argv);
}
