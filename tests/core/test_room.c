#include "two_slots.h"

/* Room in the queues of all slots, and callers that wait for it. */

/* rule: R7.50 R7.51 */
static void the_capacity_counts_what_waits_over_all_slots(void)
{
    begin_with_two_slots(2);
    CHECK_EQ(queue(&b, "b", "t"), TV_STEP_OK);
    CHECK_EQ(queue(&c, "c", "s"), TV_STEP_FULL);
    CHECK_FX(&rig, "");
    CHECK_EQ(rig_submit(&rig, 0, &d, "d", "s", TV_ADMISSION_REPLACE), TV_STEP_OK);
    CHECK_EQ(rig.core.controller.waiting, 2);
    done();
}

/* rule: R7.51 */
static void what_lengthens_no_queue_needs_no_room(void)
{
    begin_with_two_slots(1);
    CHECK_EQ(rig_submit(&rig, 0, &b, "b", "s", TV_ADMISSION_DROP_IF_RUNNING), TV_STEP_OK);
    check_rejected(&b, TV_REJECTION_SLOT_BUSY);
    CHECK_EQ(rig_submit(&rig, 0, &c, "c", "s", TV_ADMISSION_REPLACE), TV_STEP_OK);
    check_rejected(&a, TV_REJECTION_SUPERSEDED);
    CHECK_EQ(queue(&d, "d", "u"), TV_STEP_OK);
    CHECK_EQ(d.actor.state, TV_ACTOR_READY);
    done();
}

/* rule: R7.52 */
static void a_full_slot_rejects_before_anybody_waits_for_room(void)
{
    begin_with_two_slots(1);
    rig.core.config.max_slot_queue = 1;
    CHECK_EQ(rig_submit_waiting(&rig, 0, &b, "b", "s", TV_ADMISSION_QUEUE), TV_STEP_OK);
    check_rejected(&b, TV_REJECTION_QUEUE_FULL);
    done();
}

/* rule: R7.53 */
static void replace_of_an_empty_queue_needs_room_and_asks_nobody_before(void)
{
    begin_with_two_slots(1);
    CHECK_EQ(rig_submit(&rig, 0, &b, "b", "t", TV_ADMISSION_REPLACE), TV_STEP_FULL);
    CHECK_FX(&rig, "");
    rig_free(&b);
    stand_in_line(&b, "b", "t", TV_ADMISSION_REPLACE);
    CHECK(!p.actor.cancelled);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    CHECK_FX(&rig, "controller_rejected s (removed_from_queue), "
                   "controller_slot_transition t (running→terminating (replace)), "
                   "task_remove_requested p, controller_submitted t (admission=Replace depth=1), "
                   "settle a rejected, forget a, decided b, cancel p replaced");
    done();
}

/* rule: R7.53 R7.56 */
static void room_goes_to_who_came_first(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "t", TV_ADMISSION_QUEUE);
    stand_in_line(&c, "c", "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(queue(&d, "d", "s"), TV_STEP_FULL);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    CHECK_FX(&rig, "controller_rejected s (removed_from_queue), "
                   "controller_submitted t (admission=Queue depth=1), settle a rejected, "
                   "forget a, decided b");
    CHECK_EQ(b.actor.state, TV_ACTOR_QUEUED);
    CHECK_EQ(c.actor.state, TV_ACTOR_ROOM);
    rig_leave(&rig, 0, &b, TV_LEAVE_REMOVE);
    CHECK_EQ(c.actor.state, TV_ACTOR_QUEUED);
    done();
}

/* rule: R7.56 */
static void the_start_of_a_head_makes_room(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "t", TV_ADMISSION_QUEUE);
    rig_end(&rig, 3, &o, TV_ERROR_CANCELED, NULL);
    CHECK_FX(&rig, "task_stopped o/1 3ns, task_removed o, task_add_requested a, task_added a, "
                   "controller_submitted s (started_from_queue depth=0), "
                   "controller_submitted t (admission=Queue depth=1), "
                   "settle o canceled, forget o, decided b");
    done();
}

/* Where its slot gets free, a caller is next: without room, and before who came earlier. */
static void a_caller_whose_slot_needs_no_room_any_more_is_decided_at_once(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "s", TV_ADMISSION_QUEUE);
    stand_in_line(&c, "c", "t", TV_ADMISSION_QUEUE);
    rig_end(&rig, 3, &p, TV_ERROR_CANCELED, NULL);
    CHECK_FX(&rig, "task_stopped p/1 3ns, task_removed p, task_add_requested c, task_added c, "
                   "controller_submitted t (admission=Queue status=running), "
                   "settle p canceled, forget p, decided c");
    CHECK_EQ(c.actor.state, TV_ACTOR_READY);
    CHECK_EQ(b.actor.state, TV_ACTOR_ROOM);
    done();
}

/* rule: R7.57 */
static void a_slots_own_queue_comes_before_who_stands_in_line_for_it(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "s", TV_ADMISSION_QUEUE);
    rig_end(&rig, 0, &o, TV_ERROR_CANCELED, NULL);
    CHECK_EQ(a.actor.state, TV_ACTOR_READY);
    CHECK_EQ(b.actor.state, TV_ACTOR_QUEUED);
    done();
}

/* A queue appears where REPLACE stands in line: it takes the head's place, and needs no room. */
static void a_replace_in_line_is_decided_when_there_is_a_head_to_replace(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "t", TV_ADMISSION_QUEUE);
    stand_in_line(&c, "c", "t", TV_ADMISSION_REPLACE);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    CHECK_FX(&rig, "controller_rejected s (removed_from_queue), "
                   "controller_submitted t (admission=Queue depth=1), "
                   "controller_rejected t (superseded_by_replace), "
                   "controller_slot_transition t (running→terminating (replace)), "
                   "task_remove_requested p, "
                   "controller_submitted t (admission=Replace depth=1), "
                   "settle a rejected, forget a, decided b, decided c, settle b rejected, "
                   "forget b, cancel p replaced");
    done();
}

/* rule: R7.54 */
static void who_withdraws_has_never_been_there(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(rig_withdraw(&rig, 0, &b), TV_STEP_OK);
    CHECK_FX(&rig, "");
    CHECK_EQ(b.actor.state, TV_ACTOR_DONE);
    CHECK(!b.actor.settled);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    CHECK_FX(&rig, REMOVED);
    CHECK_EQ(rig.core.known, 2);
    done();
}

static void who_has_been_decided_cannot_withdraw(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "s", TV_ADMISSION_QUEUE);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    CHECK_EQ(rig_withdraw(&rig, 0, &b), TV_STEP_ALREADY);
    CHECK_EQ(b.actor.state, TV_ACTOR_QUEUED);
    done();
}

static void purging_a_slot_makes_room_after_its_owner_was_asked(void)
{
    begin_with_two_slots(1);
    stand_in_line(&b, "b", "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", true), 2);
    CHECK_FX(&rig, "controller_rejected s (removed_from_queue), "
                   "task_remove_requested o (manual_cancel), "
                   "controller_submitted s (admission=Queue status=terminating depth=1), "
                   "settle a rejected, forget a, cancel o removed, decided b");
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(the_capacity_counts_what_waits_over_all_slots),
        TEST(what_lengthens_no_queue_needs_no_room),
        TEST(a_full_slot_rejects_before_anybody_waits_for_room),
        TEST(replace_of_an_empty_queue_needs_room_and_asks_nobody_before),
        TEST(room_goes_to_who_came_first),
        TEST(the_start_of_a_head_makes_room),
        TEST(a_caller_whose_slot_needs_no_room_any_more_is_decided_at_once),
        TEST(a_slots_own_queue_comes_before_who_stands_in_line_for_it),
        TEST(a_replace_in_line_is_decided_when_there_is_a_head_to_replace),
        TEST(who_withdraws_has_never_been_there),
        TEST(who_has_been_decided_cannot_withdraw),
        TEST(purging_a_slot_makes_room_after_its_owner_was_asked),
    };

    return CHECK_RUN(tests, argc, argv);
}
