/*
 * aiohandle_type.c: taskvisor.aio.TaskHandle: a TaskHandle whose waits are coroutines. They are the
 * package's; here they are only given the handle.
 */
#include "ext/loops.h"

static struct tv_py_handle *handle_of(PyObject *self)
{
    return (struct tv_py_handle *)self;
}

static int check_here(PyObject *self)
{
    return tv_py_check_loop(tv_py_state_of(self), tv_task_supervisor(handle_of(self)->task));
}

static PyObject *aiohandle_await(PyObject *self)
{
    return check_here(self) < 0 ? NULL : tv_py_handle_await(self);
}

static PyObject *aiohandle_check(PyObject *self, PyObject *unused)
{
    (void)unused;
    return check_here(self) < 0 ? NULL : Py_NewRef(Py_None);
}

/* Calls a function of the package with the handle and the one argument. */
static PyObject *call(PyObject *function, const struct tv_py_params *params, PyObject *self,
                      PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                      PyObject *left_out)
{
    PyObject *value;

    if (tv_py_parse(params, args, nargs, kwnames, &value) < 0)
        return NULL;
    if (!function)
        return tv_py_raise_new(NULL, "()");
    return PyObject_CallFunctionObjArgs(function, self, value ? value : left_out, NULL);
}

#define METHOD(name, function, params, left_out)                                          \
    static PyObject *aiohandle_##name(PyObject *self, PyObject *const *args,              \
                                      Py_ssize_t nargs, PyObject *kwnames)                \
    {                                                                                     \
        return call(tv_py_state_of(self)->function, &(params), self, args, nargs, kwnames, \
                    (left_out));                                                          \
    }

static const struct tv_py_params outcome_params = {"outcome", 0, 1, 1, {"timeout"}};
static const struct tv_py_params result_params = {"result", 0, 1, 1, {"timeout"}};
static const struct tv_py_params cancel_params = {"cancel", 0, 1, 1, {"timeout"}};
static const struct tv_py_params callback_params = {"add_done_callback", 1, 1, 1, {"fn"}};

METHOD(outcome, aio_outcome, outcome_params, Py_None)
METHOD(result, aio_result, result_params, Py_None)
METHOD(cancel, aio_cancel, cancel_params, Py_Ellipsis)
METHOD(add_done_callback, aio_add_done_callback, callback_params, Py_None)

/* What outcome() and result() give, of a task that is done. */
static PyObject *aiohandle_ended(PyObject *self, PyObject *unused)
{
    (void)unused;
    return tv_py_handle_outcome(handle_of(self));
}

static PyObject *aiohandle_value(PyObject *self, PyObject *unused)
{
    (void)unused;
    return tv_py_handle_result(handle_of(self));
}

PyDoc_STRVAR(outcome_doc,
             "outcome($self, /, timeout=None)\n--\n\n"
             "Coroutine: wait until the task has ended and return its TaskOutcome, however it\n"
             "ended.\n\n"
             "timeout: seconds to wait at most, a float or a timedelta; None waits for ever.\n"
             "Raises TimeoutError past it.");

PyDoc_STRVAR(result_doc,
             "result($self, /, timeout=None)\n--\n\n"
             "Coroutine: wait until the task has ended and return what its last attempt gave.\n\n"
             "timeout: seconds to wait at most, a float or a timedelta; None waits for ever.\n"
             "Raises what the last attempt raised if the task ended failed or fatal by it,\n"
             "OutcomeError for every other end but a completed one, TimeoutError past the\n"
             "timeout.");

PyDoc_STRVAR(cancel_doc,
             "cancel($self, /, timeout=...)\n--\n\n"
             "Coroutine: ask the task to stop and wait until its body has returned and its name\n"
             "is free.\n\n"
             "timeout: seconds to wait at most, a float or a timedelta; left out it is the task's\n"
             "grace, None waits for ever.\n"
             "Returns True to the one caller that asked first, False to all others.\n"
             "Raises TaskRemoveTimeout past the timeout; the removal goes on.");

PyDoc_STRVAR(add_done_callback_doc,
             "add_done_callback($self, fn)\n--\n\n"
             "Call fn(handle) on the loop, once, when the task has its outcome.\n\n"
             "What it raises is logged. Raises TypeError if fn is not callable.");

static PyMethodDef aiohandle_methods[] = {
    {"done", tv_py_handle_done, METH_NOARGS, tv_py_done_doc},
    {"outcome", (PyCFunction)(void (*)(void))aiohandle_outcome, METH_FASTCALL | METH_KEYWORDS,
     outcome_doc},
    {"result", (PyCFunction)(void (*)(void))aiohandle_result, METH_FASTCALL | METH_KEYWORDS,
     result_doc},
    {"cancel", (PyCFunction)(void (*)(void))aiohandle_cancel, METH_FASTCALL | METH_KEYWORDS,
     cancel_doc},
    {"add_done_callback", (PyCFunction)(void (*)(void))aiohandle_add_done_callback,
     METH_FASTCALL | METH_KEYWORDS, add_done_callback_doc},
    {"_watch", tv_py_handle_watch, METH_NOARGS,
     "_watch($self, /)\n--\n\nBegin a wait of the running loop for the outcome."},
    {"_leave", tv_py_handle_leave, METH_NOARGS,
     "_leave($self, /)\n--\n\nAs _leave(task) of its supervisor."},
    {"_check_here", aiohandle_check, METH_NOARGS, tv_py_check_here_doc},
    {"_ended", aiohandle_ended, METH_NOARGS, "_ended($self, /)\n--\n\nThe outcome; it is there."},
    {"_value", aiohandle_value, METH_NOARGS, "_value($self, /)\n--\n\nAs result(); it is there."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(aiohandle_doc,
             "A task of an `aio.SupervisorHandle`. Awaited it is as `result()`; cancelling the\n"
             "await does not cancel the task. To be used on its supervisor's loop.");

static PyType_Slot aiohandle_slots[] = {
    {Py_tp_doc, (void *)aiohandle_doc},
    {Py_tp_traverse, tv_py_handle_traverse},
    {Py_tp_clear, tv_py_handle_clear},
    {Py_tp_dealloc, tv_py_handle_dealloc},
    {Py_tp_repr, tv_py_handle_repr},
    {Py_am_await, aiohandle_await},
    {Py_tp_methods, aiohandle_methods},
    {Py_tp_getset, tv_py_handle_getset},
    {Py_tp_members, tv_py_handle_members},
    {0, NULL},
};

PyType_Spec tv_py_aiohandle_spec = {
    .name = "taskvisor.aio.TaskHandle",
    .basicsize = sizeof(struct tv_py_handle),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = aiohandle_slots,
};
