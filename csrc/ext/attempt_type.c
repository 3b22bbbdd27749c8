/*
 * attempt_type.c: Attempt, one attempt of a coroutine function: an asyncio task, from its begin on
 * the loop to its result. Internal; all of it happens on the loop's thread, or when that is closed.
 *
 * An Attempt refers to its asyncio task and is its done callback. The two keep each other, and the
 * Loop keeps the Attempt, until the end: the loop has weak references to tasks only.
 */
#include "ext/loops.h"

static void attempt_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_Free(object); /* only an ended one comes here: it holds nothing */
    Py_DECREF(type);
}

/* Running ones are the Loop's, and their handle's. */
void tv_py_attempt_enlist(struct tv_py_attempt *self)
{
    struct tv_py_loop *loop = self->loop;

    self->handle->attempt = self;
    Py_INCREF(self);
    TV_PY_LOCK_LOOPS(loop->state);
    self->next = loop->attempts;
    if (self->next)
        self->next->previous = self;
    loop->attempts = self;
    TV_PY_UNLOCK_LOOPS();
}

static void delist(struct tv_py_attempt *self)
{
    struct tv_py_loop *loop = self->loop;

    self->handle->attempt = NULL;
    TV_PY_LOCK_LOOPS(loop->state);
    if (self->next)
        self->next->previous = self->previous;
    if (self->previous)
        self->previous->next = self->next;
    else
        loop->attempts = self->next;
    TV_PY_UNLOCK_LOOPS();
    self->next = self->previous = NULL;
    Py_DECREF(self);
}

struct tv_py_attempt *tv_py_attempt_here(struct tv_py_state *state)
{
    PyObject *found = NULL;

    if (!state->current || PyContextVar_Get(state->current, NULL, &found) < 0 || !found)
        return NULL;
    Py_DECREF(found); /* the current context has it */
    return ((struct tv_py_attempt *)found)->handle ? (struct tv_py_attempt *)found : NULL;
}

int tv_py_attempt_is_current(const struct tv_py_attempt *self)
{
    PyObject *current;
    int is;

    if (!self->task)
        return 1;
    current = PyObject_CallNoArgs(self->call.state->current_task);
    is = current == self->task;
    Py_XDECREF(current);
    return current ? is : -1;
}

int tv_py_attempt_check_wait(struct tv_py_state *state, const struct tv_task *task,
                             const struct tv_supervisor *supervisor)
{
    const struct tv_py_attempt *self = tv_py_attempt_here(state);
    int is;

    if (!self || (self->call.task != task && tv_task_supervisor(self->call.task) != supervisor))
        return 0;
    is = tv_py_attempt_is_current(self);
    if (is > 0)
        PyErr_SetString(PyExc_RuntimeError,
                        "a body cannot wait for the end of its own task or supervisor; what was "
                        "asked for goes on, and remove() and shutdown(wait=False) do not wait");
    return is ? -1 : 0;
}

/* ---- the end ------------------------------------------------------------------------------- */

void tv_py_attempt_stop_repeating(struct tv_py_attempt *self)
{
    PyObject *none = NULL;

    if (!self->repeat)
        return;
    none = PyObject_CallMethod(self->repeat, "cancel", NULL);
    PyErr_Clear();
    Py_XDECREF(none);
    Py_CLEAR(self->repeat);
}

/* Takes what its body returned or raised. The runtime may let go of the handle in the middle. */
void tv_py_attempt_finish(struct tv_py_attempt *self, PyObject *value, PyObject *exception)
{
    struct tv_task *task = self->call.task;
    struct tv_result result = {.stray = false};

    if (tv_forked_since(self->loop->generation))
        tv_py_end_child(self->call.state, exception);
    tv_py_attempt_stop_repeating(self);
    if (self->call.context)
        tv_py_context_end(&self->call);
    tv_py_keep(self->call.state, self->handle, value, exception, &result);
    self->handle = NULL;
    self->loop = NULL;
    tv_loop_end(task, &result);
}

/* What has been raised is the attempt's end. */
void tv_py_attempt_finish_raised(struct tv_py_attempt *self)
{
    tv_py_attempt_finish(self, NULL, tv_py_take_exception());
}

/* The asyncio task is done: what came of it. */
void tv_py_attempt_finish_done(struct tv_py_attempt *self, PyObject *task)
{
    PyObject *value = tv_py_asyncio_result(self->call.state, task);

    if (value)
        tv_py_attempt_finish(self, value, NULL);
    else
        tv_py_attempt_finish_raised(self);
}

static PyObject *attempt_call(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct tv_py_attempt *self = (struct tv_py_attempt *)object;
    PyObject *task = self->task;

    (void)args;
    (void)kwargs;
    if (!self->handle)
        Py_RETURN_NONE;
    self->task = NULL;
    delist(self);
    tv_py_attempt_finish_done(self, task);
    Py_XDECREF(task);
    Py_RETURN_NONE;
}

static void ignore(PyObject *result)
{
    PyErr_Clear();
    Py_XDECREF(result);
}

/*
 * The coroutine is closed, which runs its finally blocks and takes away the warning that it never
 * ran; the task is not to complain that it is pending.
 */
void tv_py_attempt_put_away(PyObject *task)
{
    PyObject *coroutine = PyObject_CallMethod(task, "get_coro", NULL);

    PyErr_Clear();
    if (PyObject_SetAttrString(task, "_log_destroy_pending", Py_False) < 0)
        PyErr_Clear();
    if (coroutine && coroutine != Py_None)
        ignore(PyObject_CallMethod(coroutine, "close", NULL));
    Py_XDECREF(coroutine);
}

/* It has ended in the last round of its loop, and its callback was to come in the next. */
static bool has_ended(struct tv_py_state *state, PyObject *task)
{
    bool ended = tv_py_asyncio_done(state, task) > 0;

    PyErr_Clear();
    return ended;
}

static void lose_running(struct tv_py_attempt *self, PyObject *task)
{
    struct tv_task *ours = self->call.task;
    struct tv_result result = {.error = {.kind = TV_ERROR_CANCELED}};

    Py_CLEAR(self->repeat);
    if (self->call.context)
        tv_py_context_end(&self->call);
    self->handle = NULL;
    self->loop = NULL;
    tv_py_attempt_put_away(task);
    tv_loop_end(ours, &result);
}

void tv_py_attempt_lose(struct tv_py_attempt *self)
{
    PyObject *task = self->task;

    self->task = NULL;
    delist(self);
    if (has_ended(self->call.state, task))
        tv_py_attempt_finish_done(self, task);
    else
        lose_running(self, task);
    Py_DECREF(task);
}

/* ---- the type ------------------------------------------------------------------------------ */

static PyType_Slot attempt_slots[] = {
    {Py_tp_dealloc, attempt_dealloc},
    {Py_tp_call, attempt_call},
    {0, NULL},
};

PyType_Spec tv_py_attempt_spec = {
    .name = "taskvisor._core.Attempt",
    .basicsize = sizeof(struct tv_py_attempt),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = attempt_slots,
};
