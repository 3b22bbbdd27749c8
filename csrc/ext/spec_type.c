/*
 * spec_type.c: TaskSpec, the frozen description of one task.
 */
#include "ext/objects.h"

static struct tv_py_spec *spec_of(PyObject *self)
{
    return (struct tv_py_spec *)self;
}

static int spec_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct tv_py_spec *self = spec_of(object);

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->fn);
    Py_VISIT(self->args);
    Py_VISIT(self->kwargs);
    Py_VISIT(self->kwnames);
    Py_VISIT(self->restart);
    Py_VISIT(self->backoff);
    Py_VISIT(self->fatal);
    return 0;
}

/* A spec is frozen, but for what it holds: that can refer to it, so cycles are broken there. */
static void spec_dealloc(PyObject *object)
{
    struct tv_py_spec *self = spec_of(object);
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    if (self->kwargs)
        PyMem_Free(self->values);
    Py_XDECREF(self->fn);
    Py_XDECREF(self->args);
    Py_XDECREF(self->kwargs);
    Py_XDECREF(self->kwnames);
    Py_XDECREF(self->restart);
    Py_XDECREF(self->backoff);
    Py_XDECREF(self->fatal);
    tv_text_rele(self->name);
    type->tp_free(object);
    Py_DECREF(type);
}

/* ---- readers ------------------------------------------------------------------------------- */

static bool is_inherited(const struct tv_py_spec *self, enum tv_inherit bit)
{
    return self->spec.options.inherits & bit;
}

/* `...` where inherited, None for TV_NONE, else seconds. */
static PyObject *read_duration(const struct tv_py_spec *self, enum tv_inherit bit, tv_ns ns)
{
    if (is_inherited(self, bit))
        return Py_NewRef(Py_Ellipsis);
    return ns == TV_NONE ? Py_NewRef(Py_None) : tv_py_from_ns(ns);
}

static PyObject *read_max_retries(const struct tv_py_spec *self)
{
    if (is_inherited(self, TV_INHERIT_RETRIES))
        return Py_NewRef(Py_Ellipsis);
    if (self->spec.options.max_retries == TV_NONE)
        Py_RETURN_NONE;
    return PyLong_FromLongLong(self->spec.options.max_retries);
}

PyObject *tv_py_spec_field(PyObject *object, enum tv_py_spec_field field)
{
    const struct tv_py_spec *self = spec_of(object);

    switch (field) {
    case TV_PY_SPEC_FN:
        return Py_NewRef(self->fn);
    case TV_PY_SPEC_NAME:
        return tv_py_text(self->name);
    case TV_PY_SPEC_ARGS:
        return Py_NewRef(self->args);
    case TV_PY_SPEC_KWARGS:
        return self->kwargs ? PyDict_Copy(self->kwargs) : PyDict_New();
    case TV_PY_SPEC_BACKOFF:
        return Py_NewRef(self->backoff ? self->backoff : Py_Ellipsis);
    case TV_PY_SPEC_TIMEOUT:
        return read_duration(self, TV_INHERIT_TIMEOUT, self->timeout_ns);
    case TV_PY_SPEC_MAX_RETRIES:
        return read_max_retries(self);
    case TV_PY_SPEC_RESET_AFTER:
        return read_duration(self, TV_INHERIT_RESET, self->spec.options.reset_after_ns);
    case TV_PY_SPEC_GRACE:
        return read_duration(self, TV_INHERIT_GRACE, self->spec.options.grace_ns);
    case TV_PY_SPEC_FATAL:
        return self->fatal ? Py_NewRef(self->fatal) : PyTuple_New(0);
    case TV_PY_SPEC_ESSENTIAL:
        return PyBool_FromLong(self->spec.essential);
    case TV_PY_SPEC_RESTART:
        return Py_NewRef(self->restart ? self->restart : Py_Ellipsis);
    }
    Py_UNREACHABLE();
}

static PyObject *spec_get(PyObject *self, void *field)
{
    return tv_py_spec_field(self, (enum tv_py_spec_field)(intptr_t)field);
}

/* ---- replace, pickle ----------------------------------------------------------------------- */

static const struct tv_py_params replace_params = {
    "replace", 0, 0, TV_PY_SPEC_FIELDS, {"fn", TV_PY_SPEC_OPTION_NAMES, "restart"}};

PyDoc_STRVAR(replace_doc,
             "replace($self, /, **changes)\n--\n\n"
             "Return a spec with some parameters of TaskSpec changed and all others kept.\n\n"
             "changes: fn or options of TaskSpec; `...` goes back to what the SupervisorConfig\n"
             "says. Raises what TaskSpec raises.");

static PyObject *spec_replace(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames)
{
    PyObject *changes[TV_PY_SPEC_FIELDS], *own[TV_PY_SPEC_FIELDS];
    PyObject *made;

    if (tv_py_parse(&replace_params, args, nargs, kwnames, changes) < 0 ||
        tv_py_spec_read(self, own) < 0)
        return NULL;
    for (int i = 0; i < TV_PY_SPEC_FIELDS; i++)
        if (!changes[i])
            changes[i] = own[i];
    made = tv_py_spec_make(Py_TYPE(self), changes);
    tv_py_spec_release(own);
    return made;
}

/* The keywords that make the same spec again. */
static PyObject *keywords(PyObject *const *values)
{
    PyObject *dict = PyDict_New();

    for (int i = TV_PY_SPEC_NAME; i < TV_PY_SPEC_FIELDS && dict; i++) {
        const char *name = tv_py_spec_field_names[i];

        if (values[i] != Py_Ellipsis && PyDict_SetItemString(dict, name, values[i]) < 0)
            Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *spec_reduce(PyObject *self, PyObject *unused)
{
    struct tv_py_state *state = tv_py_state_of(self);
    PyObject *values[TV_PY_SPEC_FIELDS];
    PyObject *options, *reduced = NULL;

    (void)unused;
    if (tv_py_spec_read(self, values) < 0)
        return NULL;
    options = keywords(values);
    if (options)
        reduced = Py_BuildValue("O(O(O)O)", state->newobj_ex, Py_TYPE(self), values[0], options);
    Py_XDECREF(options);
    tv_py_spec_release(values);
    return reduced;
}

/* ---- the type ------------------------------------------------------------------------------ */

PyDoc_STRVAR(once_doc,
             "once($type, fn, **options)\n--\n\n"
             "Return a TaskSpec with RestartPolicy.NEVER.\n\n"
             "fn: the body. options: those of TaskSpec but restart. Raises what TaskSpec raises.");
PyDoc_STRVAR(restartable_doc,
             "restartable($type, fn, **options)\n--\n\n"
             "Return a TaskSpec with RestartPolicy.ON_FAILURE.\n\n"
             "fn: the body. options: those of TaskSpec but restart. Raises what TaskSpec raises.");
PyDoc_STRVAR(periodic_doc,
             "periodic($type, fn, every, **options)\n--\n\n"
             "Return a TaskSpec with RestartPolicy.always(every): it runs again and again.\n\n"
             "fn: the body.\n"
             "every: seconds of pause after each run that succeeds, a float or a timedelta.\n"
             "options: those of TaskSpec but restart. Raises what TaskSpec raises.");

static PyMethodDef spec_methods[] = {
    {"once", (PyCFunction)(void (*)(void))tv_py_spec_once,
     METH_FASTCALL | METH_KEYWORDS | METH_CLASS, once_doc},
    {"restartable", (PyCFunction)(void (*)(void))tv_py_spec_restartable,
     METH_FASTCALL | METH_KEYWORDS | METH_CLASS, restartable_doc},
    {"periodic", (PyCFunction)(void (*)(void))tv_py_spec_periodic,
     METH_FASTCALL | METH_KEYWORDS | METH_CLASS, periodic_doc},
    {"replace", (PyCFunction)(void (*)(void))spec_replace, METH_FASTCALL | METH_KEYWORDS,
     replace_doc},
    {"__replace__", (PyCFunction)(void (*)(void))spec_replace, METH_FASTCALL | METH_KEYWORDS,
     "__replace__($self, /, **changes)\n--\n\nAs replace()."},
    {"__reduce__", spec_reduce, METH_NOARGS, "__reduce__($self, /)\n--\n\nFor pickle."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585."},
    {NULL, NULL, 0, NULL},
};

#define READER(name, field, doc) {name, spec_get, NULL, doc, (void *)(intptr_t)(field)}

static PyGetSetDef spec_getset[] = {
    READER("fn", TV_PY_SPEC_FN, "The body, a callable."),
    READER("name", TV_PY_SPEC_NAME, "The name of its tasks, a str, unless one is given to add."),
    READER("args", TV_PY_SPEC_ARGS, "The positional arguments, a tuple."),
    READER("kwargs", TV_PY_SPEC_KWARGS, "The keyword arguments, a new dict."),
    READER("restart", TV_PY_SPEC_RESTART, "The RestartPolicy, or `...`."),
    READER("backoff", TV_PY_SPEC_BACKOFF, "The BackoffPolicy, or `...`."),
    READER("timeout", TV_PY_SPEC_TIMEOUT, "Seconds an attempt may take, None, or `...`."),
    READER("max_retries", TV_PY_SPEC_MAX_RETRIES,
           "Consecutive failures that are tried again, an int; None for no limit; or `...`."),
    READER("reset_after", TV_PY_SPEC_RESET_AFTER,
           "Seconds after which a failure forgets those before it, None, or `...`."),
    READER("grace", TV_PY_SPEC_GRACE, "Seconds from a cancel to being abandoned, or `...`."),
    READER("fatal", TV_PY_SPEC_FATAL, "Exception classes that end the task, a tuple."),
    READER("essential", TV_PY_SPEC_ESSENTIAL, "Does its bad end shut the supervisor down? A bool."),
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(spec_doc,
             "TaskSpec(fn, *, name=None, args=(), kwargs=None, restart=..., backoff=...,\n"
             "         timeout=..., max_retries=..., reset_after=..., grace=..., fatal=(),\n"
             "         essential=False)\n--\n\n"
             "What a task is: a body and its policies. Frozen; it may serve many tasks.\n\n"
             "fn: the body, called as fn(*args, **kwargs), with the TaskContext in front if its\n"
             "first positional parameter is named ctx or annotated TaskContext.\n"
             "name: of its tasks, a str; None takes fn's.\n"
             "args, kwargs: the arguments, a tuple and a mapping; None for no kwargs.\n"
             "restart: a RestartPolicy, or its text.\n"
             "backoff: a BackoffPolicy.\n"
             "timeout: seconds (a float or a timedelta, as all here) an attempt may take; None or\n"
             "zero for no limit.\n"
             "max_retries: an int, how many consecutive failures are tried again; None for no\n"
             "limit.\n"
             "reset_after: seconds a failed attempt must have run for those before it to be\n"
             "forgotten; None never forgets.\n"
             "grace: seconds a body has to end once it is asked to, before it is abandoned.\n"
             "fatal: an exception class or a tuple of them that are never tried again: the task\n"
             "ends FATAL with the first.\n"
             "essential: a bool; True: when the task ends FAILED or FATAL, the whole supervisor\n"
             "shuts down, and run() or leaving the context raises what its result() raises.\n\n"
             "What is left out (`...`) is inherited from the SupervisorConfig. A coroutine\n"
             "function runs on an asyncio loop, anything else on a worker thread. Raises\n"
             "TypeError for arguments that fn cannot be called with, for a generator or async\n"
             "generator function, and for a value of a wrong type; ValueError for a bad value.");

static PyType_Slot spec_slots[] = {
    {Py_tp_doc, (void *)spec_doc},
    {Py_tp_new, tv_py_spec_new},
    {Py_tp_traverse, spec_traverse},
    {Py_tp_dealloc, spec_dealloc},
    {Py_tp_richcompare, tv_py_spec_richcompare},
    {Py_tp_hash, tv_py_spec_hash},
    {Py_tp_repr, tv_py_spec_repr},
    {Py_tp_methods, spec_methods},
    {Py_tp_getset, spec_getset},
    {0, NULL},
};

PyType_Spec tv_py_spec_spec = {
    .name = "taskvisor.TaskSpec",
    .basicsize = sizeof(struct tv_py_spec),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = spec_slots,
};
