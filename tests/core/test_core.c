#include "three_tasks.h"

/* Whom a core takes in, alone or in a batch, who is meant, and what a task inherits. */

static enum tv_step leave_name(const char *name, enum tv_leave_style style)
{
    static struct tv_text *text; /* lives as long as the effects that borrow it */
    struct tv_input in = {.kind = TV_IN_LEAVE, .style = style};

    tv_text_rele(text);
    in.name = text = tv_text_new(name, strlen(name));
    return rig_step(&rig, rig.core.now, &in);
}

static enum tv_step leave_id(tv_id id, enum tv_leave_style style)
{
    struct tv_input in = {.kind = TV_IN_LEAVE, .id = id, .style = style};

    return rig_step(&rig, rig.core.now, &in);
}

/* ---- admission ----------------------------------------------------------------------------- */

/* rule: R4.1 R6.4 */
static void a_task_is_accepted_on_the_spot(void)
{
    begin();
    CHECK_EQ(rig_add(&rig, 0, &a, "a", RIG_OPTIONS), TV_STEP_OK);
    CHECK_FX(&rig, "task_add_requested a, task_added a");
    CHECK_EQ(rig.core.fx.event[0].id, a.actor.id);
    CHECK_EQ(rig.core.fx.event[1].id, a.actor.id);
    CHECK_EQ(rig.core.live, 1);
    done();
}

/* rule: R4.2 R6.4 */
static void a_name_that_is_taken_is_refused_without_an_id(void)
{
    begin();
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    CHECK_EQ(rig_add(&rig, 0, &b, "a", RIG_OPTIONS), TV_STEP_EXISTS);
    CHECK_FX(&rig, "task_add_requested a, task_added a (already_exists)");
    CHECK_EQ(rig.core.fx.event[0].id, 0);
    CHECK_EQ(rig.core.fx.event[1].id, 0);
    CHECK_EQ(rig.core.live, 1);
    CHECK_EQ(b.actor.state, TV_ACTOR_RESERVED);
    done();
}

/* rule: R3.8 */
static void what_was_refused_takes_no_place_in_the_order_of_acceptance(void)
{
    struct tv_options jitter = RIG_OPTIONS;
    tv_ns delay[2];

    jitter.backoff = (struct tv_backoff){TV_SECOND, TV_SECOND, 1.0, TV_JITTER_FULL};
    for (int refused = 0; refused < 2; refused++) {
        begin();
        rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
        if (refused)
            rig_add(&rig, 0, &b, "a", RIG_OPTIONS);
        rig_add(&rig, 0, &c, "c", jitter);
        rig_take(&rig, 0);
        rig_take(&rig, 0);
        rig_end(&rig, 0, &c, TV_ERROR_FAIL, "x");
        delay[refused] = c.actor.delay_ns;
        done();
    }
    CHECK_EQ(delay[0], delay[1]);
}

/* rule: R3.9 */
static void what_one_task_draws_does_not_change_what_another_draws(void)
{
    struct tv_options jitter = RIG_OPTIONS;
    tv_ns delay[2];

    jitter.backoff = (struct tv_backoff){TV_SECOND, TV_SECOND, 1.0, TV_JITTER_FULL};
    for (int first = 0; first < 2; first++) {
        begin();
        rig_add(&rig, 0, &a, "a", jitter);
        rig_add(&rig, 0, &b, "b", jitter);
        rig_take(&rig, 0);
        rig_take(&rig, 0);
        if (first)
            rig_end(&rig, 0, &a, TV_ERROR_FAIL, "x");
        rig_end(&rig, 0, &b, TV_ERROR_FAIL, "x");
        delay[first] = b.actor.delay_ns;
        CHECK(a.actor.delay_ns != b.actor.delay_ns);
        done();
    }
    CHECK_EQ(delay[0], delay[1]);
}

/* ---- batches ------------------------------------------------------------------------------- */

/* rule: R4.4 R4.6 */
static void a_batch_is_accepted_before_any_of_it_starts(void)
{
    struct tv_list batch;
    struct tv_input commit = {.kind = TV_IN_COMMIT, .batch = &batch};

    tv_list_init(&batch);
    begin();
    CHECK_EQ(rig_reserve(&rig, &a, "a", &batch), TV_STEP_OK);
    CHECK_EQ(rig_reserve(&rig, &b, "b", &batch), TV_STEP_OK);
    CHECK_FX(&rig, "");
    CHECK(rig_take(&rig, 0) == NULL);
    CHECK_EQ(rig.core.live, 0);
    CHECK_EQ(rig_step(&rig, 0, &commit), TV_STEP_OK);
    CHECK_FX(&rig, "task_add_requested a, task_added a, task_add_requested b, task_added b");
    CHECK(tv_list_empty(&batch) && rig.core.commit == NULL);
    CHECK(rig_take(&rig, 0) == &a.actor && rig_take(&rig, 0) == &b.actor);
    done();
}

/* rule: R4.4 R4.5 R4.6 */
static void a_reserved_name_counts_as_taken_and_is_free_again(void)
{
    struct tv_list batch;
    struct tv_input unreserve = {.kind = TV_IN_UNRESERVE, .actor = &a.actor};

    tv_list_init(&batch);
    begin();
    rig_reserve(&rig, &a, "a", &batch);
    CHECK_EQ(rig_reserve(&rig, &b, "a", &batch), TV_STEP_EXISTS);
    CHECK_FX(&rig, "");
    rig_free(&b);
    CHECK_EQ(rig_add(&rig, 0, &b, "a", RIG_OPTIONS), TV_STEP_EXISTS);
    CHECK_EQ(rig_step(&rig, 0, &unreserve), TV_STEP_OK);
    CHECK_FX(&rig, "");
    CHECK(tv_list_empty(&batch));
    CHECK_EQ(rig_add(&rig, 0, &c, "a", RIG_OPTIONS), TV_STEP_OK);
    done();
}

/* rule: R4.22 */
static void a_reserved_task_cannot_be_removed_yet(void)
{
    struct tv_list batch;

    tv_list_init(&batch);
    begin();
    rig_reserve(&rig, &a, "a", &batch);
    CHECK_EQ(leave_name("a", TV_LEAVE_REMOVE), TV_STEP_UNKNOWN);
    CHECK_FX(&rig, "task_remove_requested a, task_removed a (task_not_found)");
    CHECK_EQ(rig_leave(&rig, 0, &a, TV_LEAVE_CANCEL), TV_STEP_UNKNOWN);
    CHECK_FX(&rig, "");
    done();
}

static void an_empty_batch_is_accepted_at_once(void)
{
    struct tv_list batch;
    struct tv_input commit = {.kind = TV_IN_COMMIT, .batch = &batch};

    tv_list_init(&batch);
    begin();
    CHECK_EQ(rig_step(&rig, 0, &commit), TV_STEP_OK);
    CHECK_FX(&rig, "");
    CHECK(rig.core.commit == NULL);
    done();
}

/* ---- who is meant -------------------------------------------------------------------------- */

/* rule: R4.20 R4.21 */
static void a_handle_a_name_and_an_id_reach_the_same_task(void)
{
    begin();
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_add(&rig, 0, &b, "b", RIG_OPTIONS);
    rig_add(&rig, 0, &c, "c", RIG_OPTIONS);
    CHECK_EQ(leave_name("b", TV_LEAVE_REMOVE), TV_STEP_OK);
    CHECK_EQ(leave_id(a.actor.id, TV_LEAVE_REMOVE), TV_STEP_OK);
    CHECK_EQ(rig_leave(&rig, 0, &c, TV_LEAVE_REMOVE), TV_STEP_OK);
    CHECK_EQ(a.actor.state, TV_ACTOR_DONE);
    CHECK_EQ(b.actor.state, TV_ACTOR_DONE);
    CHECK_EQ(c.actor.state, TV_ACTOR_DONE);
    done();
}

/* rule: R4.22 R4.23 R4.25 */
static void only_the_removal_of_an_unknown_name_is_published(void)
{
    begin();
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    CHECK_EQ(leave_name("a", TV_LEAVE_REMOVE), TV_STEP_UNKNOWN);
    CHECK_FX(&rig, "task_remove_requested a, task_removed a (task_not_found)");
    CHECK_EQ(rig.core.fx.event[0].id, 0);
    CHECK_EQ(rig.core.fx.event[1].id, 0);
    CHECK_EQ(leave_name("a", TV_LEAVE_CANCEL), TV_STEP_UNKNOWN);
    CHECK_FX(&rig, "");
    CHECK_EQ(leave_id(a.actor.id, TV_LEAVE_REMOVE), TV_STEP_UNKNOWN);
    CHECK_FX(&rig, "");
    CHECK_EQ(leave_id(99, TV_LEAVE_CANCEL), TV_STEP_UNKNOWN);
    CHECK_EQ(rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE), TV_STEP_UNKNOWN);
    CHECK_FX(&rig, "");
    done();
}

/* ---- what is inherited --------------------------------------------------------------------- */

/* rule: R0.28 */
static void each_option_that_is_left_out_is_the_supervisors(void)
{
    static const struct tv_options own = {.inherits = 0};

    begin();
    rig_add(&rig, 0, &a, "a", own);
    for (uint32_t bits = 0; bits <= TV_INHERIT_ALL; bits++) {
        a.options.inherits = bits;
        for (uint32_t bit = 1; bit <= TV_INHERIT_ALL; bit <<= 1)
            CHECK(tv_core_options(&rig.core, &a.actor, (enum tv_inherit)bit) ==
                  (bits & bit ? &rig.core.config.defaults : &a.options));
    }
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_task_is_accepted_on_the_spot),
        TEST(a_name_that_is_taken_is_refused_without_an_id),
        TEST(what_was_refused_takes_no_place_in_the_order_of_acceptance),
        TEST(what_one_task_draws_does_not_change_what_another_draws),
        TEST(a_batch_is_accepted_before_any_of_it_starts),
        TEST(a_reserved_name_counts_as_taken_and_is_free_again),
        TEST(a_reserved_task_cannot_be_removed_yet),
        TEST(an_empty_batch_is_accepted_at_once),
        TEST(a_handle_a_name_and_an_id_reach_the_same_task),
        TEST(only_the_removal_of_an_unknown_name_is_published),
        TEST(each_option_that_is_left_out_is_the_supervisors),
    };

    return CHECK_RUN(tests, argc, argv);
}
