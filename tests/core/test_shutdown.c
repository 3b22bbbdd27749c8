#include "rig.h"

static struct rig rig;
static struct task a, b;

/* Two tasks: "a" in its body, "b" ready. */
static void begin(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .subscriber_grace_ns = 9});
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_add(&rig, 0, &b, "b", RIG_OPTIONS);
    CHECK(rig_take(&rig, 0) == &a.actor);
}

static void done(void)
{
    rig_fini(&rig);
    rig_free(&a);
    rig_free(&b);
}

static void check_shutdown(int line, enum tv_shutdown_state state, enum tv_verdict verdict)
{
    check_equal(__FILE__, line, "state", rig.core.shutdown.state, state);
    check_equal(__FILE__, line, "verdict", rig.core.shutdown.verdict, verdict);
}

#define CHECK_SHUTDOWN(state, verdict) check_shutdown(__LINE__, state, verdict)

/* rule: R5.20 R5.21 */
static void a_shutdown_is_announced_and_cancels_everybody(void)
{
    begin();
    CHECK_EQ(rig_shutdown(&rig, 5, 50), TV_STEP_OK);
    CHECK_FX(&rig, "shutdown_requested, task_removed b, cancel b shutdown, settle b canceled, "
                   "forget b, cancel a shutdown");
    CHECK_EQ(a.actor.state, TV_ACTOR_STOPPING);
    CHECK_SHUTDOWN(TV_SHUTDOWN_WAITING, TV_VERDICT_NONE);
    done();
}

/* rule: R4.3 R5.20 */
static void after_it_nothing_is_accepted_and_nothing_said_of_it(void)
{
    static struct task late;
    struct tv_input again = {.kind = TV_IN_ADD, .actor = &late.actor};

    begin();
    rig_shutdown(&rig, 5, 50);
    CHECK_EQ(rig_add(&rig, 6, &late, "late", RIG_OPTIONS), TV_STEP_CLOSED);
    CHECK_FX(&rig, "");
    again.kind = TV_IN_RESERVE;
    CHECK_EQ(rig_step(&rig, 6, &again), TV_STEP_CLOSED);
    rig_free(&late);
    done();
}

/* rule: R4.6 */
static void a_batch_that_was_not_committed_is_refused(void)
{
    static struct task one;
    struct tv_list batch;
    struct tv_input commit = {.kind = TV_IN_COMMIT, .batch = &batch};
    struct tv_input unreserve = {.kind = TV_IN_UNRESERVE, .actor = &one.actor};

    tv_list_init(&batch);
    begin();
    rig_reserve(&rig, &one, "one", &batch);
    rig_shutdown(&rig, 5, 50);
    CHECK_EQ(rig_step(&rig, 5, &commit), TV_STEP_CLOSED);
    CHECK_FX(&rig, "");
    CHECK_EQ(rig_step(&rig, 5, &unreserve), TV_STEP_OK);
    CHECK(tv_list_empty(&batch));
    rig_free(&one);
    done();
}

/* rule: R5.22 */
static void all_ended_within_the_grace(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    rig_end(&rig, 20, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped a/1 20ns, task_removed a, all_stopped_within_grace, "
                   "settle a canceled, forget a");
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_STOPPED);
    done();
}

/* rule: R5.22 R0.60 */
static void the_instant_of_the_deadline_is_within_the_grace(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    rig_end(&rig, 55, &a, TV_ERROR_NONE, NULL);
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_STOPPED);
    done();
}

/* rule: R5.23 R4.45 */
static void who_has_not_ended_is_abandoned_and_the_verdict_speaks_for_all(void)
{
    begin();
    rig_take(&rig, 0);
    rig_shutdown(&rig, 5, 50);
    rig_settle(&rig, 54);
    CHECK_FX(&rig, "");
    CHECK_EQ(rig_input(&rig, 55, TV_IN_TICK), TV_STEP_OK);
    CHECK_FX(&rig, "grace_exceeded");
    CHECK_SHUTDOWN(TV_SHUTDOWN_ABANDONING, TV_VERDICT_EXCEEDED);
    CHECK_EQ(rig_input(&rig, 55, TV_IN_TICK), TV_STEP_AGAIN);
    CHECK_FX(&rig, "settle a abandoned, settle b abandoned");
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_EXCEEDED);
    CHECK_EQ(rig.core.live, 2);
    done();
}

/* rule: R5.23 R5.40 R0.64 */
static void a_result_after_the_deadline_comes_after_the_verdict(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    CHECK_EQ(rig_end(&rig, 56, &a, TV_ERROR_NONE, NULL), TV_STEP_AGAIN);
    CHECK_FX(&rig, "grace_exceeded");
    CHECK_EQ(rig_end(&rig, 56, &a, TV_ERROR_NONE, NULL), TV_STEP_AGAIN);
    CHECK_FX(&rig, "settle a abandoned");
    CHECK_EQ(rig_end(&rig, 56, &a, TV_ERROR_NONE, NULL), TV_STEP_OK);
    CHECK_FX(&rig, "forget a");
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_EXCEEDED);
    done();
}

/* rule: R4.40 R4.45 */
static void the_grace_of_a_task_goes_on_in_a_shutdown(void)
{
    struct tv_options short_grace = RIG_OPTIONS;

    short_grace.grace_ns = 20;
    begin();
    rig_take(&rig, 0);
    b.options = short_grace;
    rig_shutdown(&rig, 5, 50);
    rig_settle(&rig, 25);
    CHECK_FX(&rig, "grace_exceeded b/1, settle b abandoned");
    rig_settle(&rig, 55);
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_EXCEEDED);
    done();
}

/* rule: R4.45 R0.61 */
static void where_both_graces_end_at_once_the_shutdowns_comes_first(void)
{
    begin();
    rig_shutdown(&rig, 5, 100);
    CHECK_EQ(rig_input(&rig, 105, TV_IN_TICK), TV_STEP_OK);
    CHECK_FX(&rig, "grace_exceeded");
    rig_settle(&rig, 105);
    CHECK_FX(&rig, "settle a abandoned");
    done();
}

/* rule: R5.23 */
static void a_task_abandoned_before_has_not_ended(void)
{
    begin();
    rig_leave(&rig, 0, &b, TV_LEAVE_REMOVE);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    rig_settle(&rig, 100);
    CHECK_EQ(a.actor.state, TV_ACTOR_ABANDONED);
    rig_shutdown(&rig, 110, 50);
    CHECK_FX(&rig, "shutdown_requested");
    CHECK_SHUTDOWN(TV_SHUTDOWN_WAITING, TV_VERDICT_NONE);
    rig_settle(&rig, 160);
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_EXCEEDED);
    done();
}

/* rule: R5.22 R4.44 */
static void an_abandoned_body_that_comes_back_in_time_has_stopped(void)
{
    begin();
    rig_leave(&rig, 0, &b, TV_LEAVE_REMOVE);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    rig_settle(&rig, 100);
    rig_shutdown(&rig, 110, 50);
    rig_end(&rig, 120, &a, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped a/1 120ns, task_removed a, all_stopped_within_grace, forget a");
    CHECK_EQ(a.actor.outcome, TV_OUTCOME_ABANDONED);
    done();
}

/* rule: R5.30 */
static void a_grace_of_zero_gives_no_time(void)
{
    begin();
    rig_shutdown(&rig, 5, 0);
    CHECK_FX(&rig, "shutdown_requested, task_removed b, grace_exceeded, cancel b shutdown, "
                   "settle b canceled, forget b, cancel a shutdown");
    rig_settle(&rig, 5);
    CHECK_FX(&rig, "settle a abandoned");
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_EXCEEDED);
    done();
}

/* rule: R5.30 R5.22 */
static void a_grace_of_zero_is_enough_for_those_that_have_no_body(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .subscriber_grace_ns = 9});
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_shutdown(&rig, 5, 0);
    CHECK_FX(&rig, "shutdown_requested, task_removed a, all_stopped_within_grace, "
                   "cancel a shutdown, settle a canceled, forget a");
    rig_fini(&rig);
    rig_free(&a);
}

/* ---- several callers ----------------------------------------------------------------------- */

/* rule: R5.6 R5.8 */
static void a_later_grace_shortens(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    CHECK_EQ(rig_shutdown(&rig, 10, 20), TV_STEP_OK);
    CHECK_FX(&rig, "");
    CHECK_EQ(rig.core.shutdown.grace_ns, 20);
    CHECK_EQ(tv_core_deadline(&rig.core), 30);
    done();
}

/* rule: R5.6 R5.8 */
static void a_later_grace_never_lengthens(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    rig_shutdown(&rig, 10, 46);
    rig_shutdown(&rig, 20, TV_NS_MAX);
    CHECK_EQ(rig.core.shutdown.grace_ns, 50);
    CHECK_EQ(tv_core_deadline(&rig.core), 55);
    done();
}

static void a_later_grace_that_ends_at_the_same_instant_changes_nothing(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    rig_shutdown(&rig, 10, 45);
    CHECK_EQ(rig.core.shutdown.grace_ns, 50);
    CHECK_EQ(tv_core_deadline(&rig.core), 55);
    done();
}

/* rule: R5.7 R5.8 */
static void a_second_call_with_zero_ends_the_grace_at_once(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    rig_shutdown(&rig, 10, 0);
    CHECK_FX(&rig, "grace_exceeded");
    CHECK_EQ(rig.core.shutdown.grace_ns, 0);
    rig_settle(&rig, 10);
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_EXCEEDED);
    done();
}

/* rule: R5.5 R5.8 */
static void a_call_after_the_verdict_changes_nothing(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    rig_settle(&rig, 55);
    rig_shutdown(&rig, 56, 0);
    CHECK_FX(&rig, "");
    CHECK_EQ(rig.core.shutdown.grace_ns, 50);
    rig_input(&rig, 56, TV_IN_DRAINED);
    rig_shutdown(&rig, 57, 0);
    CHECK_FX(&rig, "");
    CHECK_SHUTDOWN(TV_SHUTDOWN_CLOSED, TV_VERDICT_EXCEEDED);
    done();
}

static void a_grace_longer_than_time_never_ends(void)
{
    begin();
    rig_shutdown(&rig, 5, TV_NS_MAX);
    rig_settle(&rig, TV_NS_MAX / 2);
    CHECK_EQ(a.actor.state, TV_ACTOR_ABANDONED);
    CHECK_SHUTDOWN(TV_SHUTDOWN_WAITING, TV_VERDICT_NONE);
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_shutdown_is_announced_and_cancels_everybody),
        TEST(after_it_nothing_is_accepted_and_nothing_said_of_it),
        TEST(a_batch_that_was_not_committed_is_refused),
        TEST(all_ended_within_the_grace),
        TEST(the_instant_of_the_deadline_is_within_the_grace),
        TEST(who_has_not_ended_is_abandoned_and_the_verdict_speaks_for_all),
        TEST(a_result_after_the_deadline_comes_after_the_verdict),
        TEST(the_grace_of_a_task_goes_on_in_a_shutdown),
        TEST(where_both_graces_end_at_once_the_shutdowns_comes_first),
        TEST(a_task_abandoned_before_has_not_ended),
        TEST(an_abandoned_body_that_comes_back_in_time_has_stopped),
        TEST(a_grace_of_zero_gives_no_time),
        TEST(a_grace_of_zero_is_enough_for_those_that_have_no_body),
        TEST(a_later_grace_shortens),
        TEST(a_later_grace_never_lengthens),
        TEST(a_later_grace_that_ends_at_the_same_instant_changes_nothing),
        TEST(a_second_call_with_zero_ends_the_grace_at_once),
        TEST(a_call_after_the_verdict_changes_nothing),
        TEST(a_grace_longer_than_time_never_ends),
    };

    return CHECK_RUN(tests, argc, argv);
}
