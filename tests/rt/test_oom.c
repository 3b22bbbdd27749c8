#include "loops.h"
#include "oom.h"

#include <sys/resource.h>

/* ---- calls ---------------------------------------------------------------------------------- */

static struct tv_task *got_task;

static enum tv_err add_one(struct tv_supervisor *s)
{
    static struct tv_text name = {.size = 3, .bytes = "new", .hash = 77};

    return tv_add(s, &waiting_for_cancel, &name, NULL, &got_task);
}

static void take_back_task(struct tv_supervisor *s)
{
    EVENTUALLY(tv_task_state(got_task) == TV_TASK_RUNNING || !tv_is_serving(s));
    CHECK_EQ(leave(s, got_task), TV_OK);
    finish(got_task, TV_OUTCOME_CANCELED);
}

static void fill(struct tv_supervisor *s)
{
    for (size_t i = 0; i < 63; i++) {
        struct tv_text *name = text_number("t", i);
        struct tv_task *task;

        CHECK_EQ(tv_add(s, &failing, name, NULL, &task), TV_OK);
        tv_text_rele(name);
        EVENTUALLY(!tv_is_serving(s) || tv_task_state(task) == TV_TASK_BACKOFF);
        tv_task_rele(task);
    }
}

static void an_add_without_memory_is_refused_and_leaves_nothing(void)
{
    const struct call first = {.run = add_one, .undo = take_back_task};
    const struct call served = {.run = add_one, .undo = take_back_task, .serving = true};
    const struct call growing = {.prepare = fill, .run = add_one, .undo = take_back_task};

    CHECK_EQ(fail_each(&first), 3);   /* the record, the first names, the first ids */
    CHECK_EQ(fail_each(&growing), 2); /* the record, more timers */
    CHECK(fail_each(&served) >= 3);
}

#define BATCH 150
static struct tv_request requests[BATCH];
static struct tv_task *tasks[BATCH];
static struct tv_batch *batch;

static enum tv_err reserve(struct tv_supervisor *s)
{
    size_t failed;

    return tv_reserve(s, requests, BATCH, tasks, &batch, &failed);
}

static void commit(struct tv_supervisor *s)
{
    memory = (struct order){.at = 1, .sticky = true};
    CHECK_EQ(tv_commit(batch), TV_OK);
    forget_orders();
    for (size_t i = 0; i < BATCH; i++) {
        leave(s, tasks[i]);
        finish(tasks[i], TV_OUTCOME_CANCELED);
    }
}

static void a_batch_without_memory_is_refused_as_a_whole(void)
{
    const struct call call = {.run = reserve, .undo = commit, .serving = true};

    for (size_t i = 0; i < BATCH; i++)
        requests[i] = (struct tv_request){&waiting_for_cancel, text_number("t", i), NULL};
    CHECK(fail_each(&call) > BATCH);
    for (size_t i = 0; i < BATCH; i++)
        tv_text_rele(requests[i].name);
}

static struct tv_stream *got_stream;

static enum tv_err open_stream(struct tv_supervisor *s)
{
    return tv_stream_open(s, 10, &got_stream);
}

static void close_stream(struct tv_supervisor *s)
{
    (void)s;
    tv_stream_rele(got_stream);
}

static struct tv_task_info *got_infos;
static size_t got_count;

static enum tv_err list_tasks(struct tv_supervisor *s)
{
    return tv_tasks(s, &got_infos, &got_count);
}

static void free_tasks(struct tv_supervisor *s)
{
    (void)s;
    CHECK_EQ(got_count, 63);
    tv_tasks_free(got_infos, got_count);
}

static struct tv_text *see_nothing(void *arg, const struct tv_event *event)
{
    (void)arg;
    (void)event;
    return NULL;
}

static enum tv_err subscribe(struct tv_supervisor *s)
{
    static struct tv_text name = {.size = 1, .bytes = "s", .hash = 5};

    return tv_subscribe(s, &(struct tv_subscriber){&name, 10, see_nothing, NULL});
}

static void subscribe_first(struct tv_supervisor *s)
{
    CHECK_EQ(subscribe(s), TV_OK);
}

static struct tv_subscriber_info *got_subscribers;

static enum tv_err list_subscribers(struct tv_supervisor *s)
{
    return tv_subscribers(s, &got_subscribers, &got_count);
}

static void free_subscribers(struct tv_supervisor *s)
{
    (void)s;
    CHECK_EQ(got_count, 1);
    tv_subscribers_free(got_subscribers, got_count);
}

static void views_streams_and_subscribers_without_memory_change_nothing(void)
{
    const struct call stream = {.run = open_stream, .undo = close_stream, .serving = true};
    const struct call all_tasks = {.prepare = fill, .run = list_tasks, .undo = free_tasks};
    const struct call second = {.prepare = subscribe_first, .run = subscribe};
    const struct call list = {.prepare = subscribe_first, .run = list_subscribers,
                              .undo = free_subscribers};

    CHECK_EQ(fail_each(&stream), 2);
    CHECK_EQ(fail_each(&all_tasks), 1);
    CHECK_EQ(fail_each(&second), 4); /* itself, two for its name, its queue */
    CHECK_EQ(fail_each(&list), 1);
}

static void what_is_made_without_memory_is_not_there(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s = NULL;
    struct tv_token *root = tv_token_new(NULL);
    long before = atomic_load(&blocks);

    atomic_store(&no_memory, true);
    CHECK_EQ(tv_supervisor_new(&config, NULL, NULL, &s), TV_NO_MEMORY);
    CHECK(!s);
    CHECK(!tv_token_new(NULL));
    CHECK(!tv_token_new(root));
    CHECK(!tv_clock_new(TV_NEVER));
    CHECK(!tv_text_new("a", 1));
    CHECK(tv_text_new_reason("a", 1) == &tv_text_out_of_memory);
    atomic_store(&no_memory, false);
    CHECK_EQ(atomic_load(&blocks), before);
    tv_token_rele(root);
    CHECK_EQ(atomic_load(&blocks), before - 1);
}

static void ask_without_memory(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_token *token;

    (void)arg;
    (void)result;
    for (long at = 1; at <= 2; at++) {
        memory = (struct order){.at = at};
        CHECK(!tv_task_token(task));
        forget_orders();
    }
    token = tv_task_token(task);
    CHECK(token && !tv_token_is_cancelled(token));
    tv_token_rele(token);
}

static void a_token_without_memory_can_be_asked_for_again(void)
{
    struct tv_supervisor *s = serve(NULL);

    finish(add(s, "a", SPEC(ask_without_memory, NULL)), TV_OUTCOME_COMPLETED);
    close_down(s);
}

/* More than a list has room for at first. */
static void a_clock_without_memory_stands_where_it_was(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s[9];
    struct tv_alarm *alarm;
    tv_ns at;

    config.clock = tv_clock_new(TV_NEVER);
    for (int i = 0; i < 9; i++)
        s[i] = serve(&config);
    for (long order = 1; order <= 2; order++) {
        memory = (struct order){.at = order};
        CHECK_EQ(tv_clock_advance(config.clock, 1), TV_NO_MEMORY);
        memory = (struct order){.at = order};
        CHECK_EQ(tv_clock_next(config.clock, &at), TV_NO_MEMORY);
        memory = (struct order){.at = order};
        CHECK_EQ(tv_alarm_new(config.clock, NULL, 1, &alarm), TV_NO_MEMORY);
        forget_orders();
    }
    CHECK_EQ(tv_clock_now(config.clock), 0);
    CHECK_EQ(tv_clock_asleep(config.clock), 0);
    CHECK_EQ(tv_clock_advance(config.clock, 1), TV_OK);
    for (int i = 0; i < 9; i++)
        close_down(s[i]);
    tv_clock_rele(config.clock);
}

/* ---- loops ---------------------------------------------------------------------------------- */

static struct tv_loop *got_loop;

static enum tv_err make_loop(struct tv_supervisor *s)
{
    (void)s;
    return tv_loop_new(&got_loop);
}

static void release_loop(struct tv_supervisor *s)
{
    (void)s;
    loop_end(got_loop);
}

static void prepare_loop(struct tv_supervisor *s)
{
    CHECK_EQ(make_loop(s), TV_OK);
}

static struct tv_watch *got_watch;

/* Each fails without a trace: of what is watched, and of the loop. */
static enum tv_err begin_watch(struct tv_supervisor *s)
{
    static char mine;
    uint32_t refs = atomic_load(&s->refs);

    got_watch = tv_watch_new(&(struct tv_watched){.supervisor = s}, got_loop, &mine);
    CHECK(got_watch || atomic_load(&s->refs) == refs);
    if (!got_watch)
        loop_end(got_loop);
    return got_watch ? TV_OK : TV_NO_MEMORY;
}

static void end_watch(struct tv_supervisor *s)
{
    tv_watch_withdraw(got_watch);
    release_loop(s);
}

static void a_loop_and_a_watch_without_memory_are_not_there(void)
{
    const struct call loop = {.run = make_loop, .undo = release_loop, .serving = true};
    const struct call watching = {.prepare = prepare_loop, .run = begin_watch, .undo = end_watch,
                                  .serving = true};

    CHECK_EQ(fail_each(&loop), 1);
    CHECK_EQ(fail_each(&watching), 1);
}

/* The `at`-th allocation fails. True: it has been started all the same. */
static bool try_start(long at, bool sticky)
{
    struct host host;
    struct fake fake;
    struct record record = {.notify = false};
    struct body body = {.at_once = true};
    struct tv_supervisor *s = serve_private(&fake, &host, NULL);
    struct tv_task *task = host_add(&host, "a", ON_LOOP(&body), &record);
    enum tv_err err;

    memory = (struct order){.at = at, .sticky = sticky};
    err = start_private(&fake);
    forget_orders();
    CHECK(err == TV_OK || err == TV_NO_MEMORY);
    if (err != TV_OK) {
        CHECK(!tv_loop_of(s) && !tv_loop_is_serving(fake.mailbox));
        CHECK_EQ(start_private(&fake), TV_OK);
    }
    finish(task, TV_OUTCOME_COMPLETED);
    host_close(&host);
    fake_fini(&fake);
    return err == TV_OK;
}

static void a_private_loop_without_memory_can_be_started_again(void)
{
    for (int sticky = 0; sticky < 2; sticky++) {
        long at = 1;

        while (!try_start(at, sticky))
            at++;
        CHECK_EQ(at, 3); /* its thread's argument, and what that hands in when it leaves */
    }
}

static void a_process_that_may_open_no_more_files_gets_no_loop(void)
{
    struct rlimit before, none;
    struct tv_loop *loop = NULL;
    long blocks_before = atomic_load(&blocks);

    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK_EQ(tv_loop_new(&loop), TV_NO_DESCRIPTOR);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(!loop);
    CHECK_EQ(atomic_load(&blocks), blocks_before);
    loop_end(loop_new());
}

/* ---- the rest goes on ----------------------------------------------------------------------- */

static void fail_twice(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)arg;
    if (tv_task_attempt(task) <= 2)
        result->error = (struct tv_error){.kind = TV_ERROR_FAIL,
                                          .text = tv_text_new_reason("no", 2)};
}

static void accepted_tasks_need_no_memory_to_their_end(void)
{
    static const struct tv_spec spec = {.options = TV_OPTIONS_INHERIT, .call = fail_twice};
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s;
    struct tv_stuck_task *stuck;
    struct gate gate = GATE;
    struct tv_task *held;
    size_t count;

    config.defaults.backoff = (struct tv_backoff){TV_MS, TV_MS, 1.0, TV_JITTER_NONE};
    s = serve(&config);
    held = add(s, "held", SPEC(await_gate, &gate));
    EVENTUALLY(is_alive(s, "held"));
    for (size_t i = 0; i < BATCH; i++) {
        struct tv_text *name = text_number("t", i);

        CHECK_EQ(tv_add(s, &spec, name, NULL, &tasks[i]), TV_OK);
        tv_text_rele(name);
    }
    EVENTUALLY(counters(s).threads_created >= 2);
    atomic_store(&no_memory, true);
    for (size_t i = 0; i < BATCH; i++)
        finish(tasks[i], TV_OUTCOME_COMPLETED);
    CHECK_EQ(leave(s, held), TV_OK);
    CHECK_EQ(tv_shutdown(s, 0, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_stuck(s, &stuck, &count), TV_NO_MEMORY);
    atomic_store(&no_memory, false);
    CHECK_EQ(tv_stuck(s, &stuck, &count), TV_NO_MEMORY);
    finish(held, TV_OUTCOME_ABANDONED);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    tv_supervisor_rele(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(an_add_without_memory_is_refused_and_leaves_nothing),
        TEST(a_batch_without_memory_is_refused_as_a_whole),
        TEST(views_streams_and_subscribers_without_memory_change_nothing),
        TEST(what_is_made_without_memory_is_not_there),
        TEST(a_token_without_memory_can_be_asked_for_again),
        TEST(a_clock_without_memory_stands_where_it_was),
        TEST(a_loop_and_a_watch_without_memory_are_not_there),
        TEST(a_private_loop_without_memory_can_be_started_again),
        TEST(a_process_that_may_open_no_more_files_gets_no_loop),
        TEST(accepted_tasks_need_no_memory_to_their_end),
    };

    return CHECK_RUN(tests, argc, argv);
}
