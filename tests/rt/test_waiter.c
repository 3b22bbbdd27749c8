#include "fixture.h"

#include <signal.h>

static struct tv_lock lock;
static struct tv_list list;

/* One sleeper in a thread of its own. */
struct sleeper {
    struct helper helper;
    enum tv_waits_for waits_for;
    tv_ns deadline;
    struct tv_sem *shared;
    enum tv_err slept;
    bool in_vain, linked;
    _Atomic bool back;
};

static void *sleep_once(void *arg)
{
    struct sleeper *sleeper = arg;
    struct tv_waiter waiter;

    tv_waiter_init(&waiter, sleeper->waits_for);
    if (sleeper->shared)
        waiter.sem = sleeper->shared;
    tv_lock_take(&lock);
    sleeper->slept = tv_waiter_sleep(&waiter, &list, &lock, sleeper->deadline);
    sleeper->in_vain = waiter.in_vain;
    sleeper->linked = !tv_list_empty(&waiter.link);
    tv_waiter_fini(&waiter);
    atomic_store(&sleeper->back, true);
    return NULL;
}

static int count_waiters(void)
{
    int count = 0;

    tv_lock_take(&lock);
    for (struct tv_list *link = list.next; link != &list; link = link->next)
        count++;
    tv_lock_drop(&lock);
    return count;
}

static void set_up(void)
{
    CHECK_EQ(tv_lock_init(&lock), TV_OK);
    tv_list_init(&list);
}

static void tear_down(void)
{
    CHECK(tv_list_empty(&list));
    tv_lock_fini(&lock);
}

/* Returns when it is in the list. */
static void fall_asleep(struct sleeper *sleeper, enum tv_waits_for waits_for, tv_ns deadline)
{
    int before = count_waiters();

    *sleeper = (struct sleeper){.waits_for = waits_for, .deadline = deadline,
                                .shared = sleeper->shared};
    sleeper->helper = helper_start(sleep_once, sleeper);
    EVENTUALLY(count_waiters() > before);
}

static void wake_all(enum tv_waits_for what, bool in_vain)
{
    struct tv_waiter *wake = NULL;

    tv_lock_take(&lock);
    tv_waiters_wake(&list, what, in_vain, &wake);
    tv_lock_drop(&lock);
    tv_waiters_post(wake);
}

static void wake_up(struct sleeper *sleeper, enum tv_err slept)
{
    helper_join(sleeper->helper);
    CHECK_EQ(sleeper->slept, slept);
    CHECK(!sleeper->linked);
}

/* ---- what ends a sleep ---------------------------------------------------------------------- */

static void who_is_woken_is_told_so(void)
{
    struct sleeper sleeper = {.shared = NULL};

    set_up();
    fall_asleep(&sleeper, TV_WAITS_OTHER, TV_NEVER);
    wake_all(TV_WAITS_OTHER, false);
    wake_up(&sleeper, TV_OK);
    CHECK(!sleeper.in_vain);
    tear_down();
}

static void who_is_woken_in_vain_can_tell(void)
{
    struct sleeper sleeper = {.shared = NULL};

    set_up();
    fall_asleep(&sleeper, TV_WAITS_OTHER, TV_NEVER);
    wake_all(TV_WAITS_OTHER, true);
    wake_up(&sleeper, TV_OK);
    CHECK(sleeper.in_vain);
    tear_down();
}

static void who_is_not_woken_in_time_has_left_the_list(void)
{
    struct sleeper sleeper = {.waits_for = TV_WAITS_OTHER, .deadline = 0};

    set_up();
    sleeper.helper = helper_start(sleep_once, &sleeper);
    wake_up(&sleeper, TV_TIMEOUT);
    tear_down();
}

/* One that sleeps would sleep for ever. */
static void a_brief_wait_ends_however_far_its_deadline_is(void)
{
    struct sleeper sleeper = {.waits_for = TV_WAITS_OTHER, .deadline = TV_NEVER};

    set_up();
    tv_wait_briefly(true);
    sleep_once(&sleeper);
    tv_wait_briefly(false);
    CHECK_EQ(sleeper.slept, TV_TIMEOUT);
    CHECK(!sleeper.linked);
    tear_down();
}

static void a_wake_is_for_those_who_wait_for_it(void)
{
    struct sleeper outcome = {.shared = NULL}, gone = {.shared = NULL};

    set_up();
    fall_asleep(&outcome, TV_WAITS_OUTCOME, TV_NEVER);
    fall_asleep(&gone, TV_WAITS_GONE, TV_NEVER);
    wake_all(TV_WAITS_OUTCOME, false);
    wake_up(&outcome, TV_OK);
    CHECK_EQ(count_waiters(), 1);
    CHECK(!atomic_load(&gone.back));
    wake_all(TV_WAITS_OTHER, false);
    wake_up(&gone, TV_OK);
    tear_down();
}

/* ---- races ---------------------------------------------------------------------------------- */

/* The deadline passes while this thread has the lock and takes the sleeper out of the list. */
static void who_is_woken_as_his_time_runs_out_waits_for_the_post(void)
{
    struct sleeper sleeper = {.shared = NULL};
    struct tv_waiter *wake = NULL;

    set_up();
    fall_asleep(&sleeper, TV_WAITS_OTHER, tv_now() + 50 * TV_MS);
    tv_lock_take(&lock);
    if (tv_list_empty(&list)) {
        tv_lock_drop(&lock); /* this machine was too slow: nothing to see */
        helper_join(sleeper.helper);
        tear_down();
        return;
    }
    while (tv_now() < sleeper.deadline)
        tv_thread_rest(TV_MS);
    tv_waiters_wake(&list, TV_WAITS_OTHER, false, &wake);
    tv_lock_drop(&lock);
    for (int i = 0; i < 20; i++) {
        tv_thread_rest(TV_MS / 2);
        CHECK(!atomic_load(&sleeper.back));
    }
    tv_waiters_post(wake);
    wake_up(&sleeper, TV_OK);
    tear_down();
}

static void a_post_of_a_shared_semaphore_by_somebody_else_is_an_interruption(void)
{
    struct sleeper sleeper;
    struct tv_sem shared;

    set_up();
    tv_sem_init(&shared);
    sleeper.shared = &shared;
    fall_asleep(&sleeper, TV_WAITS_OTHER, TV_NEVER);
    tv_sem_post(&shared);
    wake_up(&sleeper, TV_INTERRUPTED);
    fall_asleep(&sleeper, TV_WAITS_OTHER, TV_NEVER);
    wake_all(TV_WAITS_OTHER, false);
    wake_up(&sleeper, TV_OK);
    tv_sem_fini(&shared);
    tear_down();
}

static void do_nothing(int number)
{
    (void)number;
}

static void a_signal_ends_a_sleep(void)
{
    struct sigaction action = {.sa_handler = do_nothing};
    struct sleeper sleeper = {.shared = NULL};

    set_up();
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    fall_asleep(&sleeper, TV_WAITS_OTHER, TV_NEVER);
    while (!atomic_load(&sleeper.back)) {
        pthread_kill(sleeper.helper.thread, SIGUSR1);
        tv_thread_rest(TV_MS / 10);
    }
    wake_up(&sleeper, TV_INTERRUPTED);
    tear_down();
}

#define SLEEPS 5000
static _Atomic int woken;
static _Atomic bool stopped;

/* Deadlines of 0 to 20 µs meet wake-ups at every point of a sleep. */
static void *sleep_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < SLEEPS; i++) {
        struct tv_waiter waiter;
        enum tv_err slept;

        tv_waiter_init(&waiter, TV_WAITS_OTHER);
        tv_lock_take(&lock);
        slept = tv_waiter_sleep(&waiter, &list, &lock, tv_now() + i % 20 * 1000);
        CHECK(slept == TV_OK || slept == TV_TIMEOUT);
        CHECK(tv_list_empty(&waiter.link));
        CHECK_EQ(waiter.woken, slept == TV_OK);
        if (slept == TV_OK)
            atomic_fetch_add(&woken, 1);
        tv_waiter_fini(&waiter);
    }
    return NULL;
}

static void *wake_often(void *arg)
{
    int *posts = arg;

    while (!atomic_load(&stopped)) {
        struct tv_waiter *wake = NULL;

        tv_lock_take(&lock);
        if (!tv_list_empty(&list)) {
            tv_waiter_wake(TV_CONTAINER(list.next, struct tv_waiter, link), false, &wake);
            ++*posts;
        }
        tv_lock_drop(&lock);
        tv_waiters_post(wake);
    }
    return NULL;
}

static void every_wake_reaches_its_sleeper_whenever_it_comes(void)
{
    struct helper sleepers[3], waker;
    int posts = 0;

    set_up();
    waker = helper_start(wake_often, &posts);
    for (int i = 0; i < 3; i++)
        sleepers[i] = helper_start(sleep_often, NULL);
    for (int i = 0; i < 3; i++)
        helper_join(sleepers[i]);
    atomic_store(&stopped, true);
    helper_join(waker);
    CHECK_EQ(atomic_load(&woken), posts);
    CHECK(posts > 0);
    tear_down();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(who_is_woken_is_told_so),
        TEST(who_is_woken_in_vain_can_tell),
        TEST(who_is_not_woken_in_time_has_left_the_list),
        TEST(a_brief_wait_ends_however_far_its_deadline_is),
        TEST(a_wake_is_for_those_who_wait_for_it),
        TEST(who_is_woken_as_his_time_runs_out_waits_for_the_post),
        TEST(a_post_of_a_shared_semaphore_by_somebody_else_is_an_interruption),
        TEST(a_signal_ends_a_sleep),
        TEST(every_wake_reaches_its_sleeper_whenever_it_comes),
    };

    return CHECK_RUN(tests, argc, argv);
}
