/*
 * args.c: the arguments of a call, sorted by parameter, and what is common to their checks.
 */
#include "ext/ext.h"

#include <stdarg.h>

static int parameter_called(const struct tv_py_params *params, PyObject *name)
{
    for (int i = 0; i < params->count; i++)
        if (PyUnicode_CompareWithASCIIString(name, params->names[i]) == 0)
            return i;
    return -1;
}

static int put_positional(const struct tv_py_params *params, PyObject *const *args,
                          Py_ssize_t nargs, PyObject **values)
{
    for (int i = 0; i < params->count; i++)
        values[i] = i < nargs && i < params->positional ? args[i] : NULL;
    if (nargs <= params->positional)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional argument%s, %zd given",
                 params->function, params->positional, params->positional == 1 ? "" : "s", nargs);
    return -1;
}

static int put_keyword(const struct tv_py_params *params, PyObject *name, PyObject *value,
                       PyObject **values)
{
    int i = PyUnicode_Check(name) ? parameter_called(params, name) : -1;

    if (i < 0) {
        PyErr_Format(PyExc_TypeError, "%s() has no parameter %R", params->function, name);
        return -1;
    }
    if (values[i]) {
        PyErr_Format(PyExc_TypeError, "%s() got two values for %R", params->function, name);
        return -1;
    }
    values[i] = value;
    return 0;
}

static int check_required(const struct tv_py_params *params, PyObject *const *values)
{
    for (int i = 0; i < params->required; i++)
        if (!values[i]) {
            PyErr_Format(PyExc_TypeError, "%s() needs the argument '%s'", params->function,
                         params->names[i]);
            return -1;
        }
    return 0;
}

int tv_py_parse(const struct tv_py_params *params, PyObject *const *args, Py_ssize_t nargs,
                PyObject *kwnames, PyObject **values)
{
    Py_ssize_t count = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;

    nargs = PyVectorcall_NARGS(nargs);
    if (put_positional(params, args, nargs, values) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < count; i++)
        if (put_keyword(params, PyTuple_GET_ITEM(kwnames, i), args[nargs + i], values) < 0)
            return -1;
    return check_required(params, values);
}

int tv_py_parse_tuple(const struct tv_py_params *params, PyObject *args, PyObject *kwargs,
                      PyObject **values)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;

    PyObject *const *items = ((PyTupleObject *)args)->ob_item;

    if (put_positional(params, items, PyTuple_GET_SIZE(args), values) < 0)
        return -1;
    while (kwargs && PyDict_Next(kwargs, &position, &name, &value))
        if (put_keyword(params, name, value, values) < 0)
            return -1;
    return check_required(params, values);
}

PyObject *tv_py_attribute(PyObject *object, const char *name)
{
    PyObject *interned = PyUnicode_InternFromString(name);
    PyObject *value = interned ? PyObject_GetAttr(object, interned) : NULL;

    Py_XDECREF(interned);
    return value;
}

PyObject *tv_py_shown(PyObject *value)
{
    PyObject *module = PyImport_ImportModule("reprlib");
    PyObject *shown = module ? PyObject_CallMethod(module, "repr", "O", value) : NULL;

    Py_XDECREF(module);
    if (shown && PyUnicode_Check(shown))
        return shown;
    Py_XDECREF(shown);
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception))
        return NULL;
    PyErr_Clear();
    return PyUnicode_FromFormat("<%s>", Py_TYPE(value)->tp_name);
}

int tv_py_refuse(PyObject *class, PyObject *value, const char *must, ...)
{
    PyObject *shown = tv_py_shown(value), *text = NULL;
    va_list values;

    va_start(values, must);
    if (shown)
        text = PyUnicode_FromFormatV(must, values);
    va_end(values);
    if (text)
        PyErr_Format(class, "%U, not %U", text, shown);
    Py_XDECREF(text);
    Py_XDECREF(shown);
    return -1;
}

int tv_py_whole(PyObject *value, const char *what, int64_t low, int64_t high, int64_t *number)
{
    PyObject *index;
    long long found;
    int overflow, err = 0;

    if (PyBool_Check(value) || !PyIndex_Check(value))
        return tv_py_refuse(PyExc_TypeError, value, "%s must be an int", what);
    index = PyNumber_Index(value);
    if (!index)
        return -1;
    found = PyLong_AsLongLongAndOverflow(index, &overflow);
    if (overflow < 0 || (overflow == 0 && found < low))
        err = tv_py_refuse(PyExc_ValueError, index, "%s must be at least %lld", what,
                           (long long)low);
    else if (overflow > 0 || found > high)
        err = tv_py_refuse(PyExc_ValueError, index, "%s must be at most %lld", what,
                           (long long)high);
    else
        *number = found;
    Py_DECREF(index);
    return err;
}
