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
    self->call = (struct tv_py_call){
        .state = loop->state, .core = tv_task_host_arg(task), .task = task};
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
 * The keyword arguments of the task: {loop, name, context, eager_start}. The Loop keeps one dict of
 * them, which is taken while it is in use: the task's first step may begin another task.
 */
static PyObject *take_keywords(struct tv_py_loop *loop)
{
    PyObject *names = loop->state->with_eager_task, *kwargs = loop->task_keywords;

    loop->task_keywords = NULL;
    if (kwargs)
        return kwargs;
    kwargs = PyDict_New();
    if (kwargs && (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(names, 0), loop->loop) < 0 ||
                   PyDict_SetItem(kwargs, PyTuple_GET_ITEM(names, 3), Py_True) < 0))
        Py_CLEAR(kwargs);
    return kwargs;
}

static int set_keywords(const struct tv_py_loop *loop, PyObject *kwargs, PyObject *name,
                        PyObject *context)
{
    PyObject *names = loop->state->with_eager_task;

    if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(names, 1), name) < 0)
        return -1;
    return PyDict_SetItem(kwargs, PyTuple_GET_ITEM(names, 2), context);
}

/* With no exception set; what it cannot keep it drops. */
static void keep_keywords(struct tv_py_loop *loop, PyObject *kwargs)
{
    if (Py_REFCNT(kwargs) == 1 && !loop->task_keywords &&
        set_keywords(loop, kwargs, Py_None, Py_None) == 0) {
        loop->task_keywords = kwargs;
        return;
    }
    PyErr_Clear();
    Py_DECREF(kwargs);
}

/*
 * The same as a call of the type. SystemExit and KeyboardInterrupt out of the first step come out
 * of it and are kept by the task too, which nobody has then: it is not to complain of that.
 */
static PyObject *eager_task(struct tv_py_loop *loop, PyObject *coroutine, PyObject *kwargs)
{
    PyTypeObject *type = (PyTypeObject *)loop->state->AsyncioTask;
    PyObject *args = PyTuple_Pack(1, coroutine);
    PyObject *task = args ? type->tp_new(type, args, kwargs) : NULL;

    if (task && type->tp_init(task, args, kwargs) < 0) {
        PyObject *raised = tv_py_take_exception();

        if (PyObject_SetAttrString(task, "_log_traceback", Py_False) < 0)
            PyErr_Clear();
        Py_CLEAR(task);
        tv_py_put_exception(raised);
    }
    Py_XDECREF(args);
    return task;
}

static PyObject *direct_task(struct tv_py_loop *loop, PyObject *coroutine, PyObject *name,
                             PyObject *context)
{
    PyObject *kwargs = take_keywords(loop), *task = NULL, *raised;

    if (!kwargs)
        return NULL;
    if (set_keywords(loop, kwargs, name, context) == 0)
        task = eager_task(loop, coroutine, kwargs);
    raised = task ? NULL : tv_py_take_exception();
    keep_keywords(loop, kwargs);
    if (raised)
        tv_py_put_exception(raised);
    return task;
}
#else
static PyObject *direct_task(struct tv_py_loop *loop, PyObject *coroutine, PyObject *name,
                             PyObject *context)
{
    PyObject *values[] = {coroutine, loop->loop, name, context};

    return PyObject_Vectorcall(loop->state->AsyncioTask, values, 1, loop->state->with_task);
}
#endif

/* An asyncio task, which may be done already. */
static PyObject *make_task(struct tv_py_loop *loop, PyObject *coroutine, PyObject *name,
                           PyObject *context)
{
    PyObject *by_loop[] = {loop->loop, coroutine, name, context};

    if (!loop->makes_tasks)
        return direct_task(loop, coroutine, name, context);
    return PyObject_VectorcallMethod(loop->state->call_create_task, by_loop, 2,
                                     loop->state->with_new_task);
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
    int done = tv_py_asyncio_done(self->call.state, task);

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
