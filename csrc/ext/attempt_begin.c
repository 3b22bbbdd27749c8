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

/* Where there is a factory, and where slow steps are to be told of, the loop makes its tasks. */
static int may_begin_at_once(struct tv_py_loop *loop)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *factory = PyObject_CallMethod(loop->loop, "get_task_factory", NULL);
    PyObject *debug = NULL;
    int may;

    if (factory == Py_None)
        debug = PyObject_CallMethod(loop->loop, "get_debug", NULL);
    may = debug ? PyObject_Not(debug) : 0;
    Py_XDECREF(debug);
    Py_XDECREF(factory);
    return PyErr_Occurred() ? -1 : may;
#else
    (void)loop;
    return 0;
#endif
}

/* An asyncio task, which may be done already. */
static PyObject *make_task(struct tv_py_loop *loop, PyObject *coroutine, PyObject *name,
                           PyObject *context)
{
    int at_once = may_begin_at_once(loop);
    PyObject *args, *kwargs = NULL, *maker = NULL, *task = NULL;

    if (at_once < 0)
        return NULL;
    args = PyTuple_Pack(1, coroutine);
    if (args && at_once) {
        maker = Py_NewRef(loop->state->AsyncioTask);
        kwargs = Py_BuildValue("{sOsOsOsO}", "loop", loop->loop, "name", name, "context", context,
                               "eager_start", Py_True);
    } else if (args) {
        maker = tv_py_attribute(loop->loop, "create_task");
        kwargs = Py_BuildValue("{sOsO}", "name", name, "context", context);
    }
    if (maker && kwargs)
        task = PyObject_Call(maker, args, kwargs);
    Py_XDECREF(maker);
    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    return task;
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

static int is_done(PyObject *task)
{
    PyObject *answer = PyObject_CallMethod(task, "done", NULL);
    int done = answer ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    return done;
}

static int call_when_done(struct tv_py_attempt *self, PyObject *task, PyObject *context)
{
    PyObject *add = tv_py_attribute(task, "add_done_callback");
    PyObject *args = add ? PyTuple_Pack(1, (PyObject *)self) : NULL;
    PyObject *kwargs = args ? Py_BuildValue("{sO}", "context", context) : NULL;
    PyObject *none = kwargs ? PyObject_Call(add, args, kwargs) : NULL;

    Py_XDECREF(none);
    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    Py_XDECREF(add);
    return none ? 0 : -1;
}

/* Takes `task`. */
static void follow(struct tv_py_attempt *self, PyObject *task, PyObject *context)
{
    int done = is_done(task);

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
