/*
 * watched.h: the runtime's locks, with a test in between. It counts what a thread holds, and stops
 * a thread before a lock, so that it comes late.
 *
 *     host.held_locks = held_here;                         // the fake host checks that it is none
 *     make_late("taskvisor-timer", NULL);                  // that thread waits until `freed`
 *     skip = 1;                                           // this one, before its next lock but one
 */
#ifndef WATCHED_H
#define WATCHED_H

#include "host.h"

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

static _Thread_local int held;

/* Before the next lock but `skip` this thread stops until `freed`, or for a while. */
static _Thread_local int skip = -1;
static _Atomic bool freed;
static _Atomic int stopped;

/* Threads called so stop before every lock, until `freed`. */
static const char *_Atomic late_names[2];

static inline bool is_late(const char *late)
{
    char name[16] = "";

    pthread_getname_np(pthread_self(), name, sizeof name);
    return strcmp(name, late) == 0;
}

static inline bool is_to_stop(void)
{
    if (skip >= 0 && skip-- == 0)
        return true;
    for (int i = 0; i < 2; i++) {
        const char *late = atomic_load(&late_names[i]);

        if (late && is_late(late))
            return true;
    }
    return false;
}

static inline void stop_here(void)
{
    tv_ns until = tv_now() + 300 * TV_MS;

    atomic_fetch_add(&stopped, 1);
    while (!atomic_load(&freed) && tv_now() < until)
        tv_thread_rest(TV_MS / 5);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    int error;

    if (is_to_stop())
        stop_here();
    error = __real_pthread_mutex_lock(mutex);
    held++;
    return error;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    held--;
    return __real_pthread_mutex_unlock(mutex);
}

static inline int held_here(void)
{
    return held;
}

static inline void make_late(const char *one, const char *other)
{
    atomic_store(&freed, false);
    atomic_store(&late_names[0], one);
    atomic_store(&late_names[1], other);
}

static inline void free_the_late(void)
{
    make_late(NULL, NULL);
    atomic_store(&freed, true);
}

#endif
