/*
 * call.c: one call of a body, the path that every attempt takes.
 *
 * The worker is attached from before the call until the runtime has taken the result. The handle
 * cannot go away meanwhile: the runtime has a reference to it. What the body has returned or raised
 * is stored in the handle before the result is handed in, so who sees the outcome sees it too.
 */
#include "ext/objects.h"

_Thread_local struct tv_py_call *tv_py_running;

/* A call with more arguments than this takes memory for them. */
#define ARGS_ON_STACK 8

/* ---- before -------------------------------------------------------------------------------- */

void tv_py_handle_drop_result(struct tv_py_handle *handle)
{
    PyObject *result = handle->result;
    PyObject *traceback = handle->traceback;

    handle->result = handle->traceback = NULL;
    handle->raised = false;
    Py_XDECREF(traceback);
    Py_XDECREF(result);
}

PyObject *tv_py_handle_attempt_context(struct tv_py_handle *handle)
{
    return handle->enters_own_context ? Py_NewRef(handle->context)
                                      : PyContext_Copy(handle->context);
}

/* Enters the context of this attempt; it is to be left and released. */
static PyObject *enter_context(struct tv_py_handle *handle)
{
    PyObject *context = tv_py_handle_attempt_context(handle);

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

PyObject *tv_py_invoke(struct tv_py_spec *spec, struct tv_py_call *call)
{
    PyObject *context;

    if (!spec->takes_ctx)
        return PyObject_Vectorcall(spec->fn, spec->values, (size_t)PyTuple_GET_SIZE(spec->args),
                                   spec->kwnames);
    context = tv_py_call_context(call);
    return context ? call_with_context(spec, context) : NULL;
}

/* ---- one attempt --------------------------------------------------------------------------- */

void tv_py_call_body(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_py_spec *spec = arg;
    struct tv_py_handle *handle = tv_task_user(task);
    struct tv_py_core *core = tv_task_host_arg(task);
    struct tv_py_call call = {.state = core->state, .core = core, .task = task};
    struct tv_py_call **running = &tv_py_running;
    unsigned generation = tv_generation();
    PyObject *context, *value = NULL, *exception = NULL;

    tv_py_handle_drop_result(handle);
    context = enter_context(handle);
    if (context) {
        *running = &call;
        value = tv_py_invoke(spec, &call);
        *running = NULL;
    }
    if (value)
        value = tv_py_checked_value(call.state, value);
    if (!value)
        exception = tv_py_take_exception();
    if (tv_forked_since(generation))
        tv_py_end_child(call.state, exception);
    if (call.context)
        tv_py_context_end(&call);
    if (context)
        leave_context(context);
    tv_py_keep(call.state, handle, value, exception, result);
}
