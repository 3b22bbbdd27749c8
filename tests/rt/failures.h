/*
 * failures.h: allocations and thread creations that fail on order, and blocks that are counted.
 *
 *     memory = (struct order){.at = 3, .sticky = true};
 *     err = tv_add(…);  // this thread's third allocation fails, and all that follow
 *     forget_orders();
 *
 * The Makefile puts these functions between the runtime and the system.
 */
#ifndef FAILURES_H
#define FAILURES_H

#include "host.h"

#include <errno.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *block);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *block);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);

static _Atomic long blocks;

/* Of the thread that ordered them: the `at`-th call from now fails, and with `sticky` all later. */
struct order {
    long at, calls;
    bool sticky;
};
static _Thread_local struct order memory, threads;

/* Of all threads. */
static _Atomic bool no_memory, no_threads;

static inline bool fails(struct order *order)
{
    if (order->at == 0)
        return false;
    order->calls++;
    return order->calls == order->at || (order->sticky && order->calls > order->at);
}

void *__wrap_malloc(size_t size)
{
    void *block = fails(&memory) || atomic_load(&no_memory) ? NULL : __real_malloc(size);

    atomic_fetch_add(&blocks, block != NULL);
    return block;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *block = fails(&memory) || atomic_load(&no_memory) ? NULL : __real_calloc(count, size);

    atomic_fetch_add(&blocks, block != NULL);
    return block;
}

void __wrap_free(void *block)
{
    atomic_fetch_sub(&blocks, block != NULL);
    __real_free(block);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    if (fails(&threads) || atomic_load(&no_threads))
        return EAGAIN;
    return __real_pthread_create(thread, attr, run, arg);
}

static inline void forget_orders(void)
{
    memory = threads = (struct order){.at = 0};
}

#endif
