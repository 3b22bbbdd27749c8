#include "three_tasks.h"

/* The step: what comes first in it, and what a take and a result bring. */

/* rule: R0.63 */
static void now_never_goes_back(void)
{
    begin();
    rig_add(&rig, 100, &a, "a", RIG_OPTIONS);
    rig_take(&rig, 40);
    CHECK_EQ(rig.core.now, 100);
    CHECK_EQ(a.actor.started_ns, 100);
    rig_end(&rig, 60, &a, TV_ERROR_NONE, NULL);
    CHECK_EQ(rig.core.fx.event[0].span_ns, 0);
    done();
}

/* rule: R0.60 R0.62 */
static void timers_before_now_come_before_the_input_and_those_at_now_after_it(void)
{
    struct tv_options options = RIG_OPTIONS;

    begin();
    options.timeout_ns = 10;
    rig_add(&rig, 0, &a, "a", options);
    options.timeout_ns = 20;
    rig_add(&rig, 0, &b, "b", options);
    rig_add(&rig, 0, &c, "c", RIG_OPTIONS);
    for (int i = 0; i < 3; i++)
        rig_take(&rig, 0);
    rig_end(&rig, 20, &c, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "timeout_hit a/1 10ns, task_stopped c/1 20ns, "
                   "actor_exhausted c/1 (policy_exhausted_success), task_removed c, "
                   "timeout_hit b/1 20ns, timeout a, settle c completed, forget c, timeout b");
    done();
}

/* rule: R0.61 */
static void timers_of_one_instant_come_in_the_order_of_arming(void)
{
    struct tv_options options = RIG_OPTIONS;

    begin();
    options.timeout_ns = 10;
    rig_add(&rig, 0, &a, "a", options);
    rig_add(&rig, 0, &b, "b", options);
    rig_take(&rig, 0);
    rig_take(&rig, 0);
    rig_settle(&rig, 10);
    CHECK_FX(&rig, "timeout_hit a/1 10ns, timeout_hit b/1 10ns, timeout a, timeout b");
    done();
}

/* A worker brings the same input again and again: what it got before is not what it gets now. */
static void a_take_of_nothing_gives_nothing(void)
{
    struct tv_input in = {.kind = TV_IN_TAKE};

    begin();
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    CHECK_EQ(rig_step(&rig, 0, &in), TV_STEP_OK);
    CHECK(in.actor == &a.actor);
    CHECK_EQ(rig_step(&rig, 0, &in), TV_STEP_OK);
    CHECK(in.actor == NULL);
    CHECK_FX(&rig, "");
    done();
}

/* `a` under ALWAYS has been taken and ends; `b` is ready. */
static struct tv_input ended(struct tv_options options, bool go_on)
{
    struct tv_input in = {.kind = TV_IN_RESULT, .actor = &a.actor, .go_on = go_on};

    rig_add(&rig, 0, &a, "a", options);
    rig_take(&rig, 0);
    rig_add(&rig, 0, &b, "b", RIG_OPTIONS);
    CHECK_EQ(rig_step(&rig, 5, &in), TV_STEP_OK);
    return in;
}

static struct tv_options always(void)
{
    struct tv_options options = RIG_OPTIONS;

    options.restart = TV_RESTART_ALWAYS;
    options.interval_ns = TV_NONE;
    return options;
}

static void a_result_may_take_the_next_attempt_in_its_step(void)
{
    struct tv_input in;

    begin();
    in = ended(always(), true);
    CHECK(in.next == &b.actor);
    CHECK_EQ(b.actor.state, TV_ACTOR_RUNNING);
    CHECK_FX(&rig, "task_stopped a/1 5ns, task_starting b/1");
    done();
}

static void a_result_takes_nothing_unasked(void)
{
    struct tv_input in;

    begin();
    in = ended(always(), false);
    CHECK(in.next == NULL);
    CHECK_EQ(b.actor.state, TV_ACTOR_READY);
    done();
}

/* Who is told, or freed, comes before the next body. */
static void a_result_that_leaves_something_to_do_takes_nothing(void)
{
    struct tv_input in;

    begin();
    in = ended(RIG_OPTIONS, true);
    CHECK(in.next == NULL);
    CHECK_EQ(b.actor.state, TV_ACTOR_READY);
    CHECK(rig.core.fx.acts > 0);
    done();
}

static void the_deadline_is_that_of_the_first_timer(void)
{
    struct tv_options options = RIG_OPTIONS;

    begin();
    CHECK_EQ(tv_core_deadline(&rig.core), TV_NEVER);
    options.timeout_ns = 10;
    rig_add(&rig, 5, &a, "a", options);
    CHECK_EQ(tv_core_deadline(&rig.core), TV_NEVER);
    rig_take(&rig, 5);
    CHECK_EQ(tv_core_deadline(&rig.core), 15);
    rig_settle(&rig, 15);
    CHECK_EQ(tv_core_deadline(&rig.core), TV_NEVER);
    done();
}

/* ---- nobody listens ------------------------------------------------------------------------ */

/* rule: R4.32 */
static void where_nobody_listens_the_same_happens(void)
{
    begin();
    rig.core.fx.mute = true;
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    CHECK_EQ(rig.core.fx.events, 2);
    rig_take(&rig, 0);
    rig_end(&rig, 0, &a, TV_ERROR_NONE, NULL);
    CHECK_EQ(rig.core.fx.events, 3);
    CHECK_EQ(rig.core.fx.acts, 2);
    CHECK_EQ(a.actor.outcome, TV_OUTCOME_COMPLETED);
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(now_never_goes_back),
        TEST(timers_before_now_come_before_the_input_and_those_at_now_after_it),
        TEST(timers_of_one_instant_come_in_the_order_of_arming),
        TEST(a_take_of_nothing_gives_nothing),
        TEST(a_result_may_take_the_next_attempt_in_its_step),
        TEST(a_result_takes_nothing_unasked),
        TEST(a_result_that_leaves_something_to_do_takes_nothing),
        TEST(the_deadline_is_that_of_the_first_timer),
        TEST(where_nobody_listens_the_same_happens),
    };

    return CHECK_RUN(tests, argc, argv);
}
