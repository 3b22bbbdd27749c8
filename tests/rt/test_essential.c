#include "fixture.h"

/* A supervisor whose essential task ends badly shuts down, and tells which task it was. */

static void fail_for_good(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)arg;
    end_with(result, TV_ERROR_FATAL, "for good");
}

typedef void body(struct tv_task *task, void *arg, struct tv_result *result);

/* Fails when the gate is open. */
static void fail_at_gate(struct tv_task *task, void *arg, struct tv_result *result)
{
    await_gate(task, arg, result);
    fail(task, arg, result);
}

static struct tv_spec essential(body *call, void *arg)
{
    struct tv_spec spec = {.options = TV_OPTIONS_INHERIT, .call = call, .arg = arg};

    spec.options.inherits &= ~(uint32_t)TV_INHERIT_RESTART;
    spec.options.restart = TV_RESTART_NEVER;
    spec.essential = true;
    return spec;
}

/* rule: R5.70 */
static void a_bad_end_shuts_the_supervisor_down_and_is_told(void)
{
    static body *const bad[] = {fail, fail_for_good};
    static const enum tv_outcome_kind kinds[] = {TV_OUTCOME_FAILED, TV_OUTCOME_FATAL};

    for (int i = 0; i < 2; i++) {
        struct tv_supervisor *s = serve(NULL);
        struct tv_task *other = add(s, "other", &waiting_for_cancel);
        struct tv_spec spec = essential(bad[i], NULL);
        struct tv_task *task;
        tv_id id;

        CHECK_EQ(tv_essential(s), 0);
        task = add(s, "essential", &spec);
        id = tv_task_id(task);
        CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
        CHECK_EQ(tv_essential(s), id);
        finish(task, kinds[i]);
        finish(other, TV_OUTCOME_CANCELED);
        tv_supervisor_rele(s);
    }
}

/* rule: R5.70 */
static void it_is_told_to_who_sees_the_task_at_its_end(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_spec spec = essential(fail, NULL);
    struct tv_task *task = add(s, "essential", &spec);

    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_OK);
    CHECK_EQ(tv_essential(s), tv_task_id(task));
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    tv_task_rele(task);
    tv_supervisor_rele(s);
}

/* rule: R5.71 */
static void the_first_of_two_is_told(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate first_gate = GATE, second_gate = GATE;
    struct tv_spec first = essential(fail_at_gate, &first_gate);
    struct tv_spec second = essential(fail_at_gate, &second_gate);
    struct tv_task *late = add(s, "late", &second), *early = add(s, "early", &first);
    tv_id id = tv_task_id(early);

    EVENTUALLY(gate_waiting(&first_gate) == 1 && gate_waiting(&second_gate) == 1);
    gate_open(&first_gate);
    finish(early, TV_OUTCOME_FAILED);
    gate_open(&second_gate);
    finish(late, TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_essential(s), id);
    tv_supervisor_rele(s);
}

static void a_good_end_a_cancel_and_the_bad_end_of_another_change_nothing(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_spec good = essential(no_op, NULL), stays = essential(await_cancel, NULL);
    struct tv_spec bad = essential(fail, NULL);
    struct tv_task *task;

    bad.essential = false;
    finish(add(s, "good", &good), TV_OUTCOME_COMPLETED);
    finish(add(s, "bad", &bad), TV_OUTCOME_FAILED);
    task = add(s, "stays", &stays);
    EVENTUALLY(is_alive(s, "stays"));
    CHECK_EQ(leave(s, task), TV_OK);
    finish(task, TV_OUTCOME_CANCELED);
    CHECK(tv_is_open(s));
    CHECK_EQ(tv_essential(s), 0);
    close_down(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_bad_end_shuts_the_supervisor_down_and_is_told),
        TEST(it_is_told_to_who_sees_the_task_at_its_end),
        TEST(the_first_of_two_is_told),
        TEST(a_good_end_a_cancel_and_the_bad_end_of_another_change_nothing),
    };

    return CHECK_RUN(tests, argc, argv);
}
