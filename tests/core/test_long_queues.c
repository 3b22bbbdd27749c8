#include "two_slots.h"

/* Queues longer than a step: what empties them does so in slices. */

static struct task many[MANY];

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
        TEST(thousands_that_cannot_start_are_rejected_in_slices),
        TEST(no_input_is_taken_between_the_slices),
        TEST(thousands_are_purged_in_slices_and_counted_before),
        TEST(thousands_are_rejected_by_a_shutdown_in_slices),
    };

    return CHECK_RUN(tests, argc, argv);
}
