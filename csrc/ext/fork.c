/*
 * fork.c: the child of a fork, and thread states that are made meanwhile.
 *
 * Locking discipline. Without a GIL a new thread state may have to stop the world, and CPython 3.13
 * does not set the lock of that free in the child of a fork: a thread that begins at that moment
 * leaves it locked there for ever. So `making_state` is held by a thread of the runtime while its
 * state is made, and by a thread that forks from before the fork until after it, in the child too.
 * No other lock of ours is taken under it or held when it is taken; a forking thread that waits for
 * it is detached. `held_by_fork` is guarded by it. A fork that had begun when the package was
 * imported has not taken it.
 */
#include "ext/objects.h"

static PyObject *after_in_child(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    tv_after_fork_child();
    Py_RETURN_NONE;
}

static PyMethodDef child_method = {"taskvisor_after_in_child", after_in_child, METH_NOARGS, NULL};

#ifdef Py_GIL_DISABLED

static PyMutex making_state;
static bool held_by_fork;

PyThreadState *tv_py_thread_state_new(PyInterpreterState *interpreter)
{
    PyThreadState *made;

    PyMutex_Lock(&making_state);
    made = PyThreadState_New(interpreter);
    PyMutex_Unlock(&making_state);
    return made;
}

static PyObject *begin_fork(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyMutex_Lock(&making_state);
    held_by_fork = true;
    Py_RETURN_NONE;
}

static PyObject *end_fork(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    if (held_by_fork) {
        held_by_fork = false;
        PyMutex_Unlock(&making_state);
    }
    Py_RETURN_NONE;
}

static PyMethodDef begin_method = {"taskvisor_begin_fork", begin_fork, METH_NOARGS, NULL};
static PyMethodDef end_method = {"taskvisor_end_fork", end_fork, METH_NOARGS, NULL};

/* `before` last: where one of them cannot be registered, it is never called alone. */
static int install_guard(void)
{
    if (tv_py_register("os", "register_at_fork", "after_in_child", &end_method, NULL) < 0 ||
        tv_py_register("os", "register_at_fork", "after_in_parent", &end_method, NULL) < 0)
        return -1;
    return tv_py_register("os", "register_at_fork", "before", &begin_method, NULL);
}

#else

PyThreadState *tv_py_thread_state_new(PyInterpreterState *interpreter)
{
    return PyThreadState_New(interpreter);
}

static int install_guard(void)
{
    return 0;
}

#endif

int tv_py_fork_install(void)
{
    if (tv_py_register("os", "register_at_fork", "after_in_child", &child_method, NULL) < 0)
        return -1;
    return install_guard();
}
