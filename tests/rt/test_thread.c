#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

/* ---- semaphores ----------------------------------------------------------------------------- */

static void a_post_before_the_wait_is_kept(void)
{
    struct tv_sem sem;

    tv_sem_init(&sem);
    tv_sem_post(&sem);
    CHECK_EQ(tv_sem_wait(&sem, TV_NEVER), TV_OK);
    tv_sem_fini(&sem);
}

static void posting_twice_is_posting_once(void)
{
    struct tv_sem sem;

    tv_sem_init(&sem);
    tv_sem_post(&sem);
    tv_sem_post(&sem);
    CHECK_EQ(tv_sem_wait(&sem, 0), TV_OK);
    CHECK_EQ(tv_sem_wait(&sem, 0), TV_TIMEOUT);
    tv_sem_fini(&sem);
}

static void a_wait_in_vain_ends_at_its_deadline_and_not_before(void)
{
    struct tv_sem sem;
    tv_ns deadline = tv_now() + 5 * TV_MS;

    tv_sem_init(&sem);
    CHECK_EQ(tv_sem_wait(&sem, deadline), TV_TIMEOUT);
    CHECK(tv_now() >= deadline);
    CHECK_EQ(tv_sem_wait(&sem, -TV_SECOND), TV_TIMEOUT);
    tv_sem_fini(&sem);
}

#define ROUNDS 20000

struct pair {
    struct tv_sem ping, pong;
};

static void *answer(void *arg)
{
    struct pair *pair = arg;

    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(tv_sem_wait(&pair->ping, tv_now() + PATIENCE), TV_OK);
        tv_sem_post(&pair->pong);
    }
    return NULL;
}

static void no_post_is_lost_between_two_threads(void)
{
    struct pair pair;
    struct helper helper;

    tv_sem_init(&pair.ping);
    tv_sem_init(&pair.pong);
    helper = helper_start(answer, &pair);
    for (int i = 0; i < ROUNDS; i++) {
        tv_sem_post(&pair.ping);
        CHECK_EQ(tv_sem_wait(&pair.pong, tv_now() + PATIENCE), TV_OK);
    }
    helper_join(helper);
}

/* ---- semaphores and signals ----------------------------------------------------------------- */

static struct tv_sem signalled;
static _Atomic int handled;

static void note_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

static void post_from_handler(int number)
{
    (void)number;
    tv_sem_post(&signalled);
    atomic_fetch_add(&handled, 1);
}

static void on_signal(void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    atomic_store(&handled, 0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
}

static enum tv_err waited;
static _Atomic bool has_waited;

static void *wait_for_ever(void *arg)
{
    waited = tv_sem_wait(arg, TV_NEVER);
    atomic_store(&has_waited, true);
    return NULL;
}

/* Signals come until one finds the thread asleep: the wait must end. */
static enum tv_err wait_under_signals(void)
{
    struct helper helper;

    tv_sem_init(&signalled);
    atomic_store(&has_waited, false);
    helper = helper_start(wait_for_ever, &signalled);
    do {
        int before = atomic_load(&handled);

        CHECK(pthread_kill(helper.thread, SIGUSR1) == 0);
        EVENTUALLY(atomic_load(&handled) > before || atomic_load(&has_waited));
        tv_thread_rest(TV_MS / 10);
    } while (!atomic_load(&has_waited));
    helper_join(helper);
    return waited;
}

static void a_signal_handler_ends_a_wait(void)
{
    on_signal(note_signal, 0);
    CHECK_EQ(wait_under_signals(), TV_INTERRUPTED);
    on_signal(note_signal, SA_RESTART);
    CHECK_EQ(wait_under_signals(), TV_INTERRUPTED);
}

static void a_post_by_a_signal_handler_is_not_lost(void)
{
    on_signal(post_from_handler, 0);
    if (wait_under_signals() == TV_INTERRUPTED)
        CHECK_EQ(tv_sem_wait(&signalled, 0), TV_OK);
}

static void a_post_keeps_errno(void)
{
    struct tv_sem sem;

    tv_sem_init(&sem);
    errno = 4711;
    tv_sem_post(&sem);
    CHECK_EQ(errno, 4711);
}

/* ---- locks ---------------------------------------------------------------------------------- */

static struct tv_lock lock;
static int guarded;

static void *count_guarded(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        tv_lock_take(&lock);
        guarded++;
        tv_lock_drop(&lock);
    }
    return NULL;
}

static void a_lock_excludes(void)
{
    struct helper helpers[4];

    CHECK_EQ(tv_lock_init(&lock), TV_OK);
    for (int i = 0; i < 4; i++)
        helpers[i] = helper_start(count_guarded, NULL);
    for (int i = 0; i < 4; i++)
        helper_join(helpers[i]);
    CHECK_EQ(guarded, 4 * ROUNDS);
    tv_lock_fini(&lock);
}

static void *look_at_lock(void *arg)
{
    *(bool *)arg = tv_lock_is_mine(&lock);
    return NULL;
}

static void a_lock_knows_its_owner(void)
{
    bool others = true;

    CHECK_EQ(tv_lock_init(&lock), TV_OK);
    CHECK(!tv_lock_is_mine(&lock));
    tv_lock_take(&lock);
    CHECK(tv_lock_is_mine(&lock));
    helper_join(helper_start(look_at_lock, &others));
    CHECK(!others);
    tv_lock_drop(&lock);
    CHECK(!tv_lock_is_mine(&lock));
    tv_lock_fini(&lock);
}

/* ---- threads -------------------------------------------------------------------------------- */

struct report {
    pthread_t self;
    sigset_t mask;
    char name[32];
    unsigned long number;
};

static void *write_report(void *arg)
{
    struct report *report = arg;

    tv_thread_prepare("a-name-that-is-too-long");
    report->self = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &report->mask);
    pthread_getname_np(pthread_self(), report->name, sizeof report->name);
    report->number = tv_thread_number(tv_thread_self());
    return NULL;
}

/* rule: R5.60 */
static void a_thread_blocks_every_signal_and_leaves_its_maker_alone(void)
{
    struct report report;
    struct tv_thread thread;
    sigset_t before, after;

    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK_EQ(tv_thread_start(&thread, 0, write_report, &report), TV_OK);
    tv_thread_join(thread);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int number = 1; number < 32; number++) {
        CHECK_EQ(sigismember(&after, number), number == SIGUSR2);
        if (number != SIGKILL && number != SIGSTOP)
            CHECK(sigismember(&report.mask, number));
    }
    sigemptyset(&before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void a_thread_has_its_name_cut_and_its_number(void)
{
    struct report report;
    struct tv_thread thread;

    CHECK_EQ(tv_thread_start(&thread, 0, write_report, &report), TV_OK);
    CHECK_EQ(tv_thread_number(thread), (unsigned long)thread.handle);
    tv_thread_join(thread);
    CHECK_BYTES(report.name, strlen(report.name), "a-name-that-is-");
    CHECK_EQ(report.number, (unsigned long)report.self);
}

static void a_stack_that_the_system_refuses_is_an_error(void)
{
    struct tv_thread thread;

    CHECK_EQ(tv_thread_start(&thread, 1, write_report, NULL), TV_NO_THREAD);
    CHECK_EQ(tv_thread_start(&thread, SIZE_MAX / 2, write_report, NULL), TV_NO_THREAD);
}

static void a_rest_is_as_long_as_it_says(void)
{
    tv_ns begin = tv_now();

    tv_thread_rest(2 * TV_MS);
    CHECK(tv_now() - begin >= 2 * TV_MS);
}

static void there_is_a_processor(void)
{
    CHECK(tv_processors() >= 1);
    CHECK(tv_processors() <= (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}

/* ---- bells ---------------------------------------------------------------------------------- */

static bool is_rung(const struct tv_bell *bell)
{
    struct pollfd listen = {.fd = bell->listen, .events = POLLIN};

    return poll(&listen, 1, 0) == 1;
}

static void a_bell_is_readable_from_the_first_ring_until_it_is_silenced(void)
{
    struct tv_bell bell;

    CHECK(tv_bell_init(&bell));
    CHECK(!is_rung(&bell));
    tv_bell_silence(&bell); /* and does not wait for a ring */
    for (int rings = 1; rings < 200; rings += 66) {
        for (int i = 0; i < rings; i++)
            tv_bell_ring(&bell);
        CHECK(is_rung(&bell) && is_rung(&bell));
        tv_bell_silence(&bell);
        CHECK(!is_rung(&bell));
    }
    tv_bell_fini(&bell);
}

static void a_bell_that_is_full_rings_on_and_blocks_nobody(void)
{
    const uint64_t full = UINT64_MAX - 1;
    struct tv_bell bell;

    CHECK(tv_bell_init(&bell));
    CHECK(write(bell.ring, &full, sizeof full) == sizeof full);
    tv_bell_ring(&bell);
    CHECK(is_rung(&bell));
    tv_bell_silence(&bell);
    CHECK(!is_rung(&bell));
    tv_bell_ring(&bell);
    CHECK(is_rung(&bell));
    tv_bell_fini(&bell);
}

static void *await_ring(void *arg)
{
    const struct tv_bell *bell = arg;
    struct pollfd listen = {.fd = bell->listen, .events = POLLIN};

    CHECK(poll(&listen, 1, (int)(PATIENCE / TV_MS)) == 1);
    return NULL;
}

static void a_ring_ends_the_sleep_of_another_thread(void)
{
    struct tv_bell bell;
    struct helper helper;

    CHECK(tv_bell_init(&bell));
    for (int i = 0; i < 50; i++) {
        helper = helper_start(await_ring, &bell);
        tv_bell_ring(&bell);
        helper_join(helper);
        tv_bell_silence(&bell);
    }
    tv_bell_fini(&bell);
}

static void a_bell_is_not_for_other_programs(void)
{
    struct tv_bell bell;

    CHECK(tv_bell_init(&bell));
    CHECK(fcntl(bell.listen, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(bell.ring, F_GETFD) & FD_CLOEXEC);
    tv_bell_fini(&bell);
    CHECK(fcntl(bell.listen, F_GETFD) == -1 && errno == EBADF);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_post_before_the_wait_is_kept),
        TEST(posting_twice_is_posting_once),
        TEST(a_wait_in_vain_ends_at_its_deadline_and_not_before),
        TEST(no_post_is_lost_between_two_threads),
        TEST(a_signal_handler_ends_a_wait),
        TEST(a_post_by_a_signal_handler_is_not_lost),
        TEST(a_post_keeps_errno),
        TEST(a_lock_excludes),
        TEST(a_lock_knows_its_owner),
        TEST(a_thread_blocks_every_signal_and_leaves_its_maker_alone),
        TEST(a_thread_has_its_name_cut_and_its_number),
        TEST(a_stack_that_the_system_refuses_is_an_error),
        TEST(a_rest_is_as_long_as_it_says),
        TEST(there_is_a_processor),
        TEST(a_bell_is_readable_from_the_first_ring_until_it_is_silenced),
        TEST(a_bell_that_is_full_rings_on_and_blocks_nobody),
        TEST(a_ring_ends_the_sleep_of_another_thread),
        TEST(a_bell_is_not_for_other_programs),
    };

    return CHECK_RUN(tests, argc, argv);
}
