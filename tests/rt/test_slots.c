#include "slots.h"

/* What waits in a slot, leaves it, or stands in line for room; with a few threads. */

/* rule: R7.1 R7.6 */
static void an_owner_that_ignores_its_cancel_keeps_the_slot(void)
{
    struct gate gate = GATE;
    struct tv_supervisor *s = serve(CONFIG(5, 5));
    struct tv_spec stubborn = *SPEC(await_gate, &gate);
    struct tv_task *owner, *next = NULL;

    stubborn.options.inherits &= ~(uint32_t)TV_INHERIT_GRACE;
    stubborn.options.grace_ns = 0;
    owner = queue(s, "s", "o", &stubborn);
    EVENTUALLY(is_alive(s, "o"));
    CHECK_EQ(submit(s, "s", "a", SPEC(no_op, NULL), TV_ADMISSION_REPLACE, false, &next), TV_OK);
    CHECK_EQ(outcome_of(owner).kind, TV_OUTCOME_ABANDONED);
    check_slots(s, "s terminating o: a");
    CHECK_EQ(tv_task_state(next), TV_TASK_QUEUED);
    gate_open(&gate);
    finish(next, TV_OUTCOME_COMPLETED);
    tv_task_rele(owner);
    close_down(s);
}

/* ---- what waits ---------------------------------------------------------------------------- */

/* "o" owns slot "s" and does not look at its token, "a" waits: there is no more room. */
struct full {
    struct tv_supervisor *s;
    struct gate gate;
    struct tv_spec spec;
    struct tv_task *owner, *waiting;
};

static void fill(struct full *full)
{
    *full = (struct full){.s = serve(CONFIG(1, 5)), .gate = GATE};
    full->spec = *SPEC(await_gate, &full->gate);
    full->owner = queue(full->s, "s", "o", &full->spec);
    EVENTUALLY(is_alive(full->s, "o"));
    full->waiting = queue(full->s, "s", "a", &returning);
}

static void end_full(struct full *full)
{
    gate_open(&full->gate);
    close_down(full->s);
    tv_task_rele(full->owner);
}

/* rule: R7.40 R7.71 R7.72 */
static void a_waiting_submission_leaves_once_and_is_told_as_rejected(void)
{
    struct full full;

    fill(&full);
    check_slots(full.s, "s running o: a");
    CHECK_EQ(tv_task_state(full.waiting), TV_TASK_QUEUED);
    CHECK_EQ(tv_join(full.s, 0), TV_TIMEOUT);
    CHECK_EQ(tv_leave(full.s, (struct tv_target){.id = tv_task_id(full.waiting)}, TV_REMOVE, NULL),
             TV_OK);
    CHECK_EQ(leave(full.s, full.waiting), TV_UNKNOWN);
    check_rejected(full.waiting, TV_REJECTION_REMOVED_FROM_QUEUE, "removed_from_queue");
    check_slots(full.s, "s running o");
    end_full(&full);
}

/* rule: R7.43 R7.44 */
static void cancel_slot_tells_how_many_were_asked(void)
{
    struct full full;

    fill(&full);
    CHECK_EQ(cancel_slot(full.s, "t", true), 0);
    CHECK_EQ(cancel_slot(full.s, "s", true), 2);
    CHECK_EQ(cancel_slot(full.s, "s", true), 0);
    check_rejected(full.waiting, TV_REJECTION_REMOVED_FROM_QUEUE, "removed_from_queue");
    check_slots(full.s, "s terminating o");
    gate_open(&full.gate);
    CHECK_EQ(outcome_of(full.owner).kind, TV_OUTCOME_CANCELED);
    end_full(&full);
}

static void a_queue_longer_than_a_slice_is_purged_in_one_call(void)
{
    enum { MANY = 1000 };
    static struct tv_task *task[MANY];
    struct gate gate = GATE;
    struct tv_supervisor *s = serve(CONFIG(MANY, MANY));
    struct tv_task *owner = queue(s, "s", "o", SPEC(await_gate, &gate));

    for (int i = 0; i < MANY; i++)
        task[i] = queue(s, "s", "a", &returning);
    CHECK_EQ(cancel_slot(s, "s", true), MANY + 1);
    for (int i = 0; i < MANY; i++)
        check_rejected(task[i], TV_REJECTION_REMOVED_FROM_QUEUE, "removed_from_queue");
    gate_open(&gate);
    finish(owner, TV_OUTCOME_CANCELED);
    close_down(s);
}

/* ---- room ---------------------------------------------------------------------------------- */

struct caller {
    struct helper helper;
    struct tv_task *task;
    _Atomic int thread;
    enum tv_err got;
};

static void *wait_for_room(void *arg)
{
    struct caller *caller = arg;

    atomic_store(&caller->thread, thread_id());
    caller->got = tv_submit_wait(caller->task, tv_now() + PATIENCE);
    return NULL;
}

static void stand_in_line(struct full *full, struct caller *caller, const char *name)
{
    *caller = (struct caller){.task = NULL};
    CHECK_EQ(submit(full->s, "s", name, &returning, TV_ADMISSION_QUEUE, true, &caller->task),
             TV_WAITS);
    caller->helper = helper_start(wait_for_room, caller);
    EVENTUALLY(is_asleep(atomic_load(&caller->thread)));
}

/* rule: R7.53 R7.55 */
static void without_room_a_submission_is_full_or_waits(void)
{
    struct full full;
    struct tv_task *task = NULL;

    fill(&full);
    CHECK_EQ(submit(full.s, "s", "b", &returning, TV_ADMISSION_QUEUE, false, &task), TV_FULL);
    CHECK(!task);
    CHECK_EQ(submit(full.s, "s", "b", &returning, TV_ADMISSION_QUEUE, true, &task), TV_WAITS);
    CHECK_EQ(tv_submit_wait(task, tv_now() + TV_MS), TV_TIMEOUT);
    CHECK_EQ(tv_submit_wait(task, 0), TV_TIMEOUT);
    CHECK_EQ(tv_submit_withdraw(task), TV_OK);
    check_slots(full.s, "s running o: a");
    end_full(&full);
    tv_task_rele(full.waiting);
}

/* rule: R7.53 R7.56 */
static void room_goes_to_the_callers_in_the_order_they_came(void)
{
    struct full full;
    struct caller caller[3];

    fill(&full);
    for (int i = 0; i < 3; i++)
        stand_in_line(&full, &caller[i], "c");
    CHECK_EQ(leave(full.s, full.waiting), TV_OK);
    tv_task_rele(full.waiting);
    for (int i = 0; i < 3; i++) {
        helper_join(caller[i].helper);
        CHECK_EQ(caller[i].got, TV_OK);
        CHECK_EQ(tv_task_state(caller[i].task), TV_TASK_QUEUED);
        check_slots(full.s, "s running o: c");
        for (int k = i + 1; k < 3; k++)
            CHECK_EQ(tv_submit_wait(caller[k].task, 0), TV_TIMEOUT);
        CHECK_EQ(leave(full.s, caller[i].task), TV_OK);
        tv_task_rele(caller[i].task);
    }
    end_full(&full);
}

/* rule: R7.56 */
static void a_start_from_the_queue_lets_the_next_caller_in(void)
{
    struct full full;
    struct caller caller;

    fill(&full);
    stand_in_line(&full, &caller, "c");
    gate_open(&full.gate);
    helper_join(caller.helper);
    CHECK_EQ(caller.got, TV_OK);
    finish(caller.task, TV_OUTCOME_COMPLETED);
    finish(full.waiting, TV_OUTCOME_COMPLETED);
    end_full(&full);
}

/* rule: R7.46 R7.58 */
static void a_shutdown_lets_every_caller_go(void)
{
    struct full full;
    struct caller caller[8];

    fill(&full);
    for (int i = 0; i < 8; i++)
        stand_in_line(&full, &caller[i], "c");
    CHECK_EQ(tv_shutdown(full.s, TV_NONE, false), TV_OK);
    for (int i = 0; i < 8; i++) {
        helper_join(caller[i].helper);
        CHECK_EQ(caller[i].got, TV_SHUTTING_DOWN);
    }
    EVENTUALLY(tv_task_done(full.waiting));
    check_rejected(full.waiting, TV_REJECTION_SHUTTING_DOWN, "shutting_down");
    CHECK_EQ(submit(full.s, "t", "t", &returning, TV_ADMISSION_QUEUE, true, &caller[0].task),
             TV_SHUTTING_DOWN);
    end_full(&full);
}

struct leaver {
    struct gate gate;
    struct tv_supervisor *s;
    struct tv_task *task;
};

static void *leave_then(void *arg)
{
    struct leaver *leaver = arg;

    gate_await(&leaver->gate);
    CHECK_EQ(leave(leaver->s, leaver->task), TV_OK);
    return NULL;
}

/* Whoever wins, the task is released once, and in a queue or not. */
static void withdrawing_races_with_the_decision(void)
{
    struct full full;

    fill(&full);
    for (int round = 0; round < 200; round++) {
        struct leaver leaver = {.gate = GATE, .s = full.s, .task = full.waiting};
        struct helper helper = helper_start(leave_then, &leaver);
        struct tv_task *task = NULL;
        enum tv_err err;

        CHECK_EQ(submit(full.s, "s", "a", &returning, TV_ADMISSION_QUEUE, true, &task), TV_WAITS);
        gate_open(&leaver.gate);
        err = tv_submit_withdraw(task);
        helper_join(helper);
        tv_task_rele(full.waiting);
        CHECK(err == TV_OK || err == TV_ALREADY);
        if (err == TV_ALREADY)
            CHECK_EQ(tv_submit_wait(task, 0), TV_OK);
        full.waiting = err == TV_ALREADY ? task : queue(full.s, "s", "a", &returning);
        check_slots(full.s, "s running o: a");
    }
    tv_task_rele(full.waiting);
    end_full(&full);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(an_owner_that_ignores_its_cancel_keeps_the_slot),
        TEST(a_waiting_submission_leaves_once_and_is_told_as_rejected),
        TEST(cancel_slot_tells_how_many_were_asked),
        TEST(a_queue_longer_than_a_slice_is_purged_in_one_call),
        TEST(without_room_a_submission_is_full_or_waits),
        TEST(room_goes_to_the_callers_in_the_order_they_came),
        TEST(a_start_from_the_queue_lets_the_next_caller_in),
        TEST(a_shutdown_lets_every_caller_go),
        TEST(withdrawing_races_with_the_decision),
    };

    return CHECK_RUN(tests, argc, argv);
}
