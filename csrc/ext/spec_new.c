/*
 * spec_new.c: how a TaskSpec is made: everything is checked and resolved here, once, so that
 * accepting and calling its tasks has nothing left to look at.
 */
#include "ext/objects.h"

static bool is_left_out(PyObject *value)
{
    return !value || value == Py_Ellipsis;
}

/* ---- options ------------------------------------------------------------------------------- */

static int put_restart(struct tv_py_state *state, struct tv_py_spec *self, PyObject *value)
{
    if (is_left_out(value))
        return 0;
    if (PyObject_TypeCheck(value, (PyTypeObject *)state->RestartPolicy))
        self->restart = Py_NewRef(value);
    else
        self->restart = PyObject_CallOneArg(state->RestartPolicy, value);
    self->spec.options.inherits &= ~(uint32_t)TV_INHERIT_RESTART;
    return self->restart ? tv_py_restart(state, self->restart, &self->spec.options) : -1;
}

static int put_backoff(struct tv_py_state *state, struct tv_py_spec *self, PyObject *value)
{
    if (is_left_out(value))
        return 0;
    if (!PyObject_TypeCheck(value, (PyTypeObject *)state->BackoffPolicy)) {
        PyErr_Format(PyExc_TypeError, "backoff must be a BackoffPolicy, not %s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    self->backoff = Py_NewRef(value);
    self->spec.options.inherits &= ~(uint32_t)TV_INHERIT_BACKOFF;
    return tv_py_backoff(state, value, &self->spec.options.backoff);
}

/* A duration that may be None, which is TV_NONE. */
static int put_duration(struct tv_py_spec *self, PyObject *value, const char *what,
                        enum tv_inherit bit, tv_ns *ns)
{
    if (is_left_out(value))
        return 0;
    self->spec.options.inherits &= ~(uint32_t)bit;
    return tv_py_timeout(value, what, ns);
}

static int put_timeout(struct tv_py_spec *self, PyObject *value)
{
    if (put_duration(self, value, "timeout", TV_INHERIT_TIMEOUT, &self->timeout_ns) < 0)
        return -1;
    self->spec.options.timeout_ns = self->timeout_ns == TV_NONE ? 0 : self->timeout_ns;
    return 0;
}

static int put_max_retries(struct tv_py_spec *self, PyObject *value)
{
    struct tv_options *options = &self->spec.options;

    if (is_left_out(value))
        return 0;
    options->inherits &= ~(uint32_t)TV_INHERIT_RETRIES;
    if (value == Py_None)
        return 0;
    return tv_py_whole(value, "max_retries", 0, INT64_MAX, &options->max_retries);
}

static int put_grace(struct tv_py_spec *self, PyObject *value)
{
    if (is_left_out(value))
        return 0;
    self->spec.options.inherits &= ~(uint32_t)TV_INHERIT_GRACE;
    return tv_py_seconds(value, "grace", &self->spec.options.grace_ns);
}

/* An exception class, or a tuple of them; an empty one is none. */
static int put_fatal(struct tv_py_spec *self, PyObject *value)
{
    PyObject *classes;

    if (is_left_out(value))
        return 0;
    classes = PyTuple_Check(value) ? PyTuple_GetSlice(value, 0, PyTuple_GET_SIZE(value))
                                   : PyTuple_Pack(1, value);
    for (Py_ssize_t i = 0; classes && i < PyTuple_GET_SIZE(classes); i++) {
        PyObject *class = PyTuple_GET_ITEM(classes, i);

        if (!PyExceptionClass_Check(class)) {
            tv_py_refuse(PyExc_TypeError, class, "fatal must be exception classes");
            Py_DECREF(classes);
            return -1;
        }
    }
    if (classes && PyTuple_GET_SIZE(classes) == 0)
        Py_DECREF(classes);
    else
        self->fatal = classes;
    return classes ? 0 : -1;
}

static int put_essential(struct tv_py_spec *self, PyObject *value)
{
    if (is_left_out(value))
        return 0;
    if (!PyBool_Check(value))
        return tv_py_refuse(PyExc_TypeError, value, "essential must be True or False");
    self->spec.essential = value == Py_True;
    return 0;
}

static int put_options(struct tv_py_state *state, struct tv_py_spec *self, PyObject *const *values)
{
    self->spec.options = (struct tv_options)TV_OPTIONS_INHERIT;
    self->timeout_ns = TV_NONE;
    if (put_restart(state, self, values[TV_PY_SPEC_RESTART]) < 0 ||
        put_backoff(state, self, values[TV_PY_SPEC_BACKOFF]) < 0 ||
        put_timeout(self, values[TV_PY_SPEC_TIMEOUT]) < 0 ||
        put_max_retries(self, values[TV_PY_SPEC_MAX_RETRIES]) < 0 ||
        put_duration(self, values[TV_PY_SPEC_RESET_AFTER], "reset_after", TV_INHERIT_RESET,
                     &self->spec.options.reset_after_ns) < 0)
        return -1;
    if (put_grace(self, values[TV_PY_SPEC_GRACE]) < 0 ||
        put_fatal(self, values[TV_PY_SPEC_FATAL]) < 0)
        return -1;
    return put_essential(self, values[TV_PY_SPEC_ESSENTIAL]);
}

/* ---- the call ------------------------------------------------------------------------------ */

static int put_fn(struct tv_py_spec *self, PyObject *fn)
{
    if (PyCallable_Check(fn)) {
        self->fn = Py_NewRef(fn);
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "fn must be callable, not %s", Py_TYPE(fn)->tp_name);
    return -1;
}

/* An exact tuple, whatever a subclass would say of itself. */
static int put_args(struct tv_py_spec *self, PyObject *args)
{
    if (is_left_out(args))
        self->args = PyTuple_New(0);
    else if (PyTuple_Check(args))
        self->args = PyTuple_GetSlice(args, 0, PyTuple_GET_SIZE(args));
    else
        PyErr_Format(PyExc_TypeError, "args must be a tuple, not %s", Py_TYPE(args)->tp_name);
    return self->args ? 0 : -1;
}

/* Into a dict of our own with exact strs as keys. */
static int copy_kwarg(PyObject *kwargs, PyObject *key, PyObject *value)
{
    PyObject *name;
    int err;

    if (!PyUnicode_Check(key)) {
        PyErr_Format(PyExc_TypeError, "kwargs must have keys that are str, not %s",
                     Py_TYPE(key)->tp_name);
        return -1;
    }
    name = PyUnicode_FromObject(key);
    err = name ? PyDict_SetItem(kwargs, name, value) : -1;
    Py_XDECREF(name);
    return err;
}

static PyObject *copied_kwargs(PyObject *given)
{
    PyObject *kwargs = PyDict_New();
    PyObject *items = PyMapping_Items(given);

    if (!items && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Format(PyExc_TypeError, "kwargs must be a mapping, not %s", Py_TYPE(given)->tp_name);
    for (Py_ssize_t i = 0; items && kwargs && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);

        if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
            PyErr_SetString(PyExc_TypeError, "kwargs must be a mapping of names to values");
            Py_CLEAR(kwargs);
        } else if (copy_kwarg(kwargs, PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1)) < 0) {
            Py_CLEAR(kwargs);
        }
    }
    if (!items)
        Py_CLEAR(kwargs);
    Py_XDECREF(items);
    return kwargs;
}

static int put_kwargs(struct tv_py_spec *self, PyObject *given)
{
    if (is_left_out(given) || given == Py_None)
        return 0;
    self->kwargs = copied_kwargs(given);
    if (!self->kwargs)
        return -1;
    if (PyDict_GET_SIZE(self->kwargs) == 0)
        Py_CLEAR(self->kwargs);
    return 0;
}

/* The arguments as they are called with. Without kwargs they are those of the tuple in place. */
static int put_values(struct tv_py_spec *self)
{
    Py_ssize_t nargs = PyTuple_GET_SIZE(self->args), position = 0, n = 0;
    PyObject *name, *value;

    self->values = ((PyTupleObject *)self->args)->ob_item;
    if (!self->kwargs)
        return 0;
    self->values = NULL;
    self->kwnames = PyTuple_New(PyDict_GET_SIZE(self->kwargs));
    if (self->kwnames)
        self->values = PyMem_New(PyObject *, nargs + PyDict_GET_SIZE(self->kwargs));
    if (!self->values) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++)
        self->values[i] = PyTuple_GET_ITEM(self->args, i);
    for (; PyDict_Next(self->kwargs, &position, &name, &value); n++) {
        PyTuple_SET_ITEM(self->kwnames, n, Py_NewRef(name));
        self->values[nargs + n] = value;
    }
    return 0;
}

static int put_name(struct tv_py_state *state, struct tv_py_spec *self, PyObject *name)
{
    if (is_left_out(name) || name == Py_None)
        self->name = tv_py_default_name(state, self->fn);
    else
        self->name = tv_py_name(name, "name");
    return self->name ? 0 : -1;
}

PyObject *tv_py_spec_make(PyTypeObject *type, PyObject *const *values)
{
    struct tv_py_state *state = PyType_GetModuleState(type);
    struct tv_py_spec *self;

    if (!state->signature)
        return tv_py_raise_new(NULL, "()");
    self = (struct tv_py_spec *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->spec.call = tv_py_call_body;
    self->spec.arg = self;
    if (put_fn(self, values[TV_PY_SPEC_FN]) == 0 && put_args(self, values[TV_PY_SPEC_ARGS]) == 0 &&
        put_kwargs(self, values[TV_PY_SPEC_KWARGS]) == 0 && put_values(self) == 0 &&
        put_name(state, self, values[TV_PY_SPEC_NAME]) == 0 &&
        put_options(state, self, values) == 0 &&
        tv_py_signature(state, self->fn, self->args, self->kwargs, &self->takes_ctx,
                        &self->spec.on_loop) == 0)
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

/* ---- constructors -------------------------------------------------------------------------- */

static const struct tv_py_params new_params = {
    "TaskSpec", 1, 1, TV_PY_SPEC_FIELDS, {"fn", TV_PY_SPEC_OPTION_NAMES, "restart"}};
static const struct tv_py_params once_params = {
    "once", 1, 1, TV_PY_SPEC_FIELDS - 1, {"fn", TV_PY_SPEC_OPTION_NAMES}};
static const struct tv_py_params restartable_params = {
    "restartable", 1, 1, TV_PY_SPEC_FIELDS - 1, {"fn", TV_PY_SPEC_OPTION_NAMES}};
static const struct tv_py_params periodic_params = {
    "periodic", 2, 2, TV_PY_SPEC_FIELDS, {"fn", "every", TV_PY_SPEC_OPTION_NAMES}};

PyObject *tv_py_spec_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *values[TV_PY_SPEC_FIELDS];

    if (tv_py_parse_tuple(&new_params, args, kwargs, values) < 0)
        return NULL;
    return tv_py_spec_make(type, values);
}

static PyObject *make_with(PyObject *type, PyObject **values, enum tv_restart_kind kind)
{
    struct tv_py_state *state = PyType_GetModuleState((PyTypeObject *)type);

    values[TV_PY_SPEC_RESTART] = state->restarts[kind];
    return tv_py_spec_make((PyTypeObject *)type, values);
}

PyObject *tv_py_spec_once(PyObject *type, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames)
{
    PyObject *values[TV_PY_SPEC_FIELDS];

    if (tv_py_parse(&once_params, args, nargs, kwnames, values) < 0)
        return NULL;
    return make_with(type, values, TV_RESTART_NEVER);
}

PyObject *tv_py_spec_restartable(PyObject *type, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames)
{
    PyObject *values[TV_PY_SPEC_FIELDS];

    if (tv_py_parse(&restartable_params, args, nargs, kwnames, values) < 0)
        return NULL;
    return make_with(type, values, TV_RESTART_ON_FAILURE);
}

PyObject *tv_py_spec_periodic(PyObject *type, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames)
{
    struct tv_py_state *state = PyType_GetModuleState((PyTypeObject *)type);
    PyObject *given[TV_PY_SPEC_FIELDS], *values[TV_PY_SPEC_FIELDS];
    PyObject *always, *restart = NULL, *self = NULL;

    if (tv_py_parse(&periodic_params, args, nargs, kwnames, given) < 0)
        return NULL;
    if (!state->RestartPolicy)
        return tv_py_raise_new(NULL, "()");
    always = tv_py_attribute(state->RestartPolicy, "always");
    if (always)
        restart = PyObject_CallOneArg(always, given[1]);
    values[TV_PY_SPEC_FN] = given[0];
    for (int i = TV_PY_SPEC_NAME; i < TV_PY_SPEC_RESTART; i++)
        values[i] = given[i + 1];
    values[TV_PY_SPEC_RESTART] = restart;
    if (restart)
        self = tv_py_spec_make((PyTypeObject *)type, values);
    Py_XDECREF(restart);
    Py_XDECREF(always);
    return self;
}
