#include "one_slot.h"

/*
 * The slot's machine: what each policy does to a slot that is idle, running or terminating, with
 * its events in their order, and what is left in the slot.
 */

/* ---- idle ---------------------------------------------------------------------------------- */

#define STARTED(policy)                                                    \
    "task_add_requested a, task_added a, controller_submitted s (admission=" policy \
    " status=running)"

/* rule: R7.20 */
static void an_idle_slot_starts_whatever_comes(void)
{
    static const char *const wanted[] = {
        [TV_ADMISSION_QUEUE] = STARTED("Queue"),
        [TV_ADMISSION_REPLACE] = STARTED("Replace"),
        [TV_ADMISSION_DROP_IF_RUNNING] = STARTED("DropIfRunning"),
    };

    for (int policy = 0; policy <= TV_ADMISSION_DROP_IF_RUNNING; policy++) {
        begin(0);
        CHECK_EQ(rig_submit(&rig, 0, &first, "a", "s", (enum tv_admission)policy), TV_STEP_OK);
        CHECK_FX(&rig, wanted[policy]);
        CHECK_SLOT("a");
        CHECK_EQ(first.actor.state, TV_ACTOR_READY);
        CHECK_EQ(tv_slot_status(slot()), TV_SLOT_RUNNING);
        done();
    }
}

/* rule: R7.3 R7.13 R7.21 */
static void a_name_taken_outside_is_rejected_and_leaves_no_slot(void)
{
    for (int policy = 0; policy <= TV_ADMISSION_DROP_IF_RUNNING; policy++) {
        begin(5);
        rig_add(&rig, 0, &outside, "a", RIG_OPTIONS);
        CHECK_EQ(rig_submit(&rig, 0, &first, "a", "s", (enum tv_admission)policy), TV_STEP_OK);
        CHECK_FX(&rig, "task_add_requested a, task_added a (already_exists), "
                       "controller_rejected s (add_failed: task 'a' already exists in registry), "
                       "settle a rejected, forget a, slot s");
        check_rejected(&first, TV_REJECTION_ALREADY_EXISTS,
                       "add_failed: task 'a' already exists in registry");
        CHECK_SLOT("-");
        done();
    }
}

/* rule: R7.14 */
static void the_events_of_a_submission_are_under_its_own_id(void)
{
    const struct tv_effects *fx = &rig.core.fx;

    begin_running(5);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_REPLACE);
    CHECK_EQ(fx->event[0].kind, TV_EVENT_CONTROLLER_SLOT_TRANSITION);
    CHECK_EQ(fx->event[0].id, owner.actor.id);
    CHECK_EQ(fx->event[1].kind, TV_EVENT_TASK_REMOVE_REQUESTED);
    CHECK_EQ(fx->event[1].id, owner.actor.id);
    CHECK_EQ(fx->event[2].kind, TV_EVENT_CONTROLLER_SUBMITTED);
    CHECK_EQ(fx->event[2].id, first.actor.id);
    for (uint32_t i = 0; i < fx->events; i++)
        CHECK_EQ(fx->event[i].attempt, 0);
    done();
}

/* ---- running ------------------------------------------------------------------------------- */

/* rule: R7.22 */
static void queue_waits_behind_a_running_owner(void)
{
    begin_running(5);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    CHECK_FX(&rig, "controller_submitted s (admission=Queue depth=1)");
    rig_submit(&rig, 0, &second, "b", "s", TV_ADMISSION_QUEUE);
    CHECK_FX(&rig, "controller_submitted s (admission=Queue depth=2)");
    CHECK_SLOT("o: a b");
    CHECK_EQ(first.actor.state, TV_ACTOR_QUEUED);
    CHECK_EQ(tv_slot_status(slot()), TV_SLOT_RUNNING);
    done();
}

/* rule: R7.13 R7.24 */
static void queue_is_rejected_at_max_slot_queue(void)
{
    begin_running(2);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &second, "b", "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(rig_submit(&rig, 0, &third, "c", "s", TV_ADMISSION_QUEUE), TV_STEP_OK);
    CHECK_FX(&rig, "controller_rejected s (queue_full: 2/2), settle c rejected, forget c");
    check_rejected(&third, TV_REJECTION_QUEUE_FULL, "queue_full: 2/2");
    CHECK_SLOT("o: a b");
    done();
}

/* rule: R7.24 */
static void with_a_queue_of_none_queue_is_always_rejected(void)
{
    begin_running(0);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    check_rejected(&first, TV_REJECTION_QUEUE_FULL, "queue_full: 0/0");
    CHECK_SLOT("o");
    done();
}

/* rule: R7.5 R7.25 R7.32 */
static void replace_asks_a_running_owner_to_leave(void)
{
    begin_running(5);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_REPLACE);
    CHECK_FX(&rig, "controller_slot_transition s (running→terminating (replace)), "
                   "task_remove_requested o, controller_submitted s (admission=Replace depth=1), "
                   "cancel o replaced");
    CHECK_SLOT("o: a");
    CHECK_EQ(tv_slot_status(slot()), TV_SLOT_TERMINATING);
    done();
}

/* rule: R7.27 R7.31 */
static void replace_takes_the_place_of_the_head(void)
{
    begin_running(5);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &second, "b", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &third, "c", "s", TV_ADMISSION_REPLACE);
    CHECK_FX(&rig, "controller_rejected s (superseded_by_replace), "
                   "controller_slot_transition s (running→terminating (replace)), "
                   "task_remove_requested o, controller_submitted s (admission=Replace depth=2), "
                   "settle a rejected, forget a, cancel o replaced");
    check_rejected(&first, TV_REJECTION_SUPERSEDED, "superseded_by_replace");
    CHECK_SLOT("o: c b");
    done();
}

/* rule: R7.31 */
static void max_slot_queue_does_not_apply_to_replace(void)
{
    begin_running(0);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_REPLACE);
    CHECK_SLOT("o: a");
    done();
}

/* rule: R7.28 */
static void drop_if_running_is_rejected_by_a_running_owner(void)
{
    begin_running(5);
    CHECK_EQ(rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_DROP_IF_RUNNING), TV_STEP_OK);
    CHECK_FX(&rig, "controller_rejected s (dropped: slot busy (status=running)), "
                   "settle a rejected, forget a");
    check_rejected(&first, TV_REJECTION_SLOT_BUSY, "dropped: slot busy (status=running)");
    CHECK_SLOT("o");
    done();
}

/* ---- terminating --------------------------------------------------------------------------- */

/* rule: R7.23 R7.26 R7.27 R7.28 */
static void a_terminating_slot_says_so(void)
{
    begin_terminating(2);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    CHECK_FX(&rig, "controller_submitted s (admission=Queue status=terminating depth=1)");
    rig_submit(&rig, 0, &second, "b", "s", TV_ADMISSION_REPLACE);
    CHECK_FX(&rig, "controller_rejected s (superseded_by_replace), "
                   "controller_submitted s (admission=Replace status=terminating depth=1), "
                   "settle a rejected, forget a");
    CHECK_SLOT("o: b");
    rig_submit(&rig, 0, &third, "c", "s", TV_ADMISSION_DROP_IF_RUNNING);
    CHECK_FX(&rig, "controller_rejected s (dropped: slot busy (status=terminating)), "
                   "settle c rejected, forget c");
    check_rejected(&third, TV_REJECTION_SLOT_BUSY, "dropped: slot busy (status=terminating)");
    done();
}

/* rule: R7.24 */
static void a_terminating_slot_with_a_full_queue_rejects(void)
{
    begin_terminating(1);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &second, "b", "s", TV_ADMISSION_QUEUE);
    check_rejected(&second, TV_REJECTION_QUEUE_FULL, "queue_full: 1/1");
    CHECK_SLOT("o: a");
    done();
}

/* rule: R7.26 R7.34 */
static void replace_of_a_terminating_slot_without_queue_asks_nobody_again(void)
{
    begin_terminating(5);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_REPLACE);
    CHECK_FX(&rig, "controller_submitted s (admission=Replace status=terminating depth=1)");
    CHECK_EQ(owner.actor.cancel_reason, TV_CANCEL_REMOVED);
    done();
}

/* rule: R7.6 */
static void an_abandoned_owner_leaves_the_slot_terminating(void)
{
    begin_terminating(5);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    rig_settle(&rig, 100);
    CHECK_EQ(owner.actor.state, TV_ACTOR_ABANDONED);
    CHECK_SLOT("o: a");
    CHECK_EQ(tv_slot_status(slot()), TV_SLOT_TERMINATING);
    rig_end(&rig, 200, &owner, TV_ERROR_NONE, NULL);
    CHECK_SLOT("a");
    done();
}

/* rule: R7.7 */
static void an_overdue_owner_leaves_the_slot_running(void)
{
    struct tv_options options = RIG_OPTIONS;

    begin(5);
    options.timeout_ns = 10;
    rig_task(&rig, &owner, "o", options);
    rig_submit_as(&rig, 0, &owner, "s", TV_ADMISSION_QUEUE, false);
    rig_take(&rig, 0);
    rig_settle(&rig, 10);
    CHECK_EQ(owner.actor.state, TV_ACTOR_OVERDUE);
    CHECK_EQ(tv_slot_status(slot()), TV_SLOT_RUNNING);
    rig_submit(&rig, 10, &first, "a", "s", TV_ADMISSION_REPLACE);
    CHECK_FX(&rig, "controller_slot_transition s (running→terminating (replace)), "
                   "task_remove_requested o, controller_submitted s (admission=Replace depth=1), "
                   "cancel o replaced");
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(an_idle_slot_starts_whatever_comes),
        TEST(a_name_taken_outside_is_rejected_and_leaves_no_slot),
        TEST(the_events_of_a_submission_are_under_its_own_id),
        TEST(queue_waits_behind_a_running_owner),
        TEST(queue_is_rejected_at_max_slot_queue),
        TEST(with_a_queue_of_none_queue_is_always_rejected),
        TEST(replace_asks_a_running_owner_to_leave),
        TEST(replace_takes_the_place_of_the_head),
        TEST(max_slot_queue_does_not_apply_to_replace),
        TEST(drop_if_running_is_rejected_by_a_running_owner),
        TEST(a_terminating_slot_says_so),
        TEST(a_terminating_slot_with_a_full_queue_rejects),
        TEST(replace_of_a_terminating_slot_without_queue_asks_nobody_again),
        TEST(an_abandoned_owner_leaves_the_slot_terminating),
        TEST(an_overdue_owner_leaves_the_slot_running),
    };

    return CHECK_RUN(tests, argc, argv);
}
