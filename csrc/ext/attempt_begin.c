/*
 * attempt_begin.c: from an attempt that waits for the loop to an asyncio task that runs.
 *
 * The coroutine function is called in the context of the attempt, and so is its task. Where the
 * loop allows it the task takes its first step at once; a body that does not suspend is over then.
 */
#include "ext/loops.h"

static struct tv_py_attempt *attempt_new(struct tv_py_loop *loop, struct tv_task *task)
{
    struct tv_py_handle *handle = tv_task_user(task);
    struct tv_py_attempt *self = PyObject_New(struct tv_py_attempt, loop->state->attempt_type);

    if (!self)
        return NULL;
    self->call = (struct tv_py_call){.state = loop->state, .core = handle->core, .task = task};
    self->handle = handle;
    self->loop = loop;
    self->task = self->repeat = NULL;
    self->prefers = NULL;
    self->next = self->previous = NULL;
    self->pause = 0;
    self->on_and_on = false;
    return self;
}

static void ignore(PyObject *result)
{
    PyErr_Clear();
    Py_XDECREF(result);
}

/* Calls the coroutine function, in the context of the attempt, which is marked as its own. */
static PyObject *call_function(struct tv_py_attempt *self, PyObject *context)
{
    PyObject *coroutine = NULL, *mark;

    if (PyContext_Enter(context) < 0)
        return NULL;
    mark = PyContextVar_Set(self->call.state->current, (PyObject *)self);
    if (mark)
        coroutine = tv_py_invoke(self->handle->spec, &self->call);
    Py_XDECREF(mark);
    PyContext_Exit(context);
    return coroutine;
}

static PyObject *checked_coroutine(struct tv_py_state *state, PyObject *made)
{
    PyObject *name;

    if (!made || PyCoro_CheckExact(made) || PyObject_IsInstance(made, state->Coroutine) > 0)
        return made;
    made = tv_py_checked_value(state, made);
    if (!made)
        return NULL;
    name = PyType_GetName(Py_TYPE(made));
    if (name)
        PyErr_Format(PyExc_TypeError, "body is a coroutine function and returned no coroutine "
                                      "but %U", name);
    Py_XDECREF(name);
    Py_DECREF(made);
    return NULL;
}

#if PY_VERSION_HEX >= 0x030C0000
/*
 * The same as a call of the type. SystemExit and KeyboardInterrupt out of the first step come out
 * of it and are kept by the task too, which nobody has then: it is not to complain of that.
 */
static PyObject *eager_task(struct tv_py_state *state, PyObject *const *values)
{
    PyTypeObject *type = (PyTypeObject *)state->AsyncioTask;
    PyObject *args = PyTuple_Pack(1, values[0]), *kwargs = PyDict_New(), *task = NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(state->with_eager_task);

    for (Py_ssize_t i = 0; i < count && kwargs; i++)
        if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(state->with_eager_task, i), values[i + 1]) < 0)
            Py_CLEAR(kwargs);
    if (args && kwargs)
        task = type->tp_new(type, args, kwargs);
    if (task && type->tp_init(task, args, kwargs) < 0) {
        PyObject *raised = tv_py_take_exception();

        if (PyObject_SetAttrString(task, "_log_traceback", Py_False) < 0)
            PyErr_Clear();
        Py_CLEAR(task);
        tv_py_put_exception(raised);
    }
    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    return task;
}
#endif

/* An asyncio task, which may be done already. */
static PyObject *make_task(struct tv_py_loop *loop, PyObject *coroutine, PyObject *name,
                           PyObject *context)
{
    struct tv_py_state *state = loop->state;
    PyObject *direct[] = {coroutine, loop->loop, name, context, Py_True};
    PyObject *by_loop[] = {loop->loop, coroutine, name, context};

    if (loop->makes_tasks)
        return PyObject_VectorcallMethod(state->call_create_task, by_loop, 2,
                                         state->with_new_task);
#if PY_VERSION_HEX >= 0x030C0000
    return eager_task(state, direct);
#else
    return PyObject_Vectorcall(state->AsyncioTask, direct, 1, state->with_task);
#endif
}

static PyObject *begin(struct tv_py_attempt *self, PyObject *context)
{
    PyObject *coroutine = checked_coroutine(self->call.state, call_function(self, context));
    PyObject *name = coroutine ? tv_py_text(tv_task_name(self->call.task)) : NULL;
    PyObject *task = name ? make_task(self->loop, coroutine, name, context) : NULL;

    if (coroutine && !task) {
        PyObject *raised = tv_py_take_exception();

        ignore(PyObject_CallMethod(coroutine, "close", NULL));
        if (raised)
            tv_py_put_exception(raised);
    }
    Py_XDECREF(name);
    Py_XDECREF(coroutine);
    return task;
}

static int is_done(struct tv_py_state *state, PyObject *task)
{
    PyObject *answer = PyObject_CallMethodNoArgs(task, state->call_done);
    int done = answer ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    return done;
}

static int call_when_done(struct tv_py_attempt *self, PyObject *task, PyObject *context)
{
    struct tv_py_state *state = self->call.state;
    PyObject *args[] = {task, (PyObject *)self, context};
    PyObject *none = PyObject_VectorcallMethod(state->call_add_done_callback, args, 2,
                                               state->with_context);

    Py_XDECREF(none);
    return none ? 0 : -1;
}

/* Takes `task`. */
static void follow(struct tv_py_attempt *self, PyObject *task, PyObject *context)
{
    int done = is_done(self->call.state, task);

    if (done > 0) {
        tv_py_attempt_finish_done(self, task);
        Py_DECREF(task);
    } else if (done < 0 || call_when_done(self, task, context) < 0) {
        tv_py_attempt_finish_raised(self);
        tv_py_attempt_put_away(task);
        Py_DECREF(task);
    } else {
        self->task = task;
        tv_py_attempt_enlist(self);
    }
}

/* SystemExit and KeyboardInterrupt leave the caller's loop, as they leave it from any task. */
static bool leaves_loop(const struct tv_py_loop *loop)
{
    return !loop->is_private && (PyErr_ExceptionMatches(PyExc_SystemExit) ||
                                 PyErr_ExceptionMatches(PyExc_KeyboardInterrupt));
}

/* What came out of the begin is how the attempt ended. -1: and it leaves the loop. */
static int fail(struct tv_py_attempt *self)
{
    bool leaves = leaves_loop(self->loop);
    PyObject *raised = tv_py_take_exception();

    tv_py_attempt_finish(self, NULL, Py_NewRef(raised));
    if (leaves)
        tv_py_put_exception(raised);
    else
        Py_DECREF(raised);
    return leaves ? -1 : 0;
}

/* There is no memory even for an Attempt. */
static void fail_without(struct tv_py_loop *loop, struct tv_task *task)
{
    struct tv_result result = {.stray = false};

    tv_py_keep(loop->state, tv_task_user(task), NULL, tv_py_take_exception(), &result);
    tv_loop_end(task, &result);
}

int tv_py_attempt_start(struct tv_py_loop *loop, struct tv_task *task)
{
    struct tv_py_attempt *self = attempt_new(loop, task);
    PyObject *context, *made = NULL;
    int err = 0;

    tv_py_handle_drop_result(tv_task_user(task));
    if (!self) {
        fail_without(loop, task);
        return 0;
    }
    context = tv_py_handle_attempt_context(self->handle);
    if (context)
        made = begin(self, context);
    if (made)
        follow(self, made, context);
    else
        err = fail(self);
    Py_XDECREF(context);
    Py_DECREF(self);
    return err;
}
