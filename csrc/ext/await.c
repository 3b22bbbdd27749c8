/*
 * await.c: a handle awaited on an asyncio loop.
 *
 * A future of the loop is settled by a done callback, which asks the loop to do that on its own
 * thread. Whoever cancels the await cancels the future and nothing else.
 */
#include "ext/objects.h"

/* What is thrown into a future is no StopIteration: that would end the coroutine that awaits. */
static PyObject *throwable(PyObject *exception)
{
    PyObject *error;

    if (!PyObject_TypeCheck(exception, (PyTypeObject *)PyExc_StopIteration))
        return exception;
    error = PyObject_CallFunction(PyExc_RuntimeError, "s", "the task's body raised StopIteration");
    if (error)
        PyException_SetCause(error, exception);
    else
        Py_DECREF(exception);
    return error;
}

/* On the loop's thread: gives the future what result() gives. `pair` is (future, handle). */
static PyObject *settle(PyObject *pair, PyObject *unused)
{
    PyObject *future = PyTuple_GET_ITEM(pair, 0);
    PyObject *done = PyObject_CallMethod(future, "done", NULL);
    int is_done = done ? PyObject_IsTrue(done) : -1;
    PyObject *value, *exception, *none = NULL;

    (void)unused;
    Py_XDECREF(done);
    if (is_done < 0)
        return NULL;
    if (is_done)
        Py_RETURN_NONE;
    value = tv_py_handle_result((struct tv_py_handle *)PyTuple_GET_ITEM(pair, 1));
    if (value) {
        none = PyObject_CallMethod(future, "set_result", "O", value);
        Py_DECREF(value);
        return none;
    }
    exception = throwable(tv_py_take_exception());
    if (exception)
        none = PyObject_CallMethod(future, "set_exception", "O", exception);
    Py_XDECREF(exception);
    return none;
}

static PyMethodDef settle_method = {"settle", settle, METH_NOARGS, NULL};

static PyObject *function_of(PyMethodDef *method, PyObject *a, PyObject *b)
{
    PyObject *pair = PyTuple_Pack(2, a, b);
    PyObject *function = pair ? PyCFunction_New(method, pair) : NULL;

    Py_XDECREF(pair);
    return function;
}

/* The done callback. `pair` is (loop, future). A loop that has been closed waits for nothing. */
static PyObject *tell_loop(PyObject *pair, PyObject *handle)
{
    PyObject *function = function_of(&settle_method, PyTuple_GET_ITEM(pair, 1), handle);
    PyObject *none = NULL;

    if (function)
        none = PyObject_CallMethod(PyTuple_GET_ITEM(pair, 0), "call_soon_threadsafe", "O",
                                   function);
    Py_XDECREF(function);
    if (none || !PyErr_ExceptionMatches(PyExc_RuntimeError))
        return none;
    PyErr_Clear();
    Py_RETURN_NONE;
}

static PyMethodDef tell_method = {"tell_loop", tell_loop, METH_O, NULL};

static PyObject *running_loop(void)
{
    PyObject *asyncio = PyImport_ImportModule("asyncio");
    PyObject *loop = asyncio ? PyObject_CallMethod(asyncio, "get_running_loop", NULL) : NULL;

    Py_XDECREF(asyncio);
    return loop;
}

/* Where the task is done, the future is as well, and the await does not leave the loop. */
static int connect(PyObject *self, PyObject *loop, PyObject *future)
{
    PyObject *function, *none = NULL;

    if (tv_task_done(((struct tv_py_handle *)self)->task)) {
        function = function_of(&settle_method, future, self);
        if (function)
            none = PyObject_CallNoArgs(function);
    } else {
        function = function_of(&tell_method, loop, future);
        if (function)
            none = PyObject_CallMethod(self, "add_done_callback", "O", function);
    }
    Py_XDECREF(function);
    Py_XDECREF(none);
    return none ? 0 : -1;
}

PyObject *tv_py_handle_await(PyObject *self)
{
    PyObject *loop = running_loop();
    PyObject *future = loop ? PyObject_CallMethod(loop, "create_future", NULL) : NULL;
    PyObject *iterator = NULL;

    if (future && connect(self, loop, future) == 0)
        iterator = PyObject_CallMethod(future, "__await__", NULL);
    Py_XDECREF(future);
    Py_XDECREF(loop);
    return iterator;
}
