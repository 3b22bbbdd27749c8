#include "fixture.h"

/* ---- one ------------------------------------------------------------------------------------ */

/* rule: R4.1 */
static void a_task_is_announced_before_it_starts(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);
    struct tv_task *task = add(s, "a", SPEC(no_op, NULL));

    expect(stream, TV_EVENT_TASK_ADD_REQUESTED, "a");
    expect(stream, TV_EVENT_TASK_ADDED, "a");
    expect(stream, TV_EVENT_TASK_STARTING, "a");
    finish(task, TV_OUTCOME_COMPLETED);
    tv_stream_rele(stream);
    close_down(s);
}

/* rule: R4.2 */
static void a_name_that_is_taken_is_refused_and_announced_so(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *first = add(s, "a", SPEC(await_cancel, NULL)), *second = NULL;
    struct tv_stream *stream;
    struct tv_event event;

    EVENTUALLY(is_alive(s, "a"));
    stream = listen_to(s);
    CHECK_EQ(try_add(s, "a", SPEC(no_op, NULL), &second), TV_EXISTS);
    CHECK(!second);
    expect(stream, TV_EVENT_TASK_ADD_REQUESTED, "a");
    event = next_event(stream);
    CHECK_EQ(event.kind, TV_EVENT_TASK_ADDED);
    CHECK_EQ(event.id, 0);
    check_reason(&event.reason, "already_exists");
    tv_event_release(&event);
    expect_nothing(stream);
    tv_stream_rele(stream);
    close_down(s);
    finish(first, TV_OUTCOME_CANCELED);
}

static void who_sees_the_outcome_can_use_the_name_again(void)
{
    struct tv_supervisor *s = serve(NULL);

    for (int i = 0; i < 500; i++)
        finish(add(s, "a", SPEC(no_op, NULL)), TV_OUTCOME_COMPLETED);
    close_down(s);
}

/* rule: R4.3 */
static void nothing_is_accepted_once_a_shutdown_has_begun(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *last = add(s, "last", SPEC(await_gate, &gate)), *task = NULL;
    struct tv_stream *stream;

    EVENTUALLY(is_alive(s, "last"));
    CHECK(tv_is_open(s));
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK(!tv_is_open(s));
    stream = listen_to(s);
    CHECK_EQ(try_add(s, "a", SPEC(no_op, NULL), &task), TV_SHUTTING_DOWN);
    CHECK_EQ(try_add(s, "last", SPEC(no_op, NULL), &task), TV_SHUTTING_DOWN);
    expect_nothing(stream);
    gate_open(&gate);
    tv_stream_rele(stream);
    close_down(s);
    finish(last, TV_OUTCOME_CANCELED);
}

static void tasks_added_before_serving_start_with_it(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct tv_task *task = add(s, "a", SPEC(no_op, NULL));

    CHECK(!tv_is_serving(s));
    CHECK_EQ(tv_task_state(task), TV_TASK_WAITING);
    CHECK_EQ(tv_serve(s), TV_OK);
    CHECK_EQ(tv_serve(s), TV_ALREADY_RUNNING);
    CHECK(tv_is_serving(s));
    finish(task, TV_OUTCOME_COMPLETED);
    close_down(s);
}

static void a_supervisor_that_never_serves_can_be_let_go_with_its_tasks(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct tv_task *task = add(s, "a", SPEC(no_op, NULL));

    CHECK_EQ(leave(s, task), TV_OK);
    finish(task, TV_OUTCOME_CANCELED);
    tv_supervisor_rele(s);
}

/* ---- many ----------------------------------------------------------------------------------- */

#define MOST 5000

struct crowd {
    struct tv_request requests[MOST];
    struct tv_task *tasks[MOST];
    struct tv_batch *batch;
    size_t count, failed;
};
static struct crowd crowd;

/* Requests for tasks t0, t1 …; let go of with forget_crowd. */
static void plan_crowd(size_t count, const struct tv_spec *spec)
{
    crowd = (struct crowd){.count = count, .failed = SIZE_MAX};
    for (size_t i = 0; i < count; i++)
        crowd.requests[i] = (struct tv_request){.spec = spec, .name = text_number("t", i)};
}

static enum tv_err reserve_crowd(struct tv_supervisor *s)
{
    return tv_reserve(s, crowd.requests, crowd.count, crowd.tasks, &crowd.batch, &crowd.failed);
}

static void forget_crowd(void)
{
    for (size_t i = 0; i < crowd.count; i++)
        tv_text_rele(crowd.requests[i].name);
}

/* rule: R4.4 */
static void all_of_a_batch_are_accepted_before_any_starts(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);

    plan_crowd(1000, SPEC(no_op, NULL));
    CHECK_EQ(reserve_crowd(s), TV_OK);
    expect_nothing(stream);
    CHECK_EQ(tv_commit(crowd.batch), TV_OK);
    for (size_t i = 0; i < 2000; i++) {
        struct tv_event event = next_event(stream);

        CHECK_EQ(event.kind, i % 2 ? TV_EVENT_TASK_ADDED : TV_EVENT_TASK_ADD_REQUESTED);
        CHECK_EQ(event.id, tv_task_id(crowd.tasks[i / 2]));
        tv_event_release(&event);
    }
    for (size_t i = 0; i < crowd.count; i++)
        finish(crowd.tasks[i], TV_OUTCOME_COMPLETED);
    forget_crowd();
    tv_stream_rele(stream);
    close_down(s);
}

/* rule: R4.4, R4.5 */
static void a_batch_with_a_name_that_is_taken_is_refused_as_a_whole(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *taken = add(s, "t700", SPEC(await_cancel, NULL));
    struct tv_stream *stream;

    EVENTUALLY(is_alive(s, "t700"));
    stream = listen_to(s);
    plan_crowd(1000, SPEC(no_op, NULL));
    CHECK_EQ(reserve_crowd(s), TV_EXISTS);
    CHECK_EQ(crowd.failed, 700);
    expect_nothing(stream);
    CHECK_EQ(leave(s, taken), TV_OK);
    finish(taken, TV_OUTCOME_CANCELED);
    tv_stream_rele(stream);
    CHECK_EQ(reserve_crowd(s), TV_OK);
    CHECK_EQ(tv_commit(crowd.batch), TV_OK);
    for (size_t i = 0; i < crowd.count; i++)
        finish(crowd.tasks[i], TV_OUTCOME_COMPLETED);
    forget_crowd();
    close_down(s);
}

static enum tv_err reserve_more(size_t from, size_t count)
{
    return tv_reserve_more(crowd.batch, crowd.requests + from, count, crowd.tasks + from,
                           &crowd.failed);
}

/* rule: R4.4 */
static void a_batch_grows_and_what_it_is_refused_leaves_it_as_it_was(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *taken;

    plan_crowd(30, SPEC(no_op, NULL));
    crowd.count = 10;
    CHECK_EQ(reserve_crowd(s), TV_OK);
    CHECK_EQ(reserve_more(10, 10), TV_OK);
    taken = add(s, "t25", &waiting_for_cancel);
    CHECK_EQ(reserve_more(20, 10), TV_EXISTS);
    CHECK_EQ(crowd.failed, 5);
    finish(add(s, "t20", &returning), TV_OUTCOME_COMPLETED);
    CHECK_EQ(leave(s, taken), TV_OK);
    finish(taken, TV_OUTCOME_CANCELED);
    CHECK_EQ(reserve_more(20, 10), TV_OK);
    CHECK_EQ(tv_commit(crowd.batch), TV_OK);
    crowd.count = 30;
    for (size_t i = 0; i < crowd.count; i++)
        finish(crowd.tasks[i], TV_OUTCOME_COMPLETED);
    forget_crowd();
    close_down(s);
}

static void a_name_twice_in_a_batch_refuses_it(void)
{
    struct tv_supervisor *s = serve(NULL);

    plan_crowd(3, SPEC(no_op, NULL));
    tv_text_rele(crowd.requests[2].name);
    crowd.requests[2].name = tv_text_hold(crowd.requests[0].name);
    CHECK_EQ(reserve_crowd(s), TV_EXISTS);
    CHECK_EQ(crowd.failed, 2);
    finish(add(s, "t0", SPEC(no_op, NULL)), TV_OUTCOME_COMPLETED);
    forget_crowd();
    close_down(s);
}

static void a_reserved_name_is_taken_but_no_task(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task_info *infos;
    struct tv_task *task = NULL;
    size_t count;

    plan_crowd(2, SPEC(no_op, NULL));
    CHECK_EQ(reserve_crowd(s), TV_OK);
    CHECK_EQ(try_add(s, "t1", SPEC(no_op, NULL), &task), TV_EXISTS);
    CHECK_EQ(tv_tasks(s, &infos, &count), TV_OK);
    CHECK_EQ(count, 0);
    tv_tasks_free(infos, count);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_leave(s, (struct tv_target){.name = crowd.requests[0].name}, TV_CANCEL, NULL),
             TV_UNKNOWN);
    tv_unreserve(crowd.batch);
    finish(add(s, "t1", SPEC(no_op, NULL)), TV_OUTCOME_COMPLETED);
    forget_crowd();
    close_down(s);
}

/* rule: R4.3 */
static void a_batch_is_refused_when_a_shutdown_comes_before_its_commit(void)
{
    struct tv_supervisor *s = serve(NULL);

    plan_crowd(300, SPEC(no_op, NULL));
    CHECK_EQ(reserve_crowd(s), TV_OK);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_commit(crowd.batch), TV_SHUTTING_DOWN);
    CHECK_EQ(reserve_crowd(s), TV_SHUTTING_DOWN);
    forget_crowd();
    close_down(s);
}

static void a_batch_of_none_is_accepted(void)
{
    struct tv_supervisor *s = serve(NULL);

    plan_crowd(0, NULL);
    CHECK_EQ(reserve_crowd(s), TV_OK);
    CHECK_EQ(tv_commit(crowd.batch), TV_OK);
    close_down(s);
}

static void tables_grow_with_the_tasks_there_are(void)
{
    struct tv_supervisor *s = serve(NULL);
    _Atomic int calls = 0;

    for (size_t i = 0; i < MOST; i++) {
        struct tv_text *name = text_number("single", i);

        CHECK_EQ(tv_add(s, &waiting_for_cancel, name, NULL, &crowd.tasks[i]), TV_OK);
        tv_text_rele(name);
        CHECK_EQ(tv_leave(s, (struct tv_target){.id = tv_task_id(crowd.tasks[i])}, TV_REMOVE,
                          NULL),
                 TV_OK);
    }
    for (size_t i = 0; i < MOST; i++)
        finish(crowd.tasks[i], TV_OUTCOME_CANCELED);
    plan_crowd(MOST, SPEC(count_call, &calls));
    CHECK_EQ(reserve_crowd(s), TV_OK);
    CHECK_EQ(tv_commit(crowd.batch), TV_OK);
    for (size_t i = 0; i < crowd.count; i++)
        finish(crowd.tasks[i], TV_OUTCOME_COMPLETED);
    CHECK_EQ(atomic_load(&calls), MOST);
    forget_crowd();
    close_down(s);
}

/* ---- races ---------------------------------------------------------------------------------- */

#define ADDERS 4
static _Atomic int accepted;
static struct tv_supervisor *contested;

static void *add_one(void *arg)
{
    struct tv_task *task;
    enum tv_err err = try_add(contested, "one", &waiting_for_cancel, &task);

    (void)arg;
    CHECK(err == TV_OK || err == TV_EXISTS);
    if (err == TV_OK) {
        atomic_fetch_add(&accepted, 1);
        tv_task_rele(task);
    }
    return NULL;
}

static void one_of_many_who_want_a_name_gets_it(void)
{
    struct helper helpers[ADDERS];

    contested = serve(NULL);
    for (int i = 0; i < ADDERS; i++)
        helpers[i] = helper_start(add_one, NULL);
    for (int i = 0; i < ADDERS; i++)
        helper_join(helpers[i]);
    CHECK_EQ(atomic_load(&accepted), 1);
    close_down(contested);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_task_is_announced_before_it_starts),
        TEST(a_name_that_is_taken_is_refused_and_announced_so),
        TEST(who_sees_the_outcome_can_use_the_name_again),
        TEST(nothing_is_accepted_once_a_shutdown_has_begun),
        TEST(tasks_added_before_serving_start_with_it),
        TEST(a_supervisor_that_never_serves_can_be_let_go_with_its_tasks),
        TEST(all_of_a_batch_are_accepted_before_any_starts),
        TEST(a_batch_with_a_name_that_is_taken_is_refused_as_a_whole),
        TEST(a_batch_grows_and_what_it_is_refused_leaves_it_as_it_was),
        TEST(a_name_twice_in_a_batch_refuses_it),
        TEST(a_reserved_name_is_taken_but_no_task),
        TEST(a_batch_is_refused_when_a_shutdown_comes_before_its_commit),
        TEST(a_batch_of_none_is_accepted),
        TEST(tables_grow_with_the_tasks_there_are),
        TEST(one_of_many_who_want_a_name_gets_it),
    };

    return CHECK_RUN(tests, argc, argv);
}
