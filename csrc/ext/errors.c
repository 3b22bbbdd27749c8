/*
 * errors.c: from what a call answers to what Python is raised.
 */
#include "ext/ext.h"

#include <stddef.h>
#include <stdarg.h>

/* What an answer becomes: a class of Python's or of the package; no text: the class has its own. */
struct row {
    PyObject **builtin;
    size_t bound;
    const char *text;
};

#define BUILTIN(class) .builtin = &PyExc_##class
#define BOUND(class) .bound = offsetof(struct tv_py_state, class)

/* EXISTS, UNKNOWN, ALREADY and LAGGED carry values: their callers have an answer for them. */
static const struct row rows[] = {
    [TV_OK] = {BUILTIN(SystemError), .text = "raised without an error"},
    [TV_NO_MEMORY] = {BUILTIN(MemoryError)},
    [TV_NO_THREAD] = {BUILTIN(RuntimeError), .text = "can't start a new thread"},
    [TV_EXISTS] = {BUILTIN(SystemError), .text = "a name is taken"},
    [TV_SHUTTING_DOWN] = {BOUND(ShuttingDown)},
    [TV_ALREADY_RUNNING] = {BOUND(AlreadyRunning)},
    [TV_UNKNOWN] = {BUILTIN(SystemError), .text = "no such task"},
    [TV_ALREADY] = {BUILTIN(SystemError), .text = "it is leaving already"},
    [TV_TIMEOUT] = {BUILTIN(TimeoutError), .text = "not in time"},
    [TV_INTERRUPTED] = {BUILTIN(SystemError), .text = "interrupted"},
    [TV_WAITS_FOR_ITSELF] = {BUILTIN(RuntimeError), .text = "the call would wait for itself"},
    [TV_FULL] = {BOUND(ControllerFull)},
    [TV_WAITS] = {BUILTIN(SystemError), .text = "it stands in line"},
    [TV_ENDED] = {BUILTIN(StopIteration)},
    [TV_LAGGED] = {BUILTIN(SystemError), .text = "events were dropped"},
    [TV_NO_DESCRIPTOR] = {BUILTIN(OSError), .text = "no descriptor is left for an event loop"},
    [TV_FORKED] = {BUILTIN(RuntimeError),
                   .text = "made before a fork, it belongs to the parent process; make a new "
                           "Supervisor in the child"},
    [TV_BROKEN] = {BOUND(InternalError)},
};

/* The package's classes are gone when the interpreter has cleared the module at its end. */
static PyObject *class_of(struct tv_py_state *state, const struct row *row)
{
    PyObject *bound = row->builtin ? *row->builtin : *(PyObject **)((char *)state + row->bound);

    return bound ? bound : PyExc_RuntimeError;
}

PyObject *tv_py_raise(struct tv_py_state *state, enum tv_err err, const char *itself)
{
    const struct row *row = &rows[err];
    const char *text = err == TV_WAITS_FOR_ITSELF && itself ? itself : row->text;

    if (err == TV_NO_MEMORY)
        return PyErr_NoMemory();
    if (text)
        PyErr_SetString(class_of(state, row), text);
    else
        PyErr_SetNone(class_of(state, row));
    return NULL;
}

PyObject *tv_py_raise_new(PyObject *class, const char *format, ...)
{
    PyObject *args, *error;
    va_list values;

    va_start(values, format);
    args = Py_VaBuildValue(format, values);
    va_end(values);
    error = args && class ? PyObject_Call(class, args, NULL) : NULL;
    if (error)
        PyErr_SetObject(class, error);
    else if (!class)
        PyErr_SetString(PyExc_RuntimeError, "the interpreter has cleared the module");
    Py_XDECREF(error);
    Py_XDECREF(args);
    return NULL;
}

static void flush_stderr(void)
{
    PyObject *file = PySys_GetObject("stderr");
    PyObject *none = file ? PyObject_CallMethod(file, "flush", NULL) : NULL;

    PyErr_Clear();
    Py_XDECREF(none);
}

#if PY_VERSION_HEX >= 0x030C0000

void tv_py_print_exception(PyObject *exception)
{
    PyErr_DisplayException(exception);
    flush_stderr();
}

PyObject *tv_py_take_exception(void)
{
    return PyErr_GetRaisedException();
}

void tv_py_put_exception(PyObject *exception)
{
    PyErr_SetRaisedException(exception);
}

#else

void tv_py_print_exception(PyObject *exception)
{
    PyObject *traceback = PyException_GetTraceback(exception);

    PyErr_Display((PyObject *)Py_TYPE(exception), exception, traceback);
    Py_XDECREF(traceback);
    flush_stderr();
}

PyObject *tv_py_take_exception(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    if (!type)
        return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_DECREF(type);
    Py_XDECREF(traceback);
    return value;
}

void tv_py_put_exception(PyObject *exception)
{
    PyObject *type = Py_NewRef(Py_TYPE(exception));

    PyErr_Restore(type, exception, PyException_GetTraceback(exception));
}

#endif
