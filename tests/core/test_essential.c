#include "rig.h"

/* A task that takes everybody with it when it ends badly. */

static struct rig rig;
static struct task vital, other, third;

static void add_vital(tv_ns now, struct tv_options options)
{
    struct tv_input in = {.kind = TV_IN_ADD, .actor = &vital.actor};

    rig_task(&rig, &vital, "vital", options);
    vital.actor.essential = true;
    CHECK_EQ(rig_step(&rig, now, &in), TV_STEP_OK);
}

static struct tv_options never(void)
{
    struct tv_options options = RIG_OPTIONS;

    options.restart = TV_RESTART_NEVER;
    return options;
}

static void begin(struct tv_options options)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .queue_capacity = 5,
                                           .max_slot_queue = 5});
    add_vital(0, options);
    CHECK(rig_take(&rig, 0) == &vital.actor);
    other.actor.name = third.actor.name = NULL;
}

static void done(void)
{
    rig_fini(&rig);
    rig_free(&vital);
    if (other.actor.name)
        rig_free(&other);
    if (third.actor.name)
        rig_free(&third);
}

/* rule: R5.70 */
static void its_bad_end_is_followed_by_a_shutdown(void)
{
    begin(never());
    rig_add(&rig, 0, &other, "other", RIG_OPTIONS);
    rig_end(&rig, 1, &vital, TV_ERROR_FAIL, "boom");
    CHECK_FX(&rig, "task_failed vital/1 (execution failed: boom) 1ns, "
                   "actor_exhausted vital/1 (execution failed: boom), task_removed vital, "
                   "shutdown_requested, task_removed other, all_stopped_within_grace, "
                   "settle vital failed, forget vital, "
                   "cancel other shutdown, settle other canceled, forget other");
    CHECK(!tv_core_is_open(&rig.core));
    rig_settle(&rig, 1);
    done();
}

static void its_fatal_end_too(void)
{
    begin(RIG_OPTIONS);
    rig_end(&rig, 1, &vital, TV_ERROR_FATAL, "boom");
    CHECK(!tv_core_is_open(&rig.core));
    CHECK_EQ(rig.core.shutdown.grace_ns, 100);
    rig_settle(&rig, 1);
    CHECK_EQ(rig.core.shutdown.verdict, TV_VERDICT_STOPPED);
    done();
}

/* rule: R5.71 */
static void a_good_end_a_retry_and_a_cancel_change_nothing(void)
{
    begin(never());
    rig_end(&rig, 1, &vital, TV_ERROR_NONE, NULL);
    CHECK(tv_core_is_open(&rig.core));
    done();
    begin(RIG_OPTIONS);
    rig_end(&rig, 1, &vital, TV_ERROR_FAIL, "boom");
    CHECK_EQ(vital.actor.state, TV_ACTOR_BACKOFF);
    rig_leave(&rig, 2, &vital, TV_LEAVE_REMOVE);
    CHECK_EQ(vital.actor.outcome, TV_OUTCOME_CANCELED);
    CHECK(tv_core_is_open(&rig.core));
    done();
}

/* rule: R5.71 */
static void in_a_shutdown_it_changes_nothing(void)
{
    begin(never());
    rig_shutdown(&rig, 1, 50);
    rig_settle(&rig, 1);
    rig_end(&rig, 2, &vital, TV_ERROR_FAIL, "boom");
    CHECK_EQ(vital.actor.outcome, TV_OUTCOME_CANCELED);
    CHECK_EQ(rig.core.shutdown.grace_ns, 50);
    done();
}

/* rule: R5.70 */
static void nobody_starts_in_its_slot_any_more(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .queue_capacity = 5,
                                           .max_slot_queue = 5});
    other.actor.name = third.actor.name = NULL;
    rig_task(&rig, &vital, "vital", never());
    vital.actor.essential = true;
    rig_submit_as(&rig, 0, &vital, "s", TV_ADMISSION_QUEUE, false);
    rig_submit(&rig, 0, &other, "other", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &third, "third", "s", TV_ADMISSION_QUEUE);
    CHECK(rig_take(&rig, 0) == &vital.actor);
    rig_end(&rig, 1, &vital, TV_ERROR_FAIL, "boom");
    rig_settle(&rig, 1);
    CHECK_EQ(other.actor.outcome, TV_OUTCOME_REJECTED);
    CHECK_EQ(other.actor.rejection, TV_REJECTION_SHUTTING_DOWN);
    CHECK_EQ(third.actor.rejection, TV_REJECTION_SHUTTING_DOWN);
    CHECK_EQ(rig.core.accepted, 1);
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(its_bad_end_is_followed_by_a_shutdown),
        TEST(its_fatal_end_too),
        TEST(a_good_end_a_retry_and_a_cancel_change_nothing),
        TEST(in_a_shutdown_it_changes_nothing),
        TEST(nobody_starts_in_its_slot_any_more),
    };

    return CHECK_RUN(tests, argc, argv);
}
