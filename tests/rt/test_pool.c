#include "host.h"

#include <time.h>

#ifdef __SANITIZE_THREAD__
#define BLOCKERS 300 /* TSan needs a megabyte for each */
#else
#define BLOCKERS 1000
#endif
#define NO_OPS 10000
#define COMPUTERS 2000

static struct tv_task *blockers[BLOCKERS], *others[NO_OPS];

/* ---- a supervisor with or without a host ---------------------------------------------------- */

static struct host host;
static bool hosted;

static struct tv_supervisor *serve_as(bool with_host, const struct tv_config *config)
{
    hosted = with_host;
    if (!with_host)
        return serve(config);
    host_init(&host);
    return host_serve(&host, config);
}

static void close_as(struct tv_supervisor *s)
{
    if (hosted)
        host_close(&host);
    else
        close_down(s);
}

static void add_as(struct tv_supervisor *s, const char *prefix, size_t count,
                   const struct tv_spec *spec, struct tv_task **tasks)
{
    for (size_t i = 0; i < count; i++) {
        struct tv_text *name = text_number(prefix, i);

        if (hosted)
            host_take(&host);
        CHECK_EQ(tv_add(s, spec, name, NULL, &tasks[i]), TV_OK);
        if (hosted) {
            atomic_fetch_add(&host.accepted, 1);
            host_give(&host);
        }
        tv_text_rele(name);
    }
}

static void finish_all(struct tv_task **tasks, size_t count, enum tv_outcome_kind kind)
{
    for (size_t i = 0; i < count; i++)
        finish(tasks[i], kind);
}

/* ---- bodies that block ---------------------------------------------------------------------- */

static _Atomic int blocked;

static void block(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct host *left = hosted ? host_leave() : NULL;

    atomic_fetch_add(&blocked, 1);
    await_cancel(task, arg, result);
    if (left)
        host_return(left);
}

static const struct tv_spec blocking = {.options = TV_OPTIONS_INHERIT, .call = block};

static void check_blockers(bool with_host)
{
    struct tv_supervisor *s = serve_as(with_host, NULL);

    atomic_store(&blocked, 0);
    add_as(s, "blocker", BLOCKERS, &blocking, blockers);
    add_as(s, "other", NO_OPS, &returning, others);
    finish_all(others, NO_OPS, TV_OUTCOME_COMPLETED);
    EVENTUALLY(atomic_load(&blocked) == BLOCKERS);
    CHECK(counters(s).threads_created < BLOCKERS + 200);
    if (hosted)
        host_shutdown(&host, TV_NONE, false);
    else
        CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    finish_all(blockers, BLOCKERS, TV_OUTCOME_CANCELED);
    if (hosted) {
        host_fini(&host);
        return;
    }
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(counters(s).threads_joined, counters(s).threads_created);
    tv_supervisor_rele(s);
}

/* rule: R1.12 */
static void bodies_that_block_all_run_and_hold_nobody_back(void)
{
    check_blockers(false);
}

static void bodies_that_block_all_run_under_a_big_lock_too(void)
{
    check_blockers(true);
}

/* ---- bodies that compute -------------------------------------------------------------------- */

static void compute(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct timespec time;
    tv_ns begin = 0, now = 0;

    (void)task;
    (void)arg;
    (void)result;
    while (now - begin < TV_MS) {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        now = time.tv_sec * TV_SECOND + time.tv_nsec;
        if (begin == 0)
            begin = now;
    }
}

static const struct tv_spec computing = {.options = TV_OPTIONS_INHERIT, .call = compute};

/*
 * Under a big lock a computing body keeps the lock, which is a fact, so the number is exact.
 * Without one a body that the rest of the machine keeps from the processor looks like one that
 * blocks.
 */
static void check_computers(bool with_host)
{
    struct tv_supervisor *s = serve_as(with_host, NULL);

    add_as(s, "computer", COMPUTERS, &computing, others);
    finish_all(others, COMPUTERS, TV_OUTCOME_COMPLETED);
    if (with_host)
        CHECK(counters(s).threads_created < 200);
    close_as(s);
}

static void bodies_that_compute_all_complete(void)
{
    check_computers(false);
}

/* rule: R1.13 */
static void bodies_that_compute_do_not_breed_threads_under_a_big_lock(void)
{
    check_computers(true);
}

/* ---- few workers for little work ------------------------------------------------------------ */

static void one_task_after_the_other_needs_no_crowd(void)
{
    struct tv_supervisor *s = serve(NULL);

    for (int i = 0; i < 2000; i++)
        finish(add(s, "a", &returning), TV_OUTCOME_COMPLETED);
    CHECK(counters(s).threads_created < 20);
    close_down(s);
}

static void many_short_tasks_need_no_crowd(void)
{
    struct tv_supervisor *s = serve_as(true, NULL);

    add_as(s, "other", NO_OPS, &returning, others);
    finish_all(others, NO_OPS, TV_OUTCOME_COMPLETED);
    CHECK(counters(s).threads_created < 100);
    close_as(s);
}

static _Atomic int order;
static bool out_of_order;

static void check_order(struct tv_task *task, void *arg, struct tv_result *result)
{
    char name[16];

    (void)arg;
    (void)result;
    snprintf(name, sizeof name, "other%d", atomic_fetch_add(&order, 1));
    out_of_order |= strcmp(name, tv_task_name(task)->bytes) != 0;
}

/* rule: R1.5, R1.6 */
static void with_one_permit_tasks_run_in_the_order_they_came_in(void)
{
    static const struct tv_spec checking = {.options = TV_OPTIONS_INHERIT, .call = check_order};
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s;

    config.max_concurrent = 1;
    s = serve_as(false, &config);
    add_as(s, "other", 3000, &checking, others);
    finish_all(others, 3000, TV_OUTCOME_COMPLETED);
    CHECK_EQ(atomic_load(&order), 3000);
    CHECK(!out_of_order);
    close_as(s);
}

static _Atomic int inside, most_inside;

static void count_inside(struct tv_task *task, void *arg, struct tv_result *result)
{
    int now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);

    (void)task;
    (void)arg;
    (void)result;
    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
        continue;
    tv_thread_rest(TV_MS / 10);
    atomic_fetch_sub(&inside, 1);
}

/* rule: R1.5 */
static void no_more_bodies_run_than_there_are_permits(void)
{
    static const struct tv_spec counting = {.options = TV_OPTIONS_INHERIT, .call = count_inside};
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_supervisor *s;

    config.max_concurrent = 3;
    s = serve_as(false, &config);
    add_as(s, "other", 1000, &counting, others);
    finish_all(others, 1000, TV_OUTCOME_COMPLETED);
    CHECK(atomic_load(&most_inside) <= 3);
    close_as(s);
}

/* ---- rest ----------------------------------------------------------------------------------- */

/* Takes TV_POOL_IDLE. The host is closed although no worker is left that could be told to. */
static void idle_workers_leave_and_come_back_when_there_is_work(void)
{
    struct tv_supervisor *plain = serve(NULL), *with_host;
    struct tv_counters before, after;

    with_host = serve_as(true, NULL);
    add_as(with_host, "other", 10, &returning, others);
    finish_all(others, 10, TV_OUTCOME_COMPLETED);
    for (int i = 0; i < 10; i++)
        finish(add(plain, "a", &returning), TV_OUTCOME_COMPLETED);
    EVENTUALLY(counters(plain).workers_busy + counters(plain).workers_starting == 0);
    before = counters(plain);
    EVENTUALLY(counters(plain).workers_idle == 0 && counters(with_host).workers_idle == 0);
    after = counters(plain);
    /* A look that was asked for while there was work: the asking, and the look. */
    CHECK(after.timer_wakeups <= before.timer_wakeups + after.threads_created + 2);
    EVENTUALLY(counters(plain).threads_joined == after.threads_created);
    EVENTUALLY(atomic_load(&host.ended) == atomic_load(&host.begun));
    finish(add(plain, "a", &returning), TV_OUTCOME_COMPLETED);
    CHECK_EQ(counters(plain).threads_created, after.threads_created + 1);
    close_down(plain);
    close_as(with_host);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(bodies_that_block_all_run_and_hold_nobody_back),
        TEST(bodies_that_block_all_run_under_a_big_lock_too),
        TEST(bodies_that_compute_all_complete),
        TEST(bodies_that_compute_do_not_breed_threads_under_a_big_lock),
        TEST(one_task_after_the_other_needs_no_crowd),
        TEST(many_short_tasks_need_no_crowd),
        TEST(with_one_permit_tasks_run_in_the_order_they_came_in),
        TEST(no_more_bodies_run_than_there_are_permits),
        TEST(idle_workers_leave_and_come_back_when_there_is_work),
    };

    return CHECK_RUN(tests, argc, argv);
}
