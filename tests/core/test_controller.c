#include "rig.h"

/*
 * All slots together: leaving a queue, a slot cancelled as a whole, the shutdown, callers that wait
 * for room, and queues longer than a step.
 */

#define MANY 3000

static struct rig rig;
static struct task o, p, a, b, c, d, many[MANY];

static struct task *const all[] = {&o, &p, &a, &b, &c, &d};

static void begin(uint64_t queue_capacity)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS,
                                           .queue_capacity = queue_capacity,
                                           .max_slot_queue = MANY,
                                           .subscriber_grace_ns = 9});
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        all[i]->actor.name = NULL;
}

static void done(void)
{
    rig_fini(&rig);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->actor.name)
            rig_free(all[i]);
}

static enum tv_step queue(struct task *task, const char *name, const char *slot)
{
    return rig_submit(&rig, rig.core.now, task, name, slot, TV_ADMISSION_QUEUE);
}

/* By a caller that waits. */
static void stand_in_line(struct task *task, const char *name, const char *slot,
                          enum tv_admission admission)
{
    CHECK_EQ(rig_submit_waiting(&rig, rig.core.now, task, name, slot, admission), TV_STEP_WAIT);
    CHECK_FX(&rig, "");
    CHECK_EQ(task->actor.state, TV_ACTOR_ROOM);
}

/* "o" runs in slot "s", "p" in slot "t"; `a` waits in the queue of "s". */
static void begin_with_two_slots(uint64_t queue_capacity)
{
    begin(queue_capacity);
    queue(&o, "o", "s");
    queue(&p, "p", "t");
    CHECK(rig_take(&rig, 0) == &o.actor);
    CHECK(rig_take(&rig, 0) == &p.actor);
    CHECK_EQ(queue(&a, "a", "s"), TV_STEP_OK);
}

static void check_rejected(const struct task *task, enum tv_rejection why)
{
    CHECK(task->actor.settled);
    CHECK_EQ(task->actor.outcome, TV_OUTCOME_REJECTED);
    CHECK_EQ(task->actor.rejection, why);
}

/* ---- leaving a queue ----------------------------------------------------------------------- */

#define REMOVED "controller_rejected s (removed_from_queue), settle a rejected, forget a"

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

/* ---- room ---------------------------------------------------------------------------------- */

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

/* ---- more than one step can do ------------------------------------------------------------- */

/* Without the check of all invariants, which is O(everything). */
static enum tv_step quick_step(struct tv_input *in)
{
    enum tv_step answer;

    rig_free_gone(&rig);
    while ((answer = tv_core_step(&rig.core, 0, in)) == TV_STEP_SHORT) {
        size_t size = tv_core_shortage(&rig.core);

        CHECK(!tv_core_give(&rig.core, malloc(size), size));
    }
    rig_note_gone(&rig);
    CHECK(answer != TV_STEP_BROKEN);
    return answer;
}

/* `many` called `name` wait in slot "s" behind "o", which runs. */
static void fill(const char *name)
{
    begin(MANY);
    queue(&o, "o", "s");
    rig_take(&rig, 0);
    for (int i = 0; i < MANY; i++) {
        struct tv_input in = {.kind = TV_IN_SUBMIT,
                              .actor = &many[i].actor,
                              .slot = rig_new_slot("s"),
                              .admission = TV_ADMISSION_QUEUE};

        rig_task(&rig, &many[i], name, RIG_OPTIONS);
        CHECK_EQ(quick_step(&in), TV_STEP_OK);
        rig_free_slot(in.slot);
    }
    CHECK_EQ(rig.core.controller.waiting, MANY);
}

/* Steps on until nothing is pending; no step does more than it may. How many steps. */
static int go_on(void)
{
    struct tv_input tick = {.kind = TV_IN_TICK};
    int steps = 0;

    while (tv_core_deadline(&rig.core) <= rig.core.now) {
        quick_step(&tick);
        CHECK(rig.core.fx.acts <= TV_FX_ACTS && rig.core.fx.events <= TV_FX_EVENTS);
        steps++;
    }
    CHECK(!tv_core_check(&rig.core));
    return steps;
}

static void empty(enum tv_rejection why)
{
    for (int i = 0; i < MANY; i++) {
        check_rejected(&many[i], why);
        rig_free(&many[i]);
    }
    CHECK_EQ(rig.core.controller.waiting, 0);
    done();
}

static void thousands_that_cannot_start_are_rejected_in_slices(void)
{
    struct tv_input end = {.kind = TV_IN_RESULT, .actor = &o.actor};

    fill("taken");
    rig_add(&rig, 0, &a, "taken", RIG_OPTIONS);
    CHECK_EQ(quick_step(&end), TV_STEP_OK);
    CHECK(tv_controller_is_busy(&rig.core));
    CHECK(!many[MANY - 1].actor.settled);
    CHECK(go_on() >= MANY / (2 * TV_SLICE));
    CHECK_EQ(rig.core.controller.slots.count, 0);
    empty(TV_REJECTION_ALREADY_EXISTS);
}

static void no_input_is_taken_between_the_slices(void)
{
    struct tv_input end = {.kind = TV_IN_RESULT, .actor = &o.actor};
    struct tv_input late = {.kind = TV_IN_SUBMIT,
                            .actor = &b.actor,
                            .slot = rig_new_slot("s"),
                            .admission = TV_ADMISSION_QUEUE};

    fill("taken");
    rig_add(&rig, 0, &a, "taken", RIG_OPTIONS);
    rig_task(&rig, &b, "b", RIG_OPTIONS);
    quick_step(&end);
    CHECK_EQ(quick_step(&late), TV_STEP_AGAIN);
    CHECK(late.slot);
    while (quick_step(&late) == TV_STEP_AGAIN)
        continue;
    CHECK(!late.slot);
    CHECK_EQ(b.actor.state, TV_ACTOR_READY);
    CHECK(!tv_core_check(&rig.core));
    empty(TV_REJECTION_ALREADY_EXISTS);
}

static void thousands_are_purged_in_slices_and_counted_before(void)
{
    struct tv_input in = {
        .kind = TV_IN_CANCEL_SLOT, .name = tv_text_new("s", 1), .purge = true};

    fill("m");
    CHECK_EQ(quick_step(&in), TV_STEP_OK);
    CHECK_EQ(in.count, MANY + 1);
    CHECK(!o.actor.cancelled);
    CHECK(go_on() > 1);
    CHECK(o.actor.cancelled);
    tv_text_rele(in.name);
    empty(TV_REJECTION_REMOVED_FROM_QUEUE);
}

static void thousands_are_rejected_by_a_shutdown_in_slices(void)
{
    struct tv_input in = {.kind = TV_IN_SHUTDOWN, .grace_ns = 50};

    fill("m");
    CHECK_EQ(quick_step(&in), TV_STEP_OK);
    CHECK(!o.actor.cancelled);
    CHECK(go_on() > 1);
    CHECK_EQ(o.actor.cancel_reason, TV_CANCEL_SHUTDOWN);
    CHECK_EQ(rig.core.shutdown.state, TV_SHUTDOWN_WAITING);
    empty(TV_REJECTION_SHUTTING_DOWN);
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
        TEST(thousands_that_cannot_start_are_rejected_in_slices),
        TEST(no_input_is_taken_between_the_slices),
        TEST(thousands_are_purged_in_slices_and_counted_before),
        TEST(thousands_are_rejected_by_a_shutdown_in_slices),
    };

    return CHECK_RUN(tests, argc, argv);
}
