/*
 * private_loop.c: the asyncio loop of a supervisor that was given none, on a thread of its own.
 */
#include "ext/loops.h"

/* Beside whatever has been raised. */
static void close_loop(PyObject *loop)
{
    PyObject *raised = tv_py_take_exception();
    PyObject *none = PyObject_CallMethod(loop, "close", NULL);

    if (!none)
        PyErr_WriteUnraisable(loop);
    Py_XDECREF(none);
    if (raised)
        tv_py_put_exception(raised);
}

/*
 * Takes `loop`, which is closed where it is not wanted: somebody else was quicker, or a shutdown
 * has begun, and whoever adds will be told.
 */
static int start(struct tv_py_core *core, PyObject *loop)
{
    struct tv_py_loop *self = tv_py_loop_new(core->state, loop, true);
    enum tv_err err = TV_NO_MEMORY;
    bool not_needed;

    if (self)
        err = tv_loop_start(core->supervisor, self->mailbox, loop);
    if (err == TV_OK) {
        Py_DECREF(self);
        return 0;
    }
    not_needed = self && (err == TV_ALREADY || err == TV_SHUTTING_DOWN);
    if (self && !not_needed)
        tv_py_raise(core->state, err, NULL);
    Py_XDECREF(self);
    close_loop(loop);
    Py_DECREF(loop);
    return not_needed ? 0 : -1;
}

int tv_py_core_need_loop(struct tv_py_core *core)
{
    PyObject *loop;

    if (tv_loop_of(core->supervisor))
        return 0;
    if (tv_py_asyncio_load(core->state) < 0)
        return -1;
    loop = PyObject_CallNoArgs(core->state->new_event_loop);
    return loop ? start(core, loop) : -1;
}

/* False: it does not run any more. A body's SystemExit or KeyboardInterrupt is recorded already. */
static bool run_once(PyObject *loop)
{
    PyObject *none = PyObject_CallMethod(loop, "run_forever", NULL);

    Py_XDECREF(none);
    if (none)
        return true;
    if (PyErr_ExceptionMatches(PyExc_SystemExit) ||
        PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        PyErr_Clear();
        return true;
    }
    PyErr_WriteUnraisable(loop);
    return false;
}

void tv_py_run_loop(void *arg, void *loop_arg)
{
    struct tv_py_core *core = arg;
    PyObject *loop = loop_arg, *none = NULL;

    while (run_once(loop) && !tv_loop_has_left(core->supervisor))
        continue;
    if (core->state->end_loop)
        none = PyObject_CallOneArg(core->state->end_loop, loop);
    if (!none)
        PyErr_WriteUnraisable(loop);
    Py_XDECREF(none);
    Py_DECREF(loop);
}
