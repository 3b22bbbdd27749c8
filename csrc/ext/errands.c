/*
 * errands.c: what a loop does when it is called: begins attempts, cancels them, tells its waits.
 *
 * It does so for a millisecond at most, and lets the loop go round then.
 */
#include "ext/loops.h"

#define A_WHILE (1 * TV_MS)

/* As call_soon(self), in our context. */
static int come_again(struct tv_py_loop *self)
{
    PyObject *call_soon = tv_py_attribute(self->loop, "call_soon");
    PyObject *args = call_soon ? PyTuple_Pack(1, (PyObject *)self) : NULL;
    PyObject *kwargs = args ? Py_BuildValue("{sO}", "context", self->context) : NULL;
    PyObject *handle = kwargs ? PyObject_Call(call_soon, args, kwargs) : NULL;

    Py_XDECREF(handle);
    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    Py_XDECREF(call_soon);
    return handle ? 0 : -1;
}

static int stop(struct tv_py_loop *self)
{
    PyObject *none = PyObject_CallMethod(self->loop, "stop", NULL);

    Py_XDECREF(none);
    return none ? 0 : -1;
}

static int run(struct tv_py_loop *self, const struct tv_errand *errand)
{
    struct tv_py_watch *told;

    switch (errand->kind) {
    case TV_ERRAND_START:
        return tv_py_attempt_start(self, errand->task);
    case TV_ERRAND_CANCEL:
        tv_py_attempt_cancel(errand);
        return 0;
    case TV_ERRAND_WATCH:
        told = tv_watch_end(errand->watch);
        if (told)
            tv_py_watch_tell(told);
        return 0;
    case TV_ERRAND_LEAVE:
        return stop(self);
    case TV_ERRAND_NONE:
        break;
    }
    return 0;
}

/* What leaves the loop leaves it after it was told to come again. */
static PyObject *leave_with_error(struct tv_py_loop *self)
{
    PyObject *raised = tv_py_take_exception();

    if (come_again(self) < 0)
        PyErr_Clear();
    tv_py_put_exception(raised);
    return NULL;
}

/* A factory, and debug mode, which tells of slow steps, are the loop's own affair. */
static int look_at_loop(struct tv_py_loop *self)
{
    PyObject *factory = PyObject_CallMethodNoArgs(self->loop, self->state->call_get_task_factory);
    PyObject *debug = NULL;
    int is_debug;

    if (factory)
        debug = PyObject_CallMethodNoArgs(self->loop, self->state->call_get_debug);
    is_debug = debug ? PyObject_IsTrue(debug) : -1;
    self->makes_tasks = factory != Py_None || is_debug;
    Py_XDECREF(debug);
    Py_XDECREF(factory);
    return is_debug < 0 ? -1 : 0;
}

PyObject *tv_py_loop_work(struct tv_py_loop *self)
{
    tv_ns until = tv_now() + A_WHILE;
    struct tv_errand errand;

    if (tv_forked_since(self->generation))
        Py_RETURN_NONE;
    tv_loop_hear(self->mailbox);
    if (look_at_loop(self) < 0)
        return NULL;
    while (tv_loop_next(self->mailbox, &errand)) {
        if (run(self, &errand) < 0)
            return leave_with_error(self);
        if (tv_now() >= until)
            return come_again(self) < 0 ? NULL : Py_NewRef(Py_None);
    }
    Py_RETURN_NONE;
}
