/*
 * context_waits.c: what a coroutine body awaits of its TaskContext: coroutines of the package, made
 * of a Watch for the token.
 */
#include "ext/loops.h"

/* Calls a coroutine function of the package with the context and the one argument. */
static PyObject *coroutine_of(PyObject *function, const struct tv_py_params *params,
                              PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames)
{
    PyObject *value;

    if (tv_py_parse(params, args, nargs, kwnames, &value) < 0)
        return NULL;
    if (!function)
        return tv_py_raise_new(NULL, "()");
    return PyObject_CallFunctionObjArgs(function, self, value ? value : Py_None, NULL);
}

static const struct tv_py_params wait_cancelled_params = {"wait_cancelled", 0, 1, 1, {"timeout"}};
static const struct tv_py_params asleep_params = {"asleep", 1, 1, 1, {"seconds"}};

const char tv_py_wait_cancelled_doc[] =
    "wait_cancelled($self, /, timeout=None)\n--\n\n"
    "Coroutine: wait until this attempt is cancelled: True; False past the timeout.\n\n"
    "timeout: seconds to wait at most, a float or a timedelta; None waits for ever.\n"
    "Raises TypeError and ValueError for a timeout that is none, RuntimeError outside a loop.\n"
    "A body that waits here when it is cancelled goes on with True, and has half of its\n"
    "grace before its asyncio task is cancelled as well.";

PyObject *tv_py_context_wait_cancelled(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                       PyObject *kwnames)
{
    return coroutine_of(tv_py_state_of(self)->wait_cancelled, &wait_cancelled_params, self, args,
                        nargs, kwnames);
}

const char tv_py_asleep_doc[] =
    "asleep($self, /, seconds)\n--\n\n"
    "Coroutine: sleep for so many seconds, unless this attempt is cancelled.\n\n"
    "seconds: a float or a timedelta.\n"
    "Raises Canceled as soon as the attempt is cancelled, TypeError and ValueError for\n"
    "seconds that are none, RuntimeError outside a loop.";

PyObject *tv_py_context_asleep(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    return coroutine_of(tv_py_state_of(self)->asleep, &asleep_params, self, args, nargs, kwnames);
}

const char tv_py_context_watch_doc[] =
    "_watch($self, timeout, /)\n--\n\n"
    "Begin a wait of the running loop for the token of this attempt; on a manual clock it is\n"
    "told when the timeout is over, too.";

PyObject *tv_py_context_watch(PyObject *self, PyObject *timeout)
{
    struct tv_task *task;
    struct tv_token *token = tv_py_context_token(self, &task);
    struct tv_alarm *alarm;
    tv_ns ns;

    if (!token || tv_py_timeout(timeout, "timeout", &ns) < 0 ||
        tv_py_alarm(tv_py_state_of(self), task, token, ns, &alarm) < 0)
        return NULL;
    return tv_py_watch_token(tv_py_state_of(self), token, alarm);
}
