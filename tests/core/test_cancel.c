#include "rig.h"

/* One task "a" that is asked to leave, that runs over its time, that does not come back. */

static struct rig rig;
static struct task a;

static void begin_with(struct tv_options options)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});
    rig_add(&rig, 0, &a, "a", options);
}

static void begin(void)
{
    begin_with(RIG_OPTIONS);
}

static void begin_running(tv_ns timeout)
{
    struct tv_options options = RIG_OPTIONS;

    options.timeout_ns = timeout;
    begin_with(options);
    CHECK(rig_take(&rig, 0) == &a.actor);
}

static void done(void)
{
    rig_fini(&rig);
    rig_free(&a);
}

static void check_outcome(int line, enum tv_outcome_kind kind, const char *reason)
{
    struct tv_reason found = tv_actor_reason(&a.actor);
    char out[256];

    check_equal(__FILE__, line, "outcome", a.actor.outcome, kind);
    check_bytes(__FILE__, line, out, tv_reason_format(&found, out, sizeof out), reason);
}

#define CHECK_OUTCOME(kind, reason) check_outcome(__LINE__, kind, reason)

/* ---- before and between attempts ----------------------------------------------------------- */

/* rule: R1.7 R4.21 */
static void before_its_first_attempt_a_task_leaves_at_once(void)
{
    begin();
    CHECK_EQ(rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE), TV_STEP_OK);
    CHECK_FX(&rig, "task_remove_requested a, task_removed a, cancel a removed, "
                   "settle a canceled, forget a");
    CHECK_OUTCOME(TV_OUTCOME_CANCELED, "");
    CHECK_EQ(a.actor.attempt, 0);
    done();
}

/* rule: R1.24 */
static void a_backoff_ends_at_once(void)
{
    begin_running(0);
    rig_end(&rig, 0, &a, TV_ERROR_FAIL, "boom");
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    CHECK_FX(&rig, "task_remove_requested a, task_removed a, cancel a removed, "
                   "settle a canceled, forget a");
    CHECK_OUTCOME(TV_OUTCOME_CANCELED, "");
    CHECK_EQ(tv_core_deadline(&rig.core), TV_NEVER);
    done();
}

/* rule: R1.24 */
static void an_interval_ends_at_once(void)
{
    struct tv_options options = RIG_OPTIONS;

    options.restart = TV_RESTART_ALWAYS;
    options.interval_ns = 1000;
    begin_with(options);
    rig_take(&rig, 0);
    rig_end(&rig, 0, &a, TV_ERROR_NONE, NULL);
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    CHECK_FX(&rig, "task_remove_requested a, task_removed a, cancel a removed, "
                   "settle a canceled, forget a");
    CHECK_EQ(tv_core_deadline(&rig.core), TV_NEVER);
    done();
}

/* rule: R4.34 */
static void a_task_cancelled_after_a_timeout_tells_of_it(void)
{
    begin_running(10);
    rig_settle(&rig, 10);
    rig_end(&rig, 12, &a, TV_ERROR_NONE, NULL);
    CHECK_EQ(a.actor.state, TV_ACTOR_BACKOFF);
    rig_leave(&rig, 13, &a, TV_LEAVE_REMOVE);
    CHECK_OUTCOME(TV_OUTCOME_CANCELED, "timed out after 10ns");
    done();
}

/* ---- while the body runs ------------------------------------------------------------------- */

/* rule: R4.26 */
static void a_cancel_says_that_it_is_one(void)
{
    begin_running(0);
    rig_leave(&rig, 5, &a, TV_LEAVE_CANCEL);
    CHECK_FX(&rig, "task_remove_requested a (manual_cancel), cancel a removed");
    CHECK_EQ(a.actor.state, TV_ACTOR_STOPPING);
    done();
}

/* rule: R1.20 R1.21 */
static void whatever_the_body_does_after_the_cancel_the_task_is_canceled(void)
{
    static const struct {
        enum tv_error_kind kind;
        const char *text, *event;
    } ends[] = {
        {TV_ERROR_NONE, NULL, "task_stopped a/1 9ns"},
        {TV_ERROR_CANCELED, NULL, "task_stopped a/1 9ns"},
        {TV_ERROR_FAIL, "boom", "task_failed a/1 (execution failed: boom) 9ns"},
        {TV_ERROR_FATAL, "boom", "task_failed a/1 (fatal error (no retry): boom) 9ns"},
    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char wanted[256];

        begin_running(0);
        rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
        CHECK_FX(&rig, "task_remove_requested a, cancel a removed");
        rig_end(&rig, 9, &a, ends[i].kind, ends[i].text);
        snprintf(wanted, sizeof wanted, "%s, task_removed a, settle a canceled, forget a",
                 ends[i].event);
        CHECK_FX(&rig, wanted);
        CHECK_OUTCOME(TV_OUTCOME_CANCELED, "");
        done();
    }
}

/* rule: R1.45 */
static void a_cancellation_after_the_cancel_is_no_failure(void)
{
    begin_running(0);
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    rig_end_with(&rig, 9, &a, (struct tv_input){.stray = true});
    CHECK_FX(&rig, "task_stopped a/1 9ns, task_removed a, settle a canceled, forget a");
    done();
}

/* rule: R1.22 */
static void the_cancel_disarms_the_timeout(void)
{
    begin_running(10);
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    rig_settle(&rig, 50);
    CHECK_FX(&rig, "");
    rig_end(&rig, 50, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped a/1 50ns, task_removed a, settle a canceled, forget a");
    done();
}

/* rule: R1.23 R4.34 */
static void a_timeout_before_the_cancel_stays(void)
{
    begin_running(10);
    rig_settle(&rig, 10);
    rig_leave(&rig, 15, &a, TV_LEAVE_REMOVE);
    rig_end(&rig, 20, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_failed a/1 (timed out after 10ns) 20ns, task_removed a, "
                   "settle a canceled, forget a");
    CHECK_OUTCOME(TV_OUTCOME_CANCELED, "timed out after 10ns");
    done();
}

/* rule: R4.24 */
static void a_second_request_changes_nothing(void)
{
    begin_running(0);
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    CHECK_EQ(rig_leave(&rig, 6, &a, TV_LEAVE_CANCEL), TV_STEP_ALREADY);
    CHECK_FX(&rig, "");
    CHECK_EQ(tv_core_deadline(&rig.core), 105);
    done();
}

/* ---- timeouts ------------------------------------------------------------------------------ */

/* rule: R2.6 R2.7 */
static void however_the_body_ends_an_attempt_that_timed_out_has_timed_out(void)
{
    static const enum tv_error_kind ends[] = {TV_ERROR_NONE, TV_ERROR_FAIL, TV_ERROR_FATAL,
                                              TV_ERROR_CANCELED};

    for (size_t i = 0; i < 5; i++) {
        begin_running(10);
        rig_settle(&rig, 10);
        CHECK_FX(&rig, "timeout_hit a/1 10ns, timeout a");
        CHECK_EQ(tv_actor_task_state(&a.actor), TV_TASK_STOPPING);
        if (i < 4)
            rig_end(&rig, 12, &a, ends[i], ends[i] == TV_ERROR_NONE || i == 3 ? NULL : "boom");
        else
            rig_end_with(&rig, 12, &a, (struct tv_input){.stray = true});
        CHECK_FX(&rig, "task_failed a/1 (timed out after 10ns) 12ns, "
                       "backoff_scheduled a/1 (timed out after 10ns) 10ns");
        CHECK_EQ(a.actor.failures, 1);
        done();
    }
}

/* rule: R0.60 */
static void a_result_at_the_instant_of_its_deadline_wins(void)
{
    begin_running(10);
    rig_end(&rig, 10, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped a/1 10ns, actor_exhausted a/1 (policy_exhausted_success), "
                   "task_removed a, settle a completed, forget a");
    done();
}

/* rule: R0.60 */
static void a_result_after_its_deadline_has_timed_out(void)
{
    begin_running(10);
    rig_end(&rig, 11, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "timeout_hit a/1 10ns, task_failed a/1 (timed out after 10ns) 11ns, "
                   "backoff_scheduled a/1 (timed out after 10ns) 10ns, timeout a");
    done();
}

/* rule: R2.5 */
static void a_timeout_of_zero_is_none(void)
{
    begin_running(0);
    CHECK_EQ(tv_core_deadline(&rig.core), TV_NEVER);
    done();
}

/* rule: R2.8 */
static void a_timeout_alone_never_abandons(void)
{
    begin_running(10);
    rig_settle(&rig, 10);
    rig_settle(&rig, TV_NS_MAX / 2);
    CHECK_FX(&rig, "");
    CHECK_EQ(a.actor.state, TV_ACTOR_OVERDUE);
    CHECK(tv_actor_is_alive(&a.actor));
    done();
}

static void the_next_attempt_begins_without_the_timeout_of_the_last(void)
{
    begin_running(10);
    rig_settle(&rig, 10);
    rig_end(&rig, 12, &a, TV_ERROR_NONE, NULL);
    rig_settle(&rig, 22);
    CHECK(rig_take(&rig, 22) == &a.actor);
    rig_end(&rig, 25, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped a/2 3ns, actor_exhausted a/2 (policy_exhausted_success), "
                   "task_removed a, settle a completed, forget a");
    CHECK_OUTCOME(TV_OUTCOME_COMPLETED, "");
    done();
}

/* ---- graces -------------------------------------------------------------------------------- */

/* rule: R4.40 R4.41 R4.43 */
static void a_body_that_outlives_its_grace_is_abandoned(void)
{
    begin_running(0);
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    rig_settle(&rig, 104);
    CHECK_FX(&rig, "");
    rig_settle(&rig, 105);
    CHECK_FX(&rig, "grace_exceeded a/1, settle a abandoned");
    CHECK_OUTCOME(TV_OUTCOME_ABANDONED, "");
    CHECK(tv_actor_is_alive(&a.actor));
    CHECK_EQ(rig.core.live, 1);
    done();
}

/* rule: R4.34 */
static void an_abandoned_task_tells_of_its_timeout(void)
{
    begin_running(10);
    rig_settle(&rig, 10);
    rig_leave(&rig, 15, &a, TV_LEAVE_REMOVE);
    rig_settle(&rig, 115);
    CHECK_OUTCOME(TV_OUTCOME_ABANDONED, "timed out after 10ns");
    rig_end(&rig, 120, &a, TV_ERROR_FAIL, "late");
    CHECK_FX(&rig, "task_failed a/1 (timed out after 10ns) 120ns, task_removed a, forget a");
    CHECK_OUTCOME(TV_OUTCOME_ABANDONED, "timed out after 10ns");
    done();
}

/* rule: R4.44 */
static void when_an_abandoned_body_returns_the_outcome_stays(void)
{
    static const struct {
        struct tv_input in;
        const char *event;
    } ends[] = {
        {{.error = {.kind = TV_ERROR_NONE}}, "task_stopped a/1 200ns"},
        {{.error = {.kind = TV_ERROR_CANCELED}}, "task_stopped a/1 200ns"},
        {{.stray = true}, "task_stopped a/1 200ns"},
        {{.error = {.kind = TV_ERROR_FAIL}}, "task_failed a/1 (execution failed: x) 200ns"},
        {{.error = {.kind = TV_ERROR_FATAL}},
         "task_failed a/1 (fatal error (no retry): x) 200ns"},
    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct tv_input in = ends[i].in;
        char wanted[256];

        begin_running(0);
        rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
        rig_settle(&rig, 100);
        if (in.error.kind == TV_ERROR_FAIL || in.error.kind == TV_ERROR_FATAL)
            in.error.text = tv_text_new("x", 1);
        rig_end_with(&rig, 200, &a, in);
        snprintf(wanted, sizeof wanted, "%s, task_removed a, forget a", ends[i].event);
        CHECK_FX(&rig, wanted);
        CHECK_OUTCOME(TV_OUTCOME_ABANDONED, "");
        CHECK_EQ(rig.core.live, 0);
        done();
    }
}

/* rule: R0.5 */
static void a_grace_of_zero_abandons_in_the_same_step(void)
{
    struct tv_options options = RIG_OPTIONS;

    options.grace_ns = 0;
    begin_with(options);
    rig_take(&rig, 0);
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    CHECK_FX(&rig, "task_remove_requested a, grace_exceeded a/1, cancel a removed, "
                   "settle a abandoned");
    done();
}

/* rule: R4.40 R0.28 */
static void a_grace_left_out_is_the_supervisors(void)
{
    struct tv_options options = RIG_OPTIONS;

    options.grace_ns = 3;
    options.inherits = TV_INHERIT_GRACE;
    begin_with(options);
    rig_take(&rig, 0);
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    CHECK_EQ(tv_core_deadline(&rig.core), 105);
    done();
}

/* rule: R0.60 */
static void a_body_that_returns_at_the_end_of_its_grace_is_in_time(void)
{
    begin_running(0);
    rig_leave(&rig, 5, &a, TV_LEAVE_REMOVE);
    rig_end(&rig, 105, &a, TV_ERROR_NONE, NULL);
    CHECK_OUTCOME(TV_OUTCOME_CANCELED, "");
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(before_its_first_attempt_a_task_leaves_at_once),
        TEST(a_backoff_ends_at_once),
        TEST(an_interval_ends_at_once),
        TEST(a_task_cancelled_after_a_timeout_tells_of_it),
        TEST(a_cancel_says_that_it_is_one),
        TEST(whatever_the_body_does_after_the_cancel_the_task_is_canceled),
        TEST(a_cancellation_after_the_cancel_is_no_failure),
        TEST(the_cancel_disarms_the_timeout),
        TEST(a_timeout_before_the_cancel_stays),
        TEST(a_second_request_changes_nothing),
        TEST(however_the_body_ends_an_attempt_that_timed_out_has_timed_out),
        TEST(a_result_at_the_instant_of_its_deadline_wins),
        TEST(a_result_after_its_deadline_has_timed_out),
        TEST(a_timeout_of_zero_is_none),
        TEST(a_timeout_alone_never_abandons),
        TEST(the_next_attempt_begins_without_the_timeout_of_the_last),
        TEST(a_body_that_outlives_its_grace_is_abandoned),
        TEST(an_abandoned_task_tells_of_its_timeout),
        TEST(when_an_abandoned_body_returns_the_outcome_stays),
        TEST(a_grace_of_zero_abandons_in_the_same_step),
        TEST(a_grace_left_out_is_the_supervisors),
        TEST(a_body_that_returns_at_the_end_of_its_grace_is_in_time),
    };

    return CHECK_RUN(tests, argc, argv);
}
