#define _GNU_SOURCE
#include "rt/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

_Noreturn void tv_abort(const char *file, int line, const char *what)
{
    fprintf(stderr, "taskvisor: internal check failed at %s:%d: %s\n", file, line, what);
    abort();
}

/* ---- locks --------------------------------------------------------------------------------- */

static uintptr_t self(void)
{
    return (uintptr_t)pthread_self();
}

enum tv_err tv_lock_init(struct tv_lock *lock)
{
    atomic_init(&lock->owner, 0);
    atomic_init(&lock->passed_ns, 0);
    return pthread_mutex_init(&lock->mutex, NULL) == 0 ? TV_OK : TV_NO_MEMORY;
}

void tv_lock_fini(struct tv_lock *lock)
{
    TV_MUST(pthread_mutex_destroy(&lock->mutex) == 0);
}

static void pause_processor(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__ || defined __arm__
    __asm__ volatile("yield");
#endif
}

static bool is_free(const struct tv_lock *lock)
{
    return atomic_load_explicit(&lock->owner, memory_order_relaxed) == 0;
}

static void stay_away(tv_ns until)
{
    do {
        for (int n = 0; n < 16; n++)
            pause_processor();
    } while (tv_now() < until);
}

/*
 * A hold is shorter than a sleep and a wake-up, so whoever finds the lock taken looks whether it
 * has become free. But two threads that each take it often would pass it, and all that it guards,
 * to and fro between their processors at each hold. Where it has just been passed on, who wants it
 * stays away for many holds: the other one keeps its caches, and then this one has a run of holds.
 */
static void await_holder(struct tv_lock *lock)
{
    tv_ns now = tv_now(), passed = atomic_load_explicit(&lock->passed_ns, memory_order_relaxed);

    if (now - passed > TV_LOCK_AWAY)
        for (int n = 0; n < TV_LOCK_LOOKS && !is_free(lock); n++)
            pause_processor();
    for (int n = 0; n < TV_LOCK_TIMES && !is_free(lock); n++, now = tv_now())
        stay_away(now + TV_LOCK_AWAY);
}

void tv_lock_take(struct tv_lock *lock)
{
    bool waited = !is_free(lock);

    if (waited)
        await_holder(lock);
    TV_MUST(pthread_mutex_lock(&lock->mutex) == 0);
    atomic_store_explicit(&lock->owner, self(), memory_order_relaxed);
    if (waited)
        atomic_store_explicit(&lock->passed_ns, tv_now(), memory_order_relaxed);
}

void tv_lock_drop(struct tv_lock *lock)
{
    TV_MUST(tv_lock_is_mine(lock));
    atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
    TV_MUST(pthread_mutex_unlock(&lock->mutex) == 0);
}

bool tv_lock_is_mine(struct tv_lock *lock)
{
    return atomic_load_explicit(&lock->owner, memory_order_relaxed) == self();
}

void tv_lock_reset(struct tv_lock *lock)
{
    memset(&lock->mutex, 0, sizeof lock->mutex);
    TV_MUST(tv_lock_init(lock) == TV_OK);
}

/* ---- semaphores ---------------------------------------------------------------------------- */

enum { EMPTY, POSTED, SLEEPER };

#ifdef __linux__

void tv_sem_init(struct tv_sem *sem)
{
    atomic_init(&sem->word, EMPTY);
}

void tv_sem_fini(struct tv_sem *sem)
{
    (void)sem;
}

/*
 * The exchange comes before the wake, and the sleeper leaves only when it has taken POSTED out of
 * the word, so no post is lost. The wake may find a word that its owner has left: then it wakes
 * nobody, or somebody who looks again.
 */
void tv_sem_post(struct tv_sem *sem)
{
    int saved = errno;

    if (atomic_exchange_explicit(&sem->word, POSTED, memory_order_release) == SLEEPER)
        syscall(SYS_futex, &sem->word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    errno = saved;
}

static bool take(struct tv_sem *sem)
{
    uint32_t posted = POSTED;

    return atomic_compare_exchange_strong_explicit(&sem->word, &posted, EMPTY,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* Always with a timeout: a futex wait without one is restarted after a handler with SA_RESTART. */
static int sleep_until(struct tv_sem *sem, tv_ns deadline)
{
    tv_ns latest = INT64_C(1) << 60;
    tv_ns at = deadline < 0 ? 0 : deadline < latest ? deadline : latest;
    struct timespec until = {.tv_sec = at / TV_SECOND, .tv_nsec = at % TV_SECOND};

    if (syscall(SYS_futex, &sem->word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, SLEEPER, &until,
                NULL, FUTEX_BITSET_MATCH_ANY) == 0)
        return 0;
    return errno;
}

enum tv_err tv_sem_wait(struct tv_sem *sem, tv_ns deadline)
{
    for (;;) {
        uint32_t empty = EMPTY;
        int error;

        if (take(sem))
            return TV_OK;
        if (deadline <= 0)
            return TV_TIMEOUT;
        atomic_compare_exchange_strong_explicit(&sem->word, &empty, SLEEPER, memory_order_relaxed,
                                                memory_order_relaxed);
        error = sleep_until(sem, deadline);
        if (error != EINTR && error != ETIMEDOUT)
            continue;
        if (take(sem))
            return TV_OK;
        return error == EINTR ? TV_INTERRUPTED : TV_TIMEOUT;
    }
}

enum tv_err tv_sem_spin(struct tv_sem *sem, tv_ns deadline)
{
    tv_ns until = tv_now() + TV_SPIN;

    if (deadline < until)
        until = deadline;
    while (!take(sem)) {
        if (tv_now() >= until)
            return TV_TIMEOUT;
        sched_yield();
    }
    return TV_OK;
}

#else /* POSIX: a condition variable sleeps through signals, so it looks up now and then */

#define LOOK_UP (100 * TV_MS)

void tv_sem_init(struct tv_sem *sem)
{
    atomic_init(&sem->word, EMPTY);
    pthread_mutex_init(&sem->mutex, NULL);
    pthread_cond_init(&sem->cond, NULL);
}

void tv_sem_fini(struct tv_sem *sem)
{
    pthread_cond_destroy(&sem->cond);
    pthread_mutex_destroy(&sem->mutex);
}

void tv_sem_post(struct tv_sem *sem)
{
    pthread_mutex_lock(&sem->mutex);
    atomic_store(&sem->word, POSTED);
    pthread_cond_signal(&sem->cond);
    pthread_mutex_unlock(&sem->mutex);
}

enum tv_err tv_sem_wait(struct tv_sem *sem, tv_ns deadline)
{
    enum tv_err err = TV_OK;

    pthread_mutex_lock(&sem->mutex);
    if (atomic_load(&sem->word) != POSTED) {
        tv_ns left = deadline - tv_now(), at = tv_wall_clock();
        struct timespec until;

        at += left < LOOK_UP ? (left > 0 ? left : 0) : LOOK_UP;
        until = (struct timespec){.tv_sec = at / TV_SECOND, .tv_nsec = at % TV_SECOND};
        pthread_cond_timedwait(&sem->cond, &sem->mutex, &until);
    }
    if (atomic_exchange(&sem->word, EMPTY) != POSTED)
        err = tv_now() >= deadline ? TV_TIMEOUT : TV_INTERRUPTED;
    pthread_mutex_unlock(&sem->mutex);
    return err;
}

enum tv_err tv_sem_spin(struct tv_sem *sem, tv_ns deadline)
{
    return tv_sem_wait(sem, deadline < tv_now() + TV_SPIN ? deadline : tv_now() + TV_SPIN);
}

#endif

/* ---- bells --------------------------------------------------------------------------------- */

#ifdef __linux__

bool tv_bell_init(struct tv_bell *bell)
{
    bell->listen = bell->ring = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bell->listen >= 0;
}

void tv_bell_fini(struct tv_bell *bell)
{
    close(bell->listen);
}

#else

static void prepare_end(int descriptor)
{
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
}

bool tv_bell_init(struct tv_bell *bell)
{
    int ends[2];

    if (pipe(ends) != 0)
        return false;
    prepare_end(ends[0]);
    prepare_end(ends[1]);
    *bell = (struct tv_bell){ends[0], ends[1]};
    return true;
}

void tv_bell_fini(struct tv_bell *bell)
{
    close(bell->listen);
    close(bell->ring);
}

#endif

/* A bell that is full rings already. */
void tv_bell_ring(struct tv_bell *bell)
{
    const uint64_t one = 1;

    while (write(bell->ring, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

void tv_bell_silence(struct tv_bell *bell)
{
    uint64_t rung[8];
    ssize_t got;

    do
        got = read(bell->listen, rung, sizeof rung);
    while (got == (ssize_t)sizeof rung || (got < 0 && errno == EINTR));
}

/* ---- threads ------------------------------------------------------------------------------- */

#define DEFAULT_STACK ((size_t)1 << 20)

static int create(struct tv_thread *thread, const pthread_attr_t *attr, void *(*run)(void *),
                  void *arg)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    TV_MUST(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    error = pthread_create(&thread->handle, attr, run, arg);
    TV_MUST(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return error;
}

enum tv_err tv_thread_start(struct tv_thread *thread, size_t stack_size, void *(*run)(void *),
                            void *arg)
{
    pthread_attr_t attr;
    int error;

    if (pthread_attr_init(&attr) != 0)
        return TV_NO_THREAD;
    error = pthread_attr_setstacksize(&attr, stack_size ? stack_size : DEFAULT_STACK);
    if (error == 0)
        error = create(thread, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return error == 0 ? TV_OK : TV_NO_THREAD;
}

void tv_thread_prepare(const char *name)
{
#ifdef __linux__
    char shortened[16];

    snprintf(shortened, sizeof shortened, "%s", name);
    pthread_setname_np(pthread_self(), shortened);
    prctl(PR_SET_TIMERSLACK, 1UL);
#else
    (void)name;
#endif
}

struct tv_thread tv_thread_self(void)
{
    return (struct tv_thread){.handle = pthread_self()};
}

void tv_thread_join(struct tv_thread thread)
{
    TV_MUST(pthread_join(thread.handle, NULL) == 0);
}

void tv_thread_detach(struct tv_thread thread)
{
    TV_MUST(pthread_detach(thread.handle) == 0);
}

unsigned long tv_thread_number(struct tv_thread thread)
{
    return (unsigned long)thread.handle;
}

void tv_thread_rest(tv_ns duration)
{
    struct timespec rest = {.tv_sec = duration / TV_SECOND, .tv_nsec = duration % TV_SECOND};

    nanosleep(&rest, NULL);
}

unsigned tv_processors(void)
{
#ifdef __linux__
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    return online > 0 ? (unsigned)online : 1;
}
