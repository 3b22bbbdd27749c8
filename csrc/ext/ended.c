/*
 * ended.c: how a body has ended: what it returned or raised, as the runtime takes it.
 */
#include "ext/objects.h"

#include <unistd.h>

/* ---- classes of asyncio -------------------------------------------------------------------- */

static PyObject *loaded_class(const char *module, const char *name)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *found = PyMapping_GetItemString(modules, module);
    PyObject *class = found ? tv_py_attribute(found, name) : NULL;

    PyErr_Clear();
    Py_XDECREF(found);
    return class;
}

/* Is it of the class `name` of asyncio? Not where nobody has imported asyncio. */
static bool is_of_asyncio(PyObject *object, const char *module, const char *name)
{
    PyObject *class = loaded_class(module, name);
    int is = class ? PyObject_IsInstance(object, class) : 0;

    PyErr_Clear();
    Py_XDECREF(class);
    return is > 0;
}

/* ---- what it returned ---------------------------------------------------------------------- */

/* Work that the body has only begun cannot be awaited here: how it is given up, or NULL. */
static const char *way_to_end(struct tv_py_state *state, PyObject *value)
{
    int is_coroutine;

    if (is_of_asyncio(value, "asyncio.futures", "Future"))
        return "cancel";
    is_coroutine = state->Coroutine ? PyObject_IsInstance(value, state->Coroutine) : 0;
    PyErr_Clear();
    return is_coroutine > 0 ? "close" : NULL;
}

PyObject *tv_py_checked_value(struct tv_py_state *state, PyObject *value)
{
    const PyAsyncMethods *async = Py_TYPE(value)->tp_as_async;
    const char *way = async && async->am_await ? way_to_end(state, value) : NULL;
    PyObject *name, *none;

    if (!way)
        return value;
    none = PyObject_CallMethod(value, way, NULL);
    PyErr_Clear();
    Py_XDECREF(none);
    name = PyType_GetName(Py_TYPE(value));
    if (name)
        PyErr_Format(PyExc_TypeError, "body returned a %U", name);
    Py_XDECREF(name);
    Py_DECREF(value);
    return NULL;
}

/* ---- what it raised ------------------------------------------------------------------------ */

/* An int in 32 bits: 1; anything else: 0. */
static int as_exit_code(PyObject *value, int32_t *code)
{
    int overflow;
    long long number;

    if (!PyLong_Check(value))
        return 0;
    number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow || number < INT32_MIN || number > INT32_MAX)
        return 0;
    *code = (int32_t)number;
    return 1;
}

/* An attribute of an exception, as far as it can be had. */
static PyObject *attribute(PyObject *exception, const char *name)
{
    PyObject *value = tv_py_attribute(exception, name);

    if (value)
        return value;
    PyErr_Clear();
    return Py_NewRef(Py_None);
}

static void classify_ended(PyObject *exception, enum tv_error_kind kind, struct tv_error *error)
{
    PyObject *reason = attribute(exception, "reason");
    PyObject *code = attribute(exception, "exit_code");

    error->kind = (uint8_t)kind;
    error->text = PyUnicode_Check(reason) ? tv_py_reason_text(reason)
                                          : tv_py_exception_text(exception);
    error->has_exit_code = as_exit_code(code, &error->exit_code);
    Py_DECREF(code);
    Py_DECREF(reason);
}

/* False: it stands for a return of None. */
static bool classify_exit(PyObject *exception, struct tv_error *error)
{
    PyObject *code = tv_py_attribute(exception, "code");
    bool is_failure = code != Py_None;

    PyErr_Clear(); /* a code that cannot be had is no good one */
    error->exit_code = 1;
    if (code && as_exit_code(code, &error->exit_code) && error->exit_code == 0)
        is_failure = false;
    if (is_failure) {
        error->kind = TV_ERROR_FAIL;
        error->has_exit_code = true;
        error->text = tv_py_typed_text(Py_TYPE(exception), code ? code : exception);
    }
    Py_XDECREF(code);
    return is_failure;
}

static bool is_a(PyObject *exception, PyObject *class)
{
    return class && PyObject_TypeCheck(exception, (PyTypeObject *)class);
}

/* By the spec's `fatal`, a tuple or NULL. */
static bool is_fatal(PyObject *exception, PyObject *fatal)
{
    for (Py_ssize_t i = 0; fatal && i < PyTuple_GET_SIZE(fatal); i++)
        if (is_a(exception, PyTuple_GET_ITEM(fatal, i)))
            return true;
    return false;
}

/*
 * How an attempt that raised has ended. False: as if it had returned None. `fatal`: what ends the
 * task, a tuple or NULL.
 */
static bool classify(struct tv_py_state *state, PyObject *exception, PyObject *fatal,
                     struct tv_result *result)
{
    if (is_a(exception, state->Canceled)) {
        result->error.kind = TV_ERROR_CANCELED;
    } else if (is_a(exception, state->Fatal)) {
        classify_ended(exception, TV_ERROR_FATAL, &result->error);
    } else if (is_fatal(exception, fatal)) {
        result->error.kind = TV_ERROR_FATAL;
        result->error.text = tv_py_exception_text(exception);
    } else if (is_a(exception, state->Fail)) {
        classify_ended(exception, TV_ERROR_FAIL, &result->error);
    } else if (is_a(exception, PyExc_SystemExit)) {
        return classify_exit(exception, &result->error);
    } else if (!is_a(exception, PyExc_Exception) &&
               is_of_asyncio(exception, "asyncio.exceptions", "CancelledError")) {
        result->stray = true;
    } else {
        result->error.kind = TV_ERROR_FAIL;
        result->error.text = tv_py_exception_text(exception);
    }
    return true;
}

/* ---- after --------------------------------------------------------------------------------- */

/*
 * The body has come back in a process that it has forked, where this is no worker of anybody.
 * Nothing is flushed but the traceback: what the parent had written to its buffers is the parent's.
 */
void tv_py_end_child(struct tv_py_state *state, PyObject *exception)
{
    struct tv_result result = {.stray = false};
    int code = exception && classify(state, exception, NULL, &result);

    if (code && !is_a(exception, PyExc_SystemExit))
        tv_py_print_exception(exception);
    _exit(code);
}

void tv_py_keep(struct tv_py_state *state, struct tv_py_handle *handle, PyObject *value,
                PyObject *exception, struct tv_result *result)
{
    if (exception && classify(state, exception, handle->spec->fatal, result)) {
        handle->raised = true;
        handle->traceback = PyException_GetTraceback(exception);
        handle->result = exception;
        return;
    }
    Py_XDECREF(exception);
    if (value == Py_None)
        Py_CLEAR(value);
    handle->result = value;
}
