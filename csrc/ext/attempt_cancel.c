/*
 * attempt_cancel.c: cancelling an asyncio task, and again where the body is still there.
 */
#include "ext/loops.h"

/* A timeout's cancel is repeated for ever, so not without a pause. */
#define SHORTEST_PAUSE (10 * TV_MS)

static PyObject *repeat(PyObject *object, PyObject *unused);
static PyMethodDef repeat_method = {"taskvisor_cancel_again", repeat, METH_NOARGS, NULL};

static void arm(struct tv_py_attempt *self)
{
    PyObject *again = PyCFunction_New(&repeat_method, (PyObject *)self);
    PyObject *loop = self->loop->loop;

    if (again)
        self->repeat = PyObject_CallMethod(loop, "call_later", "dO", self->pause, again);
    if (!self->repeat)
        PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(again);
}

static void cancel_task(struct tv_py_attempt *self)
{
    PyObject *asked = PyObject_CallMethod(self->task, "cancel", NULL);

    if (!asked)
        PyErr_WriteUnraisable(self->task);
    Py_XDECREF(asked);
}

static PyObject *repeat(PyObject *object, PyObject *unused)
{
    struct tv_py_attempt *self = (struct tv_py_attempt *)object;

    (void)unused;
    Py_CLEAR(self->repeat);
    if (!self->task)
        Py_RETURN_NONE;
    cancel_task(self);
    if (self->on_and_on && self->task)
        arm(self);
    Py_RETURN_NONE;
}

/*
 * A task that waits for its token has been told by that: it is cancelled at the repetition, should
 * it still be there.
 */
void tv_py_attempt_cancel(const struct tv_errand *errand)
{
    struct tv_py_attempt *self = ((struct tv_py_handle *)tv_task_user(errand->task))->attempt;
    tv_ns pause = errand->again_ns;

    if (!self || !self->task)
        return;
    tv_py_attempt_stop_repeating(self);
    if (!self->prefers || pause == TV_NONE)
        cancel_task(self);
    if (pause == TV_NONE)
        return;
    if (errand->on_and_on && pause < SHORTEST_PAUSE)
        pause = SHORTEST_PAUSE;
    self->pause = (double)pause / (double)TV_SECOND;
    self->on_and_on = errand->on_and_on;
    arm(self);
}
