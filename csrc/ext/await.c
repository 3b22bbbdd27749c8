/*
 * await.c: a handle awaited on an asyncio loop: as result(), without blocking the loop.
 *
 * Whoever cancels the await ends the wait and nothing else. A task that is done is not waited for:
 * then the await does not leave the loop.
 */
#include "ext/loops.h"

PyObject *tv_py_handle_await(PyObject *object)
{
    struct tv_py_handle *self = (struct tv_py_handle *)object;
    const struct tv_watched target = {.task = self->task, .what = TV_WATCH_OUTCOME};
    struct tv_py_watch *watch = tv_py_watch_blank(tv_py_state_of(object), self);
    PyObject *await;
    int err = 0;

    if (watch && !tv_task_done(self->task))
        err = tv_py_attempt_check_wait(tv_py_state_of(object), self->task, NULL);
    if (watch && err == 0 && !tv_task_done(self->task))
        err = tv_py_watch_begin(watch, &target);
    if (!watch || err < 0) {
        Py_XDECREF((PyObject *)watch);
        return NULL;
    }
    if (tv_task_done(self->task)) {
        tv_py_watch_withdraw(watch);
        tv_py_watch_settle(watch);
    }
    await = tv_py_watch_await((PyObject *)watch);
    if (!await)
        tv_py_watch_withdraw(watch);
    Py_DECREF((PyObject *)watch);
    return await;
}
