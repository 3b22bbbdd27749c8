/*
 * exit.c: the end of the interpreter.
 *
 * The end comes in two stages. Functions registered with threading are called before it joins its
 * non-daemon threads, one of which may sit in a waiting call of ours: there every supervisor is
 * shut down and waited for. Functions registered with atexit are called after that: there the
 * runtime closes its door for good. The first is a private function of threading; an interpreter
 * without it has the second alone.
 */
#include "ext/aio.h"

static enum tv_err wait_exit(void *arg, tv_ns deadline)
{
    (void)arg;
    return tv_exit_wait(deadline);
}

/*
 * Ctrl-C ends the grace of all, and is not raised: it would keep threading from its other threads,
 * and the end is what it asks for. What another handler raises is reported.
 */
static void hurry(void)
{
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        PyErr_Clear();
    else
        PyErr_WriteUnraisable(NULL);
    tv_exit_hurry();
}

/* `state` is a capsule around the module's. */
static PyObject *exit_begin(PyObject *state, PyObject *unused)
{
    enum tv_err err;

    (void)unused;
    tv_exit_begin();
    tv_py_loops_abandon(PyCapsule_GetPointer(state, NULL));
    while (tv_py_wait(wait_exit, NULL, TV_NONE, &err) < 0)
        hurry();
    Py_RETURN_NONE;
}

static PyObject *exit_end(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    Py_BEGIN_ALLOW_THREADS
    tv_exit_end();
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef begin_method = {"taskvisor_exit_begin", exit_begin, METH_NOARGS, NULL};
static PyMethodDef end_method = {"taskvisor_exit_end", exit_end, METH_NOARGS, NULL};

int tv_py_register(const char *module_name, const char *function, const char *keyword,
                   PyMethodDef *method, PyObject *self)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *registers = module ? tv_py_attribute(module, function) : NULL;
    PyObject *callable = registers ? PyCFunction_New(method, self) : NULL;
    PyObject *args = callable ? (keyword ? PyTuple_New(0) : PyTuple_Pack(1, callable)) : NULL;
    PyObject *kwargs = args && keyword ? Py_BuildValue("{sO}", keyword, callable) : NULL;
    PyObject *none = args && (kwargs || !keyword) ? PyObject_Call(registers, args, kwargs) : NULL;

    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    Py_XDECREF(callable);
    Py_XDECREF(registers);
    Py_XDECREF(module);
    Py_XDECREF(none);
    return none ? 0 : -1;
}

int tv_py_exit_install(void)
{
    return tv_py_register("atexit", "register", NULL, &end_method, NULL);
}

static int register_begin(struct tv_py_state *state)
{
    PyObject *capsule = PyCapsule_New(state, NULL, NULL);
    int err = -1;

    if (capsule)
        err = tv_py_register("threading", "_register_atexit", NULL, &begin_method, capsule);
    Py_XDECREF(capsule);
    return err;
}

int tv_py_exit_register(struct tv_py_state *state)
{
    if (state->exit_registered)
        return 0;
    if (register_begin(state) < 0) {
        if (PyErr_ExceptionMatches(PyExc_RuntimeError)) {
            PyErr_Clear(); /* threading has called its functions already */
            tv_py_raise(state, TV_SHUTTING_DOWN, NULL);
            return -1;
        }
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return -1;
        PyErr_Clear();
    }
    state->exit_registered = true;
    return 0;
}
