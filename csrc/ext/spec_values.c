/*
 * spec_values.c: TaskSpecs as values: equal where all their fields are, hashed and shown by them.
 */
#include "ext/objects.h"

static struct tv_py_spec *spec_of(PyObject *self)
{
    return (struct tv_py_spec *)self;
}

const char *const tv_py_spec_field_names[TV_PY_SPEC_FIELDS] = {"fn", TV_PY_SPEC_OPTION_NAMES,
                                                           "restart"};

void tv_py_spec_release(PyObject **values)
{
    for (int i = 0; i < TV_PY_SPEC_FIELDS; i++)
        Py_CLEAR(values[i]);
}

int tv_py_spec_read(PyObject *spec, PyObject **values)
{
    for (int i = 0; i < TV_PY_SPEC_FIELDS; i++)
        values[i] = NULL;
    for (int i = 0; i < TV_PY_SPEC_FIELDS; i++) {
        values[i] = tv_py_spec_field(spec, (enum tv_py_spec_field)i);
        if (!values[i]) {
            tv_py_spec_release(values);
            return -1;
        }
    }
    return 0;
}

static bool same_backoff(const struct tv_backoff *a, const struct tv_backoff *b)
{
    return a->first_ns == b->first_ns && a->max_ns == b->max_ns && a->factor == b->factor &&
           a->jitter == b->jitter;
}

static bool same_options(const struct tv_options *a, const struct tv_options *b)
{
    return a->inherits == b->inherits && a->restart == b->restart &&
           a->interval_ns == b->interval_ns && a->reset_after_ns == b->reset_after_ns &&
           a->grace_ns == b->grace_ns && a->max_retries == b->max_retries &&
           same_backoff(&a->backoff, &b->backoff);
}

/* Each may be NULL. */
static int same_objects(PyObject *a, PyObject *b)
{
    return !a || !b ? a == b : PyObject_RichCompareBool(a, b, Py_EQ);
}

/* 1, 0, or -1. */
static int is_equal(const struct tv_py_spec *a, const struct tv_py_spec *b)
{
    int same = tv_text_equal(a->name, b->name) && a->timeout_ns == b->timeout_ns &&
               same_options(&a->spec.options, &b->spec.options);

    if (same > 0)
        same = PyObject_RichCompareBool(a->fn, b->fn, Py_EQ);
    if (same > 0)
        same = PyObject_RichCompareBool(a->args, b->args, Py_EQ);
    if (same > 0)
        same = same_objects(a->kwargs, b->kwargs);
    if (same > 0)
        same = same_objects(a->fatal, b->fatal);
    return same > 0 ? a->spec.essential == b->spec.essential : same;
}

PyObject *tv_py_spec_richcompare(PyObject *self, PyObject *other, int op)
{
    int same;

    if (Py_TYPE(other) != Py_TYPE(self) || (op != Py_EQ && op != Py_NE))
        Py_RETURN_NOTIMPLEMENTED;
    same = is_equal(spec_of(self), spec_of(other));
    return same < 0 ? NULL : PyBool_FromLong(same == (op == Py_EQ));
}

/* kwargs by their items, in whatever order. */
static PyObject *frozen_items(PyObject *kwargs)
{
    PyObject *items = PyDict_Items(kwargs);
    PyObject *frozen = items ? PyFrozenSet_New(items) : NULL;

    Py_XDECREF(items);
    return frozen;
}

Py_hash_t tv_py_spec_hash(PyObject *self)
{
    PyObject *values[TV_PY_SPEC_FIELDS];
    PyObject *items, *tuple = NULL;
    Py_hash_t hash = -1;

    if (tv_py_spec_read(self, values) < 0)
        return -1;
    items = frozen_items(values[TV_PY_SPEC_KWARGS]);
    if (items) {
        Py_SETREF(values[TV_PY_SPEC_KWARGS], items);
        tuple = PyTuple_New(TV_PY_SPEC_FIELDS);
    }
    for (int i = 0; i < TV_PY_SPEC_FIELDS && tuple; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(values[i]));
    if (tuple)
        hash = PyObject_Hash(tuple);
    Py_XDECREF(tuple);
    tv_py_spec_release(values);
    return hash;
}

/* Only what is set: no `...`, no empty arguments, not what is not so. */
static bool is_shown(PyObject *value)
{
    if (PyTuple_Check(value))
        return PyTuple_GET_SIZE(value) > 0;
    if (PyDict_Check(value))
        return PyDict_GET_SIZE(value) > 0;
    return value != Py_Ellipsis && value != Py_False;
}

PyObject *tv_py_spec_repr(PyObject *self)
{
    PyObject *values[TV_PY_SPEC_FIELDS];
    PyObject *repr;

    if (tv_py_spec_read(self, values) < 0)
        return NULL;
    repr = PyUnicode_FromFormat("TaskSpec(%R", values[TV_PY_SPEC_FN]);
    for (int i = TV_PY_SPEC_NAME; i < TV_PY_SPEC_FIELDS && repr; i++) {
        const char *name = tv_py_spec_field_names[i];

        if (is_shown(values[i]))
            Py_SETREF(repr, PyUnicode_FromFormat("%U, %s=%R", repr, name, values[i]));
    }
    if (repr)
        Py_SETREF(repr, PyUnicode_FromFormat("%U)", repr));
    tv_py_spec_release(values);
    return repr;
}
