#include "rig.h"

/* A step does bounded work: with more to do it says so, and takes its input later. */

#define MANY 700

static struct rig rig;
static struct task many[MANY], late;
static struct tv_list batch;

static void reserve(int from, int to, struct tv_options options)
{
    for (int i = from; i < to; i++) {
        struct tv_input in = {
            .kind = TV_IN_RESERVE, .actor = &many[i].actor, .batch = &batch};
        char name[32];

        snprintf(name, sizeof name, "t%d", i);
        rig_task(&rig, &many[i], name, options);
        while (tv_core_step(&rig.core, 0, &in) == TV_STEP_SHORT) {
            size_t size = tv_core_shortage(&rig.core);

            CHECK(!tv_core_give(&rig.core, malloc(size), size));
        }
    }
}

static void begin(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .subscriber_grace_ns = 9});
    tv_list_init(&batch);
}

static void fill(struct tv_options options)
{
    begin();
    reserve(0, MANY, options);
}

static void commit(void)
{
    struct tv_input in = {.kind = TV_IN_COMMIT, .batch = &batch};

    CHECK_EQ(rig_step(&rig, 0, &in), TV_STEP_OK);
}

static void take_all(void)
{
    for (int i = 0; i < MANY; i++) {
        struct tv_input in = {.kind = TV_IN_TAKE};

        while (tv_core_step(&rig.core, rig.core.now, &in) == TV_STEP_AGAIN)
            continue;
        CHECK(in.actor == &many[i].actor);
    }
}

static void done(void)
{
    rig_fini(&rig);
    for (int i = 0; i < MANY; i++)
        rig_free(&many[i]);
}

static int count_in(enum tv_actor_state state)
{
    int n = 0;

    for (int i = 0; i < MANY; i++)
        n += many[i].actor.state == state;
    return n;
}

/* rule: R4.4 */
static void a_large_batch_is_accepted_whole_before_anything_else(void)
{
    struct tv_input take = {.kind = TV_IN_TAKE};

    fill(RIG_OPTIONS);
    commit();
    CHECK_EQ(rig.core.live, TV_SLICE);
    CHECK_EQ(tv_core_deadline(&rig.core), 0);
    CHECK_EQ(rig_step(&rig, 0, &take), TV_STEP_AGAIN);
    CHECK(take.actor == NULL);
    CHECK_EQ(rig.core.live, 2 * TV_SLICE);
    CHECK_EQ(rig_step(&rig, 0, &take), TV_STEP_AGAIN);
    CHECK_EQ(rig.core.live, MANY);
    CHECK_EQ(rig_step(&rig, 0, &take), TV_STEP_OK);
    CHECK(take.actor == &many[0].actor);
    done();
}

static void a_batch_is_given_back_with_its_last_task(void)
{
    begin();
    reserve(0, TV_SLICE, RIG_OPTIONS);
    commit();
    CHECK(tv_list_empty(&batch) && rig.core.commit == NULL);
    reserve(TV_SLICE, MANY, RIG_OPTIONS);
    commit();
    CHECK(!tv_list_empty(&batch) && rig.core.commit == &batch);
    rig_settle(&rig, 0);
    CHECK(tv_list_empty(&batch) && rig.core.commit == NULL);
    done();
}

/* rule: R5.21 */
static void a_shutdown_cancels_everybody_before_anything_else(void)
{
    struct tv_input in = {.kind = TV_IN_ADD, .actor = &late.actor};
    int steps = 1;

    fill(RIG_OPTIONS);
    commit();
    rig_settle(&rig, 0);
    take_all();
    CHECK_EQ(rig_shutdown(&rig, 5, 1000), TV_STEP_OK);
    CHECK(count_in(TV_ACTOR_STOPPING) > 0 && count_in(TV_ACTOR_RUNNING) > 0);
    rig_task(&rig, &late, "late", RIG_OPTIONS);
    for (; rig_step(&rig, 5, &in) == TV_STEP_AGAIN; steps++)
        CHECK(rig.core.fx.acts <= TV_SLICE);
    CHECK_EQ(steps, 3);
    CHECK_EQ(count_in(TV_ACTOR_STOPPING), MANY);
    rig_free(&late);
    done();
}

/* rule: R4.40 */
static void graces_run_from_the_instant_the_shutdown_was_requested(void)
{
    fill(RIG_OPTIONS);
    commit();
    rig_settle(&rig, 0);
    take_all();
    rig_shutdown(&rig, 5, 1000);
    while (rig_input(&rig, 60, TV_IN_TICK) == TV_STEP_AGAIN)
        continue;
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(tv_timers_due(&rig.core.timers, &many[i].actor.timer), 105);
    done();
}

/* rule: R5.23 */
static void everybody_who_is_left_is_abandoned_before_anything_else(void)
{
    struct tv_input in = {.kind = TV_IN_RESULT, .actor = &many[MANY - 1].actor};

    fill(RIG_OPTIONS);
    commit();
    rig_settle(&rig, 0);
    take_all();
    rig_shutdown(&rig, 5, 50);
    rig_settle(&rig, 54);
    while (rig_step(&rig, 60, &in) == TV_STEP_AGAIN)
        CHECK(rig.core.fx.acts <= TV_SLICE);
    CHECK_EQ(count_in(TV_ACTOR_ABANDONED), MANY - 1);
    CHECK_EQ(many[MANY - 1].actor.outcome, TV_OUTCOME_ABANDONED);
    CHECK_EQ(rig.core.shutdown.state, TV_SHUTDOWN_DRAINING);
    done();
}

/* rule: R0.64 */
static void an_input_is_taken_when_no_earlier_timer_is_left(void)
{
    struct tv_options options = RIG_OPTIONS;
    struct tv_input in = {.kind = TV_IN_RESULT, .actor = &many[MANY - 1].actor};
    int again = 0;

    options.timeout_ns = 10;
    fill(options);
    commit();
    rig_settle(&rig, 0);
    take_all();
    for (; rig_step(&rig, 11, &in) == TV_STEP_AGAIN; again++)
        CHECK_EQ(rig.core.fx.events, TV_SLICE);
    CHECK_EQ(again, 2);
    CHECK_EQ(count_in(TV_ACTOR_OVERDUE), MANY - 1);
    CHECK_EQ(many[MANY - 1].actor.state, TV_ACTOR_BACKOFF);
    CHECK(many[MANY - 1].actor.timed_out);
    done();
}

/* rule: R0.60 R0.64 */
static void an_input_comes_before_the_many_timers_of_its_own_instant(void)
{
    struct tv_options options = RIG_OPTIONS;
    struct tv_input in = {.kind = TV_IN_RESULT, .actor = &many[0].actor};

    options.timeout_ns = 10;
    fill(options);
    commit();
    rig_settle(&rig, 0);
    take_all();
    CHECK_EQ(rig_step(&rig, 10, &in), TV_STEP_OK);
    CHECK_EQ(many[0].actor.outcome, TV_OUTCOME_COMPLETED);
    in.actor = &many[MANY - 1].actor;
    CHECK_EQ(rig_step(&rig, 10, &in), TV_STEP_OK);
    CHECK_EQ(many[MANY - 1].actor.outcome, TV_OUTCOME_COMPLETED);
    CHECK_EQ(tv_core_deadline(&rig.core), 10);
    rig_settle(&rig, 10);
    CHECK_EQ(count_in(TV_ACTOR_OVERDUE), MANY - 2);
    done();
}

/* Else an attempt would start at an instant with something left of it. */
static void a_result_beside_many_timers_of_its_instant_takes_nothing(void)
{
    struct tv_input in = {.kind = TV_IN_RESULT, .error = {.kind = TV_ERROR_FAIL}, .go_on = true};

    fill(RIG_OPTIONS);
    commit();
    rig_settle(&rig, 0);
    take_all();
    for (int i = 0; i < MANY; i++) {
        in.actor = &many[i].actor;
        CHECK_EQ(rig_step(&rig, i == MANY - 1 ? 10 : 0, &in), TV_STEP_OK);
    }
    CHECK(in.next == NULL);
    CHECK_EQ(count_in(TV_ACTOR_READY), TV_SLICE);
    CHECK_EQ(tv_core_deadline(&rig.core), 10);
    rig_settle(&rig, 10);
    CHECK_EQ(count_in(TV_ACTOR_READY), MANY - 1);
    done();
}

static void a_slice_ends_where_its_effects_have_no_room(void)
{
    int steps = 0;

    fill(RIG_OPTIONS);
    commit();
    rig_settle(&rig, 0);
    CHECK_EQ(rig_shutdown(&rig, 5, 1000), TV_STEP_OK);
    do {
        CHECK(rig.core.fx.acts <= TV_FX_ACTS && rig.core.fx.events <= TV_FX_EVENTS);
        steps++;
    } while (rig_input(&rig, 5, TV_IN_TICK) == TV_STEP_AGAIN);
    CHECK(steps > 3 && steps < 10);
    CHECK_EQ(count_in(TV_ACTOR_DONE), MANY);
    done();
}

/* ---- memory -------------------------------------------------------------------------------- */

static void memory_is_asked_for_before_an_input_is_taken(void)
{
    struct tv_input in = {.kind = TV_IN_ADD, .actor = &late.actor};
    enum tv_step answer;
    int chunks = 0;

    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});
    rig_task(&rig, &late, "late", RIG_OPTIONS);
    while ((answer = tv_core_step(&rig.core, 0, &in)) == TV_STEP_SHORT) {
        size_t size = tv_core_shortage(&rig.core);

        CHECK_FX(&rig, "");
        CHECK(size > 0 && rig.core.registry.names.count == 0);
        CHECK(!tv_core_give(&rig.core, malloc(size), size));
        chunks++;
    }
    CHECK_EQ(answer, TV_STEP_OK);
    CHECK_EQ(chunks, 2);
    CHECK_EQ(tv_core_shortage(&rig.core), 0);
    rig_fini(&rig);
    rig_free(&late);
}

static void memory_that_is_not_short_comes_back(void)
{
    char memory[8];

    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});
    CHECK(tv_core_give(&rig.core, memory, sizeof memory) == memory);
    rig_add(&rig, 0, &late, "late", RIG_OPTIONS);
    CHECK_EQ(tv_core_shortage(&rig.core), 0);
    CHECK(tv_core_give(&rig.core, memory, 0) == memory);
    rig_fini(&rig);
    rig_free(&late);
}

/* Timers and ids are promised to every name that is taken, so nothing later can be short. */
static void what_is_accepted_needs_no_more_memory(void)
{
    fill(RIG_OPTIONS);
    commit();
    rig_settle(&rig, 0);
    take_all();
    CHECK_EQ(rig_shutdown(&rig, 0, 1000), TV_STEP_OK);
    rig_settle(&rig, 0);
    CHECK_EQ(rig.core.timers.count, MANY + 1);
    CHECK(rig.core.timers.count <= rig.core.timers.heap.capacity);
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_large_batch_is_accepted_whole_before_anything_else),
        TEST(a_batch_is_given_back_with_its_last_task),
        TEST(a_shutdown_cancels_everybody_before_anything_else),
        TEST(graces_run_from_the_instant_the_shutdown_was_requested),
        TEST(everybody_who_is_left_is_abandoned_before_anything_else),
        TEST(an_input_is_taken_when_no_earlier_timer_is_left),
        TEST(an_input_comes_before_the_many_timers_of_its_own_instant),
        TEST(a_result_beside_many_timers_of_its_instant_takes_nothing),
        TEST(a_slice_ends_where_its_effects_have_no_room),
        TEST(memory_is_asked_for_before_an_input_is_taken),
        TEST(memory_that_is_not_short_comes_back),
        TEST(what_is_accepted_needs_no_more_memory),
    };

    return CHECK_RUN(tests, argc, argv);
}
