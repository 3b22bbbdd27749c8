/*
 * aio.h: what the rest of the extension knows of asyncio loops; how they are made is in loops.h.
 */
#ifndef TV_EXT_AIO_H
#define TV_EXT_AIO_H

#include "ext/objects.h"

/* ---- loop_type.c, private_loop.c ------------------------------------------------------------ */

/* Gives the Core a private loop, on a thread of its own, unless it has one. */
int tv_py_core_need_loop(struct tv_py_core *core);

/* Makes the running loop the Core's, which is not served yet. */
int tv_py_core_take_loop(struct tv_py_core *core);

/* Does this thread run the loop of `supervisor` (NULL: a loop that has any)? */
bool tv_py_is_on_loop(struct tv_py_state *state, const struct tv_supervisor *supervisor);

/* RuntimeError, naming both, where this thread does not run the supervisor's loop. */
int tv_py_check_loop(struct tv_py_state *state, const struct tv_supervisor *supervisor);

/* At the end of the process: loops that do not run will not, and leave their bodies behind. */
void tv_py_loops_abandon(struct tv_py_state *state);

/* The asyncio task whose body is that of `task`, a new reference; NULL: none, no exception. */
PyObject *tv_py_loop_find_task(struct tv_py_state *state, const struct tv_task *task);

/* host->run_loop. */
void tv_py_run_loop(void *arg, void *loop_arg);

/* ---- aio_methods.c ------------------------------------------------------------------------- */

/* What taskvisor.aio is made of: methods of Supervisor and SupervisorHandle. */
PyObject *tv_py_method_serve_here(PyObject *self, PyObject *unused);
PyObject *tv_py_method_run_here(PyObject *self, PyObject *specs);
PyObject *tv_py_method_watch(PyObject *self, PyObject *closed);
PyObject *tv_py_method_leave(PyObject *self, PyObject *task);
PyObject *tv_py_method_is_closed(PyObject *self, PyObject *unused);
PyObject *tv_py_method_raise_end(PyObject *self, PyObject *unused);
PyObject *tv_py_method_add_here(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *tv_py_method_add_many_here(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *tv_py_method_submit_here(PyObject *self, PyObject *spec);
PyObject *tv_py_method_try_submit_here(PyObject *self, PyObject *spec);
PyObject *tv_py_method_check_here(PyObject *self, PyObject *unused);
extern const char tv_py_serve_here_doc[], tv_py_run_here_doc[], tv_py_watch_doc[],
    tv_py_leave_doc[], tv_py_is_closed_doc[], tv_py_raise_end_doc[], tv_py_add_here_doc[],
    tv_py_add_many_here_doc[], tv_py_submit_here_doc[], tv_py_try_submit_here_doc[],
    tv_py_check_here_doc[];

/* Of a TaskHandle and of an EventStream: _watch(). */
PyObject *tv_py_handle_watch(PyObject *self, PyObject *unused);

/* Of a TaskHandle: _leave(). */
PyObject *tv_py_handle_leave(PyObject *self, PyObject *unused);

#endif
