/*
 * await.c: a handle awaited on an asyncio loop: as result(), without blocking the loop.
 *
 * Whoever cancels the await ends the wait and nothing else. A task that is done is not waited for:
 * then the await does not leave the loop, and an Ended gives what there is.
 */
#include "ext/loops.h"

/* ---- of a task that is done ---------------------------------------------------------------- */

struct ended {
    PyObject_HEAD
    PyObject *handle;
};

static PyObject *ended_new(PyObject *handle)
{
    struct ended *self = PyObject_New(struct ended, tv_py_state_of(handle)->ended_type);

    if (self)
        self->handle = Py_NewRef(handle);
    return (PyObject *)self;
}

static void ended_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    Py_DECREF(((struct ended *)object)->handle);
    PyObject_Free(object);
    Py_DECREF(type);
}

/* An iterator returns by raising StopIteration; of None, by raising nothing. Takes `value`. */
static void return_value(PyObject *value)
{
    PyObject *stop = value == Py_None ? NULL : PyObject_CallOneArg(PyExc_StopIteration, value);

    if (stop)
        PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
    Py_DECREF(value);
}

static PyObject *ended_next(PyObject *object)
{
    PyObject *value = tv_py_handle_result((struct tv_py_handle *)((struct ended *)object)->handle);

    if (value)
        return_value(value);
    else
        tv_py_throwable();
    return NULL;
}

static PyType_Slot ended_slots[] = {
    {Py_tp_dealloc, ended_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, ended_next},
    {0, NULL},
};

PyType_Spec tv_py_ended_spec = {
    .name = "taskvisor._core.Ended",
    .basicsize = sizeof(struct ended),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = ended_slots,
};

/* ---- of one that may not be ---------------------------------------------------------------- */

static PyObject *wait_for(PyObject *object, struct tv_py_watch *watch)
{
    struct tv_py_handle *self = (struct tv_py_handle *)object;
    const struct tv_watched target = {.task = self->task, .what = TV_WATCH_OUTCOME};
    PyObject *await;

    if (tv_py_attempt_check_wait(tv_py_state_of(object), self->task, NULL) < 0 ||
        tv_py_watch_begin(watch, &target) < 0)
        return NULL;
    if (tv_task_done(self->task)) {
        tv_py_watch_withdraw(watch);
        return ended_new(object);
    }
    await = tv_py_watch_await((PyObject *)watch);
    if (!await)
        tv_py_watch_withdraw(watch);
    return await;
}

PyObject *tv_py_handle_await(PyObject *object)
{
    struct tv_py_handle *self = (struct tv_py_handle *)object;
    struct tv_py_watch *watch;
    PyObject *await;

    if (tv_task_done(self->task))
        return ended_new(object);
    watch = tv_py_watch_blank(tv_py_state_of(object), self);
    await = watch ? wait_for(object, watch) : NULL;
    Py_XDECREF((PyObject *)watch);
    return await;
}
