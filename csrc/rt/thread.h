/*
 * thread.h: the only door to the system's threads: locks, semaphores, threads.
 *
 * A lock knows its owner, so that a caller can state "held" or "not held". A semaphore is binary
 * and belongs to the one thread that waits on it; posting it is async-signal-safe, and waiting for
 * it ends when a signal handler has run, which a condition variable would sleep through.
 */
#ifndef TV_THREAD_H
#define TV_THREAD_H

#include "taskvisor.h"

#include <pthread.h>
#include <stdatomic.h>

/* A bug in rt/ or ext/ ends the process with its message. */
_Noreturn void tv_abort(const char *file, int line, const char *what);
#define TV_MUST(condition)                                     \
    do {                                                       \
        if (__builtin_expect(!(condition), 0))                 \
            tv_abort(__FILE__, __LINE__, #condition);          \
    } while (0)

struct tv_lock {
    pthread_mutex_t mutex;
    _Atomic uintptr_t owner;   /* of the thread that holds it; 0: free */
    _Atomic int64_t passed_ns; /* when somebody who had waited for it got it */
};

/* NO_MEMORY. */
enum tv_err tv_lock_init(struct tv_lock *lock);
void tv_lock_fini(struct tv_lock *lock);

/*
 * Waits for holders only, who never wait for anything: looks up to TV_LOCK_LOOKS times whether the
 * holder has gone, then TV_LOCK_TIMES times, TV_LOCK_AWAY apart, and goes to sleep. The first is
 * left out where the lock was passed from thread to thread less than TV_LOCK_AWAY ago.
 */
#define TV_LOCK_LOOKS 50
#define TV_LOCK_TIMES 6
#define TV_LOCK_AWAY INT64_C(6000) /* some fifty holds */
void tv_lock_take(struct tv_lock *lock);
void tv_lock_drop(struct tv_lock *lock);
bool tv_lock_is_mine(struct tv_lock *lock);

/* In a forked child: the lock is free, whoever held it in the parent. */
void tv_lock_reset(struct tv_lock *lock);

struct tv_sem {
    _Atomic uint32_t word; /* 0 empty, 1 posted, 2 empty with a sleeper */
#ifndef __linux__
    pthread_mutex_t mutex;
    pthread_cond_t cond;
#endif
};

void tv_sem_init(struct tv_sem *sem);
void tv_sem_fini(struct tv_sem *sem);

/* Async-signal-safe on Linux. Posting twice is posting once. */
void tv_sem_post(struct tv_sem *sem);

/* Blocks. OK: posted, and empty again. TIMEOUT. INTERRUPTED: a signal handler has run. */
enum tv_err tv_sem_wait(struct tv_sem *sem, tv_ns deadline);

/*
 * The same without going to sleep, for TV_SPIN at most: looks again and again, and gives the
 * processor away in between. What comes so soon costs neither side a system call. OK, TIMEOUT.
 */
#define TV_SPIN INT64_C(50000)
enum tv_err tv_sem_spin(struct tv_sem *sem, tv_ns deadline);

/* A descriptor to be woken by: `listen` is readable from the first ring until it is silenced. */
struct tv_bell {
    int listen, ring;
};

/* False: no descriptor is to be had. */
bool tv_bell_init(struct tv_bell *bell);
void tv_bell_fini(struct tv_bell *bell);
void tv_bell_ring(struct tv_bell *bell);
void tv_bell_silence(struct tv_bell *bell);

struct tv_thread {
    pthread_t handle;
};

/* Starts `run(arg)` with every signal blocked. NO_THREAD. */
enum tv_err tv_thread_start(struct tv_thread *thread, size_t stack_size, void *(*run)(void *),
                            void *arg);

/* Names the calling thread; the system keeps 15 bytes. Timers of it are to be exact. */
void tv_thread_prepare(const char *name);
struct tv_thread tv_thread_self(void);
void tv_thread_join(struct tv_thread thread);
void tv_thread_detach(struct tv_thread thread);

/* The number that the host knows a thread by. */
unsigned long tv_thread_number(struct tv_thread thread);

/* The number that the system knows the calling thread by; 0: it is not told. */
long tv_thread_id(void);

/* Does the thread of this process with that number wait for something? Where nobody knows: yes. */
bool tv_thread_is_asleep(long number);

/* Sleeps. For giving way, never for waiting on a condition. */
void tv_thread_rest(tv_ns duration);

/* Processors this process may run on. */
unsigned tv_processors(void);

#endif
