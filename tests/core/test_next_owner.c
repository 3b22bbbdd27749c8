#include "one_slot.h"

/* The end of a slot's owner: who comes next, in which step, and when the slot is gone. */

/* rule: R7.4 R7.29 */
static void the_end_of_an_owner_starts_the_head(void)
{
    begin_running(5);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &second, "b", "s", TV_ADMISSION_QUEUE);
    rig_end(&rig, 7, &owner, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped o/1 7ns, actor_exhausted o/1 (policy_exhausted_success), "
                   "task_removed o, task_add_requested a, task_added a, "
                   "controller_submitted s (started_from_queue depth=1), "
                   "settle o completed, forget o");
    CHECK_SLOT("a: b");
    CHECK_EQ(slot()->since_ns, 7);
    CHECK_EQ(tv_slot_status(slot()), TV_SLOT_RUNNING);
    done();
}

/* rule: R7.8 */
static void a_retry_keeps_the_slot(void)
{
    begin_running(5);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    rig_end(&rig, 1, &owner, TV_ERROR_FAIL, "boom");
    CHECK_EQ(owner.actor.state, TV_ACTOR_BACKOFF);
    CHECK_SLOT("o: a");
    rig_settle(&rig, 11);
    CHECK(rig_take(&rig, 11) == &owner.actor);
    CHECK_SLOT("o: a");
    done();
}

/* rule: R7.3 */
static void the_slot_is_gone_with_its_last_owner(void)
{
    begin_running(5);
    rig_end(&rig, 0, &owner, TV_ERROR_NONE, NULL);
    CHECK_FX(&rig, "task_stopped o/1, actor_exhausted o/1 (policy_exhausted_success), "
                   "task_removed o, settle o completed, forget o, slot s");
    CHECK_SLOT("-");
    CHECK_EQ(rig.core.controller.slots.count, 0);
    done();
}

#define REPLACED_AT_ONCE                                                                \
    "controller_slot_transition s (running→terminating (replace)), "                    \
    "task_remove_requested o, controller_submitted s (admission=Replace depth=1), "     \
    "task_removed o, task_add_requested a, task_added a, "                              \
    "controller_submitted s (started_from_queue depth=0), "                             \
    "cancel o replaced, settle o canceled, forget o"

/* rule: R7.33 */
static void replace_of_an_owner_without_body_is_one_step(void)
{
    begin_running(0);
    rig_end(&rig, 0, &owner, TV_ERROR_FAIL, "boom");
    CHECK_EQ(owner.actor.state, TV_ACTOR_BACKOFF);
    rig_submit(&rig, 5, &first, "a", "s", TV_ADMISSION_REPLACE);
    CHECK_FX(&rig, REPLACED_AT_ONCE);
    CHECK_SLOT("a");
    done();
    begin(0);
    rig_submit(&rig, 0, &owner, "o", "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(owner.actor.state, TV_ACTOR_READY);
    rig_submit(&rig, 5, &first, "a", "s", TV_ADMISSION_REPLACE);
    CHECK_FX(&rig, REPLACED_AT_ONCE);
    done();
}

/* rule: R7.8 R7.33 */
static void replace_of_an_owner_that_waits_for_a_permit_is_one_step(void)
{
    begin(0);
    rig.core.config.max_concurrent = 1;
    rig_add(&rig, 0, &outside, "x", RIG_OPTIONS);
    rig_submit(&rig, 0, &owner, "o", "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(owner.actor.state, TV_ACTOR_PERMIT);
    rig_submit(&rig, 5, &first, "a", "s", TV_ADMISSION_REPLACE);
    CHECK_FX(&rig, REPLACED_AT_ONCE);
    CHECK_EQ(first.actor.state, TV_ACTOR_PERMIT);
    done();
}

static void replace_of_an_owner_of_the_same_name_starts_under_it(void)
{
    begin(0);
    rig_submit(&rig, 0, &owner, "o", "s", TV_ADMISSION_REPLACE);
    rig_submit(&rig, 0, &first, "o", "s", TV_ADMISSION_REPLACE);
    CHECK(slot()->owner == &first.actor);
    CHECK_EQ(owner.actor.outcome, TV_OUTCOME_CANCELED);
    CHECK(!first.actor.settled);
    done();
}

/* rule: R7.30 */
static void a_head_that_cannot_start_makes_way_for_the_next(void)
{
    begin_running(5);
    rig_add(&rig, 0, &outside, "a", RIG_OPTIONS);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &second, "b", "s", TV_ADMISSION_QUEUE);
    rig_end(&rig, 0, &owner, TV_ERROR_CANCELED, NULL);
    CHECK_FX(&rig,
             "task_stopped o/1, task_removed o, task_add_requested a, "
             "task_added a (already_exists), "
             "controller_rejected s (queue_start_failed: task 'a' already exists in registry), "
             "task_add_requested b, task_added b, "
             "controller_submitted s (started_from_queue depth=0), "
             "settle o canceled, forget o, settle a rejected, forget a");
    check_rejected(&first, TV_REJECTION_ALREADY_EXISTS,
                   "queue_start_failed: task 'a' already exists in registry");
    CHECK_SLOT("b");
    done();
}

/* rule: R7.3 R7.30 */
static void a_slot_whose_whole_queue_cannot_start_is_gone(void)
{
    begin_running(5);
    rig_add(&rig, 0, &outside, "a", RIG_OPTIONS);
    rig_submit(&rig, 0, &first, "a", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &second, "a", "s", TV_ADMISSION_QUEUE);
    rig_end(&rig, 0, &owner, TV_ERROR_CANCELED, NULL);
    check_rejected(&first, TV_REJECTION_ALREADY_EXISTS,
                   "queue_start_failed: task 'a' already exists in registry");
    check_rejected(&second, TV_REJECTION_ALREADY_EXISTS,
                   "queue_start_failed: task 'a' already exists in registry");
    CHECK_SLOT("-");
    done();
}

/* Freed by its owner's end, by id: a task of the owner's name elsewhere frees nothing. */
/* rule: R7.2 */
static void another_task_of_the_owners_name_frees_nothing(void)
{
    begin_terminating(5);
    rig_submit(&rig, 0, &first, "o", "t", TV_ADMISSION_QUEUE);
    check_rejected(&first, TV_REJECTION_ALREADY_EXISTS,
                   "add_failed: task 'o' already exists in registry");
    CHECK_SLOT("o");
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(the_end_of_an_owner_starts_the_head),
        TEST(a_retry_keeps_the_slot),
        TEST(the_slot_is_gone_with_its_last_owner),
        TEST(replace_of_an_owner_without_body_is_one_step),
        TEST(replace_of_an_owner_that_waits_for_a_permit_is_one_step),
        TEST(replace_of_an_owner_of_the_same_name_starts_under_it),
        TEST(a_head_that_cannot_start_makes_way_for_the_next),
        TEST(a_slot_whose_whole_queue_cannot_start_is_gone),
        TEST(another_task_of_the_owners_name_frees_nothing),
    };

    return CHECK_RUN(tests, argc, argv);
}
