/*
 * limits.c: what nothing that calls Python from a thread of its own can be faster than.
 *
 *     call_attached(fn, calls, per_attach) -> seconds
 *
 * A thread with a state of its own takes the GIL, calls `fn` and gives the GIL back, again and
 * again, while the caller waits without it. What is raised is dropped.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <time.h>

struct work {
    PyObject *fn; /* borrowed from the caller, who waits */
    PyInterpreterState *interpreter;
    Py_ssize_t calls, per_attach;
    double seconds;
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void call(PyObject *fn)
{
    PyObject *value = PyObject_CallNoArgs(fn);

    if (!value)
        PyErr_Clear();
    Py_XDECREF(value);
}

static void *run(void *arg)
{
    struct work *work = arg;
    PyThreadState *state = PyThreadState_New(work->interpreter);
    double start = now();

    for (Py_ssize_t done = 0; done < work->calls; done += work->per_attach) {
        PyEval_RestoreThread(state);
        for (Py_ssize_t i = 0; i < work->per_attach; i++)
            call(work->fn);
        PyEval_SaveThread();
    }
    work->seconds = now() - start;
    PyEval_RestoreThread(state);
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
    return NULL;
}

static PyObject *call_attached(PyObject *self, PyObject *args)
{
    struct work work = {.interpreter = PyInterpreterState_Get()};
    pthread_t thread;
    int err;

    (void)self;
    if (!PyArg_ParseTuple(args, "Onn", &work.fn, &work.calls, &work.per_attach))
        return NULL;
    if (work.per_attach < 1)
        return PyErr_Format(PyExc_ValueError, "per_attach is %zd", work.per_attach);
    Py_BEGIN_ALLOW_THREADS
    err = pthread_create(&thread, NULL, run, &work);
    if (!err)
        pthread_join(thread, NULL);
    Py_END_ALLOW_THREADS
    if (err)
        return PyErr_Format(PyExc_OSError, "no thread: %d", err);
    return PyFloat_FromDouble(work.seconds);
}

static PyMethodDef functions[] = {
    {"call_attached", call_attached, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_limits", .m_size = 0,
                                    .m_methods = functions};

PyMODINIT_FUNC PyInit__limits(void);
PyMODINIT_FUNC PyInit__limits(void)
{
    return PyModuleDef_Init(&module);
}
