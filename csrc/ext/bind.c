/*
 * bind.c: the classes and hooks of the Python package, given to the extension once.
 *
 * The closed lists are written down once, in core/tables.h. Python's enumerations are checked
 * against them here, member by member, so that a C enum can index a tuple of members.
 */
#include "ext/objects.h"

struct row {
    const char *name, *text;
};

static int check_member(PyObject *member, const struct row *row)
{
    PyObject *name = tv_py_attribute(member, "name");
    bool same = name && PyUnicode_Check(name) && PyUnicode_Check(member) &&
                PyUnicode_CompareWithASCIIString(name, row->name) == 0 &&
                PyUnicode_CompareWithASCIIString(member, row->text) == 0;

    Py_XDECREF(name);
    if (!same && !PyErr_Occurred())
        PyErr_Format(PyExc_ImportError, "%R is not the member %s = \"%s\"", member, row->name,
                     row->text);
    return same ? 0 : -1;
}

/* The members of the enumeration called `name`, which must be exactly `rows`. */
static PyObject *members_of(PyObject *namespace, const char *name, const struct row *rows,
                            Py_ssize_t count)
{
    PyObject *class = PyMapping_GetItemString(namespace, name);
    PyObject *members = class ? PySequence_Tuple(class) : NULL;
    int wrong = members ? 0 : -1;

    Py_XDECREF(class);
    if (members && PyTuple_GET_SIZE(members) != count) {
        PyErr_Format(PyExc_ImportError, "%s has %zd members, not %zd", name,
                     PyTuple_GET_SIZE(members), count);
        wrong = -1;
    }
    for (Py_ssize_t i = 0; i < count && wrong == 0; i++)
        wrong = check_member(PyTuple_GET_ITEM(members, i), &rows[i]);
    if (wrong)
        Py_CLEAR(members);
    return members;
}

static PyObject *imported(const char *module_name, const char *attribute)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *found = module ? tv_py_attribute(module, attribute) : NULL;

    Py_XDECREF(module);
    return found;
}

/* One reference is kept: binding again (a reload) replaces it. */
static int set(PyObject **field, PyObject *value)
{
    if (!value)
        return -1;
    Py_XSETREF(*field, value);
    return 0;
}

#define ROW(name, text) {#name, text},
#define ROWS(table)                                                          \
    (const struct row[]){table(ROW)}, sizeof((struct row[]){table(ROW)}) / sizeof(struct row)

static int bind_enums(struct tv_py_state *state, PyObject *namespace)
{
#define X(name, table)                                                       \
    if (set(&state->name, members_of(namespace, #name, ROWS(table))) < 0)    \
        return -1;
    TV_PY_ENUMS(X)
#undef X
    return 0;
}

/* RestartPolicy.NEVER, … */
static int bind_restarts(struct tv_py_state *state)
{
#define X(name, text) #name,
    static const char *const names[] = {TV_RESTART_KINDS(X)};
#undef X

    for (int i = 0; i <= TV_RESTART_ALWAYS; i++)
        if (set(&state->restarts[i], tv_py_attribute(state->RestartPolicy, names[i])) < 0)
            return -1;
    return 0;
}

int tv_py_bind(struct tv_py_state *state, PyObject *namespace)
{
    if (bind_enums(state, namespace) < 0)
        return -1;
#define X(name)                                                              \
    if (set(&state->name, PyMapping_GetItemString(namespace, #name)) < 0)    \
        return -1;
    TV_PY_BOUND(X)
#undef X
#define X(name, module, attribute)                                           \
    if (set(&state->name, imported(module, attribute)) < 0)                  \
        return -1;
    TV_PY_IMPORTED(X)
#undef X
#define X(name)                                                              \
    if (set(&state->field_##name, PyUnicode_InternFromString(#name)) < 0)    \
        return -1;
    TV_PY_FIELDS(X)
#undef X
    return bind_restarts(state);
}

/* ---- members given by a caller ------------------------------------------------------------- */

static const char *class_name(PyObject *members)
{
    return Py_TYPE(PyTuple_GET_ITEM(members, 0))->tp_name;
}

static int refuse_member(PyObject *members, PyObject *value, const char *what)
{
    if (PyUnicode_Check(value))
        return tv_py_refuse(PyExc_ValueError, value, "%s must be a %s", what, class_name(members));
    return tv_py_refuse(PyExc_TypeError, value, "%s must be a %s or its text", what,
                        class_name(members));
}

int tv_py_member_value(PyObject *members, PyObject *value, const char *what)
{
    Py_ssize_t count = PyTuple_GET_SIZE(members);

    for (Py_ssize_t i = 0; i < count; i++)
        if (PyTuple_GET_ITEM(members, i) == value)
            return (int)i;
    for (Py_ssize_t i = 0; i < count && PyUnicode_Check(value); i++)
        if (PyUnicode_Compare(PyTuple_GET_ITEM(members, i), value) == 0)
            return (int)i;
    return refuse_member(members, value, what);
}
