/*
 * A failed check in the core: a body's result is brought twice, which the core does not believe.
 * Whoever waits is woken, and every call is told.
 */
#include "fixture.h"

static struct gate gate = GATE;

struct waiting {
    struct helper helper;
    enum { TASK, GONE, JOIN, CLOSED, RUN, STREAM } call;
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
        TEST(the_end_of_the_process_does_not_wait_for_it),
    };

    return CHECK_RUN(tests, argc, argv);
}
