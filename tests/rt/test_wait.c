#include "waiting.h"

/* ---- join ----------------------------------------------------------------------------------- */

/* rule: R4.64 */
static void join_waits_until_nothing_is_registered(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task;
    struct waiting first, second;

    CHECK_EQ(tv_join(s, 0), TV_OK);
    task = add(s, "a", SPEC(await_gate, &gate));
    CHECK_EQ(tv_join(s, tv_now() + TV_MS), TV_TIMEOUT);
    start_waiting(&first, JOIN, s, NULL);
    start_waiting(&second, JOIN, s, NULL);
    gate_open(&gate);
    check_waited(&first, TV_OK);
    check_waited(&second, TV_OK);
    finish(task, TV_OUTCOME_COMPLETED);
    close_down(s);
}

/* rule: R0.43, R0.44 */
static void the_end_of_a_shutdown_ends_waits_for_bodies_that_are_left(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct waiting join, gone;

    EVENTUALLY(is_alive(s, "a"));
    start_waiting(&join, JOIN, s, NULL);
    start_waiting(&gone, GONE, NULL, task);
    CHECK_EQ(tv_shutdown(s, 0, false), TV_OK);
    check_waited(&join, TV_SHUTTING_DOWN);
    check_waited(&gone, TV_TIMEOUT);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_task_wait_gone(task, TV_NEVER), TV_TIMEOUT);
    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_OK);
    gate_open(&gate);
    EVENTUALLY(tv_task_state(task) == TV_TASK_DONE);
    CHECK_EQ(tv_task_wait_gone(task, TV_NEVER), TV_OK);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_OK);
    tv_task_rele(task);
    tv_supervisor_rele(s);
}

/* ---- one task ------------------------------------------------------------------------------- */

static void many_wait_for_one_task(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct waiting waiting[4];

    for (int i = 0; i < 4; i++)
        start_waiting(&waiting[i], i % 2 ? TASK : GONE, NULL, task);
    CHECK_EQ(tv_task_wait(task, 0), TV_TIMEOUT);
    gate_open(&gate);
    for (int i = 0; i < 4; i++)
        check_waited(&waiting[i], TV_OK);
    tv_task_rele(task);
    close_down(s);
}

/* rule: R4.46 */
static void who_waits_no_longer_than_the_grace_finds_the_task_abandoned(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct gate gate = GATE;
    const struct tv_spec waits = {
        .options = TV_OPTIONS_INHERIT, .call = await_gate, .arg = &gate};
    struct tv_supervisor *s;
    struct tv_task *task, *found;

    config.defaults.grace_ns = 2 * TV_MS;
    s = serve(&config);
    for (int i = 0; i < 20; i++) {
        char name[16];

        snprintf(name, sizeof name, "t%d", i);
        task = add(s, name, &waits);
        EVENTUALLY(is_alive(s, name));
        CHECK_EQ(tv_leave(s, (struct tv_target){.task = task}, TV_CANCEL, &found), TV_OK);
        CHECK_EQ(tv_task_wait_gone(found, tv_now() + tv_task_grace(found)), TV_TIMEOUT);
        CHECK(tv_task_done(task));
        tv_task_rele(found);
        finish(task, TV_OUTCOME_ABANDONED);
    }
    gate_open(&gate);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_OK);
    close_down(s);
}

/* ---- leaving -------------------------------------------------------------------------------- */

#define CALLERS 6
static _Atomic int claimed;

static void *cancel(void *arg)
{
    struct tv_task *task = arg, *found;
    enum tv_err err = tv_leave(tv_task_supervisor(task), (struct tv_target){.task = task},
                               TV_CANCEL, &found);

    CHECK(err == TV_OK || err == TV_ALREADY || err == TV_UNKNOWN);
    if (err == TV_OK)
        atomic_fetch_add(&claimed, 1);
    if (err != TV_UNKNOWN) {
        CHECK(found == task);
        CHECK_EQ(tv_task_wait_gone(found, TV_NEVER), TV_OK);
        tv_task_rele(found);
    }
    CHECK(tv_task_done(task));
    return NULL;
}

static void exactly_one_of_many_who_cancel_is_told_that_it_was_first(void)
{
    struct tv_supervisor *s = serve(NULL);

    for (int i = 0; i < 30; i++) {
        struct tv_task *task = add(s, "a", &waiting_for_cancel);
        struct helper helpers[CALLERS];

        atomic_store(&claimed, 0);
        for (int k = 0; k < CALLERS; k++)
            helpers[k] = helper_start(cancel, task);
        for (int k = 0; k < CALLERS; k++)
            helper_join(helpers[k]);
        CHECK_EQ(atomic_load(&claimed), 1);
        finish(task, TV_OUTCOME_CANCELED);
    }
    close_down(s);
}

static void a_task_is_found_by_itself_its_name_or_its_id(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *a = add(s, "a", SPEC(await_cancel, NULL)), *found;
    struct tv_text *name = text("a"), *other = text("b");

    CHECK_EQ(tv_leave(s, (struct tv_target){.name = other}, TV_CANCEL, NULL), TV_UNKNOWN);
    CHECK_EQ(tv_leave(s, (struct tv_target){.id = tv_task_id(a) + 1000}, TV_CANCEL, NULL),
             TV_UNKNOWN);
    CHECK_EQ(tv_leave(s, (struct tv_target){.id = tv_task_id(a)}, TV_REMOVE, &found), TV_OK);
    CHECK(found == a);
    tv_task_rele(found);
    finish(tv_task_hold(a), TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_leave(s, (struct tv_target){.task = a}, TV_REMOVE, NULL), TV_UNKNOWN);
    CHECK_EQ(tv_leave(s, (struct tv_target){.name = name}, TV_CANCEL, NULL), TV_UNKNOWN);
    tv_text_rele(name);
    tv_text_rele(other);
    tv_task_rele(a);
    close_down(s);
}

/* ---- waiting for oneself -------------------------------------------------------------------- */

struct answers {
    enum tv_err outcome, gone, join, closed, other;
    struct tv_task *task, *ended;
    _Atomic bool known; /* `task` */
};

static void ask_for_itself(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct answers *answers = arg;
    struct tv_supervisor *s = tv_task_supervisor(task);

    (void)result;
    EVENTUALLY(atomic_load(&answers->known));
    answers->outcome = tv_task_wait(answers->task, TV_NEVER);
    answers->gone = tv_task_wait_gone(answers->task, TV_NEVER);
    answers->join = tv_join(s, TV_NEVER);
    answers->closed = tv_wait_closed(s, TV_NEVER);
    answers->ended = add(s, "other", SPEC(no_op, NULL));
    answers->other = tv_task_wait_gone(answers->ended, TV_NEVER);
}

/* rule: R0.46, R0.47 */
static void a_body_is_told_where_it_could_only_wait_for_itself(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct answers answers = {.outcome = TV_OK};

    answers.task = add(s, "a", SPEC(ask_for_itself, &answers));
    atomic_store(&answers.known, true);
    finish(answers.task, TV_OUTCOME_COMPLETED);
    CHECK_EQ(answers.outcome, TV_WAITS_FOR_ITSELF);
    CHECK_EQ(answers.gone, TV_WAITS_FOR_ITSELF);
    CHECK_EQ(answers.join, TV_WAITS_FOR_ITSELF);
    CHECK_EQ(answers.closed, TV_WAITS_FOR_ITSELF);
    CHECK_EQ(answers.other, TV_OK);
    finish(answers.ended, TV_OUTCOME_COMPLETED);
    close_down(s);
}

static void close_another(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)task;
    (void)result;
    close_down(arg);
}

static void a_body_may_wait_for_another_supervisor(void)
{
    struct tv_supervisor *s = serve(NULL), *other = serve(NULL);
    struct tv_task *left = add(other, "a", SPEC(await_cancel, NULL));

    finish(add(s, "a", SPEC(close_another, other)), TV_OUTCOME_COMPLETED);
    finish(left, TV_OUTCOME_CANCELED);
    close_down(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(join_waits_until_nothing_is_registered),
        TEST(the_end_of_a_shutdown_ends_waits_for_bodies_that_are_left),
        TEST(many_wait_for_one_task),
        TEST(who_waits_no_longer_than_the_grace_finds_the_task_abandoned),
        TEST(exactly_one_of_many_who_cancel_is_told_that_it_was_first),
        TEST(a_task_is_found_by_itself_its_name_or_its_id),
        TEST(a_body_is_told_where_it_could_only_wait_for_itself),
        TEST(a_body_may_wait_for_another_supervisor),
    };

    return CHECK_RUN(tests, argc, argv);
}
