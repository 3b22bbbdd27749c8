/*
 * failing.c: allocations and thread creations that fail on order, in a process with Python.
 *
 * Preloaded (LD_PRELOAD) it stands between the extension and the system's malloc, calloc, realloc
 * and pthread_create; failing_install() has it stand in front of Python's allocators too. What is
 * ordered fails on the thread that ordered it: the `at`-th call from then on, and with `sticky` all
 * that follow. Only calls that the extension itself makes are counted for MALLOC and THREAD; for
 * PYTHON those of all code, the interpreter's included.
 *
 * No lock: orders are the thread's own; `epoch`, by which all are called off, is atomic. The
 * functions of the C library are reached by names that glibc alone has.
 */
#define _GNU_SOURCE
#include <Python.h>

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PUBLIC __attribute__((visibility("default")))

enum what { PYTHON, MALLOC, THREAD, WHATS };

struct order {
    long at, calls;
    bool sticky;
    unsigned epoch;
};

typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

PUBLIC void *malloc(size_t size);
PUBLIC void *calloc(size_t count, size_t size);
PUBLIC void *realloc(void *block, size_t size);
PUBLIC int failing_install(void);
PUBLIC void failing_order(int what, long at, int sticky);
PUBLIC void failing_call_off(void);
PUBLIC long failing_calls(void);
PUBLIC PyObject *failing_call(PyObject *callable, int what, long at, int sticky);

static __thread struct order orders[WHATS];
static _Atomic unsigned epoch;
static uintptr_t core_begin, core_end;
static PyMemAllocatorEx python_allocators[3];
static long calls_of_last;

static bool fails(enum what what)
{
    struct order *order = &orders[what];

    if (order->at == 0 || order->epoch != atomic_load(&epoch))
        return false;
    order->calls++;
    return order->calls == order->at || (order->sticky && order->calls > order->at);
}

/* ---- the system's -------------------------------------------------------------------------- */

static bool is_in_core(const void *caller)
{
    return (uintptr_t)caller >= core_begin && (uintptr_t)caller < core_end;
}

void *malloc(size_t size)
{
    if (is_in_core(__builtin_return_address(0)) && fails(MALLOC))
        return NULL;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (is_in_core(__builtin_return_address(0)) && fails(MALLOC))
        return NULL;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    if (is_in_core(__builtin_return_address(0)) && fails(MALLOC))
        return NULL;
    return __libc_realloc(block, size);
}

PUBLIC int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *arg)
{
    static _Atomic(create_function *) real;

    if (is_in_core(__builtin_return_address(0)) && fails(THREAD))
        return EAGAIN;
    if (!atomic_load(&real))
        atomic_store(&real, (create_function *)(uintptr_t)dlsym(RTLD_NEXT, "pthread_create"));
    return atomic_load(&real)(thread, attributes, run, arg);
}

/* ---- Python's ------------------------------------------------------------------------------ */

static void *python_malloc(void *ctx, size_t size)
{
    PyMemAllocatorEx *real = ctx;

    return fails(PYTHON) ? NULL : real->malloc(real->ctx, size);
}

static void *python_calloc(void *ctx, size_t count, size_t size)
{
    PyMemAllocatorEx *real = ctx;

    return fails(PYTHON) ? NULL : real->calloc(real->ctx, count, size);
}

static void *python_realloc(void *ctx, void *block, size_t size)
{
    PyMemAllocatorEx *real = ctx;

    return fails(PYTHON) ? NULL : real->realloc(real->ctx, block, size);
}

static void python_free(void *ctx, void *block)
{
    PyMemAllocatorEx *real = ctx;

    real->free(real->ctx, block);
}

/* ---- orders -------------------------------------------------------------------------------- */

static int find_core(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    if (!strstr(info->dlpi_name, "taskvisor/_core"))
        return 0;
    core_begin = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        core_begin = begin < core_begin ? begin : core_begin;
        core_end = end > core_end ? end : core_end;
    }
    return 1;
}

/* After the import of the package. 0: its extension was not found. */
int failing_install(void)
{
    static const PyMemAllocatorDomain domains[] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM,
                                                   PYMEM_DOMAIN_OBJ};

    for (int i = 0; i < 3; i++) {
        PyMemAllocatorEx failing = {&python_allocators[i], python_malloc, python_calloc,
                                    python_realloc, python_free};

        PyMem_GetAllocator(domains[i], &python_allocators[i]);
        PyMem_SetAllocator(domains[i], &failing);
    }
    return dl_iterate_phdr(find_core, NULL);
}

void failing_order(int what, long at, int sticky)
{
    orders[what] = (struct order){.at = at, .sticky = sticky != 0, .epoch = atomic_load(&epoch)};
}

/* Of all threads. */
void failing_call_off(void)
{
    atomic_fetch_add(&epoch, 1);
}

/* How many calls the last failing_call() has counted. */
long failing_calls(void)
{
    return calls_of_last;
}

PyObject *failing_call(PyObject *callable, int what, long at, int sticky)
{
    PyObject *result;

    failing_order(what, at, sticky);
    result = PyObject_CallNoArgs(callable);
    calls_of_last = orders[what].calls;
    orders[what].at = 0;
    return result;
}
