/*
 * call.c: one call of a body, the path that every attempt takes.
 *
 * The worker is attached from before the call until the runtime has taken the result. The handle
 * cannot go away meanwhile: the runtime has a reference to it. What the body has returned or raised
 * is stored in the handle before the result is handed in, so who sees the outcome sees it too.
 */
#include "ext/objects.h"

#include <unistd.h>

_Thread_local struct tv_py_call *tv_py_running;

/* A call with more arguments than this takes memory for them. */
#define ARGS_ON_STACK 8

/* ---- before -------------------------------------------------------------------------------- */

static void drop_result(struct tv_py_handle *handle)
{
    PyObject *result = handle->result;
    PyObject *traceback = handle->traceback;

    handle->result = handle->traceback = NULL;
    handle->raised = false;
    Py_XDECREF(traceback);
    Py_XDECREF(result);
}

/* Enters the context of this attempt; it is to be left and released. */
static PyObject *enter_context(struct tv_py_handle *handle)
{
    PyObject *context = handle->enters_own_context ? Py_NewRef(handle->context)
                                                   : PyContext_Copy(handle->context);

    if (context && PyContext_Enter(context) < 0)
        Py_CLEAR(context);
    return context;
}

static void leave_context(PyObject *context)
{
    if (PyContext_Exit(context) < 0)
        PyErr_Clear();
    Py_DECREF(context);
}

/* ---- the call ------------------------------------------------------------------------------ */

/* With the context in front of the arguments, in memory that the callee may write to. */
static PyObject *call_with_context(struct tv_py_spec *spec, PyObject *context)
{
    size_t nargs = (size_t)PyTuple_GET_SIZE(spec->args);
    size_t count = nargs + (spec->kwnames ? (size_t)PyTuple_GET_SIZE(spec->kwnames) : 0);
    PyObject *on_stack[ARGS_ON_STACK + 2];
    PyObject **values = on_stack;
    PyObject *result;

    if (count > ARGS_ON_STACK)
        values = PyMem_Malloc((count + 2) * sizeof *values);
    if (!values)
        return PyErr_NoMemory();
    values[0] = NULL;
    values[1] = context;
    for (size_t i = 0; i < count; i++)
        values[i + 2] = spec->values[i];
    result = PyObject_Vectorcall(spec->fn, values + 1,
                                 (nargs + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, spec->kwnames);
    if (values != on_stack)
        PyMem_Free(values);
    return result;
}

static PyObject *invoke(struct tv_py_spec *spec, struct tv_py_call *call)
{
    PyObject *context;

    if (!spec->takes_ctx)
        return PyObject_Vectorcall(spec->fn, spec->values, (size_t)PyTuple_GET_SIZE(spec->args),
                                   spec->kwnames);
    context = tv_py_call_context(call);
    return context ? call_with_context(spec, context) : NULL;
}

/* ---- what came of it ----------------------------------------------------------------------- */

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

/* Takes `value`. The value of the attempt, or NULL with an exception set if it can be none. */
static PyObject *checked_value(struct tv_py_state *state, PyObject *value)
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
    PyObject *code = attribute(exception, "code");
    bool is_failure = code != Py_None;

    error->exit_code = 1;
    if (as_exit_code(code, &error->exit_code) && error->exit_code == 0)
        is_failure = false;
    if (is_failure) {
        error->kind = TV_ERROR_FAIL;
        error->has_exit_code = true;
        error->text = tv_py_typed_text(Py_TYPE(exception), code);
    }
    Py_DECREF(code);
    return is_failure;
}

static bool is_a(PyObject *exception, PyObject *class)
{
    return class && PyObject_TypeCheck(exception, (PyTypeObject *)class);
}

/* How an attempt that raised has ended. False: as if it had returned None. */
static bool classify(struct tv_py_state *state, PyObject *exception, struct tv_result *result)
{
    if (is_a(exception, state->Canceled)) {
        result->error.kind = TV_ERROR_CANCELED;
    } else if (is_a(exception, state->Fatal)) {
        classify_ended(exception, TV_ERROR_FATAL, &result->error);
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
static void end_child(struct tv_py_state *state, PyObject *exception)
{
    struct tv_result result = {.stray = false};
    int code = exception && classify(state, exception, &result);

    if (code && !is_a(exception, PyExc_SystemExit))
        tv_py_print_exception(exception);
    _exit(code);
}

/* Takes what the body returned (NULL: nothing) and raised (NULL: nothing). */
static void keep(struct tv_py_call *call, struct tv_py_handle *handle, PyObject *value,
                 PyObject *exception, struct tv_result *result)
{
    if (exception && classify(call->state, exception, result)) {
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

void tv_py_call_body(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_py_spec *spec = arg;
    struct tv_py_handle *handle = tv_task_user(task);
    struct tv_py_call call = {
        .state = tv_py_state_of((PyObject *)handle), .core = handle->core, .task = task};
    unsigned generation = tv_generation();
    PyObject *context, *value = NULL, *exception = NULL;

    drop_result(handle);
    context = enter_context(handle);
    if (context) {
        tv_py_running = &call;
        value = invoke(spec, &call);
        tv_py_running = NULL;
    }
    if (value)
        value = checked_value(call.state, value);
    if (!value)
        exception = tv_py_take_exception();
    if (tv_forked_since(generation))
        end_child(call.state, exception);
    if (call.context)
        tv_py_context_end(&call);
    if (context)
        leave_context(context);
    keep(&call, handle, value, exception, result);
}
