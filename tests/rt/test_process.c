/*
 * The end of the process and forks. Both can be had once in a process, so each test runs in a child
 * of its own, which the alarm ends where it would wait for ever.
 */
#include "fixture.h"

#include <sys/wait.h>

static void in_child(void (*run)(void))
{
    int status = 0;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        alarm((unsigned)(PATIENCE / TV_SECOND));
        run();
        end_child(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
}

/* ---- the end of the process ----------------------------------------------------------------- */

static void nothing_is_accepted(struct tv_supervisor *serving, struct tv_supervisor *other)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *made;
    struct tv_request request = {.spec = &returning, .name = text("late")};
    struct tv_batch *batch;
    struct tv_task *task;
    size_t failed;

    CHECK_EQ(tv_supervisor_new(&config, NULL, NULL, &made), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_serve(other), TV_SHUTTING_DOWN);
    CHECK_EQ(try_add(serving, "late", &returning, &task), TV_SHUTTING_DOWN);
    CHECK_EQ(try_add(other, "late", &returning, &task), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_reserve(serving, &request, 1, &task, &batch, &failed), TV_SHUTTING_DOWN);
    tv_text_rele(request.name);
}

static void begin_and_end(void)
{
    struct tv_supervisor *first = serve(NULL), *second = serve(NULL);
    struct tv_supervisor *unserved = make(NULL, NULL, NULL);
    struct tv_task *a = add(first, "a", &waiting_for_cancel);
    struct tv_task *b = add(second, "b", &waiting_for_cancel);
    tv_ns grace;

    CHECK(!tv_is_exiting() && !tv_is_gone());
    tv_exit_begin();
    CHECK(tv_is_exiting() && !tv_is_gone());
    nothing_is_accepted(first, unserved);
    CHECK_EQ(tv_exit_wait(TV_NEVER), TV_OK);
    finish(a, TV_OUTCOME_CANCELED);
    finish(b, TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_verdict(second, &grace), TV_STOPPED_WITHIN_GRACE);
    CHECK_EQ(grace, 60 * TV_SECOND);
    tv_exit_end();
    CHECK(tv_is_gone());
    CHECK_EQ(threads_named("taskvisor"), 0);
    tv_supervisor_rele(first);
    tv_supervisor_rele(second);
    tv_supervisor_rele(unserved);
}

/* rule: R5.50, R5.52 */
static void the_end_shuts_every_supervisor_down_and_accepts_nothing_more(void)
{
    in_child(begin_and_end);
}

static void hurry(void)
{
    static struct gate gate = GATE;
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *stuck = add(s, "stuck", SPEC(await_gate, &gate));
    tv_ns grace;

    EVENTUALLY(is_alive(s, "stuck"));
    tv_exit_begin();
    CHECK_EQ(tv_exit_wait(tv_now() + 5 * TV_MS), TV_TIMEOUT);
    CHECK(!tv_task_done(stuck));
    tv_exit_hurry();
    CHECK_EQ(tv_exit_wait(TV_NEVER), TV_OK);
    finish(stuck, TV_OUTCOME_ABANDONED);
    CHECK_EQ(tv_verdict(s, &grace), TV_GRACE_EXCEEDED);
    CHECK_EQ(grace, 0);
    gate_open(&gate);
}

/* rule: R5.51 */
static void a_hurried_end_abandons_what_has_not_ended(void)
{
    in_child(hurry);
}

static void keep_earlier_deadline(void)
{
    static struct gate gate = GATE;
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *stuck = add(s, "stuck", SPEC(await_gate, &gate));
    tv_ns grace;

    EVENTUALLY(is_alive(s, "stuck"));
    CHECK_EQ(tv_shutdown(s, 20 * TV_MS, false), TV_OK);
    tv_exit_begin();
    CHECK_EQ(tv_exit_wait(TV_NEVER), TV_OK);
    CHECK_EQ(tv_verdict(s, &grace), TV_GRACE_EXCEEDED);
    CHECK_EQ(grace, 20 * TV_MS);
    finish(stuck, TV_OUTCOME_ABANDONED);
    gate_open(&gate);
}

/* rule: R5.50 */
static void a_shutdown_that_runs_keeps_its_earlier_deadline(void)
{
    in_child(keep_earlier_deadline);
}

static void release_clock(void)
{
    static struct gate gate = GATE;
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s, *closing;
    struct tv_task *stuck, *other;

    config.clock = tv_clock_new(TV_NEVER);
    config.defaults.grace_ns = 20 * TV_MS;
    s = serve(&config);
    closing = serve(&config);
    stuck = add(s, "stuck", SPEC(await_gate, &gate));
    other = add(closing, "other", SPEC(await_gate, &gate));
    EVENTUALLY(gate_waiting(&gate) == 2);
    CHECK_EQ(tv_shutdown(closing, 30 * TV_MS, false), TV_OK);
    tv_exit_begin();
    CHECK_EQ(tv_exit_wait(TV_NEVER), TV_OK);
    CHECK(tv_clock_now(config.clock) >= 30 * TV_MS);
    finish(stuck, TV_OUTCOME_ABANDONED);
    finish(other, TV_OUTCOME_ABANDONED);
    gate_open(&gate);
}

/* rule: R11.8 */
static void a_manual_clock_goes_on_by_itself_at_the_end(void)
{
    in_child(release_clock);
}

/* What nobody has ended is ended in no time; then nothing waits any more. */
static void end_at_once(void)
{
    static struct gate gate = GATE;
    struct tv_supervisor *s = serve(NULL);
    struct tv_task *stuck = add(s, "stuck", SPEC(await_gate, &gate));
    struct tv_stream *stream = listen_to(s);
    struct tv_token *token = tv_token_new(NULL);
    struct tv_event event;
    enum tv_err err;
    uint64_t lost;

    EVENTUALLY(is_alive(s, "stuck"));
    tv_exit_end();
    CHECK(tv_is_exiting() && tv_is_gone());
    CHECK(tv_task_done(stuck));
    CHECK_EQ(tv_task_wait_gone(stuck, TV_NEVER), TV_TIMEOUT);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_token_wait(token, TV_NEVER), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    while ((err = tv_stream_next(stream, TV_NEVER, &event, &lost)) == TV_OK)
        tv_event_release(&event);
    CHECK_EQ(err, TV_ENDED);
    gate_open(&gate);
}

/* rule: R5.53 */
static void past_the_end_nothing_waits(void)
{
    in_child(end_at_once);
}

static void wait_for_unserved(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct tv_task *task = add(s, "a", &returning);
    struct tv_stream *stream = listen_to(s);
    struct tv_event event;
    enum tv_err err;
    uint64_t lost;

    tv_exit_begin();
    CHECK_EQ(tv_exit_wait(TV_NEVER), TV_OK);
    tv_exit_end();
    CHECK_EQ(tv_task_wait(task, TV_NEVER), TV_TIMEOUT);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_SHUTTING_DOWN);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_SHUTTING_DOWN);
    while ((err = tv_stream_next(stream, TV_NEVER, &event, &lost)) == TV_OK)
        tv_event_release(&event);
    CHECK_EQ(err, TV_TIMEOUT);
}

static void past_the_end_nothing_waits_for_what_was_never_served_either(void)
{
    in_child(wait_for_unserved);
}

/* ---- forks ---------------------------------------------------------------------------------- */

/* What the parent has of one supervisor when it forks. */
struct legacy {
    struct tv_supervisor *supervisor;
    struct tv_task *task;
    struct tv_token *token;
    struct tv_stream *stream;
    struct tv_batch *batches[2];
    struct tv_task *reserved[2];
};

static void check_refusals(struct legacy *old)
{
    struct tv_supervisor *s = old->supervisor;
    struct tv_subscriber subscriber = {.name = text("s"), .capacity = 1};
    struct tv_request request = {.spec = &returning, .name = subscriber.name};
    struct tv_subscriber_info *subscribers;
    struct tv_stuck_task *stuck;
    struct tv_task_info *infos;
    struct tv_stream *stream;
    struct tv_batch *batch;
    struct tv_task *task;
    size_t count;

    CHECK(tv_is_forked(s));
    CHECK_EQ(try_add(s, "new", &returning, &task), TV_FORKED);
    CHECK_EQ(tv_reserve(s, &request, 1, &task, &batch, &count), TV_FORKED);
    CHECK_EQ(tv_commit(old->batches[0]), TV_FORKED);
    tv_unreserve(old->batches[1]);
    CHECK_EQ(tv_serve(s), TV_FORKED);
    CHECK_EQ(tv_subscribe(s, &subscriber), TV_FORKED);
    CHECK_EQ(leave(s, old->task), TV_FORKED);
    CHECK_EQ(tv_finish(s), TV_FORKED);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_FORKED);
    CHECK_EQ(tv_shutdown(s, 0, false), TV_FORKED);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_FORKED);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_FORKED);
    CHECK_EQ(tv_run_wait(s), TV_FORKED);
    CHECK_EQ(tv_stuck(s, &stuck, &count), TV_FORKED);
    CHECK_EQ(tv_tasks(s, &infos, &count), TV_FORKED);
    CHECK_EQ(tv_subscribers(s, &subscribers, &count), TV_FORKED);
    CHECK_EQ(tv_stream_open(s, 1, &stream), TV_FORKED);
}

static void check_silence(struct legacy *old)
{
    struct tv_supervisor *s = old->supervisor;
    struct tv_counters found;
    struct tv_event event;
    uint64_t lost;
    tv_ns grace;

    CHECK(!tv_is_serving(s) && !tv_is_open(s));
    CHECK(!is_alive(s, "a"));
    CHECK_EQ(tv_verdict(s, &grace), TV_NO_VERDICT);
    tv_counters(s, &found);
    CHECK_EQ(tv_task_wait(old->task, TV_NEVER), TV_FORKED);
    CHECK_EQ(tv_task_wait_gone(old->task, TV_NEVER), TV_FORKED);
    CHECK_EQ(tv_task_state(old->task), TV_TASK_RUNNING);
    CHECK(!tv_task_token(old->task));
    CHECK_EQ(tv_token_wait(old->token, TV_NEVER), TV_FORKED);
    tv_token_cancel(old->token);
    CHECK(tv_token_is_cancelled(old->token));
    CHECK_EQ(tv_stream_next(old->stream, TV_NEVER, &event, &lost), TV_FORKED);
    CHECK_EQ(tv_stream_lost(old->stream), 0);
    tv_stream_close(old->stream);
    tv_stream_rele(old->stream);
    tv_token_rele(old->token);
    tv_task_rele(old->task);
    tv_interrupt(s);
    tv_supervisor_rele(s);
}

/*
 * TSan takes the child's threads for those of the parent, so it must see none; gcc's ASan keeps
 * locks that the parent's threads had, for which the child's wait for ever.
 */
static void work_anew(void)
{
#if !defined __SANITIZE_THREAD__ && !defined __SANITIZE_ADDRESS__
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);

    finish(add(s, "new", &returning), TV_OUTCOME_COMPLETED);
    expect(stream, TV_EVENT_TASK_ADD_REQUESTED, "new");
    tv_stream_rele(stream);
    close_down(s);
#endif
}

static void leave_in_batch(struct tv_supervisor *s, const char *name, struct tv_batch **batch,
                           struct tv_task **task)
{
    struct tv_request request = {.spec = &returning, .name = text(name)};
    size_t failed;

    CHECK_EQ(tv_reserve(s, &request, 1, task, batch, &failed), TV_OK);
    tv_text_rele(request.name);
}

/* The parent forks with the supervisor's lock held, as another thread of it might. */
static void fork_with_legacy(void)
{
    struct legacy old = {.supervisor = serve(NULL)};
    struct tv_supervisor *s = old.supervisor;
    unsigned generation = tv_generation();

    old.task = add(s, "a", &waiting_for_cancel);
    old.token = tv_token_new(NULL);
    old.stream = listen_to(s);
    leave_in_batch(s, "b", &old.batches[0], &old.reserved[0]);
    leave_in_batch(s, "c", &old.batches[1], &old.reserved[1]);
    EVENTUALLY(is_alive(s, "a"));
    tv_lock_take(&s->lock);
    if (fork() == 0) {
        alarm((unsigned)(PATIENCE / TV_SECOND));
        tv_after_fork_child();
        CHECK(tv_forked_since(generation));
        check_refusals(&old);
        check_silence(&old);
        work_anew();
        end_child(0);
    }
    tv_lock_drop(&s->lock);
    CHECK(!tv_forked_since(generation) && !tv_is_forked(s));
}

static void check_child(void)
{
    int status = 0;

    fork_with_legacy();
    CHECK(wait(&status) > 0);
    CHECK_EQ(status, 0);
}

/* rule: R5.55, R5.56, R5.57 */
static void a_child_is_refused_what_belongs_to_its_parent_and_starts_anew(void)
{
    in_child(check_child);
}

static _Atomic bool stop_reaping;

static void *reap_on(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop_reaping))
        tv_reap();
    return NULL;
}

/* The other thread has the process's lock at most of the forks. */
static void fork_under_lock(void)
{
    struct helper helper = helper_start(reap_on, NULL);

    for (int i = 0; i < 50; i++) {
        int status = 0;

        if (fork() == 0) {
            alarm((unsigned)(PATIENCE / TV_SECOND));
            tv_after_fork_child();
            tv_reap();
            end_child(0);
        }
        CHECK(wait(&status) > 0);
        CHECK_EQ(status, 0);
    }
    atomic_store(&stop_reaping, true);
    helper_join(helper);
}

static void a_child_is_not_held_up_by_the_locks_of_its_parent(void)
{
    in_child(fork_under_lock);
}

static void fork_at_the_end(void)
{
    int status = 0;

    tv_exit_begin();
    if (fork() == 0) {
        tv_after_fork_child();
        CHECK(!tv_is_exiting());
        work_anew();
        end_child(0);
    }
    CHECK(wait(&status) > 0);
    CHECK_EQ(status, 0);
    CHECK(tv_is_exiting());
}

static void a_child_of_a_process_at_its_end_is_at_its_beginning(void)
{
    in_child(fork_at_the_end);
}

static void slots_are_the_parents(struct tv_task *task)
{
    struct tv_supervisor *s = tv_task_supervisor(task);
    struct tv_text *name = text("s");
    struct tv_slots slots;
    uint64_t count;

    CHECK_EQ(tv_cancel_slot(s, name, true, &count), TV_FORKED);
    CHECK_EQ(tv_slots(s, &slots), TV_FORKED);
    CHECK_EQ(tv_submit_wait(task, TV_NEVER), TV_FORKED);
    CHECK_EQ(tv_submit_withdraw(task), TV_FORKED);
    tv_text_rele(name);
}

static _Atomic bool waits; /* the thread that has added the body: it allocates no more */

/*
 * No other thread is inside an allocator, whose locks the child would have for ever: glibc frees
 * its own in a child, that of gcc's AddressSanitizer does not.
 */
static void fork_in_body(struct tv_task *task, void *arg, struct tv_result *result)
{
    unsigned generation = tv_generation();
    int status = 0;
    pid_t child;

    (void)result;
    EVENTUALLY(atomic_load(&waits));
    child = fork();
    if (child == 0) {
        tv_after_fork_child();
        CHECK(tv_forked_since(generation));
        CHECK(tv_current_task() == task);
        CHECK(tv_is_forked(tv_task_supervisor(task)));
        CHECK_EQ(tv_shutdown(tv_task_supervisor(task), 0, false), TV_FORKED);
        CHECK_EQ(tv_essential(tv_task_supervisor(task)), 0);
        slots_are_the_parents(task);
        work_anew();
        end_child(7);
    }
    CHECK(waitpid(child, &status, 0) == child);
    atomic_store((_Atomic int *)arg, WEXITSTATUS(status));
}

static void run_forking_body(void)
{
    struct tv_supervisor *s = serve(NULL);
    _Atomic int status = 0;
    struct tv_task *task = add(s, "a", SPEC(fork_in_body, &status));

    atomic_store(&waits, true);
    finish(task, TV_OUTCOME_COMPLETED);
    CHECK_EQ(atomic_load(&status), 7);
    close_down(s);
}

/* rule: R5.58 */
static void a_body_may_fork(void)
{
    in_child(run_forking_body);
}

static struct tv_lock held_lock; /* never given up, as those that a fork resets */

static void a_lock_that_was_held_is_free_after_a_reset(void)
{
    CHECK_EQ(tv_lock_init(&held_lock), TV_OK);
    tv_lock_take(&held_lock);
    tv_lock_reset(&held_lock);
    CHECK(!tv_lock_is_mine(&held_lock));
    tv_lock_take(&held_lock);
    tv_lock_drop(&held_lock);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(the_end_shuts_every_supervisor_down_and_accepts_nothing_more),
        TEST(a_hurried_end_abandons_what_has_not_ended),
        TEST(a_shutdown_that_runs_keeps_its_earlier_deadline),
        TEST(a_manual_clock_goes_on_by_itself_at_the_end),
        TEST(past_the_end_nothing_waits),
        TEST(past_the_end_nothing_waits_for_what_was_never_served_either),
        TEST(a_child_is_refused_what_belongs_to_its_parent_and_starts_anew),
        TEST(a_child_is_not_held_up_by_the_locks_of_its_parent),
        TEST(a_child_of_a_process_at_its_end_is_at_its_beginning),
        TEST(a_body_may_fork),
        TEST(a_lock_that_was_held_is_free_after_a_reset),
    };

    return CHECK_RUN(tests, argc, argv);
}
