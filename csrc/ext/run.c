/*
 * run.c: Supervisor.run: accept, wait for the end, and the signals meanwhile.
 *
 * Signals. While run waits, SIGINT and SIGTERM go to a C handler that counts them and ends the
 * sleep; other signals go where they always go (signals.c). Only the main thread installs handlers,
 * so runs nest like its calls (one may be called by the Python handler of another signal), and what
 * has arrived is the innermost one's. The handler may run on any thread and touches nothing that
 * ends with a run.
 */
#include "ext/objects.h"

#include <errno.h>
#include <signal.h>

static const int signal_numbers[] = {SIGINT, SIGTERM};
#define SIGNALS ((int)(sizeof signal_numbers / sizeof *signal_numbers))

struct signals {
    int installed;
    struct sigaction before[SIGNALS];
};

static atomic_uint arrived;

static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    atomic_fetch_add(&arrived, 1);
    tv_interrupt_waits();
    errno = saved;
}

static void restore(struct signals *signals)
{
    while (signals->installed > 0) {
        int i = --signals->installed;

        sigaction(signal_numbers[i], &signals->before[i], NULL);
    }
}

static int install(struct signals *signals, struct tv_py_core *core)
{
    struct sigaction action = {.sa_handler = on_signal};
    int failed;

    sigemptyset(&action.sa_mask);
    atomic_store(&arrived, 0);
    for (int i = 0; i < SIGNALS; i++) {
        if (sigaction(signal_numbers[i], &action, &signals->before[i]) != 0) {
            failed = errno;
            restore(signals);
            tv_py_raise_new(core->state->SignalSetupFailed, "(s)", strerror(failed));
            return -1;
        }
        signals->installed++;
    }
    return 0;
}

/* ---- waiting ------------------------------------------------------------------------------- */

struct run {
    struct tv_py_core *core;
    struct signals *signals; /* NULL: not handled */
    unsigned seen;           /* reasons to stop that have been acted on */
    PyObject *raised;        /* the first exception out of a Python signal handler */
};

/* The first reason to stop starts the shutdown, a further one ends its grace. */
static void stop(struct run *run)
{
    tv_shutdown(run->core->supervisor, run->seen == 0 ? TV_NONE : 0, false);
    run->seen++;
}

static void see_signals(struct run *run)
{
    unsigned count = run->signals ? atomic_exchange(&arrived, 0) : 0;

    for (; count > 0; count--)
        stop(run);
    if (PyErr_CheckSignals() == 0)
        return;
    stop(run);
    if (run->raised)
        PyErr_Clear();
    else
        run->raised = tv_py_take_exception();
}

static enum tv_err wait_for_end(struct run *run)
{
    struct tv_supervisor *supervisor = run->core->supervisor;
    enum tv_err err;

    do {
        tv_py_signals_watch();
        see_signals(run);
        Py_BEGIN_ALLOW_THREADS
        err = tv_wait_closed(supervisor, TV_NEVER);
        Py_END_ALLOW_THREADS
        tv_py_signals_unwatch();
    } while (err == TV_INTERRUPTED);
    see_signals(run);
    return err;
}

/* Returns None, or raises what has come out of a signal handler, or the verdict. */
static PyObject *result_of(struct run *run, enum tv_err err)
{
    if (run->raised) {
        if (err == TV_OK && tv_py_core_note_verdict(run->core, run->raised) < 0)
            PyErr_Clear();
        tv_py_put_exception(run->raised);
        return NULL;
    }
    if (err != TV_OK)
        return tv_py_raise(run->core->state, err,
                           "run() would wait for its own caller; it goes on without it");
    if (tv_py_core_raise_end(run->core) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *wait_and_tell(struct tv_py_core *core, struct signals *signals)
{
    struct run run = {.core = core, .signals = signals};

    return result_of(&run, wait_for_end(&run));
}

/* ---- run ----------------------------------------------------------------------------------- */

int tv_py_is_main_thread(void)
{
    PyObject *threading = PyImport_ImportModule("threading");
    PyObject *thread = threading ? PyObject_CallMethod(threading, "main_thread", NULL) : NULL;
    PyObject *ident = thread ? tv_py_attribute(thread, "ident") : NULL;
    int is = -1;

    if (ident && PyLong_Check(ident))
        is = PyLong_AsUnsignedLong(ident) == PyThread_get_thread_ident();
    Py_XDECREF(ident);
    Py_XDECREF(thread);
    Py_XDECREF(threading);
    return PyErr_Occurred() ? -1 : is;
}

int tv_py_run_start(struct tv_py_core *core, struct tv_py_batch *batch)
{
    PyObject *handles;

    if (tv_py_core_serve(core) < 0) {
        tv_py_batch_drop(batch);
        return -1;
    }
    handles = tv_py_batch_commit(batch);
    if (!handles)
        tv_shutdown(core->supervisor, 0, true);
    else
        tv_finish(core->supervisor);
    Py_XDECREF(handles);
    return handles ? 0 : -1;
}

static PyObject *run_batch(struct tv_py_core *core, struct tv_py_batch *batch, bool handle_signals)
{
    struct signals signals = {.installed = 0};
    PyObject *none = NULL;

    if (handle_signals && install(&signals, core) < 0) {
        tv_py_batch_drop(batch);
        return NULL;
    }
    if (tv_py_run_start(core, batch) == 0)
        none = wait_and_tell(core, handle_signals ? &signals : NULL);
    if (handle_signals)
        restore(&signals);
    return none;
}

static int check_thread(struct tv_py_core *core)
{
    int is_main = tv_py_is_main_thread();

    if (is_main == 0)
        PyErr_SetNone(core->state->SignalSetupFailed);
    return is_main > 0 ? 0 : -1;
}

static PyObject *run_all(struct tv_py_core *core, PyObject *specs, bool handle_signals)
{
    struct tv_py_batch batch;

    if (tv_is_serving(core->supervisor))
        return tv_py_raise(core->state, TV_ALREADY_RUNNING, NULL);
    if (tv_is_exiting())
        return tv_py_raise(core->state, TV_SHUTTING_DOWN, NULL);
    if (handle_signals && check_thread(core) < 0)
        return NULL;
    if (tv_py_batch_reserve(&batch, core, specs, NULL, TV_PY_THREAD) < 0)
        return NULL;
    return run_batch(core, &batch, handle_signals);
}

PyObject *tv_py_run(struct tv_py_core *core, PyObject *specs, bool handle_signals)
{
    PyObject *all, *none;

    if (!specs)
        Py_RETURN_NONE;
    all = tv_py_all_specs(core->state, specs);
    if (!all)
        return NULL;
    if (PyTuple_GET_SIZE(all) > 0)
        none = run_all(core, all, handle_signals);
    else
        none = Py_NewRef(Py_None);
    Py_DECREF(all);
    return none;
}
