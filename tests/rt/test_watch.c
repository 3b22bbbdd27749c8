/*
 * A wait of a loop: told once, when what it waits for may be there, and not where it has been
 * withdrawn. The loop is worked by hand, so each test says when a letter is read.
 */
#include "loops.h"
#include "slots.h"

#include <sys/wait.h>

static char mine; /* whom a watch is for */

static struct tv_watch *watch(struct tv_loop *loop, struct tv_watched target)
{
    struct tv_watch *made = tv_watch_new(&target, loop, &mine);

    CHECK(made);
    return made;
}

/* The next errand is this watch, whose end is told to its owner. */
static void expect_told(struct tv_loop *loop, struct tv_watch *wanted)
{
    struct tv_errand errand = expect_errand(loop, TV_ERRAND_WATCH, NULL);

    CHECK(errand.watch == wanted);
    CHECK(tv_watch_end(errand.watch) == &mine);
}

/* ---- what is waited for --------------------------------------------------------------------- */

static void a_task_s_outcome_is_told(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_new();
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct tv_watch *outcome = watch(loop, (struct tv_watched){.task = task});

    expect_nothing_to_do(loop);
    CHECK(!rings(loop));
    gate_open(&gate);
    EVENTUALLY(rings(loop));
    CHECK(tv_task_done(task));
    expect_told(loop, outcome);
    expect_nothing_to_do(loop);
    finish(task, TV_OUTCOME_COMPLETED);
    close_down(s);
    loop_end(loop);
}

/* An abandoned task has its outcome, and is gone when its body returns. */
static void a_task_s_outcome_and_its_going_are_told_apart(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s;
    struct tv_loop *loop = loop_new();
    struct gate gate = GATE;
    struct tv_watch *outcome, *gone;
    struct tv_task *task;

    config.defaults.grace_ns = 0;
    s = serve(&config);
    task = add(s, "a", SPEC(await_gate, &gate));
    EVENTUALLY(is_alive(s, "a"));
    gone = watch(loop, (struct tv_watched){.task = task, .what = TV_WATCH_GONE});
    outcome = watch(loop, (struct tv_watched){.task = task, .what = TV_WATCH_OUTCOME});
    CHECK_EQ(leave(s, task), TV_OK);
    EVENTUALLY(rings(loop));
    expect_told(loop, outcome);
    expect_nothing_to_do(loop);
    tv_loop_hear(loop);
    CHECK_EQ(tv_task_wait_gone(task, 0), TV_TIMEOUT);
    gate_open(&gate);
    EVENTUALLY(rings(loop));
    expect_told(loop, gone);
    CHECK_EQ(tv_task_wait_gone(task, 0), TV_OK);
    finish(task, TV_OUTCOME_ABANDONED);
    close_down(s);
    loop_end(loop);
}

/* Room in the queues is decided about, for those who stand in line, when a place becomes free. */
static void a_place_in_line_that_is_decided_is_told(void)
{
    struct tv_supervisor *s = serve(CONFIG(1, 10));
    struct tv_task *owner = queue(s, "s", "owner", &waiting_for_cancel);
    struct tv_task *next = queue(s, "s", "next", &returning), *line;
    struct tv_loop *loop = loop_new();
    struct tv_watch *decided;

    CHECK_EQ(submit(s, "s", "line", &returning, TV_ADMISSION_QUEUE, true, &line), TV_WAITS);
    decided = watch(loop, (struct tv_watched){.task = line, .what = TV_WATCH_DECIDED});
    CHECK_EQ(tv_submit_wait(line, 0), TV_TIMEOUT);
    expect_nothing_to_do(loop);
    CHECK_EQ(leave(s, owner), TV_OK);
    EVENTUALLY(rings(loop));
    expect_told(loop, decided);
    CHECK_EQ(tv_submit_wait(line, 0), TV_OK);
    finish(owner, TV_OUTCOME_CANCELED);
    finish(next, TV_OUTCOME_COMPLETED);
    finish(line, TV_OUTCOME_COMPLETED);
    close_down(s);
    loop_end(loop);
}

static void the_end_of_all_tasks_and_that_of_the_supervisor_are_told(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_new();
    struct tv_task *task = add(s, "a", &waiting_for_cancel);
    struct tv_watch *joined = watch(loop, (struct tv_watched){.supervisor = s});
    struct tv_watch *closed = watch(loop, (struct tv_watched){.supervisor = s, .closed = true});

    CHECK_EQ(leave(s, task), TV_OK);
    EVENTUALLY(rings(loop));
    expect_told(loop, joined);
    expect_nothing_to_do(loop);
    tv_loop_hear(loop);
    CHECK_EQ(tv_join(s, 0), TV_OK);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    EVENTUALLY(rings(loop));
    expect_told(loop, closed);
    CHECK_EQ(tv_wait_closed(s, 0), TV_OK);
    finish(task, TV_OUTCOME_CANCELED);
    tv_supervisor_rele(s);
    loop_end(loop);
}

/* Who waits for what will not come is told too, and finds out by asking. */
static void waits_that_a_shutdown_ends_in_vain_are_told(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_new();
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct tv_watched gone = {.task = task, .what = TV_WATCH_GONE};

    EVENTUALLY(is_alive(s, "a"));
    watch(loop, gone);
    watch(loop, (struct tv_watched){.supervisor = s});
    CHECK_EQ(tv_shutdown(s, 0, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    for (int i = 0; i < 2; i++) {
        struct tv_errand errand;

        EVENTUALLY(tv_loop_next(loop, &errand));
        CHECK(errand.kind == TV_ERRAND_WATCH && tv_watch_end(errand.watch) == &mine);
    }
    CHECK_EQ(tv_task_wait_gone(task, 0), TV_TIMEOUT);
    CHECK_EQ(tv_join(s, 0), TV_SHUTTING_DOWN);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    finish(task, TV_OUTCOME_ABANDONED);
    tv_supervisor_rele(s);
    loop_end(loop);
}

static void events_and_the_end_of_a_stream_are_told(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_new();
    struct tv_stream *stream = listen_to(s);
    struct tv_watch *event = watch(loop, (struct tv_watched){.stream = stream}), *end;
    struct tv_event got;
    uint64_t lost;

    expect_nothing_to_do(loop);
    finish(add(s, "a", &returning), TV_OUTCOME_COMPLETED);
    expect_told(loop, event);
    expect_nothing_to_do(loop); /* one event, one watch: the rest is there for asking */
    expect(stream, TV_EVENT_TASK_ADD_REQUESTED, "a");
    end = watch(loop, (struct tv_watched){.stream = stream});
    tv_stream_close(stream);
    expect_told(loop, end);
    CHECK_EQ(tv_stream_next(stream, 0, &got, &lost), TV_ENDED);
    tv_stream_rele(stream);
    close_down(s);
    loop_end(loop);
}

static void the_cancel_of_a_token_or_one_above_it_is_told(void)
{
    struct tv_token *root = tv_token_new(NULL), *leaf = tv_token_new(root);
    struct tv_loop *loop = loop_new();
    struct tv_watch *above = watch(loop, (struct tv_watched){.token = leaf});

    tv_token_cancel(root);
    CHECK(rings(loop));
    expect_told(loop, above);
    tv_token_cancel(leaf);
    tv_token_cancel(root);
    expect_nothing_to_do(loop); /* told once */
    tv_token_rele(leaf);
    tv_token_rele(root);
    loop_end(loop);
}

static void the_cancel_of_a_body_s_token_is_told(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &on_loop);
    struct tv_token *token;
    struct tv_watch *cancel;

    expect_errand(loop, TV_ERRAND_START, task);
    token = tv_task_token(task);
    cancel = watch(loop, (struct tv_watched){.token = token});
    CHECK_EQ(leave(s, task), TV_OK);
    expect_errand(loop, TV_ERRAND_CANCEL, task);
    expect_told(loop, cancel);
    expect_nothing_to_do(loop);
    tv_token_rele(token);
    end_cancelled(task);
    finish(task, TV_OUTCOME_CANCELED);
    close_down(s);
    loop_end(loop);
}

/* ---- withdrawing ---------------------------------------------------------------------------- */

static void a_watch_that_was_withdrawn_is_not_told(void)
{
    struct tv_token *token = tv_token_new(NULL);
    struct tv_loop *loop = loop_new();

    tv_watch_withdraw(watch(loop, (struct tv_watched){.token = token}));
    tv_token_cancel(token);
    CHECK(!rings(loop));
    expect_nothing_to_do(loop);
    tv_token_rele(token);
    loop_end(loop);
}

static void a_watch_that_was_woken_may_be_withdrawn_before_its_letter_is_read(void)
{
    struct tv_token *token = tv_token_new(NULL);
    struct tv_loop *loop = loop_new();
    struct tv_watch *withdrawn = watch(loop, (struct tv_watched){.token = token});
    struct tv_watch *other = watch(loop, (struct tv_watched){.token = token});

    tv_token_cancel(token);
    tv_watch_withdraw(withdrawn);
    for (int i = 0; i < 2; i++) {
        struct tv_errand errand = expect_errand(loop, TV_ERRAND_WATCH, NULL);

        CHECK(tv_watch_end(errand.watch) == (errand.watch == other ? &mine : NULL));
    }
    expect_nothing_to_do(loop);
    tv_token_rele(token);
    loop_end(loop);
}

struct reader {
    struct tv_stream *stream;
    enum tv_err got;
    _Atomic int thread;
};

static void *read_one(void *arg)
{
    struct reader *reader = arg;
    struct tv_event event;
    uint64_t lost;

    atomic_store(&reader->thread, thread_id());
    reader->got = tv_stream_next(reader->stream, tv_now() + PATIENCE, &event, &lost);
    if (reader->got == TV_OK)
        tv_event_release(&event);
    return NULL;
}

/* It was first in line, was woken by the only event, and has not taken it. */
static void a_watch_that_is_withdrawn_costs_no_other_reader_his_event(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct gate gate = GATE;
    struct tv_task *task = add(s, "a", SPEC(await_gate, &gate));
    struct tv_loop *loop = loop_new();
    struct reader reader = {.got = TV_TIMEOUT};
    struct tv_watch *first;
    struct helper helper;

    EVENTUALLY(is_alive(s, "a"));
    reader.stream = listen_to(s);
    first = watch(loop, (struct tv_watched){.stream = reader.stream});
    helper = helper_start(read_one, &reader);
    EVENTUALLY(is_asleep(atomic_load(&reader.thread)));
    CHECK_EQ(leave(s, task), TV_OK); /* TaskRemoveRequested, and no more */
    tv_watch_withdraw(first);
    helper_join(helper);
    CHECK_EQ(reader.got, TV_OK);
    CHECK(!tv_watch_end(expect_errand(loop, TV_ERRAND_WATCH, NULL).watch));
    tv_stream_rele(reader.stream);
    gate_open(&gate);
    finish(task, TV_OUTCOME_CANCELED);
    close_down(s);
    loop_end(loop);
}

/* ---- the end of the loop -------------------------------------------------------------------- */

static void the_letter_of_a_watch_may_find_its_loop_closed(void)
{
    struct tv_token *token = tv_token_new(NULL);
    struct tv_loop *loop = loop_new();
    struct tv_watch *before = watch(loop, (struct tv_watched){.token = token});

    tv_loop_close(loop);
    tv_token_cancel(token);
    CHECK(!rings(loop));
    tv_watch_withdraw(before);
    tv_token_rele(token);
    tv_loop_rele(loop);
}

static void a_loop_may_close_on_the_letters_of_watches(void)
{
    struct tv_token *token = tv_token_new(NULL);
    struct tv_loop *loop = loop_new();
    struct tv_watch *kept = watch(loop, (struct tv_watched){.token = token});
    struct tv_watch *withdrawn = watch(loop, (struct tv_watched){.token = token});

    tv_token_cancel(token);
    tv_watch_withdraw(withdrawn);
    tv_loop_close(loop);
    tv_watch_withdraw(kept);
    tv_token_rele(token);
    tv_loop_rele(loop);
}

/* ---- what it holds -------------------------------------------------------------------------- */

static void a_watch_holds_what_it_waits_for_and_its_loop(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct tv_task *task = add(s, "a", &returning);
    struct tv_stream *stream = listen_to(s);
    struct tv_token *token = tv_token_new(NULL);
    struct tv_loop *loop = loop_new();
    struct tv_watch *watches[] = {
        watch(loop, (struct tv_watched){.supervisor = s}),
        watch(loop, (struct tv_watched){.task = task}),
        watch(loop, (struct tv_watched){.stream = stream}),
        watch(loop, (struct tv_watched){.token = token}),
    };

    tv_token_rele(token);
    tv_stream_rele(stream);
    CHECK_EQ(leave(s, task), TV_OK);
    tv_task_rele(task);
    tv_supervisor_rele(s);
    for (int i = 0; i < 3; i++) {
        struct tv_errand errand = expect_errand(loop, TV_ERRAND_WATCH, NULL);

        CHECK(tv_watch_end(errand.watch) == &mine);
        for (int k = 0; k < 4; k++)
            watches[k] = watches[k] == errand.watch ? NULL : watches[k];
    }
    expect_nothing_to_do(loop);
    tv_loop_close(loop);
    tv_loop_rele(loop);
    CHECK(!watches[0] && !watches[1] && !watches[2]);
    tv_watch_withdraw(watches[3]); /* the last of the loop and of the token */
}

/* ---- forks ---------------------------------------------------------------------------------- */

/* Another thread of the parent holds the lock of the list that the watch is in. */
static void drop_in_child(struct tv_supervisor *s, struct tv_loop *loop, struct tv_watch *of_task)
{
    tv_lock_take(&s->lock);
    if (fork() == 0) {
        alarm((unsigned)(PATIENCE / TV_SECOND));
        tv_after_fork_child();
        tv_watch_withdraw(of_task);
        CHECK_EQ(tv_loop_give(s, loop), TV_FORKED);
        CHECK(!tv_loop_is_serving(loop));
        tv_loop_close(loop);
        tv_loop_rele(loop);
        end_child(0);
    }
    tv_lock_drop(&s->lock);
}

static void what_is_dropped_in_a_forked_child_takes_no_lock(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_loop *loop = loop_given(s);
    struct tv_task *task = add(s, "a", &waiting_for_cancel);
    struct tv_watch *of_task = watch(loop, (struct tv_watched){.task = task});
    int status = -1;

    drop_in_child(s, loop, of_task);
    CHECK(wait(&status) > 0);
    CHECK_EQ(status, 0);
    CHECK_EQ(leave(s, task), TV_OK);
    EVENTUALLY(rings(loop));
    expect_told(loop, of_task);
    finish(task, TV_OUTCOME_CANCELED);
    close_down(s);
    loop_end(loop);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_task_s_outcome_is_told),
        TEST(a_task_s_outcome_and_its_going_are_told_apart),
        TEST(a_place_in_line_that_is_decided_is_told),
        TEST(the_end_of_all_tasks_and_that_of_the_supervisor_are_told),
        TEST(waits_that_a_shutdown_ends_in_vain_are_told),
        TEST(events_and_the_end_of_a_stream_are_told),
        TEST(the_cancel_of_a_token_or_one_above_it_is_told),
        TEST(the_cancel_of_a_body_s_token_is_told),
        TEST(a_watch_that_was_withdrawn_is_not_told),
        TEST(a_watch_that_was_woken_may_be_withdrawn_before_its_letter_is_read),
        TEST(a_watch_that_is_withdrawn_costs_no_other_reader_his_event),
        TEST(the_letter_of_a_watch_may_find_its_loop_closed),
        TEST(a_loop_may_close_on_the_letters_of_watches),
        TEST(a_watch_holds_what_it_waits_for_and_its_loop),
        TEST(what_is_dropped_in_a_forked_child_takes_no_lock),
    };

    return CHECK_RUN(tests, argc, argv);
}
