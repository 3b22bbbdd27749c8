/*
 * context_type.c: TaskContext, what a running body sees.
 *
 * It is made when the body takes it or asks for it. While the body runs it reads the task itself.
 * When the body has returned, the task may start another attempt; so a context that somebody has
 * kept is sealed: it gets the token of its own attempt, and from then on reads that.
 *
 * Until it is sealed it is untracked, and borrows the Core, which lives as long as a body runs.
 */
#include "ext/loops.h"

struct context {
    PyObject_HEAD
    struct tv_task *task;    /* held */
    struct tv_py_core *core; /* borrowed until sealed */
    uint64_t attempt;
    struct tv_token *token;  /* held; NULL: nobody has needed it */
    PyObject *token_object;  /* the CancellationToken, once somebody has asked */
    bool sealed;
    bool was_cancelled;      /* sealed without a token: there was no memory for it */
    int8_t reason;
};

static struct context *context_new(struct tv_py_call *call)
{
    struct context *self = PyObject_GC_New(struct context, call->state->context_type);

    if (!self)
        return NULL;
    self->task = tv_task_hold(call->task);
    self->core = call->core;
    self->attempt = tv_task_attempt(call->task);
    self->token = NULL;
    self->token_object = NULL;
    self->sealed = self->was_cancelled = false;
    self->reason = -1;
    return self;
}

static int context_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct context *self = (struct context *)object;

    Py_VISIT(Py_TYPE(object));
    if (self->sealed)
        Py_VISIT(self->core);
    Py_VISIT(self->token_object);
    return 0;
}

static void context_dealloc(PyObject *object)
{
    struct context *self = (struct context *)object;
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    Py_XDECREF(self->token_object);
    if (self->token)
        tv_token_rele(self->token);
    if (self->sealed)
        Py_DECREF(self->core);
    tv_task_rele(self->task);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

PyObject *tv_py_call_context(struct tv_py_call *call)
{
    if (!call->context)
        call->context = (PyObject *)context_new(call);
    return call->context;
}

PyObject *tv_py_current(PyObject *module, PyObject *unused)
{
    struct tv_py_call *call = tv_py_running;

    (void)unused;
    if (!call) {
        struct tv_py_attempt *attempt = tv_py_attempt_here(PyModule_GetState(module));

        call = attempt ? &attempt->call : NULL;
    }
    if (!call)
        Py_RETURN_NONE;
    return Py_XNewRef(tv_py_call_context(call));
}

static void seal(struct context *self)
{
    Py_BEGIN_CRITICAL_SECTION(self);
    if (!self->token)
        self->token = tv_task_token(self->task);
    if (!self->token) {
        self->was_cancelled = tv_task_is_cancelled(self->task);
        self->reason = (int8_t)tv_task_cancel_reason(self->task);
    }
    Py_INCREF(self->core);
    self->sealed = true;
    Py_END_CRITICAL_SECTION();
    PyObject_GC_Track(self);
}

void tv_py_context_end(struct tv_py_call *call)
{
    if (Py_REFCNT(call->context) > 1)
        seal((struct context *)call->context);
    Py_CLEAR(call->context);
}

/* ---- the token ----------------------------------------------------------------------------- */

/* The token of the attempt, borrowed; NULL: MemoryError. */
static struct tv_token *token_of(struct context *self)
{
    struct tv_token *token;

    Py_BEGIN_CRITICAL_SECTION(self);
    if (!self->token && !self->sealed)
        self->token = tv_task_token(self->task);
    token = self->token;
    Py_END_CRITICAL_SECTION();
    if (!token) {
        enum tv_err err = tv_is_forked(tv_task_supervisor(self->task)) ? TV_FORKED : TV_NO_MEMORY;

        tv_py_raise(tv_py_state_of((PyObject *)self), err, NULL);
    }
    return token;
}

struct tv_token *tv_py_context_token(PyObject *self, struct tv_task **task)
{
    *task = ((struct context *)self)->task;
    return token_of((struct context *)self);
}

static bool is_cancelled(struct context *self)
{
    bool cancelled;

    Py_BEGIN_CRITICAL_SECTION(self);
    if (self->token)
        cancelled = tv_token_is_cancelled(self->token);
    else
        cancelled = self->sealed ? self->was_cancelled : tv_task_is_cancelled(self->task);
    Py_END_CRITICAL_SECTION();
    return cancelled;
}

static int cancel_reason(struct context *self)
{
    int reason;

    Py_BEGIN_CRITICAL_SECTION(self);
    if (!self->sealed)
        reason = tv_task_cancel_reason(self->task);
    else
        reason = self->token ? tv_token_reason(self->token) : self->reason;
    Py_END_CRITICAL_SECTION();
    return reason;
}

static PyObject *context_token(PyObject *object, void *closure)
{
    struct context *self = (struct context *)object;
    struct tv_token *token = token_of(self);
    PyObject *made, *found;

    (void)closure;
    if (!token)
        return NULL;
    Py_BEGIN_CRITICAL_SECTION(self);
    found = Py_XNewRef(self->token_object);
    Py_END_CRITICAL_SECTION();
    if (found)
        return found;
    made = tv_py_token_new(tv_py_state_of(object), tv_token_hold(token));
    if (!made)
        return NULL;
    Py_BEGIN_CRITICAL_SECTION(self);
    if (!self->token_object)
        self->token_object = Py_NewRef(made);
    found = Py_NewRef(self->token_object);
    Py_END_CRITICAL_SECTION();
    Py_DECREF(made);
    return found;
}

/* ---- waiting ------------------------------------------------------------------------------- */

static enum tv_err wait_token(void *arg, tv_ns deadline)
{
    return tv_token_wait(arg, deadline);
}

/* 1: cancelled; 0: not in time. */
static int wait_token_for(struct context *self, struct tv_token *token, tv_ns ns)
{
    enum tv_err err;

    if (tv_py_wait_for(tv_py_state_of((PyObject *)self), tv_task_supervisor(self->task),
                       "wait() and sleep() would block the event loop that runs here; await "
                       "ctx.wait_cancelled() or ctx.asleep()",
                       wait_token, token, ns, &err) < 0)
        return -1;
    if (err == TV_OK)
        return 1;
    if (err == TV_TIMEOUT)
        return 0;
    tv_py_raise(tv_py_state_of((PyObject *)self), err, NULL);
    return -1;
}

/* The time of a manual clock is over when the alarm is; the attempt's own token tells which. */
static int wait_alarm(struct context *self, struct tv_alarm *alarm)
{
    int over = wait_token_for(self, tv_alarm_token(alarm), TV_NONE);

    tv_alarm_free(alarm);
    return over < 0 ? -1 : is_cancelled(self);
}

/* 1: cancelled; 0: not in time. */
static int wait_cancelled(struct context *self, tv_ns ns)
{
    struct tv_token *token = token_of(self);
    struct tv_alarm *alarm;

    if (!token || tv_py_alarm(tv_py_state_of((PyObject *)self), self->task, token, ns, &alarm) < 0)
        return -1;
    return alarm ? wait_alarm(self, alarm) : wait_token_for(self, token, ns);
}

static PyObject *raise_canceled(PyObject *self)
{
    return tv_py_raise_new(tv_py_state_of(self)->Canceled, "()");
}

static const struct tv_py_params wait_params = {"wait", 0, 1, 1, {"timeout"}};
static const struct tv_py_params sleep_params = {"sleep", 1, 1, 1, {"seconds"}};

PyDoc_STRVAR(wait_doc,
             "wait($self, /, timeout=None)\n--\n\n"
             "Wait until this attempt is cancelled: True; False past the timeout.\n\n"
             "timeout: seconds to wait at most, a float or a timedelta; None waits for ever.\n"
             "Raises TypeError and ValueError for a timeout that is none, RuntimeError in a\n"
             "coroutine, whose loop it would block (wait_cancelled is the call there).");

static PyObject *context_wait(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames)
{
    PyObject *timeout;
    tv_ns ns;
    int cancelled;

    if (tv_py_parse(&wait_params, args, nargs, kwnames, &timeout) < 0 ||
        tv_py_timeout(timeout, "timeout", &ns) < 0)
        return NULL;
    cancelled = wait_cancelled((struct context *)self, ns);
    return cancelled < 0 ? NULL : PyBool_FromLong(cancelled);
}

PyDoc_STRVAR(sleep_doc,
             "sleep($self, /, seconds)\n--\n\n"
             "Sleep for so many seconds, unless this attempt is cancelled.\n\n"
             "seconds: a float or a timedelta.\n"
             "Raises Canceled as soon as the attempt is cancelled, TypeError and ValueError for\n"
             "seconds that are none, RuntimeError in a coroutine (asleep is the call there).");

static PyObject *context_sleep(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    PyObject *seconds;
    tv_ns ns;
    int cancelled;

    if (tv_py_parse(&sleep_params, args, nargs, kwnames, &seconds) < 0 ||
        tv_py_seconds(seconds, "seconds", &ns) < 0)
        return NULL;
    cancelled = wait_cancelled((struct context *)self, ns);
    if (cancelled > 0)
        return raise_canceled(self);
    return cancelled < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(check_doc,
             "check($self, /)\n--\n\n"
             "Raise Canceled if this attempt is cancelled.");

static PyObject *context_check(PyObject *self, PyObject *unused)
{
    (void)unused;
    return is_cancelled((struct context *)self) ? raise_canceled(self) : Py_NewRef(Py_None);
}

/* ---- what it tells ------------------------------------------------------------------------- */

static PyObject *context_name(PyObject *self, void *closure)
{
    (void)closure;
    return tv_py_text(tv_task_name(((struct context *)self)->task));
}

static PyObject *context_id(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(tv_task_id(((struct context *)self)->task));
}

static PyObject *context_attempt(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(((struct context *)self)->attempt);
}

static PyObject *context_cancelled(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(is_cancelled((struct context *)self));
}

static PyObject *context_cancel_reason(PyObject *self, void *closure)
{
    int reason = cancel_reason((struct context *)self);

    (void)closure;
    if (reason < 0)
        Py_RETURN_NONE;
    return tv_py_member(tv_py_state_of(self)->CancelReason, reason);
}

static PyObject *context_supervisor(PyObject *self, void *closure)
{
    (void)closure;
    return tv_py_facade_new(tv_py_state_of(self)->supervisorhandle_type,
                            ((struct context *)self)->core);
}

static PyObject *context_repr(PyObject *self)
{
    PyObject *name = context_name(self, NULL);
    PyObject *repr = NULL;

    if (name)
        repr = PyUnicode_FromFormat("<TaskContext name=%R attempt=%llu>", name,
                                    ((struct context *)self)->attempt);
    Py_XDECREF(name);
    return repr;
}

static PyMethodDef context_methods[] = {
    {"wait", (PyCFunction)(void (*)(void))context_wait, METH_FASTCALL | METH_KEYWORDS, wait_doc},
    {"sleep", (PyCFunction)(void (*)(void))context_sleep, METH_FASTCALL | METH_KEYWORDS,
     sleep_doc},
    {"check", context_check, METH_NOARGS, check_doc},
    {"wait_cancelled", (PyCFunction)(void (*)(void))tv_py_context_wait_cancelled,
     METH_FASTCALL | METH_KEYWORDS, tv_py_wait_cancelled_doc},
    {"asleep", (PyCFunction)(void (*)(void))tv_py_context_asleep, METH_FASTCALL | METH_KEYWORDS,
     tv_py_asleep_doc},
    {"_watch", tv_py_context_watch, METH_O, tv_py_context_watch_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef context_getset[] = {
    {"name", context_name, NULL, "The task's name, a str.", NULL},
    {"id", context_id, NULL, "The task's number, an int.", NULL},
    {"attempt", context_attempt, NULL, "Which attempt of the task this is, an int counted from 1.",
     NULL},
    {"token", context_token, NULL, "The attempt's CancellationToken.", NULL},
    {"supervisor", context_supervisor, NULL, "A SupervisorHandle of the task's supervisor.", NULL},
    {"cancelled", context_cancelled, NULL, "Is the attempt asked to stop? A bool.", NULL},
    {"cancel_reason", context_cancel_reason, NULL,
     "Why it is asked to stop: the first CancelReason, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(context_doc,
             "What a running body sees of its task; `taskvisor.current()` is that of the body\n"
             "that asks. It may be kept, and then goes on telling of its own attempt.");

static PyType_Slot context_slots[] = {
    {Py_tp_doc, (void *)context_doc},
    {Py_tp_traverse, context_traverse},
    {Py_tp_dealloc, context_dealloc},
    {Py_tp_repr, context_repr},
    {Py_tp_methods, context_methods},
    {Py_tp_getset, context_getset},
    {0, NULL},
};

PyType_Spec tv_py_context_spec = {
    .name = "taskvisor.TaskContext",
    .basicsize = sizeof(struct context),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = context_slots,
};
