#include "two_slots.h"

/* All slots together: leaving a queue, a slot cancelled as a whole, the shutdown. */

/* ---- leaving a queue ----------------------------------------------------------------------- */

/* rule: R7.40 */
static void a_waiting_submission_leaves_by_its_id_or_handle_once(void)
{
    for (int by_id = 0; by_id < 2; by_id++)
        for (int style = TV_LEAVE_REMOVE; style <= TV_LEAVE_CANCEL; style++) {
            struct tv_input in = {.kind = TV_IN_LEAVE, .style = (enum tv_leave_style)style};

            begin_with_two_slots(5);
            in.id = a.actor.id;
            in.actor = by_id ? NULL : &a.actor;
            CHECK_EQ(rig_step(&rig, 0, &in), TV_STEP_OK);
            CHECK_FX(&rig, REMOVED);
            check_rejected(&a, TV_REJECTION_REMOVED_FROM_QUEUE);
            in.actor = by_id ? NULL : &a.actor;
            CHECK_EQ(rig_step(&rig, 0, &in), TV_STEP_UNKNOWN);
            CHECK_FX(&rig, "");
            done();
        }
}

/* rule: R7.41 */
static void a_name_never_means_a_waiting_submission(void)
{
    struct tv_input in = {.kind = TV_IN_LEAVE, .name = tv_text_new("a", 1)};

    begin_with_two_slots(5);
    CHECK_EQ(rig_step(&rig, 0, &in), TV_STEP_UNKNOWN);
    CHECK_FX(&rig, "task_remove_requested a, task_removed a (task_not_found)");
    CHECK_EQ(a.actor.state, TV_ACTOR_QUEUED);
    rig_add(&rig, 0, &b, "a", RIG_OPTIONS);
    CHECK_EQ(rig_step(&rig, 0, &in), TV_STEP_OK);
    CHECK(in.actor == &b.actor);
    CHECK_EQ(a.actor.state, TV_ACTOR_QUEUED);
    tv_text_rele(in.name);
    done();
}

/* rule: R7.42 */
static void cancelling_the_owner_leaves_the_queue_alone(void)
{
    begin_with_two_slots(5);
    rig_leave(&rig, 0, &o, TV_LEAVE_CANCEL);
    CHECK_FX(&rig, "task_remove_requested o (manual_cancel), cancel o removed");
    CHECK_EQ(a.actor.state, TV_ACTOR_QUEUED);
    rig_end(&rig, 0, &o, TV_ERROR_NONE, NULL);
    CHECK_EQ(a.actor.state, TV_ACTOR_READY);
    done();
}

/* A submitter's task has no handle yet: nobody can ask it to leave. */
static void who_stands_in_line_is_unknown(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(rig_leave(&rig, 0, &b, TV_LEAVE_REMOVE), TV_STEP_UNKNOWN);
    CHECK_EQ(b.actor.state, TV_ACTOR_ROOM);
    done();
}

/* ---- a slot cancelled as a whole ----------------------------------------------------------- */

/* rule: R7.43 R7.44 */
static void cancel_slot_empties_the_queue_and_asks_the_owner(void)
{
    begin_with_two_slots(5);
    queue(&b, "b", "s");
    queue(&c, "c", "t");
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", true), 3);
    CHECK_FX(&rig, "controller_rejected s (removed_from_queue), "
                   "controller_rejected s (removed_from_queue), "
                   "task_remove_requested o (manual_cancel), settle a rejected, forget a, "
                   "settle b rejected, forget b, cancel o removed");
    CHECK_EQ(c.actor.state, TV_ACTOR_QUEUED);
    CHECK_EQ(p.actor.state, TV_ACTOR_RUNNING);
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", true), 0);
    CHECK_FX(&rig, "");
    queue(&d, "d", "s");
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", true), 1);
    check_rejected(&d, TV_REJECTION_REMOVED_FROM_QUEUE);
    done();
}

/* rule: R7.45 */
static void cancel_slot_without_purge_is_about_the_owner(void)
{
    begin_with_two_slots(5);
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", false), 1);
    CHECK_FX(&rig, "task_remove_requested o (manual_cancel), cancel o removed");
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", false), 0);
    CHECK_FX(&rig, "");
    CHECK_EQ(a.actor.state, TV_ACTOR_QUEUED);
    done();
}

/* rule: R7.44 */
static void cancel_slot_knows_only_slots_that_are_there(void)
{
    begin_with_two_slots(5);
    CHECK_EQ(rig_cancel_slot(&rig, 0, "o", true), 0);
    CHECK_FX(&rig, "");
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    rig_end(&rig, 0, &o, TV_ERROR_NONE, NULL);
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", true), 0);
    done();
}

static void a_purged_slot_whose_owner_has_no_body_is_gone(void)
{
    begin(5);
    queue(&o, "o", "s");
    queue(&a, "a", "s");
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", true), 2);
    CHECK_FX(&rig, "controller_rejected s (removed_from_queue), "
                   "task_remove_requested o (manual_cancel), task_removed o, "
                   "settle a rejected, forget a, cancel o removed, settle o canceled, forget o, "
                   "slot s");
    CHECK(tv_core_is_empty(&rig.core));
    done();
}

/* ---- the shutdown -------------------------------------------------------------------------- */

/* rule: R7.46 R7.58 */
static void a_shutdown_rejects_all_that_waits_before_any_owner_is_cancelled(void)
{
    begin_with_two_slots(2);
    queue(&b, "b", "t");
    stand_in_line(&c, "c", "s", TV_ADMISSION_QUEUE);
    rig_shutdown(&rig, 0, 50);
    CHECK_FX(&rig, "shutdown_requested, controller_rejected s (shutting_down), "
                   "controller_rejected t (shutting_down), settle a rejected, forget a, "
                   "settle b rejected, forget b, decided c, cancel o shutdown, "
                   "cancel p shutdown");
    check_rejected(&a, TV_REJECTION_SHUTTING_DOWN);
    check_rejected(&b, TV_REJECTION_SHUTTING_DOWN);
    CHECK_EQ(c.actor.state, TV_ACTOR_DONE);
    CHECK(!c.actor.settled);
    CHECK_EQ(queue(&d, "d", "u"), TV_STEP_CLOSED);
    rig_free(&d);
    CHECK_EQ(rig_submit_waiting(&rig, 0, &d, "d", "s", TV_ADMISSION_QUEUE), TV_STEP_CLOSED);
    rig_end(&rig, 0, &o, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped o/1, task_removed o, settle o canceled, forget o, slot s");
    rig_end(&rig, 0, &p, TV_ERROR_NONE, NULL);
    CHECK_EQ(rig.core.shutdown.verdict, TV_VERDICT_STOPPED);
    done();
}

/* rule: R7.72 */
static void a_natural_end_waits_for_the_queues(void)
{
    begin(5);
    queue(&o, "o", "s");
    rig_take(&rig, 0);
    queue(&a, "a", "s");
    rig_input(&rig, 0, TV_IN_FINISH);
    rig_end(&rig, 0, &o, TV_ERROR_NONE, NULL);
    CHECK(tv_core_is_open(&rig.core));
    CHECK(rig_take(&rig, 0) == &a.actor);
    rig_end(&rig, 0, &a, TV_ERROR_NONE, NULL);
    CHECK_EQ(rig.core.shutdown.state, TV_SHUTDOWN_DRAINING);
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_waiting_submission_leaves_by_its_id_or_handle_once),
        TEST(a_name_never_means_a_waiting_submission),
        TEST(cancelling_the_owner_leaves_the_queue_alone),
        TEST(who_stands_in_line_is_unknown),
        TEST(cancel_slot_empties_the_queue_and_asks_the_owner),
        TEST(cancel_slot_without_purge_is_about_the_owner),
        TEST(cancel_slot_knows_only_slots_that_are_there),
        TEST(a_purged_slot_whose_owner_has_no_body_is_gone),
        TEST(a_shutdown_rejects_all_that_waits_before_any_owner_is_cancelled),
        TEST(a_natural_end_waits_for_the_queues),
    };

    return CHECK_RUN(tests, argc, argv);
}
