#include "rig.h"

/* After the verdict; and the ends that have none: a natural one, a quiet one. */

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

/* rule: R5.27 */
static void subscribers_drain_until_they_are_empty(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    rig_end(&rig, 20, &a, TV_ERROR_NONE, NULL);
    CHECK_EQ(tv_core_deadline(&rig.core), 29);
    CHECK_EQ(rig_input(&rig, 22, TV_IN_DRAINED), TV_STEP_OK);
    CHECK_SHUTDOWN(TV_SHUTDOWN_CLOSED, TV_VERDICT_STOPPED);
    CHECK_EQ(tv_core_deadline(&rig.core), TV_NEVER);
    done();
}

/* rule: R5.27 */
static void subscribers_drain_no_longer_than_their_grace(void)
{
    begin();
    rig_shutdown(&rig, 5, 50);
    rig_end(&rig, 20, &a, TV_ERROR_NONE, NULL);
    rig_settle(&rig, 28);
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_STOPPED);
    rig_settle(&rig, 29);
    CHECK_SHUTDOWN(TV_SHUTDOWN_CLOSED, TV_VERDICT_STOPPED);
    done();
}

/* rule: R5.40 R5.41 */
static void a_body_that_returns_after_the_verdict_only_frees_what_it_held(void)
{
    begin();
    rig_take(&rig, 0);
    rig_shutdown(&rig, 5, 0);
    rig_settle(&rig, 5);
    rig_end(&rig, 6, &a, TV_ERROR_FAIL, "late");
    CHECK_FX(&rig, "forget a");
    rig_input(&rig, 7, TV_IN_DRAINED);
    rig_end(&rig, 8, &b, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "forget b");
    CHECK_EQ(a.actor.outcome, TV_OUTCOME_ABANDONED);
    CHECK_EQ(rig.core.live, 0);
    done();
}

/* rule: R5.40 R5.43 */
static void a_removal_after_the_verdict_says_nothing(void)
{
    struct tv_text *name = tv_text_new("nobody", 6);
    struct tv_input in = {.kind = TV_IN_LEAVE, .name = name};

    begin();
    rig_shutdown(&rig, 5, 0);
    rig_settle(&rig, 5);
    CHECK_EQ(rig_step(&rig, 6, &in), TV_STEP_UNKNOWN);
    CHECK_FX(&rig, "");
    CHECK_EQ(rig_leave(&rig, 6, &a, TV_LEAVE_REMOVE), TV_STEP_ALREADY);
    CHECK_FX(&rig, "");
    tv_text_rele(name);
    done();
}

/* ---- other ends ---------------------------------------------------------------------------- */

/* rule: R4.71 R5.31 R5.40 */
static void a_natural_end_comes_when_nothing_is_registered_and_gives_no_verdict(void)
{
    begin();
    CHECK_EQ(rig_input(&rig, 1, TV_IN_FINISH), TV_STEP_OK);
    CHECK_SHUTDOWN(TV_SHUTDOWN_OPEN, TV_VERDICT_NONE);
    rig_end(&rig, 5, &a, TV_ERROR_NONE, NULL);
    CHECK_SHUTDOWN(TV_SHUTDOWN_OPEN, TV_VERDICT_NONE);
    rig_take(&rig, 5);
    rig_end(&rig, 6, &b, TV_ERROR_CANCELED, NULL);
    CHECK_FX(&rig, "task_stopped b/1 1ns, task_removed b, settle b canceled, forget b");
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_NONE);
    CHECK(!tv_core_is_open(&rig.core));
    done();
}

/* rule: R4.71 */
static void a_natural_end_waits_for_a_body_that_was_abandoned(void)
{
    begin();
    rig_input(&rig, 0, TV_IN_FINISH);
    rig_leave(&rig, 0, &b, TV_LEAVE_REMOVE);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    rig_settle(&rig, 100);
    CHECK_SHUTDOWN(TV_SHUTDOWN_OPEN, TV_VERDICT_NONE);
    rig_end(&rig, 101, &a, TV_ERROR_NONE, NULL);
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_NONE);
    done();
}

/* rule: R4.80 R4.81 R5.21 */
static void a_quiet_shutdown_cancels_and_gives_no_verdict(void)
{
    struct tv_input in = {.kind = TV_IN_SHUTDOWN, .grace_ns = 50, .quiet = true};

    for (int in_time = 0; in_time < 2; in_time++) {
        begin();
        rig_step(&rig, 5, &in);
        CHECK_FX(&rig, "shutdown_requested, task_removed b, cancel b shutdown, "
                       "settle b canceled, forget b, cancel a shutdown");
        if (in_time) {
            rig_end(&rig, 20, &a, TV_ERROR_NONE, NULL);
            CHECK_FX(&rig, "task_stopped a/1 20ns, task_removed a, settle a canceled, forget a");
        } else {
            rig_input(&rig, 55, TV_IN_TICK);
            CHECK_FX(&rig, "");
            rig_settle(&rig, 55);
            CHECK_FX(&rig, "settle a abandoned");
        }
        CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_NONE);
        done();
    }
}

static void a_shutdown_of_nothing_needs_no_memory(void)
{
    struct tv_input in = {.kind = TV_IN_SHUTDOWN, .grace_ns = 50};

    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .subscriber_grace_ns = 9});
    CHECK_EQ(tv_core_step(&rig.core, 0, &in), TV_STEP_OK);
    CHECK_FX(&rig, "shutdown_requested, all_stopped_within_grace");
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_STOPPED);
    rig_fini(&rig);
}

static void a_natural_end_of_nothing_needs_no_memory(void)
{
    struct tv_input in = {.kind = TV_IN_FINISH};

    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .subscriber_grace_ns = 9});
    CHECK_EQ(tv_core_step(&rig.core, 0, &in), TV_STEP_OK);
    CHECK_SHUTDOWN(TV_SHUTDOWN_DRAINING, TV_VERDICT_NONE);
    rig_fini(&rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(subscribers_drain_until_they_are_empty),
        TEST(subscribers_drain_no_longer_than_their_grace),
        TEST(a_body_that_returns_after_the_verdict_only_frees_what_it_held),
        TEST(a_removal_after_the_verdict_says_nothing),
        TEST(a_natural_end_comes_when_nothing_is_registered_and_gives_no_verdict),
        TEST(a_natural_end_waits_for_a_body_that_was_abandoned),
        TEST(a_quiet_shutdown_cancels_and_gives_no_verdict),
        TEST(a_shutdown_of_nothing_needs_no_memory),
        TEST(a_natural_end_of_nothing_needs_no_memory),
    };

    return CHECK_RUN(tests, argc, argv);
}
