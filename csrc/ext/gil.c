/*
 * gil.c: waiting without holding up Python, and without missing a signal.
 *
 * A wait is detached. It begins with a brief one that does not sleep: most answers come within
 * microseconds, and to watch for signals costs tens of them. Then it sleeps, and ends when a signal
 * has come; only attached can the signal's handler run, and what it raises leaves the call. The
 * signals are looked at after the watch for them has begun, so none falls between the look and the
 * sleep. The deadline is absolute, so signals do not make it later.
 */
#include "ext/aio.h"

/* TIMEOUT: it did not come at once. */
static enum tv_err wait_briefly(tv_py_wait_function *wait, void *arg, tv_ns deadline)
{
    enum tv_err err;

    Py_BEGIN_ALLOW_THREADS
    tv_wait_briefly(true);
    err = wait(arg, deadline);
    tv_wait_briefly(false);
    Py_END_ALLOW_THREADS
    return err;
}

static int wait_watched(tv_py_wait_function *wait, void *arg, tv_ns deadline, enum tv_err *err)
{
    int raised;

    tv_py_signals_watch();
    raised = PyErr_CheckSignals();
    if (raised == 0) {
        Py_BEGIN_ALLOW_THREADS
        *err = wait(arg, deadline);
        Py_END_ALLOW_THREADS
    }
    tv_py_signals_unwatch();
    return raised;
}

int tv_py_wait(tv_py_wait_function *wait, void *arg, tv_ns timeout, enum tv_err *err)
{
    tv_ns deadline = TV_NEVER;

    if (timeout == 0)
        deadline = 0;
    else if (timeout != TV_NONE)
        deadline = tv_after(tv_now(), timeout);
    if (PyErr_CheckSignals() < 0)
        return -1;
    *err = wait_briefly(wait, arg, deadline);
    if (*err == TV_TIMEOUT && tv_now() < deadline)
        *err = TV_INTERRUPTED;
    while (*err == TV_INTERRUPTED)
        if (wait_watched(wait, arg, deadline, err) < 0)
            return -1;
    if (*err == TV_WAITS_FOR_ITSELF && timeout == 0)
        *err = TV_TIMEOUT;
    return 0;
}

int tv_py_wait_for(struct tv_py_state *state, const struct tv_supervisor *supervisor,
                   const char *on_loop, tv_py_wait_function *wait, void *arg, tv_ns timeout,
                   enum tv_err *err)
{
    if (timeout == 0 || !tv_py_is_on_loop(state, supervisor))
        return tv_py_wait(wait, arg, timeout, err);
    *err = wait(arg, 0);
    if (*err != TV_TIMEOUT && *err != TV_WAITS && *err != TV_WAITS_FOR_ITSELF)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, on_loop);
    return -1;
}
