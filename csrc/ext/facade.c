/*
 * facade.c: what Supervisor and SupervisorHandle have in common: they count, they are the only way
 * to ask for a shutdown, and leaving their `with` block is one.
 */
#include "ext/objects.h"

PyObject *tv_py_facade_new(PyTypeObject *type, struct tv_py_core *core)
{
    struct tv_py_facade *self = (struct tv_py_facade *)type->tp_alloc(type, 0);

    if (!self)
        return NULL;
    self->core = (struct tv_py_core *)Py_NewRef(core);
    self->counted = true;
    atomic_fetch_add(&core->facades, 1);
    return (PyObject *)self;
}

/* No tp_clear: the core stays, for a method may still be called; cycles are broken beyond it. */
int tv_py_facade_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct tv_py_facade *)self)->core);
    return 0;
}

static bool is_running(const struct tv_py_core *core)
{
    return !tv_is_gone() && !tv_is_forked(core->supervisor) && tv_is_serving(core->supervisor) &&
           tv_is_open(core->supervisor);
}

/* The last facade of a running supervisor: a shutdown that nobody waits for. */
void tv_py_facade_finalize(PyObject *self)
{
    struct tv_py_facade *facade = (struct tv_py_facade *)self;
    PyObject *raised;

    if (!facade->counted)
        return;
    facade->counted = false;
    if (atomic_fetch_sub(&facade->core->facades, 1) != 1 || !is_running(facade->core))
        return;
    raised = tv_py_take_exception();
    if (PyErr_ResourceWarning(self, 1,
                              "a running supervisor was dropped, its tasks are cancelled; "
                              "call shutdown() or leave its with block") < 0)
        PyErr_WriteUnraisable(self);
    tv_shutdown(facade->core->supervisor, TV_NONE, true);
    if (raised)
        tv_py_put_exception(raised);
}

void tv_py_facade_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    Py_XDECREF(((struct tv_py_facade *)self)->core);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- the verdict --------------------------------------------------------------------------- */

static PyObject *names_of(const struct tv_stuck_task *tasks, size_t count)
{
    PyObject *names = PyList_New((Py_ssize_t)count);

    for (size_t i = 0; i < count && names; i++) {
        PyObject *name = tv_py_text(tasks[i].name);

        if (name)
            PyList_SET_ITEM(names, (Py_ssize_t)i, name);
        else
            Py_CLEAR(names);
    }
    return names;
}

static PyObject *stuck_names(struct tv_py_core *core)
{
    struct tv_stuck_task *tasks = NULL;
    size_t count = 0;
    PyObject *names;
    enum tv_err err = tv_stuck(core->supervisor, &tasks, &count);

    if (err != TV_OK)
        return tv_py_raise(core->state, err, NULL);
    names = names_of(tasks, count);
    tv_stuck_free(tasks, count);
    return names;
}

PyObject *tv_py_core_verdict(struct tv_py_core *core)
{
    PyObject *grace, *names, *error = NULL;
    tv_ns grace_ns;

    if (tv_verdict(core->supervisor, &grace_ns) != TV_GRACE_EXCEEDED)
        return NULL;
    grace = tv_py_from_ns(grace_ns);
    names = grace ? stuck_names(core) : NULL;
    if (names)
        error = PyObject_CallFunctionObjArgs(core->state->GraceExceeded, grace, names,
                                             core->stacks, NULL);
    Py_XDECREF(names);
    Py_XDECREF(grace);
    return error;
}

int tv_py_core_raise_verdict(struct tv_py_core *core)
{
    PyObject *error = tv_py_core_verdict(core);

    if (error) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
        atomic_store(&core->told, true);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int add_note(PyObject *exception, PyObject *error)
{
    PyObject *text = error ? PyObject_Str(error) : NULL;
    PyObject *none = text ? PyObject_CallMethod(exception, "add_note", "O", text) : NULL;

    Py_XDECREF(none);
    Py_XDECREF(text);
    return PyErr_Occurred() ? -1 : 0;
}

int tv_py_core_note_verdict(struct tv_py_core *core, PyObject *exception)
{
    PyObject *error = tv_py_core_verdict(core);
    int err = add_note(exception, error);

    Py_XDECREF(error);
    return err;
}

/* What result() of the essential task that ended badly raises; NULL: there is none. */
static PyObject *essential_error(struct tv_py_core *core)
{
    PyObject *value;

    if (!core->essential)
        return NULL;
    value = tv_py_handle_result((struct tv_py_handle *)core->essential);
    Py_XDECREF(value);
    return tv_py_take_exception();
}

int tv_py_core_raise_end(struct tv_py_core *core)
{
    PyObject *error = essential_error(core);

    if (!error)
        return tv_py_core_raise_verdict(core);
    atomic_store(&core->told, true);
    if (tv_py_core_note_verdict(core, error) < 0)
        PyErr_Clear();
    tv_py_put_exception(error);
    return -1;
}

/* ---- shutdown ------------------------------------------------------------------------------ */

static enum tv_err wait_closed(void *arg, tv_ns deadline)
{
    return tv_wait_closed(arg, deadline);
}

static int shut_down(struct tv_py_core *core, tv_ns grace_ns, bool wait)
{
    enum tv_err err = tv_shutdown(core->supervisor, grace_ns, false);

    if (err == TV_OK && wait &&
        tv_py_wait_for(core->state, core->supervisor,
                       "shutdown() would block the event loop that the tasks of this supervisor "
                       "run on; it goes on, and shutdown(wait=False) does not wait",
                       wait_closed, core->supervisor, TV_NONE, &err) < 0)
        return -1;
    if (err == TV_OK)
        return 0;
    tv_py_raise(core->state, err,
                "shutdown() would wait for its own caller; it goes on, and shutdown(wait=False) "
                "is the call that does not wait");
    return -1;
}

int tv_py_core_shutdown(struct tv_py_core *core, tv_ns grace_ns, bool wait)
{
    if (shut_down(core, grace_ns, wait) < 0)
        return -1;
    return wait ? tv_py_core_raise_verdict(core) : 0;
}

/* "essential task 'x' ended failed: reason" */
static int note_essential(struct tv_py_core *core, PyObject *exception)
{
    struct tv_py_handle *handle = (struct tv_py_handle *)core->essential;
    PyObject *name, *outcome, *kind = NULL, *reason = NULL, *text = NULL;
    int err = -1;

    if (!handle)
        return 0;
    name = tv_py_text(tv_task_name(handle->task));
    outcome = name ? tv_py_handle_outcome(handle) : NULL;
    if (outcome)
        kind = tv_py_attribute(outcome, "kind");
    if (kind)
        reason = tv_py_attribute(outcome, "reason");
    if (reason)
        text = PyUnicode_FromFormat("essential task %R ended %S: %S", name, kind, reason);
    if (text)
        err = add_note(exception, text);
    Py_XDECREF(text);
    Py_XDECREF(reason);
    Py_XDECREF(kind);
    Py_XDECREF(outcome);
    Py_XDECREF(name);
    return err;
}

/* The block's exception is the verdict itself: it needs no note of it. */
static int is_verdict(struct tv_py_core *core, PyObject *raised)
{
    PyObject *error;
    int same = 0;

    if (!PyObject_TypeCheck(raised, (PyTypeObject *)core->state->GraceExceeded))
        return 0;
    error = tv_py_core_verdict(core);
    if (error)
        same = PyObject_RichCompareBool(error, raised, Py_EQ);
    Py_XDECREF(error);
    return PyErr_Occurred() ? -1 : same;
}

static int tell_block(struct tv_py_core *core, PyObject *raised)
{
    int known;

    if (raised == Py_None)
        return atomic_load(&core->told) ? 0 : tv_py_core_raise_end(core);
    if (note_essential(core, raised) < 0)
        return -1;
    known = is_verdict(core, raised);
    return known ? (known < 0 ? -1 : 0) : tv_py_core_note_verdict(core, raised);
}

PyObject *tv_py_facade_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct tv_py_core *core = tv_py_core_of(self);

    if (nargs != 3)
        return PyErr_Format(PyExc_TypeError, "__exit__() takes 3 arguments, %zd given", nargs);
    if (tv_py_core_check(core) < 0 || shut_down(core, TV_NONE, true) < 0)
        return NULL;
    if (tell_block(core, args[1]) < 0)
        return NULL;
    Py_RETURN_FALSE;
}
