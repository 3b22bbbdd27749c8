/*
 * aio_methods.c: what taskvisor.aio is made of: serving on the running loop, and waits that do not
 * block it. Each wait begins with a Watch; who has one asks the call that would block, with a
 * timeout of 0, and awaits the Watch while the answer is not there.
 */
#include "ext/loops.h"

const char tv_py_serve_here_doc[] = "_serve_here($self, /)\n--\n\nServe on the running loop.";

static int check_new(struct tv_py_core *core)
{
    if (tv_py_core_check(core) < 0)
        return -1;
    if (!tv_is_serving(core->supervisor))
        return 0;
    tv_py_raise(core->state, TV_ALREADY_RUNNING, NULL);
    return -1;
}

static PyObject *handle_of(struct tv_py_core *core)
{
    return tv_py_facade_new(core->state->supervisorhandle_type, core);
}

PyObject *tv_py_method_serve_here(PyObject *self, PyObject *unused)
{
    struct tv_py_core *core = tv_py_core_of(self);

    (void)unused;
    if (check_new(core) < 0 || tv_py_core_take_loop(core) < 0 || tv_py_core_serve(core) < 0)
        return NULL;
    return handle_of(core);
}

const char tv_py_run_here_doc[] =
    "_run_here($self, specs, /)\n--\n\n"
    "Accept all specs on the running loop; the SupervisorHandle ends by itself.";

PyObject *tv_py_method_run_here(PyObject *self, PyObject *specs)
{
    struct tv_py_core *core = tv_py_core_of(self);
    struct tv_py_batch batch;

    if (check_new(core) < 0 || tv_py_batch_reserve(&batch, core, specs, NULL, TV_PY_COROUTINE) < 0)
        return NULL;
    if (batch.count == 0) {
        tv_py_batch_drop(&batch);
        Py_RETURN_NONE;
    }
    if (tv_py_core_take_loop(core) < 0) {
        tv_py_batch_drop(&batch);
        return NULL;
    }
    return tv_py_run_start(core, &batch) < 0 ? NULL : handle_of(core);
}

const char tv_py_watch_doc[] =
    "_watch($self, closed, /)\n--\n\n"
    "Begin a wait of the running loop, as shutdown() waits if closed is true, else as join().";

PyObject *tv_py_method_watch(PyObject *self, PyObject *closed)
{
    struct tv_py_core *core = tv_py_core_of(self);
    const struct tv_watched target = {.supervisor = core->supervisor,
                                      .closed = PyObject_IsTrue(closed) > 0};

    if (tv_py_attempt_check_wait(core->state, NULL, core->supervisor) < 0)
        return NULL;
    return (PyObject *)tv_py_watch_new(core->state, &target);
}

PyObject *tv_py_handle_watch(PyObject *self, PyObject *unused)
{
    const struct tv_watched target = {.task = ((struct tv_py_handle *)self)->task,
                                      .what = TV_WATCH_OUTCOME};

    (void)unused;
    if (tv_py_attempt_check_wait(tv_py_state_of(self), target.task, NULL) < 0)
        return NULL;
    return (PyObject *)tv_py_watch_new(tv_py_state_of(self), &target);
}

const char tv_py_leave_doc[] =
    "_leave($self, task, /)\n--\n\n"
    "Ask a task to stop, as cancel(): None where there is none, else whether this call asked\n"
    "first, the task's name, its grace in seconds, and a Watch for its end.";

/* Takes `task`. */
static PyObject *answer(struct tv_py_state *state, struct tv_task *task, bool first)
{
    const struct tv_watched target = {.task = task, .what = TV_WATCH_GONE};
    tv_ns grace = tv_task_grace(task);
    bool own = tv_py_attempt_check_wait(state, task, NULL) < 0;
    struct tv_py_watch *watch = own ? NULL : tv_py_watch_new(state, &target);
    PyObject *name = watch ? tv_py_text(tv_task_name(task)) : NULL;
    PyObject *made = NULL;

    if (watch)
        watch->task = task;
    else
        tv_task_rele(task);
    if (name)
        made = Py_BuildValue("(ONNN)", first ? Py_True : Py_False, name, tv_py_from_ns(grace),
                             watch);
    else if (watch)
        Py_DECREF((PyObject *)watch);
    return made;
}

static PyObject *leave(struct tv_py_state *state, struct tv_supervisor *supervisor, PyObject *task)
{
    struct tv_task *found = NULL;
    enum tv_err err;

    if (tv_py_ask(state, supervisor, task, TV_CANCEL, &found, &err) < 0)
        return NULL;
    if (!found)
        Py_RETURN_NONE;
    return answer(state, found, err == TV_OK);
}

PyObject *tv_py_method_leave(PyObject *self, PyObject *task)
{
    struct tv_py_core *core = tv_py_core_of(self);

    return tv_py_core_check(core) < 0 ? NULL : leave(core->state, core->supervisor, task);
}

PyObject *tv_py_handle_leave(PyObject *self, PyObject *unused)
{
    struct tv_task *task = ((struct tv_py_handle *)self)->task;

    (void)unused;
    return leave(tv_py_state_of(self), tv_task_supervisor(task), self);
}

const char tv_py_is_closed_doc[] = "_is_closed($self, /)\n--\n\nIs its shutdown complete?";

PyObject *tv_py_method_is_closed(PyObject *self, PyObject *unused)
{
    enum tv_err err = tv_wait_closed(tv_py_core_of(self)->supervisor, 0);

    (void)unused;
    return PyBool_FromLong(err != TV_TIMEOUT && err != TV_WAITS_FOR_ITSELF);
}

const char tv_py_raise_end_doc[] = "_raise_end($self, /)\n--\n\nRaise what run() raises now.";

PyObject *tv_py_method_raise_end(PyObject *self, PyObject *unused)
{
    (void)unused;
    return tv_py_core_raise_end(tv_py_core_of(self)) < 0 ? NULL : Py_NewRef(Py_None);
}

const char tv_py_submit_here_doc[] =
    "_submit_here($self, spec, /)\n--\n\n"
    "As submit(), without blocking: a TaskHandle, or a Place in line for room.";

PyObject *tv_py_method_submit_here(PyObject *self, PyObject *spec)
{
    return tv_py_place_submit(tv_py_core_of(self), spec);
}

const char tv_py_check_here_doc[] =
    "_check_here($self, /)\n--\n\nRaise RuntimeError where the loop that runs is not its own.";

static int check_here(PyObject *self)
{
    struct tv_py_core *core = tv_py_core_of(self);

    return tv_py_check_loop(core->state, core->supervisor);
}

PyObject *tv_py_method_check_here(PyObject *self, PyObject *unused)
{
    (void)unused;
    return check_here(self) < 0 ? NULL : Py_NewRef(Py_None);
}

static int check_two(Py_ssize_t nargs)
{
    if (nargs == 2)
        return 0;
    PyErr_Format(PyExc_TypeError, "two arguments are expected, not %zd", nargs);
    return -1;
}

const char tv_py_add_here_doc[] = "_add_here($self, spec, name, /)\n--\n\nAs add(), on the loop.";

PyObject *tv_py_method_add_here(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (check_two(nargs) < 0 || check_here(self) < 0)
        return NULL;
    return tv_py_add(tv_py_core_of(self), args[0], args[1], TV_PY_COROUTINE);
}

const char tv_py_add_many_here_doc[] =
    "_add_many_here($self, specs, names, /)\n--\n\nAs add_many(), on the loop.";

PyObject *tv_py_method_add_many_here(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct tv_py_core *core = tv_py_core_of(self);
    struct tv_py_batch batch;

    if (check_two(nargs) < 0 || check_here(self) < 0 ||
        tv_py_core_check(core) < 0 ||
        tv_py_batch_reserve(&batch, core, args[0], args[1], TV_PY_COROUTINE) < 0)
        return NULL;
    return tv_py_batch_commit(&batch);
}

const char tv_py_try_submit_here_doc[] =
    "_try_submit_here($self, spec, /)\n--\n\nAs try_submit(), on the loop.";

PyObject *tv_py_method_try_submit_here(PyObject *self, PyObject *spec)
{
    if (check_here(self) < 0)
        return NULL;
    return tv_py_submit(tv_py_core_of(self), spec, 0, TV_PY_COROUTINE);
}
