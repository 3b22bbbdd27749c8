/*
 * leave.c: asking tasks to leave, by handle, id or name.
 */
#include "ext/objects.h"

int tv_py_target(struct tv_py_state *state, struct tv_supervisor *supervisor, PyObject *task,
                 struct tv_target *target)
{
    *target = (struct tv_target){.id = 0};
    if (tv_py_is_handle(state, task)) {
        target->task = ((struct tv_py_handle *)task)->task;
        return tv_task_supervisor(target->task) == supervisor;
    }
    if (PyUnicode_Check(task)) {
        target->name = tv_py_name(task, "task");
        return target->name ? 1 : -1;
    }
    if (!PyLong_Check(task) || PyBool_Check(task)) {
        PyErr_Format(PyExc_TypeError, "task must be a TaskHandle, an id or a name, not %s",
                     Py_TYPE(task)->tp_name);
        return -1;
    }
    target->id = PyLong_AsUnsignedLongLong(task);
    if (PyErr_Occurred()) {
        PyErr_Clear(); /* no id is negative or that large */
        return 0;
    }
    return target->id != 0;
}

/* UNKNOWN also where there can be no such task. */
int tv_py_ask(struct tv_py_state *state, struct tv_supervisor *supervisor, PyObject *task,
              enum tv_leave_kind kind, struct tv_task **found, enum tv_err *err)
{
    struct tv_target target;
    int known = tv_py_target(state, supervisor, task, &target);

    if (known < 0)
        return -1;
    *err = known ? tv_leave(supervisor, target, kind, found) : TV_UNKNOWN;
    tv_text_rele(target.name);
    if (*err == TV_OK || *err == TV_ALREADY || *err == TV_UNKNOWN)
        return 0;
    tv_py_raise(state, *err, NULL);
    return -1;
}

PyObject *tv_py_remove(struct tv_py_state *state, struct tv_supervisor *supervisor,
                       PyObject *task)
{
    enum tv_err err;

    if (tv_py_ask(state, supervisor, task, TV_REMOVE, NULL, &err) < 0)
        return NULL;
    return PyBool_FromLong(err == TV_OK);
}

static enum tv_err wait_gone(void *arg, tv_ns deadline)
{
    return tv_task_wait_gone(arg, deadline);
}

/* None: not the timeout but the end of a shutdown has ended the wait. */
static int raise_timeout(struct tv_py_state *state, struct tv_task *task, bool in_time, tv_ns ns)
{
    PyObject *name = tv_py_text(tv_task_name(task));
    PyObject *timeout = in_time ? Py_NewRef(Py_None) : tv_py_from_ns(ns);

    if (name && timeout)
        tv_py_raise_new(state->TaskRemoveTimeout, "(OO)", name, timeout);
    Py_XDECREF(timeout);
    Py_XDECREF(name);
    return -1;
}

static int wait_until_gone(struct tv_py_state *state, struct tv_task *task, tv_ns ns)
{
    tv_ns begin = tv_now();
    enum tv_err err;

    if (tv_py_wait_for(state, tv_task_supervisor(task),
                       "cancel() would block the event loop that the tasks of this supervisor run "
                       "on; the task was asked to stop, and remove() does not wait",
                       wait_gone, task, ns, &err) < 0)
        return -1;
    if (err == TV_OK)
        return 0;
    if (err == TV_TIMEOUT)
        return raise_timeout(state, task, ns == TV_NONE || tv_now() - begin < ns, ns);
    tv_py_raise(state, err,
                "cancel() would wait for its own caller; the task was asked to stop, and remove() "
                "is the call that does not wait");
    return -1;
}

/*
 * The task's own grace is read where the task is still there: its options are its spec's, which
 * lives until then, and nobody else can let go of it while this thread is attached.
 */
static int wait_for(struct tv_py_state *state, struct tv_task *task, bool by_grace, tv_ns ns)
{
    if (tv_task_state(task) == TV_TASK_DONE)
        return 0;
    return wait_until_gone(state, task, by_grace ? tv_task_grace(task) : ns);
}

PyObject *tv_py_cancel(struct tv_py_state *state, struct tv_supervisor *supervisor,
                       PyObject *task, PyObject *timeout)
{
    bool by_grace = !timeout || timeout == Py_Ellipsis;
    struct tv_task *found = NULL;
    tv_ns ns = TV_NONE;
    enum tv_err err;
    int waited = 0;

    if (!by_grace && tv_py_timeout(timeout, "timeout", &ns) < 0)
        return NULL;
    if (tv_py_ask(state, supervisor, task, TV_CANCEL, &found, &err) < 0)
        return NULL;
    if (found) {
        waited = wait_for(state, found, by_grace, ns);
        tv_task_rele(found);
    }
    return waited < 0 ? NULL : PyBool_FromLong(err == TV_OK);
}
