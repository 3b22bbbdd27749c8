/*
 * supervisorhandle_type.c: SupervisorHandle, every call of a supervisor that runs.
 */
#include "ext/aio.h"

/* ---- adding -------------------------------------------------------------------------------- */

static const struct tv_py_params add_params = {"add", 1, 1, 2, {"spec", "name"}};
static const struct tv_py_params add_many_params = {"add_many", 1, 1, 2, {"specs", "names"}};

PyDoc_STRVAR(add_doc,
             "add($self, /, spec, *, name=None)\n--\n\n"
             "Accept a task and return its TaskHandle. Never waits.\n\n"
             "spec: a TaskSpec. name: a name instead of the spec's.\n"
             "Raises TaskAlreadyExists while a task of that name is registered, ShuttingDown once\n"
             "a shutdown has begun, TypeError and ValueError for a bad spec or name.");

static PyObject *handle_add(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    PyObject *values[2];

    if (tv_py_parse(&add_params, args, nargs, kwnames, values) < 0)
        return NULL;
    return tv_py_add(tv_py_core_of(self), values[0], values[1], TV_PY_THREAD);
}

PyDoc_STRVAR(add_many_doc,
             "add_many($self, /, specs, *, names=None)\n--\n\n"
             "Accept many tasks, all before any starts, or none; return their TaskHandles.\n\n"
             "specs: TaskSpecs. names: names instead of the specs', one for each, so that one\n"
             "spec can serve many tasks.\n"
             "Raises what add raises, for the first one that is refused, and ValueError for\n"
             "another number of names than of specs.");

static PyObject *handle_add_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames)
{
    PyObject *values[2];
    struct tv_py_batch batch;

    if (tv_py_parse(&add_many_params, args, nargs, kwnames, values) < 0 ||
        tv_py_core_check(tv_py_core_of(self)) < 0 ||
        tv_py_batch_reserve(&batch, tv_py_core_of(self), values[0], values[1], TV_PY_THREAD) < 0)
        return NULL;
    return tv_py_batch_commit(&batch);
}

/* ---- leaving ------------------------------------------------------------------------------- */

static const struct tv_py_params remove_params = {"remove", 1, 1, 1, {"task"}};
static const struct tv_py_params cancel_params = {"cancel", 1, 2, 2, {"task", "timeout"}};

PyDoc_STRVAR(remove_doc,
             "remove($self, /, task)\n--\n\n"
             "Ask a task to stop, without waiting for it.\n\n"
             "task: a TaskHandle, an id or a name.\n"
             "Returns True if this call asked first; False if it is leaving already or there is\n"
             "no such task. Raises TypeError for what is no task.");

static PyObject *handle_remove(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    struct tv_py_core *core = tv_py_core_of(self);
    PyObject *task;

    if (tv_py_parse(&remove_params, args, nargs, kwnames, &task) < 0 ||
        tv_py_core_check(core) < 0)
        return NULL;
    return tv_py_remove(core->state, core->supervisor, task);
}

PyDoc_STRVAR(cancel_doc,
             "cancel($self, /, task, timeout=...)\n--\n\n"
             "Ask a task to stop and wait until its body has returned and its name is free.\n\n"
             "task: a TaskHandle, an id or a name.\n"
             "timeout: seconds to wait at most, a float or a timedelta; left out it is the task's\n"
             "grace, None waits for ever.\n"
             "Returns True to the one caller that asked first, False to all others and where\n"
             "there is no such task. Raises TaskRemoveTimeout if it has not ended in time (the\n"
             "removal goes on), RuntimeError where it could only wait for its own caller.");

static PyObject *handle_cancel(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    struct tv_py_core *core = tv_py_core_of(self);
    PyObject *values[2];

    if (tv_py_parse(&cancel_params, args, nargs, kwnames, values) < 0 ||
        tv_py_core_check(core) < 0)
        return NULL;
    return tv_py_cancel(core->state, core->supervisor, values[0], values[1]);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static const struct tv_py_params join_params = {"join", 0, 1, 1, {"timeout"}};
static const struct tv_py_params shutdown_params = {"shutdown", 0, 1, 2, {"grace", "wait"}};

static enum tv_err wait_join(void *arg, tv_ns deadline)
{
    return tv_join(arg, deadline);
}

PyDoc_STRVAR(join_doc,
             "join($self, /, timeout=None)\n--\n\n"
             "Wait until no task is registered or waiting in a slot.\n\n"
             "timeout: seconds to wait at most, a float or a timedelta; None waits for ever.\n"
             "Returns False past the timeout, and where a shutdown is complete with a body left.\n"
             "Raises RuntimeError in a body of this supervisor.");

static PyObject *handle_join(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames)
{
    struct tv_py_core *core = tv_py_core_of(self);
    PyObject *timeout;
    enum tv_err err;
    tv_ns ns;

    if (tv_py_parse(&join_params, args, nargs, kwnames, &timeout) < 0 ||
        tv_py_timeout(timeout, "timeout", &ns) < 0 || tv_py_core_check(core) < 0 ||
        tv_py_wait_for(core->state, core->supervisor,
                       "join() would block the event loop that the tasks of this supervisor run "
                       "on; await it in taskvisor.aio, or call it in another thread",
                       wait_join, core->supervisor, ns, &err) < 0)
        return NULL;
    if (err == TV_OK)
        Py_RETURN_TRUE;
    if (err == TV_TIMEOUT || (err == TV_SHUTTING_DOWN && !tv_is_gone()))
        Py_RETURN_FALSE;
    return tv_py_raise(core->state, err,
                       "join() in a body would wait for its own caller; wait for single tasks "
                       "with outcome() instead");
}

PyDoc_STRVAR(shutdown_doc,
             "shutdown($self, /, grace=None, *, wait=True)\n--\n\n"
             "Stop: accept nothing more, cancel every task, and wait until all is cleaned up.\n\n"
             "grace: seconds the bodies have to end, a float or a timedelta; None is the config's\n"
             "for the first caller and no change for a later one, which can only shorten it.\n"
             "wait: a bool; False starts it and returns.\n"
             "Every caller gets the same result: raises GraceExceeded if a body had not ended in\n"
             "time, RuntimeError (after the shutdown has begun) in a body or subscriber of this\n"
             "supervisor, unless wait is False.");

static PyObject *handle_shutdown(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames)
{
    struct tv_py_core *core = tv_py_core_of(self);
    PyObject *values[2];
    tv_ns grace;
    int wait = 1;

    if (tv_py_parse(&shutdown_params, args, nargs, kwnames, values) < 0 ||
        tv_py_timeout(values[0], "grace", &grace) < 0)
        return NULL;
    if (values[1] && (wait = PyObject_IsTrue(values[1])) < 0)
        return NULL;
    if (tv_py_core_check(core) < 0 || tv_py_core_shutdown(core, grace, wait) < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(enter_doc, "__enter__($self, /)\n--\n\nReturn this handle.");

static PyObject *handle_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

PyDoc_STRVAR(exit_doc,
             "__exit__($self, type, value, traceback, /)\n--\n\n"
             "Shut down and wait for that; tasks are cancelled, not waited for (join() does).\n\n"
             "Raises GraceExceeded if nobody has been told it yet; an exception of the block goes\n"
             "on instead, with the verdict as a note.");

/* ---- looking at it: views.c ---------------------------------------------------------------- */

static PyObject *handle_list(PyObject *self, PyObject *unused)
{
    (void)unused;
    return tv_py_view_names(tv_py_core_of(self), false);
}

static PyObject *handle_snapshot(PyObject *self, PyObject *unused)
{
    (void)unused;
    return tv_py_view_names(tv_py_core_of(self), true);
}

static PyObject *handle_tasks(PyObject *self, PyObject *unused)
{
    (void)unused;
    return tv_py_view_tasks(tv_py_core_of(self));
}

static PyObject *handle_subscribers(PyObject *self, PyObject *unused)
{
    (void)unused;
    return tv_py_view_subscribers(tv_py_core_of(self));
}

static const struct tv_py_params is_alive_params = {"is_alive", 1, 1, 1, {"task"}};
static const struct tv_py_params events_params = {"events", 0, 1, 1, {"capacity"}};

PyDoc_STRVAR(is_alive_doc,
             "is_alive($self, /, task)\n--\n\n"
             "Tell whether a body of the task is running; between two attempts it is not.\n\n"
             "task: a TaskHandle, an id or a name. Raises TypeError for what is no task.");

static PyObject *handle_is_alive(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames)
{
    struct tv_py_core *core = tv_py_core_of(self);
    struct tv_target target;
    PyObject *task;
    bool alive;
    int known;

    if (tv_py_parse(&is_alive_params, args, nargs, kwnames, &task) < 0 ||
        tv_py_core_check(core) < 0)
        return NULL;
    known = tv_py_target(core->state, core->supervisor, task, &target);
    if (known < 0)
        return NULL;
    alive = known && tv_target_is_alive(core->supervisor, target);
    tv_text_rele(target.name);
    return PyBool_FromLong(alive);
}

PyDoc_STRVAR(events_doc,
             "events($self, /, capacity=None)\n--\n\n"
             "Return an EventStream of what is published from now on.\n\n"
             "capacity: how many events it keeps for its reader; None is the config's\n"
             "bus_capacity. Raises ValueError below 1, TypeError for what is no int.");

static PyObject *handle_events(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    struct tv_py_core *core = tv_py_core_of(self);
    struct tv_stream *stream;
    PyObject *given;
    int64_t capacity = 0;
    enum tv_err err;

    if (tv_py_parse(&events_params, args, nargs, kwnames, &given) < 0)
        return NULL;
    if (given && given != Py_None && tv_py_whole(given, "capacity", 1, INT64_MAX, &capacity) < 0)
        return NULL;
    if (tv_py_core_check(core) < 0)
        return NULL;
    err = tv_stream_open(core->supervisor, (uint64_t)capacity, &stream);
    if (err != TV_OK)
        return tv_py_raise(core->state, err, NULL);
    return tv_py_stream_new(core->state, stream);
}

PyDoc_STRVAR(list_doc,
             "list($self, /)\n--\n\n"
             "Return the sorted names of the tasks that are registered or still being removed.");
PyDoc_STRVAR(snapshot_doc,
             "snapshot($self, /)\n--\n\n"
             "Return the sorted names of the tasks with a body running.");
PyDoc_STRVAR(tasks_doc,
             "tasks($self, /)\n--\n\n"
             "Return a TaskInfo of every registered task, all of one instant, by id.");
PyDoc_STRVAR(subscribers_doc,
             "subscribers($self, /)\n--\n\n"
             "Return a SubscriberInfo of every subscriber, in their order.");

static PyMethodDef handle_methods[] = {
    {"add", (PyCFunction)(void (*)(void))handle_add, METH_FASTCALL | METH_KEYWORDS, add_doc},
    {"add_many", (PyCFunction)(void (*)(void))handle_add_many, METH_FASTCALL | METH_KEYWORDS,
     add_many_doc},
    {"remove", (PyCFunction)(void (*)(void))handle_remove, METH_FASTCALL | METH_KEYWORDS,
     remove_doc},
    {"cancel", (PyCFunction)(void (*)(void))handle_cancel, METH_FASTCALL | METH_KEYWORDS,
     cancel_doc},
    {"join", (PyCFunction)(void (*)(void))handle_join, METH_FASTCALL | METH_KEYWORDS, join_doc},
    {"list", handle_list, METH_NOARGS, list_doc},
    {"tasks", handle_tasks, METH_NOARGS, tasks_doc},
    {"snapshot", handle_snapshot, METH_NOARGS, snapshot_doc},
    {"is_alive", (PyCFunction)(void (*)(void))handle_is_alive, METH_FASTCALL | METH_KEYWORDS,
     is_alive_doc},
    {"subscribers", handle_subscribers, METH_NOARGS, subscribers_doc},
    {"events", (PyCFunction)(void (*)(void))handle_events, METH_FASTCALL | METH_KEYWORDS,
     events_doc},
    {"submit", (PyCFunction)(void (*)(void))tv_py_method_submit, METH_FASTCALL | METH_KEYWORDS,
     tv_py_submit_doc},
    {"try_submit", (PyCFunction)(void (*)(void))tv_py_method_try_submit,
     METH_FASTCALL | METH_KEYWORDS, tv_py_try_submit_doc},
    {"cancel_slot", (PyCFunction)(void (*)(void))tv_py_method_cancel_slot,
     METH_FASTCALL | METH_KEYWORDS, tv_py_cancel_slot_doc},
    {"controller_snapshot", tv_py_method_controller_snapshot, METH_NOARGS,
     tv_py_controller_snapshot_doc},
    {"shutdown", (PyCFunction)(void (*)(void))handle_shutdown, METH_FASTCALL | METH_KEYWORDS,
     shutdown_doc},
    {"_watch", tv_py_method_watch, METH_O, tv_py_watch_doc},
    {"_leave", tv_py_method_leave, METH_O, tv_py_leave_doc},
    {"_is_closed", tv_py_method_is_closed, METH_NOARGS, tv_py_is_closed_doc},
    {"_raise_end", tv_py_method_raise_end, METH_NOARGS, tv_py_raise_end_doc},
    {"_check_here", tv_py_method_check_here, METH_NOARGS, tv_py_check_here_doc},
    {"_add_here", (PyCFunction)(void (*)(void))tv_py_method_add_here, METH_FASTCALL,
     tv_py_add_here_doc},
    {"_add_many_here", (PyCFunction)(void (*)(void))tv_py_method_add_many_here, METH_FASTCALL,
     tv_py_add_many_here_doc},
    {"_try_submit_here", tv_py_method_try_submit_here, METH_O, tv_py_try_submit_here_doc},
    {"_submit_here", tv_py_method_submit_here, METH_O, tv_py_submit_here_doc},
    {"__enter__", handle_enter, METH_NOARGS, enter_doc},
    {"__exit__", (PyCFunction)(void (*)(void))tv_py_facade_exit, METH_FASTCALL, exit_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(handle_doc,
             "A supervisor that runs. Made by `Supervisor.serve` and `TaskContext.supervisor`.\n\n"
             "In a `with` statement leaving the block shuts down. Past the exit handlers of the\n"
             "interpreter every call raises ShuttingDown, in a forked child RuntimeError.");

static PyType_Slot handle_slots[] = {
    {Py_tp_doc, (void *)handle_doc},
    {Py_tp_traverse, tv_py_facade_traverse},
    {Py_tp_finalize, tv_py_facade_finalize},
    {Py_tp_dealloc, tv_py_facade_dealloc},
    {Py_tp_methods, handle_methods},
    {0, NULL},
};

PyType_Spec tv_py_supervisorhandle_spec = {
    .name = "taskvisor.SupervisorHandle",
    .basicsize = sizeof(struct tv_py_facade),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = handle_slots,
};
