/*
 * supervisor_type.c: Supervisor, which runs or serves once.
 */
#include "ext/aio.h"

static const struct tv_py_params new_params = {
    "Supervisor", 0, 1, TV_PY_SUPERVISOR_PARTS, {TV_PY_SUPERVISOR_PARAMS}};

PyObject *tv_py_supervisor_make(struct tv_py_state *state, PyObject *const *parts,
                                struct tv_clock *clock)
{
    struct tv_py_core *core = tv_py_core_new(state, parts, clock);
    PyObject *self = core ? tv_py_facade_new(state->supervisor_type, core) : NULL;

    Py_XDECREF(core);
    return self;
}

static PyObject *supervisor_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *parts[TV_PY_SUPERVISOR_PARTS];

    if (tv_py_parse_tuple(&new_params, args, kwargs, parts) < 0)
        return NULL;
    return tv_py_supervisor_make(PyType_GetModuleState(type), parts, NULL);
}

static const struct tv_py_params run_params = {"run", 0, 1, 2, {"specs", "handle_signals"}};

PyDoc_STRVAR(run_doc,
             "run($self, /, specs=(), *, handle_signals=True)\n--\n\n"
             "Run tasks and return when all have ended and everything is cleaned up.\n\n"
             "specs: TaskSpecs, functions decorated with @task, or a module that has such; all\n"
             "accepted before any starts, or none.\n"
             "handle_signals: let SIGINT and SIGTERM start the shutdown (a second one ends its\n"
             "grace at once); the handlers from before come back. Main thread only.\n"
             "Raises TaskAlreadyExists for a name that comes twice, AlreadyRunning if it has run\n"
             "or served, SignalSetupFailed outside the main thread, ShuttingDown at the end of\n"
             "the interpreter, GraceExceeded if a shutdown did not see every task end in time.\n"
             "How the tasks ended raises nothing.");

static PyObject *supervisor_run(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames)
{
    PyObject *values[2];
    int handle_signals = 1;

    if (tv_py_parse(&run_params, args, nargs, kwnames, values) < 0)
        return NULL;
    if (values[1] && (handle_signals = PyObject_IsTrue(values[1])) < 0)
        return NULL;
    if (tv_py_core_check(tv_py_core_of(self)) < 0)
        return NULL;
    return tv_py_run(tv_py_core_of(self), values[0], handle_signals);
}

PyDoc_STRVAR(serve_doc,
             "serve($self, /)\n--\n\n"
             "Start running without tasks and return the SupervisorHandle that takes them.\n\n"
             "Raises AlreadyRunning if it has run or served, ShuttingDown at the end of the\n"
             "interpreter, RuntimeError if no thread can be started.");

static PyObject *supervisor_serve(PyObject *self, PyObject *unused)
{
    struct tv_py_core *core = tv_py_core_of(self);

    (void)unused;
    if (tv_py_core_check(core) < 0 || tv_py_core_serve(core) < 0)
        return NULL;
    return tv_py_facade_new(tv_py_state_of(self)->supervisorhandle_type, core);
}

PyDoc_STRVAR(enter_doc,
             "__enter__($self, /)\n--\n\n"
             "As serve().");

PyDoc_STRVAR(exit_doc,
             "__exit__($self, type, value, traceback, /)\n--\n\n"
             "Shut down and wait for that, as leaving the handle's block does.");

static PyMethodDef supervisor_methods[] = {
    {"run", (PyCFunction)(void (*)(void))supervisor_run, METH_FASTCALL | METH_KEYWORDS, run_doc},
    {"serve", supervisor_serve, METH_NOARGS, serve_doc},
    {"_serve_here", tv_py_method_serve_here, METH_NOARGS, tv_py_serve_here_doc},
    {"_run_here", tv_py_method_run_here, METH_O, tv_py_run_here_doc},
    {"__enter__", supervisor_serve, METH_NOARGS, enter_doc},
    {"__exit__", (PyCFunction)(void (*)(void))tv_py_facade_exit, METH_FASTCALL, exit_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(supervisor_doc,
             "Supervisor(config=None, *, subscribers=(), controller=None)\n--\n\n"
             "Supervises tasks; it runs or serves once, and starts no thread before that.\n\n"
             "config: a SupervisorConfig; None for the defaults.\n"
             "subscribers: objects with on_event(event), each called on a thread of its own.\n"
             "controller: a ControllerConfig; None for a supervisor without slots.\n"
             "Raises TypeError and ValueError for what is none of that. In a `with` statement it\n"
             "serves, and leaving the block shuts it down.");

static PyType_Slot supervisor_slots[] = {
    {Py_tp_doc, (void *)supervisor_doc},
    {Py_tp_new, supervisor_new},
    {Py_tp_traverse, tv_py_facade_traverse},
    {Py_tp_finalize, tv_py_facade_finalize},
    {Py_tp_dealloc, tv_py_facade_dealloc},
    {Py_tp_methods, supervisor_methods},
    {0, NULL},
};

PyType_Spec tv_py_supervisor_spec = {
    .name = "taskvisor.Supervisor",
    .basicsize = sizeof(struct tv_py_facade),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = supervisor_slots,
};
