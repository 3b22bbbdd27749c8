/*
 * taskhandle_type.c: TaskHandle, what a caller has of a task.
 *
 * A handle is a GC type allocated untracked: while the task lives, the runtime's reference keeps
 * it alive, and no collection would find it. It is tracked when the task is over, and only if what
 * it then holds can be part of a cycle.
 */
#include "ext/loops.h"

#include <string.h>

struct tv_py_handle *tv_py_handle_new(struct tv_py_core *core, struct tv_py_spec *spec,
                                      PyObject *context, enum tv_py_asker asker)
{
    struct tv_py_state *state = core->state;
    PyTypeObject *type = asker == TV_PY_THREAD ? state->taskhandle_type : state->aiohandle_type;
    struct tv_py_handle *self = PyObject_GC_New(struct tv_py_handle, type);

    if (!self)
        return NULL;
    self->task = NULL;
    self->spec = (struct tv_py_spec *)Py_NewRef(spec);
    self->context = Py_NewRef(context);
    self->result = self->traceback = self->callbacks = self->outcome = self->weakrefs = NULL;
    self->attempt = NULL;
    self->raised = self->has_own_context = self->enters_own_context = false;
    return self;
}

/* A context of a waiting task is, like its handle, nothing that a collection need look at. */
void tv_py_handle_own_context(struct tv_py_handle *self, bool enters)
{
    self->has_own_context = true;
    self->enters_own_context = enters;
    PyObject_GC_UnTrack(self->context);
}

static void drop_context(struct tv_py_handle *self)
{
    PyObject *context = self->context;

    self->context = NULL;
    if (context && self->has_own_context)
        PyObject_GC_Track(context); /* its dealloc counts on that */
    Py_XDECREF(context);
}

/* Both store the same pointer; where there is no GIL they may do so at one time. */
void tv_py_handle_show(struct tv_py_handle *self, struct tv_task *task)
{
#ifdef Py_GIL_DISABLED
    __atomic_store_n(&self->task, task, __ATOMIC_RELAXED);
#else
    self->task = task;
#endif
}

void tv_py_handle_accept(struct tv_py_handle *self, struct tv_task *task)
{
    tv_py_handle_show(self, task);
}

int tv_py_handle_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct tv_py_handle *self = (struct tv_py_handle *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->spec);
    Py_VISIT(self->context);
    Py_VISIT(self->result);
    Py_VISIT(self->traceback);
    Py_VISIT(self->callbacks);
    Py_VISIT(self->outcome);
    return 0;
}

int tv_py_handle_clear(PyObject *object)
{
    struct tv_py_handle *self = (struct tv_py_handle *)object;

    Py_CLEAR(self->spec);
    drop_context(self);
    Py_CLEAR(self->traceback);
    Py_CLEAR(self->result);
    Py_CLEAR(self->callbacks);
    Py_CLEAR(self->outcome);
    return 0;
}

void tv_py_handle_dealloc(PyObject *object)
{
    struct tv_py_handle *self = (struct tv_py_handle *)object;
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    if (self->weakrefs)
        PyObject_ClearWeakRefs(object);
    tv_py_handle_clear(object);
    if (self->task)
        tv_task_rele(self->task);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static bool can_be_in_a_cycle(PyObject *object)
{
    return object && PyObject_IS_GC(object);
}

/* The runtime's reference is dropped last: it may be the last one. */
void tv_py_handle_forget(struct tv_py_handle *self)
{
    Py_CLEAR(self->spec);
    drop_context(self);
    if (tv_task_outcome_kind(self->task) == TV_OUTCOME_ABANDONED) {
        Py_CLEAR(self->traceback);
        Py_CLEAR(self->result);
    }
    if (can_be_in_a_cycle(self->result))
        PyObject_GC_Track(self);
    Py_DECREF(self);
}

/* ---- waiting for it ------------------------------------------------------------------------ */

static enum tv_err wait_outcome(void *arg, tv_ns deadline)
{
    return tv_task_wait(arg, deadline);
}

static const struct tv_py_params outcome_params = {"outcome", 0, 1, 1, {"timeout"}};
static const struct tv_py_params result_params = {"result", 0, 1, 1, {"timeout"}};

/* Waits until the task has its outcome. */
static int wait_done(struct tv_py_handle *self, const struct tv_py_params *params,
                     PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *timeout;
    enum tv_err err = TV_OK;
    tv_ns ns;

    if (tv_py_parse(params, args, nargs, kwnames, &timeout) < 0 ||
        tv_py_timeout(timeout, "timeout", &ns) < 0)
        return -1;
    if (!tv_task_done(self->task) &&
        tv_py_wait_for(tv_py_state_of((PyObject *)self), tv_task_supervisor(self->task),
                       "outcome() and result() would block the event loop that the tasks of this "
                       "supervisor run on; await the handle, or add_done_callback()",
                       wait_outcome, self->task, ns, &err) < 0)
        return -1;
    if (err == TV_OK)
        return 0;
    if (err == TV_TIMEOUT)
        PyErr_SetString(PyExc_TimeoutError, "the task has not ended in time");
    else
        tv_py_raise(tv_py_state_of((PyObject *)self), err,
                    "outcome() and result() would wait for their own caller; add_done_callback() "
                    "does not wait");
    return -1;
}

PyDoc_STRVAR(outcome_doc,
             "outcome($self, /, timeout=None)\n--\n\n"
             "Wait until the task has ended and return its TaskOutcome, however it ended.\n\n"
             "timeout: seconds to wait at most, a float or a timedelta; None waits for ever.\n"
             "Raises TimeoutError if it has not ended in time, RuntimeError where it could only\n"
             "wait for its own caller.");

static PyObject *handle_outcome(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames)
{
    struct tv_py_handle *handle = (struct tv_py_handle *)self;

    if (wait_done(handle, &outcome_params, args, nargs, kwnames) < 0)
        return NULL;
    return tv_py_handle_outcome(handle);
}

/* Raises what the body raised, with the traceback it left the body with, however often. */
static PyObject *raise_result(struct tv_py_handle *self)
{
    PyObject *traceback = self->traceback ? self->traceback : Py_None;

    if (PyException_SetTraceback(self->result, traceback) < 0)
        return NULL;
    tv_py_put_exception(Py_NewRef(self->result));
    return NULL;
}

PyObject *tv_py_handle_result(struct tv_py_handle *self)
{
    struct tv_py_state *state = tv_py_state_of((PyObject *)self);
    PyObject *object;
    struct tv_outcome outcome;

    tv_task_outcome(self->task, &outcome);
    if (outcome.kind == TV_OUTCOME_COMPLETED)
        return Py_NewRef(self->result ? self->result : Py_None);
    if ((outcome.kind == TV_OUTCOME_FAILED || outcome.kind == TV_OUTCOME_FATAL) &&
        !outcome.timed_out && self->raised &&
        PyObject_TypeCheck(self->result, (PyTypeObject *)PyExc_Exception))
        return raise_result(self);
    object = tv_py_handle_outcome(self);
    if (object)
        tv_py_raise_new(state->OutcomeError, "(O)", object);
    Py_XDECREF(object);
    return NULL;
}

PyDoc_STRVAR(result_doc,
             "result($self, /, timeout=None)\n--\n\n"
             "Wait until the task has ended and return the value of its last attempt.\n\n"
             "timeout: seconds to wait at most, a float or a timedelta; None waits for ever.\n"
             "Raises what the last attempt raised if the task ended failed or fatal by it;\n"
             "OutcomeError for every other end but a completed one; TimeoutError if it has not\n"
             "ended in time, RuntimeError where it could only wait for its own caller.");

static PyObject *handle_result(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    struct tv_py_handle *handle = (struct tv_py_handle *)self;

    if (wait_done(handle, &result_params, args, nargs, kwnames) < 0)
        return NULL;
    return tv_py_handle_result(handle);
}

/* ---- the rest ------------------------------------------------------------------------------ */

const char tv_py_done_doc[] = 
    "done($self, /)\n--\n\nTell whether the task has its outcome: True or False.";

PyObject *tv_py_handle_done(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(tv_task_done(((struct tv_py_handle *)self)->task));
}

PyDoc_STRVAR(add_done_callback_doc,
             "add_done_callback($self, fn, /)\n--\n\n"
             "Call fn(handle) once, when the task has its outcome, or at once if it is there.\n\n"
             "It is called on a thread of the runtime, or by this very call. What it raises is\n"
             "logged. Raises TypeError if fn is not callable.");

static const struct tv_py_params cancel_params = {"cancel", 0, 1, 1, {"timeout"}};

PyDoc_STRVAR(cancel_doc,
             "cancel($self, /, timeout=...)\n--\n\n"
             "Ask the task to stop and wait until its body has returned and its name is free.\n\n"
             "timeout: seconds to wait at most, a float or a timedelta; left out it is the task's\n"
             "grace, None waits for ever.\n"
             "Returns True to the one caller that asked first, False to all others.\n"
             "Raises TaskRemoveTimeout if it has not ended in time (the removal goes on),\n"
             "RuntimeError where it could only wait for its own caller.");

static PyObject *handle_cancel(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    struct tv_py_handle *handle = (struct tv_py_handle *)self;
    PyObject *timeout;

    if (tv_py_parse(&cancel_params, args, nargs, kwnames, &timeout) < 0)
        return NULL;
    return tv_py_cancel(tv_py_state_of(self), tv_task_supervisor(handle->task), self, timeout);
}

static PyObject *handle_id(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(tv_task_id(((struct tv_py_handle *)self)->task));
}

static PyObject *handle_name(PyObject *self, void *closure)
{
    (void)closure;
    return tv_py_text(tv_task_name(((struct tv_py_handle *)self)->task));
}

static PyObject *handle_state(PyObject *self, void *closure)
{
    struct tv_task *task = ((struct tv_py_handle *)self)->task;

    (void)closure;
    return tv_py_member(tv_py_state_of(self)->TaskState, (int)tv_task_state(task));
}

PyObject *tv_py_handle_repr(PyObject *self)
{
    PyObject *name = handle_name(self, NULL);
    PyObject *state = name ? handle_state(self, NULL) : NULL;
    PyObject *repr = NULL;

    if (state)
        repr = PyUnicode_FromFormat("<%s id=%llu name=%R state=%S>",
                                    strchr(Py_TYPE(self)->tp_name, '.') + 1,
                                    tv_task_id(((struct tv_py_handle *)self)->task), name, state);
    Py_XDECREF(state);
    Py_XDECREF(name);
    return repr;
}

static PyMethodDef handle_methods[] = {
    {"done", tv_py_handle_done, METH_NOARGS, tv_py_done_doc},
    {"outcome", (PyCFunction)(void (*)(void))handle_outcome, METH_FASTCALL | METH_KEYWORDS,
     outcome_doc},
    {"result", (PyCFunction)(void (*)(void))handle_result, METH_FASTCALL | METH_KEYWORDS,
     result_doc},
    {"add_done_callback", tv_py_handle_add_done_callback, METH_O, add_done_callback_doc},
    {"cancel", (PyCFunction)(void (*)(void))handle_cancel, METH_FASTCALL | METH_KEYWORDS,
     cancel_doc},
    {"_watch", tv_py_handle_watch, METH_NOARGS,
     "_watch($self, /)\n--\n\nBegin a wait of the running loop for the outcome."},
    {"_leave", tv_py_handle_leave, METH_NOARGS,
     "_leave($self, /)\n--\n\nAs _leave(task) of its supervisor."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585."},
    {NULL, NULL, 0, NULL},
};

PyGetSetDef tv_py_handle_getset[] = {
    {"id", handle_id, NULL, "The task's number, an int: unique in the process, never reused.",
     NULL},
    {"name", handle_name, NULL, "The task's name, a str.", NULL},
    {"state", handle_state, NULL, "Where the task is now, a TaskState.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyMemberDef tv_py_handle_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct tv_py_handle, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(handle_doc,
             "A task that a supervisor has accepted. Made by `SupervisorHandle.add`.\n\n"
             "Awaited on a running asyncio loop it is as `result()`; cancelling the await does\n"
             "not cancel the task. It does not keep its supervisor alive.");

static PyType_Slot handle_slots[] = {
    {Py_tp_doc, (void *)handle_doc},
    {Py_tp_traverse, tv_py_handle_traverse},
    {Py_tp_clear, tv_py_handle_clear},
    {Py_tp_dealloc, tv_py_handle_dealloc},
    {Py_tp_repr, tv_py_handle_repr},
    {Py_am_await, tv_py_handle_await},
    {Py_tp_methods, handle_methods},
    {Py_tp_getset, tv_py_handle_getset},
    {Py_tp_members, tv_py_handle_members},
    {0, NULL},
};

PyType_Spec tv_py_taskhandle_spec = {
    .name = "taskvisor.TaskHandle",
    .basicsize = sizeof(struct tv_py_handle),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = handle_slots,
};
