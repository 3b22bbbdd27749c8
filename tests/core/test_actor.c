#include "rig.h"

/* One task "a": how its attempts start, and what is decided when its body has returned. */

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

static struct tv_options always_after(tv_ns interval)
{
    struct tv_options options = with(TV_RESTART_ALWAYS, TV_NONE);

    options.interval_ns = interval;
    return options;
}

static struct tv_options with_timeout(tv_ns timeout)
{
    struct tv_options options = RIG_OPTIONS;

    options.timeout_ns = timeout;
    return options;
}

/* ---- starting ------------------------------------------------------------------------------ */

/* rule: R1.8 R4.1 */
static void an_attempt_starts_when_a_worker_takes_it(void)
{
    begin(RIG_OPTIONS);
    CHECK(!tv_actor_is_alive(&a.actor));
    start(5);
    CHECK_FX(&rig, "task_starting a/1");
    CHECK(tv_actor_is_alive(&a.actor));
    done();
}

/* rule: R1.9 */
static void waiting_for_a_worker_does_not_count(void)
{
    struct tv_options options = with_timeout(10);

    options.restart = TV_RESTART_NEVER;
    begin(options);
    rig_settle(&rig, 1000);
    CHECK_FX(&rig, "");
    start(1000);
    rig_settle(&rig, 1009);
    CHECK_FX(&rig, "");
    rig_settle(&rig, 1010);
    CHECK_FX(&rig, "timeout_hit a/1 10ns, timeout a");
    rig_end(&rig, 1012, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_failed a/1 (timed out after 10ns) 12ns, "
                   "actor_exhausted a/1 (timed out after 10ns), task_removed a, "
                   "settle a failed, forget a");
    done();
}

/* rule: R1.1 */
static void attempts_are_counted_and_never_start_again(void)
{
    begin(always_after(0));
    for (uint64_t attempt = 1; attempt <= 5; attempt++) {
        start(0);
        CHECK_EQ(a.actor.attempt, attempt);
        rig_end(&rig, 0, &a, attempt % 2 ? TV_ERROR_NONE : TV_ERROR_FAIL, attempt % 2 ? NULL : "x");
        rig_settle(&rig, rig.core.now + 10);
    }
    done();
}

/* rule: R1.43 */
static void counters_saturate(void)
{
    begin(RIG_OPTIONS);
    a.actor.attempt = UINT64_MAX;
    a.actor.failures = UINT32_MAX;
    start(0);
    fail_at(1);
    CHECK(a.actor.attempt == UINT64_MAX);
    CHECK_EQ(a.actor.failures, UINT32_MAX);
    CHECK_EQ(a.actor.state, TV_ACTOR_BACKOFF);
    done();
}

/* ---- the body returned --------------------------------------------------------------------- */

/* rule: R1.30 R2.1 R1.11 R4.30 */
static void a_return_ends_the_task_completed_unless_always(void)
{
    for (int restart = TV_RESTART_NEVER; restart <= TV_RESTART_ON_FAILURE; restart++) {
        begin(with((enum tv_restart_kind)restart, TV_NONE));
        start(0);
        rig_end(&rig, 5, &a, TV_ERROR_NONE, NULL);
        CHECK_FX(&rig, "task_stopped a/1 5ns, actor_exhausted a/1 (policy_exhausted_success), "
                       "task_removed a, settle a completed, forget a");
        CHECK_OUTCOME_REASON("");
        CHECK_EQ(a.actor.attempt, 1);
        done();
    }
}

/* rule: R1.31 R1.44 */
static void always_with_an_interval_pauses_from_the_end_of_the_body(void)
{
    begin(always_after(20));
    start(0);
    rig_end(&rig, 50, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped a/1 50ns, backoff_scheduled a/1 20ns");
    CHECK_EQ(rig.core.fx.event[1].source, TV_BACKOFF_SUCCESS);
    CHECK_EQ(a.actor.state, TV_ACTOR_PAUSED);
    CHECK_EQ(tv_core_deadline(&rig.core), 70);
    CHECK(rig_take(&rig, 69) == NULL);
    rig_settle(&rig, 70);
    start(70);
    done();
}

/* rule: R1.31 */
static void an_interval_of_zero_is_an_interval(void)
{
    begin(always_after(0));
    start(0);
    rig_end(&rig, 5, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped a/1 5ns, backoff_scheduled a/1");
    CHECK_EQ(a.actor.state, TV_ACTOR_READY);
    done();
}

/* rule: R1.32 */
static void always_without_an_interval_is_ready_at_once(void)
{
    begin(always_after(TV_NONE));
    start(0);
    rig_end(&rig, 5, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped a/1 5ns");
    start(5);
    CHECK_FX(&rig, "task_starting a/2");
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(an_attempt_starts_when_a_worker_takes_it),
        TEST(waiting_for_a_worker_does_not_count),
        TEST(attempts_are_counted_and_never_start_again),
        TEST(counters_saturate),
        TEST(a_return_ends_the_task_completed_unless_always),
        TEST(always_with_an_interval_pauses_from_the_end_of_the_body),
        TEST(an_interval_of_zero_is_an_interval),
        TEST(always_without_an_interval_is_ready_at_once),
    };

    return CHECK_RUN(tests, argc, argv);
}
