/*
 * A failed check in the core: a body's result is brought twice, which the core does not believe.
 * Whoever waits is woken, and every call is told.
 */
#include "fixture.h"

static struct gate gate = GATE;

struct waiting {
    struct helper helper;
    enum { TASK, GONE, JOIN, CLOSED, RUN, STREAM, ROOM } call;
    struct tv_supervisor *supervisor;
    struct tv_task *task;
    struct tv_stream *stream;
    enum tv_err got;
    _Atomic int thread;
};

static enum tv_err next(struct tv_stream *stream)
{
    struct tv_event event;
    uint64_t lost;
    enum tv_err err;

    while ((err = tv_stream_next(stream, TV_NEVER, &event, &lost)) == TV_OK)
        tv_event_release(&event);
    return err;
}

static void *wait_there(void *arg)
{
    struct waiting *waiting = arg;

    atomic_store(&waiting->thread, thread_id());
    switch (waiting->call) {
    case TASK:
        waiting->got = tv_task_wait(waiting->task, TV_NEVER);
        break;
    case GONE:
        waiting->got = tv_task_wait_gone(waiting->task, TV_NEVER);
        break;
    case JOIN:
        waiting->got = tv_join(waiting->supervisor, TV_NEVER);
        break;
    case CLOSED:
        waiting->got = tv_wait_closed(waiting->supervisor, TV_NEVER);
        break;
    case RUN:
        waiting->got = tv_run_wait(waiting->supervisor);
        break;
    case STREAM:
        waiting->got = next(waiting->stream);
        break;
    case ROOM:
        waiting->got = tv_submit_wait(waiting->task, TV_NEVER);
        break;
    }
    return NULL;
}

static void break_it(struct tv_supervisor *s, struct tv_task *ended)
{
    struct tv_input in = {.kind = TV_IN_RESULT, .actor = &ended->actor};

    CHECK_EQ(tv_rt_input(s, &in, TV_DETACHED), TV_STEP_BROKEN);
}

static void a_failed_check_wakes_everybody_and_every_call_is_told(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate)), *ended, *none = NULL;
    struct tv_stream *stream = listen_to(s);
    struct waiting waiting[6];

    ended = add(s, "ended", &returning);
    CHECK_EQ(tv_task_wait_gone(ended, TV_NEVER), TV_OK);
    EVENTUALLY(is_alive(s, "a"));
    for (int i = 0; i < 6; i++) {
        waiting[i] = (struct waiting){.supervisor = s, .task = task, .stream = stream};
        waiting[i].call = i;
        waiting[i].helper = helper_start(wait_there, &waiting[i]);
        EVENTUALLY(is_asleep(atomic_load(&waiting[i].thread)));
    }
    break_it(s, ended);
    for (int i = 0; i < 6; i++) {
        helper_join(waiting[i].helper);
        CHECK_EQ(waiting[i].got, TV_BROKEN);
    }
    CHECK_EQ(try_add(s, "b", &returning, &none), TV_BROKEN);
    CHECK_EQ(leave(s, task), TV_BROKEN);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_BROKEN);
    CHECK_EQ(tv_finish(s), TV_BROKEN);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_BROKEN);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_BROKEN);
    CHECK(!tv_is_open(s));
    EVENTUALLY(threads_named("taskvisor-timer") == 0);
    gate_open(&gate);
    tv_stream_rele(stream);
    tv_task_rele(ended);
}

/* A task that waits in a queue, or for room in one, has no name in the registry. */
static void a_failed_check_wakes_who_waits_for_a_slot(void)
{
    const struct tv_config config = {.defaults = TV_OPTIONS_DEFAULT,
                                     .bus_capacity = 1,
                                     .queue_capacity = 1,
                                     .max_slot_queue = 5};
    static struct gate slot_gate = GATE;
    struct tv_supervisor *s = serve(&config);
    struct tv_request request = {.spec = SPEC(await_gate, &slot_gate), .name = text("a")};
    struct tv_task *ended = add(s, "ended", &returning), *task[3];
    struct waiting waiting[2];

    CHECK_EQ(tv_task_wait_gone(ended, TV_NEVER), TV_OK);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(tv_submit(s, &request, request.name, TV_ADMISSION_QUEUE, true, &task[i]),
                 i < 2 ? TV_OK : TV_WAITS);
    EVENTUALLY(is_alive(s, "a"));
    for (int i = 0; i < 2; i++) {
        waiting[i] = (struct waiting){.task = task[i + 1], .call = i ? ROOM : TASK};
        waiting[i].helper = helper_start(wait_there, &waiting[i]);
        EVENTUALLY(is_asleep(atomic_load(&waiting[i].thread)));
    }
    break_it(s, ended);
    for (int i = 0; i < 2; i++) {
        helper_join(waiting[i].helper);
        CHECK_EQ(waiting[i].got, TV_BROKEN);
    }
    gate_open(&slot_gate);
    EVENTUALLY(threads_named("taskvisor-timer") == 0);
    tv_text_rele(request.name);
    tv_task_rele(ended);
}

/* It has no thread that could close it. */
static void one_that_broke_before_it_was_served_is_not_waited_for(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL), *other = serve(NULL);
    struct tv_task *ended = add(other, "ended", &returning);

    CHECK_EQ(tv_task_wait_gone(ended, TV_NEVER), TV_OK);
    break_it(s, ended);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_BROKEN);
    tv_supervisor_rele(s);
    tv_task_rele(ended);
    close_down(other);
}

static void the_end_of_the_process_does_not_wait_for_it(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *ended = add(s, "ended", &returning);

    CHECK_EQ(tv_task_wait_gone(ended, TV_NEVER), TV_OK);
    break_it(s, ended);
    tv_exit_begin();
    CHECK_EQ(tv_exit_wait(TV_NEVER), TV_OK);
    tv_exit_end();
    tv_task_rele(ended);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_failed_check_wakes_everybody_and_every_call_is_told),
        TEST(a_failed_check_wakes_who_waits_for_a_slot),
        TEST(one_that_broke_before_it_was_served_is_not_waited_for),
        TEST(the_end_of_the_process_does_not_wait_for_it),
    };

    return CHECK_RUN(tests, argc, argv);
}
