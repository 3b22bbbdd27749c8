/*
 * callbacks.c: the done callbacks of a handle, each called once by whoever comes first: the runtime
 * when the task has its outcome, or the call that adds it where the outcome is there.
 */
#include "ext/objects.h"

/* In a child that the callback has forked a thread of ours is nobody's; a caller's goes on. */
static void run_callback(struct tv_py_state *state, struct tv_py_handle *self, PyObject *fn,
                         bool is_ours)
{
    unsigned generation = tv_generation();
    PyObject *none = PyObject_CallOneArg(fn, (PyObject *)self);
    PyObject *exception = none ? NULL : tv_py_take_exception();

    if (is_ours && tv_forked_since(generation))
        tv_py_end_child(state, exception);
    Py_XDECREF(none);
    if (!exception)
        return;
    none = NULL;
    if (state->log_callback_error)
        none = PyObject_CallFunctionObjArgs(state->log_callback_error, self, exception, NULL);
    if (!none)
        PyErr_WriteUnraisable(fn);
    Py_XDECREF(none);
    Py_DECREF(exception);
}

void tv_py_handle_run_callbacks(struct tv_py_state *state, struct tv_py_handle *self,
                                bool is_ours)
{
    PyObject *callbacks;

    Py_BEGIN_CRITICAL_SECTION(self);
    callbacks = self->callbacks;
    self->callbacks = NULL;
    Py_END_CRITICAL_SECTION();
    if (!callbacks)
        return;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(callbacks); i++)
        run_callback(state, self, PyList_GET_ITEM(callbacks, i), is_ours);
    Py_DECREF(callbacks);
}

static int append_callback(struct tv_py_handle *self, PyObject *fn)
{
    int err = -1;

    Py_BEGIN_CRITICAL_SECTION(self);
    if (!self->callbacks)
        self->callbacks = PyList_New(0);
    if (self->callbacks)
        err = PyList_Append(self->callbacks, fn);
    Py_END_CRITICAL_SECTION();
    return err;
}

PyObject *tv_py_handle_add_done_callback(PyObject *self, PyObject *fn)
{
    struct tv_py_handle *handle = (struct tv_py_handle *)self;

    if (!PyCallable_Check(fn))
        return PyErr_Format(PyExc_TypeError, "fn must be callable, not %s", Py_TYPE(fn)->tp_name);
    if (append_callback(handle, fn) < 0)
        return NULL;
    /* False: the runtime may have been here before the append, so what is there is for us. */
    if (!tv_task_notify(handle->task))
        tv_py_handle_run_callbacks(tv_py_state_of(self), handle, false);
    Py_RETURN_NONE;
}
