/*
 * asyncio.c: what we use of asyncio, loaded when the first loop is needed.
 */
#include "ext/loops.h"

static int load(PyObject **field, const char *module_name, const char *attribute)
{
    PyObject *module = PyImport_ImportModule(module_name);

    if (module)
        Py_XSETREF(*field, tv_py_attribute(module, attribute));
    Py_XDECREF(module);
    return *field ? 0 : -1;
}

/* A tuple of strs that are interned, as keywords are. */
static PyObject *keywords(const char *const *names)
{
    Py_ssize_t count = 0;
    PyObject *tuple;

    while (names[count])
        count++;
    tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; i < count && tuple; i++) {
        PyObject *name = PyUnicode_InternFromString(names[i]);

        if (name)
            PyTuple_SET_ITEM(tuple, i, name);
        else
            Py_CLEAR(tuple);
    }
    return tuple;
}

static int make_names(struct tv_py_state *state)
{
#define X(name)                                                             \
    Py_XSETREF(state->call_##name, PyUnicode_InternFromString(#name));      \
    if (!state->call_##name)                                                \
        return -1;
    TV_PY_CALLED(X)
#undef X
#define X(name, ...)                                                        \
    Py_XSETREF(state->with_##name,                                          \
               keywords((const char *const[]){__VA_ARGS__, NULL}));         \
    if (!state->with_##name)                                                \
        return -1;
    TV_PY_KEYWORDS(X)
#undef X
    return 0;
}

int tv_py_asyncio_load(struct tv_py_state *state)
{
    if (state->current)
        return 0;
    if (make_names(state) < 0)
        return -1;
#define X(name, module, attribute)                        \
    if (load(&state->name, module, attribute) < 0)        \
        return -1;
    TV_PY_OF_ASYNCIO(X)
#undef X
#define X(name)                                                                            \
    Py_XSETREF(state->task_##name, tv_py_attribute(state->AsyncioTask, #name));            \
    if (!state->task_##name)                                                               \
        return -1;
    TV_PY_OF_TASK(X)
#undef X
    state->current = PyContextVar_New("taskvisor_attempt", NULL);
    return state->current ? 0 : -1;
}

PyObject *tv_py_running_loop(struct tv_py_state *state)
{
    PyObject *loop = PyObject_CallNoArgs(state->running_loop);

    Py_XDECREF(loop); /* it runs: it stays while this thread is in one of its callbacks */
    return loop == Py_None ? NULL : loop;
}

/* Of asyncio's own tasks the method is had without a look at the object. */
static PyObject *call_on(struct tv_py_state *state, PyObject *future, PyObject *method,
                         PyObject *name)
{
    return Py_IS_TYPE(future, (PyTypeObject *)state->AsyncioTask)
               ? PyObject_CallOneArg(method, future)
               : PyObject_CallMethodNoArgs(future, name);
}

int tv_py_asyncio_done(struct tv_py_state *state, PyObject *future)
{
    PyObject *answer = call_on(state, future, state->task_done, state->call_done);
    int done = answer ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    return done;
}

PyObject *tv_py_asyncio_result(struct tv_py_state *state, PyObject *future)
{
    return call_on(state, future, state->task_result, state->call_result);
}

PyObject *tv_py_need_running_loop(struct tv_py_state *state)
{
    PyObject *running;

    if (tv_py_asyncio_load(state) < 0)
        return NULL;
    running = tv_py_running_loop(state);
    if (!running && !PyErr_Occurred())
        PyErr_SetString(PyExc_RuntimeError,
                        "no asyncio event loop is running here (those of other libraries, as "
                        "trio's, are not supported)");
    return running;
}
