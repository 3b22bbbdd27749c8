/*
 * host.c: CPython as the runtime's host.
 *
 * Each thread of the runtime has one thread state for life, made on the thread itself; attaching is
 * taking the GIL with it. The interpreter's end is the runtime's business: past tv_exit_end it
 * attaches no more, and what would have been given back stays.
 */
#include "ext/aio.h"

#include <string.h>

/* A thread of the runtime, as the interpreter knows it. It ends after host->closed, which may have
 * freed the Core; so what its end needs is its own. */
struct thread {
    PyThreadState *state;
    PyObject *worker_end; /* the hook, once worker_begin has been called */
    char name[];
};

static struct thread *thread_new(const char *name)
{
    size_t size = strlen(name) + 1;
    struct thread *thread = PyMem_RawMalloc(sizeof *thread + size);

    if (thread) {
        thread->worker_end = NULL;
        memcpy(thread->name, name, size);
    }
    return thread;
}

static void *thread_begin(void *arg, const char *name)
{
    struct tv_py_core *core = arg;
    struct thread *thread = thread_new(name);

    if (!thread)
        return NULL;
    thread->state = tv_py_thread_state_new(core->interpreter);
    if (!thread->state) {
        PyMem_RawFree(thread);
        return NULL;
    }
    return thread;
}

/* The hooks contain their own errors; what is left is memory. */
static void call_hook(PyObject *hook, PyObject *arg)
{
    PyObject *none = PyObject_CallFunctionObjArgs(hook, arg, NULL);

    if (!none)
        PyErr_WriteUnraisable(hook);
    Py_XDECREF(none);
}

/* Not where the interpreter has cleared the module already. */
static void greet(struct tv_py_state *state, struct thread *thread)
{
    PyObject *name;

    if (!state->worker_begin || !state->worker_end)
        return;
    thread->worker_end = Py_NewRef(state->worker_end);
    name = PyUnicode_FromString(thread->name);
    if (name)
        call_hook(state->worker_begin, name);
    PyErr_Clear();
    Py_XDECREF(name);
}

static void attach(void *arg, void *state)
{
    struct thread *thread = state;

    PyEval_RestoreThread(thread->state);
    if (!thread->worker_end)
        greet(((struct tv_py_core *)arg)->state, thread);
}

static void detach(void *arg, void *state)
{
    (void)arg;
    (void)state;
    PyEval_SaveThread();
}

static void thread_end(void *arg, void *state)
{
    struct thread *thread = state;

    (void)arg;
    if (!tv_is_gone()) {
        PyEval_RestoreThread(thread->state);
        if (thread->worker_end)
            call_hook(thread->worker_end, NULL);
        Py_CLEAR(thread->worker_end);
        PyThreadState_Clear(thread->state);
        PyThreadState_DeleteCurrent();
    }
    PyMem_RawFree(thread);
}

/* ---- what the runtime tells ---------------------------------------------------------------- */

static bool ended_badly(const struct tv_task *task)
{
    enum tv_outcome_kind kind = tv_task_outcome_kind(task);

    return kind == TV_OUTCOME_FAILED || kind == TV_OUTCOME_FATAL || kind == TV_OUTCOME_ABANDONED;
}

/* Without subscribers it is the log that does. */
static bool wants_failures(const struct tv_py_core *core)
{
    bool wants = core->subscriber_count == 0;

    for (size_t i = 0; i < core->subscriber_count; i++)
        wants = wants || core->subscribers[i].takes_failures;
    return wants;
}

/* The subscribers that have an on_failure, a new list. */
static PyObject *takers(const struct tv_py_core *core)
{
    PyObject *list = PyList_New(0);

    for (size_t i = 0; i < core->subscriber_count && list; i++)
        if (core->subscribers[i].takes_failures &&
            PyList_Append(list, core->subscribers[i].object) < 0)
            Py_CLEAR(list);
    return list;
}

/* Tells those who want to know; the log, where there is no subscriber at all. */
static void tell_failure(struct tv_py_core *core, struct tv_py_handle *handle)
{
    bool is_log = core->subscriber_count == 0;
    PyObject *hook = is_log ? core->state->log_failure : core->state->tell_failure;
    PyObject *outcome = hook ? tv_py_handle_outcome(handle) : NULL;
    PyObject *list = outcome && !is_log ? takers(core) : NULL;
    PyObject *none = NULL;

    if (outcome && (is_log || list))
        none = PyObject_CallFunctionObjArgs(hook, handle, outcome, list, NULL);
    if (PyErr_Occurred())
        PyErr_WriteUnraisable((PyObject *)handle);
    Py_XDECREF(none);
    Py_XDECREF(list);
    Py_XDECREF(outcome);
}

static void settled(void *arg, struct tv_task *task)
{
    struct tv_py_core *core = arg;
    struct tv_py_handle *handle = tv_task_user(task);

    tv_py_handle_show(handle, task);
    if (tv_essential(core->supervisor) == tv_task_id(task) && !core->essential)
        core->essential = Py_NewRef((PyObject *)handle);
    if (ended_badly(task) && wants_failures(core))
        tell_failure(core, handle);
    tv_py_handle_run_callbacks(core->state, handle, true);
}

/* The task may be over before add() has told the handle of it. */
static void forgotten(void *arg, struct tv_task *task)
{
    struct tv_py_handle *handle = tv_task_user(task);

    (void)arg;
    tv_py_handle_show(handle, task);
    tv_py_handle_forget(handle);
}

/* Where its body is: the ident of a thread, or an asyncio task. */
static PyObject *place_of(struct tv_py_state *state, const struct tv_stuck_task *stuck)
{
    PyObject *task = NULL;

    if (stuck->on_loop)
        task = tv_py_loop_find_task(state, stuck->on_loop);
    return task ? task : PyLong_FromUnsignedLong(stuck->thread);
}

/* {name: where its body is} of the stuck tasks. */
static PyObject *stuck_places(struct tv_py_state *state, const struct tv_stuck_task *tasks,
                              size_t count)
{
    PyObject *places = PyDict_New();

    for (size_t i = 0; i < count && places; i++) {
        PyObject *name = tv_py_text(tasks[i].name);
        PyObject *place = name ? place_of(state, &tasks[i]) : NULL;

        if (!place || PyDict_SetItem(places, name, place) < 0)
            Py_CLEAR(places);
        Py_XDECREF(place);
        Py_XDECREF(name);
    }
    return places;
}

static void exceeded(void *arg)
{
    struct tv_py_core *core = arg;
    struct tv_stuck_task *tasks = NULL;
    PyObject *places = NULL;
    size_t count = 0;

    if (tv_stuck(core->supervisor, &tasks, &count) == TV_OK)
        places = stuck_places(core->state, tasks, count);
    tv_stuck_free(tasks, count);
    if (places && core->state->stacks)
        core->stacks = PyObject_CallOneArg(core->state->stacks, places);
    Py_XDECREF(places);
    if (PyErr_Occurred())
        PyErr_WriteUnraisable((PyObject *)core);
}

static void closed(void *arg)
{
    Py_DECREF((PyObject *)arg);
}

/* Does one attached thread keep the others from running? */
static int has_gil(void)
{
#ifdef Py_GIL_DISABLED
    PyObject *sys = PyImport_ImportModule("sys");
    PyObject *answer = sys ? PyObject_CallMethod(sys, "_is_gil_enabled", NULL) : NULL;
    int enabled = answer ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    Py_XDECREF(sys);
    return enabled;
#else
    return 1;
#endif
}

#define HOST(has_a_gil)                                                                  \
    {.thread_begin = thread_begin, .thread_end = thread_end, .attach = attach,           \
     .detach = detach, .exclusive = (has_a_gil), .settled = settled,                     \
     .forgotten = forgotten, .exceeded = exceeded, .run_loop = tv_py_run_loop,           \
     .closed = closed}

static const struct tv_host with_gil = HOST(true), without_gil = HOST(false);

const struct tv_host *tv_py_host(void)
{
    int exclusive = has_gil();

    if (exclusive < 0)
        return NULL;
    return exclusive ? &with_gil : &without_gil;
}
