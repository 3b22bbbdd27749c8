#include "rig.h"

/*
 * What happens exactly where something ends: the room for effects, a slice, a number, a text; and
 * what a caller that breaks the rules is stopped by.
 */

#define MANY 600

static struct rig rig;
static struct task tasks[MANY];
static char names[MANY][16];
static struct tv_list batch;

static struct tv_options with_timeout(tv_ns timeout)
{
    struct tv_options options = RIG_OPTIONS;

    options.timeout_ns = timeout;
    return options;
}

static void begin(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS,
                                           .queue_capacity = MANY,
                                           .max_slot_queue = MANY});
    tv_list_init(&batch);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        tasks[i].actor.name = NULL;
        tasks[i].actor.error = (struct tv_error){.kind = TV_ERROR_NONE};
    }
}

static void done(void)
{
    rig_fini(&rig);
    for (int i = 0; i < MANY; i++)
        rig_free(&tasks[i]);
}

/* The first `count` run, and time out at 10. */
static void run_until_10(int count)
{
    for (int i = 0; i < count; i++) {
        rig_add(&rig, 0, &tasks[i], names[i], with_timeout(10));
        CHECK(rig_take(&rig, 0) == &tasks[i].actor);
    }
}

/* ---- the room for effects ------------------------------------------------------------------ */

static void a_shutdown_after_many_timeouts_rejects_what_fits_and_goes_on(void)
{
    begin();
    run_until_10(200);
    for (int i = 200; i < 401; i++)
        rig_submit(&rig, 0, &tasks[i], names[i], "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(rig.core.controller.waiting, 200);
    CHECK_EQ(rig_shutdown(&rig, 11, 5), TV_STEP_OK);
    CHECK_EQ(rig.core.shutdown.state, TV_SHUTDOWN_CANCELLING);
    CHECK(rig.core.controller.waiting > 0 && rig.core.controller.waiting < 200);
    CHECK(!tv_core_fx_has_room(&rig.core));
    rig_settle(&rig, 11);
    CHECK_EQ(rig.core.shutdown.state, TV_SHUTDOWN_WAITING);
    CHECK_EQ(rig.core.controller.waiting, 0);
    done();
}

static void reserve(int from, int to)
{
    for (int i = from; i < to; i++)
        CHECK_EQ(rig_reserve(&rig, &tasks[i], names[i], &batch), TV_STEP_OK);
}

static enum tv_step commit(tv_ns now)
{
    struct tv_input in = {.kind = TV_IN_COMMIT, .batch = &batch};

    return rig_step(&rig, now, &in);
}

static void a_batch_after_many_timeouts_is_accepted_as_far_as_fits_and_then_the_rest(void)
{
    begin();
    run_until_10(256);
    reserve(256, 456);
    CHECK_EQ(commit(11), TV_STEP_OK);
    CHECK(rig.core.commit == &batch && !tv_list_empty(&batch));
    CHECK_EQ(tv_core_deadline(&rig.core), 11);
    rig_settle(&rig, 11);
    CHECK(tv_list_empty(&batch));
    CHECK_EQ(rig.core.live, 456);
    done();
}

/* 256 timeouts and 129 accepted tasks leave no room for the timer that is due at the same time. */
static void a_timer_waits_for_the_next_step_where_the_input_has_taken_the_room(void)
{
    begin();
    run_until_10(256);
    rig_add(&rig, 0, &tasks[256], names[256], with_timeout(11));
    CHECK(rig_take(&rig, 0) == &tasks[256].actor);
    reserve(257, 386);
    CHECK_EQ(commit(11), TV_STEP_OK);
    CHECK(!rig.core.commit);
    CHECK_EQ(tasks[256].actor.state, TV_ACTOR_RUNNING);
    CHECK_EQ(tv_core_deadline(&rig.core), 11);
    rig_settle(&rig, 11);
    CHECK_EQ(tasks[256].actor.state, TV_ACTOR_OVERDUE);
    done();
}

/* The owner's end is the last move of the slice: its slot is left for the next one. */
static void a_natural_end_waits_for_the_last_slot_to_be_let_go(void)
{
    begin();
    rig_submit(&rig, 0, &tasks[0], names[0], "s", TV_ADMISSION_QUEUE);
    for (int i = 1; i < TV_SLICE; i++)
        rig_submit(&rig, 0, &tasks[i], names[i], "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(rig_input(&rig, 0, TV_IN_FINISH), TV_STEP_OK);
    CHECK_EQ(rig_cancel_slot(&rig, 0, "s", true), TV_SLICE);
    CHECK_EQ(rig.core.live, 0);
    CHECK_EQ(rig.core.controller.slots.count, 1);
    CHECK_EQ(rig.core.shutdown.state, TV_SHUTDOWN_OPEN);
    rig_settle(&rig, 0);
    CHECK_EQ(rig.core.shutdown.state, TV_SHUTDOWN_CLOSED);
    CHECK_EQ(rig.core.controller.slots.count, 0);
    done();
}

/* ---- numbers and texts --------------------------------------------------------------------- */

static void a_limit_beyond_32_bits_is_told_as_the_largest_number(void)
{
    begin();
    rig.core.config.max_slot_queue = UINT64_MAX;
    rig_submit(&rig, 0, &tasks[0], names[0], "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &tasks[1], names[1], "s", TV_ADMISSION_DROP_IF_RUNNING);
    CHECK_EQ(tasks[1].actor.budget, UINT32_MAX);
    CHECK_EQ(rig.core.fx.event[0].reason.limit, UINT32_MAX);
    done();
}

static void a_delay_that_would_be_negative_is_the_longest(void)
{
    const struct tv_backoff odd = {.first_ns = 3, .max_ns = 50, .factor = -2.0};
    struct tv_delay_range range = tv_backoff_range(&odd, 1, TV_NONE);

    CHECK_EQ(range.low_ns, 50);
    CHECK_EQ(range.high_ns, 50);
}

/* Texts are equal by their bytes: neither a hash nor a size is enough. */
static void texts_of_one_hash_are_told_apart(void)
{
    struct tv_text one = {.size = 1, .hash = 7, .bytes = "a"};
    struct tv_text same = {.size = 1, .hash = 7, .bytes = "a"};
    struct tv_text longer = {.size = 2, .hash = 7, .bytes = "ab"};
    struct tv_text other = {.size = 1, .hash = 7, .bytes = "b"};

    CHECK(tv_text_equal(&one, &one) && tv_text_equal(&one, &same));
    CHECK(!tv_text_equal(&one, &longer) && !tv_text_equal(&one, &other));
}

/* No character begins in it: there is no place to cut. */
static void a_reason_without_a_character_is_cut_to_nothing(void)
{
    static char bytes[TV_REASON_MAX + 10];
    struct tv_text *text;

    memset(bytes, 0x80, sizeof bytes);
    text = tv_text_new_reason(bytes, sizeof bytes);
    CHECK_EQ(text->size, 0);
    tv_text_rele(text);
}

static void static_texts_and_none_are_never_retired(void)
{
    struct tv_text *dead = NULL;

    tv_text_retire(NULL, &dead);
    tv_text_retire(&tv_text_out_of_memory, &dead);
    CHECK(dead == NULL);
}

/* ---- rules that a caller breaks ------------------------------------------------------------ */

static void effects_without_room_stop_the_step(void)
{
    int broke = 0;

    begin();
    rig_add(&rig, 0, &tasks[0], names[0], RIG_OPTIONS);
    rig.core.fx.acts = TV_FX_ACTS;
    RIG_BREAKS(&rig, broke, tv_core_act(&rig.core, TV_ACT_CANCEL, &tasks[0].actor));
    CHECK_EQ(broke, 1);
    broke = 0;
    RIG_BREAKS(&rig, broke, tv_core_act_slot(&rig.core, NULL));
    CHECK_EQ(broke, 1);
    broke = 0;
    rig.core.fx.events = TV_FX_EVENTS;
    RIG_BREAKS(&rig, broke, tv_core_emit(&rig.core, TV_EVENT_TASK_ADDED, NULL));
    CHECK_EQ(broke, 1);
    done();
}

static void an_outcome_is_settled_once(void)
{
    int broke = 0;

    begin();
    rig_add(&rig, 0, &tasks[0], names[0], RIG_OPTIONS);
    tasks[0].actor.settled = true;
    RIG_BREAKS(&rig, broke,
               tv_actor_finish(&rig.core, &tasks[0].actor, TV_OUTCOME_FAILED, TV_REASON_NONE));
    CHECK_EQ(broke, 1);
    done();
}

static void a_slot_is_freed_by_its_owner_alone(void)
{
    int broke = 0;

    begin();
    rig_submit(&rig, 0, &tasks[0], names[0], "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &tasks[1], names[1], "s", TV_ADMISSION_QUEUE);
    RIG_BREAKS(&rig, broke, tv_slot_owner_gone(&rig.core, &tasks[1].actor));
    CHECK_EQ(broke, 1);
    done();
}

static void only_a_reserved_task_is_unreserved(void)
{
    struct tv_input in = {.kind = TV_IN_UNRESERVE, .actor = &tasks[0].actor};

    begin();
    rig_add(&rig, 0, &tasks[0], names[0], RIG_OPTIONS);
    CHECK_EQ(rig_step(&rig, 0, &in), TV_STEP_BROKEN);
    done();
}

static void nobody_but_the_core_says_that_an_attempt_has_timed_out(void)
{
    begin();
    rig_add(&rig, 0, &tasks[0], names[0], RIG_OPTIONS);
    rig_take(&rig, 0);
    CHECK_EQ(rig_end(&rig, 0, &tasks[0], TV_ERROR_TIMEOUT, NULL), TV_STEP_BROKEN);
    done();
}

/* ---- the trace ----------------------------------------------------------------------------- */

static void note_line(void *arg, const char *line)
{
    char *text = arg;

    strcat(strcat(text, line), "\n");
}

static void the_trace_names_the_inputs_of_slots(void)
{
    char text[1024] = "";

    begin();
    rig.core.config.queue_capacity = 1;
    rig_submit(&rig, 0, &tasks[0], names[0], "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 0, &tasks[1], names[1], "s", TV_ADMISSION_QUEUE);
    rig_submit_waiting(&rig, 0, &tasks[2], names[2], "s", TV_ADMISSION_QUEUE);
    rig_withdraw(&rig, 0, &tasks[2]);
    rig_cancel_slot(&rig, 0, "s", false);
    tv_core_trace(&rig.core, note_line, text);
    CHECK(strstr(text, "now 0 SUBMIT task 3 RESERVED -> ROOM"));
    CHECK(strstr(text, "now 0 WITHDRAW task 3 ROOM -> DONE"));
    CHECK(strstr(text, "now 0 CANCEL_SLOT\n"));
    done();
}

static void count_line(void *arg, const char *line)
{
    int *lines = arg;

    if ((*lines)++ == 0)
        CHECK(strncmp(line, "step 6 ", 7) == 0);
}

static void the_trace_keeps_the_last_64_inputs(void)
{
    int lines = 0;

    begin();
    for (int i = 0; i < 70; i++)
        rig_input(&rig, i, TV_IN_TICK);
    tv_core_trace(&rig.core, count_line, &lines);
    CHECK_EQ(lines, 64);
    done();
}

/* ---- memory -------------------------------------------------------------------------------- */

/* The core's own chunk holds 64 deadlines: of 63 tasks and the shutdown. */
static void more_room_for_timers_is_asked_for_at_the_64th_task_and_not_before(void)
{
    begin();
    for (int i = 0; i < 62; i++)
        rig_add(&rig, 0, &tasks[i], names[i], RIG_OPTIONS);
    rig.core.config.queue_capacity = 0;
    CHECK_EQ(tv_core_shortage(&rig.core), 0);
    rig_add(&rig, 0, &tasks[62], names[62], RIG_OPTIONS);
    CHECK_EQ(tv_core_shortage(&rig.core), 128 * sizeof(struct tv_deadline));
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_shutdown_after_many_timeouts_rejects_what_fits_and_goes_on),
        TEST(a_batch_after_many_timeouts_is_accepted_as_far_as_fits_and_then_the_rest),
        TEST(a_timer_waits_for_the_next_step_where_the_input_has_taken_the_room),
        TEST(a_natural_end_waits_for_the_last_slot_to_be_let_go),
        TEST(a_limit_beyond_32_bits_is_told_as_the_largest_number),
        TEST(a_delay_that_would_be_negative_is_the_longest),
        TEST(texts_of_one_hash_are_told_apart),
        TEST(a_reason_without_a_character_is_cut_to_nothing),
        TEST(static_texts_and_none_are_never_retired),
        TEST(effects_without_room_stop_the_step),
        TEST(an_outcome_is_settled_once),
        TEST(a_slot_is_freed_by_its_owner_alone),
        TEST(only_a_reserved_task_is_unreserved),
        TEST(nobody_but_the_core_says_that_an_attempt_has_timed_out),
        TEST(the_trace_names_the_inputs_of_slots),
        TEST(the_trace_keeps_the_last_64_inputs),
        TEST(more_room_for_timers_is_asked_for_at_the_64th_task_and_not_before),
    };

    return CHECK_RUN(tests, argc, argv);
}
