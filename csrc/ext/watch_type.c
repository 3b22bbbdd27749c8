/*
 * watch_type.c: Watch, a wait of an asyncio loop for something of the runtime's. Internal.
 *
 * Its future is settled on the loop's thread when what it waits for may be there. Until then the
 * Loop owns the Watch, and with it who awaits the future, as a loop owns who sleeps on a timer.
 * `await watch` goes through an Await, which withdraws the Watch when the await ends, however it
 * ends. All of it happens on the loop's thread.
 */
#include "ext/loops.h"

#include <structmember.h>

static void enlist(struct tv_py_watch *self, struct tv_py_loop *loop)
{
    self->loop = loop;
    Py_INCREF(self);
    TV_PY_LOCK_LOOPS(loop->state);
    self->next = loop->watches;
    if (self->next)
        self->next->previous = self;
    loop->watches = self;
    TV_PY_UNLOCK_LOOPS();
}

/* The Loop's reference becomes the caller's. */
static void delist(struct tv_py_watch *self)
{
    struct tv_py_loop *loop = self->loop;

    TV_PY_LOCK_LOOPS(loop->state);
    if (self->next)
        self->next->previous = self->previous;
    if (self->previous)
        self->previous->next = self->next;
    else
        loop->watches = self->next;
    TV_PY_UNLOCK_LOOPS();
    self->next = self->previous = NULL;
    self->loop = NULL;
}

struct tv_py_watch *tv_py_watch_blank(struct tv_py_state *state, struct tv_py_handle *handle)
{
    PyObject *loop = tv_py_need_running_loop(state);
    PyObject *future = loop ? PyObject_CallMethodNoArgs(loop, state->call_create_future) : NULL;
    struct tv_py_watch *self = NULL;

    if (future)
        self = (struct tv_py_watch *)state->watch_type->tp_alloc(state->watch_type, 0);
    if (!self) {
        Py_XDECREF(future);
        return NULL;
    }
    self->future = future;
    self->handle = (struct tv_py_handle *)Py_XNewRef((PyObject *)handle);
    return self;
}

int tv_py_watch_begin(struct tv_py_watch *self, const struct tv_watched *target)
{
    struct tv_py_loop *loop = tv_py_loop_here(tv_py_state_of((PyObject *)self));

    if (!loop)
        return -1;
    self->watch = tv_watch_new(target, loop->mailbox, self);
    if (self->watch)
        enlist(self, loop);
    else
        PyErr_NoMemory();
    Py_DECREF(loop);
    return self->watch ? 0 : -1;
}

struct tv_py_watch *tv_py_watch_new(struct tv_py_state *state, const struct tv_watched *target)
{
    struct tv_py_watch *self = tv_py_watch_blank(state, NULL);

    if (self && tv_py_watch_begin(self, target) < 0)
        Py_CLEAR(self);
    return self;
}

/* What a wait for a token has beside it. */
static void end_token(struct tv_py_watch *self)
{
    if (self->attempt && self->attempt->prefers == self)
        self->attempt->prefers = NULL;
    Py_CLEAR(self->attempt);
    if (self->alarm)
        tv_alarm_free(self->alarm);
    self->alarm = NULL;
}

void tv_py_watch_withdraw(struct tv_py_watch *self)
{
    end_token(self);
    if (!self->loop)
        return;
    delist(self);
    tv_watch_withdraw(self->watch);
    self->watch = NULL;
    Py_DECREF(self);
}

void tv_py_throwable(void)
{
    PyObject *exception, *error;

    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return;
    exception = tv_py_take_exception();
    error = PyObject_CallFunction(PyExc_RuntimeError, "s", "the task's body raised StopIteration");
    if (error) {
        PyException_SetCause(error, exception);
        tv_py_put_exception(error);
    } else {
        Py_DECREF(exception);
    }
}

/* Gives the future what there is; it is pending. */
static PyObject *settle(struct tv_py_watch *self)
{
    struct tv_py_state *state = tv_py_state_of((PyObject *)self);
    PyObject *value = self->handle ? tv_py_handle_result(self->handle) : Py_NewRef(Py_None);
    PyObject *exception, *none = NULL;

    if (value) {
        none = PyObject_CallMethodOneArg(self->future, state->call_set_result, value);
        Py_DECREF(value);
        return none;
    }
    tv_py_throwable();
    exception = tv_py_take_exception();
    if (exception)
        none = PyObject_CallMethod(self->future, "set_exception", "O", exception);
    Py_XDECREF(exception);
    return none;
}

static bool is_pending(struct tv_py_state *state, PyObject *future)
{
    bool pending = tv_py_asyncio_done(state, future) == 0;

    PyErr_Clear();
    return pending;
}

static void give(struct tv_py_watch *self)
{
    PyObject *none;

    if (!is_pending(tv_py_state_of((PyObject *)self), self->future))
        return;
    none = settle(self);
    if (!none)
        PyErr_WriteUnraisable(self->future);
    Py_XDECREF(none);
}

/* Who awaits it has yet to go on with that: until its await ends the attempt prefers its token. */
void tv_py_watch_tell(struct tv_py_watch *self)
{
    self->watch = NULL;
    delist(self);
    give(self);
    Py_DECREF(self);
}

static int watch_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct tv_py_watch *self = (struct tv_py_watch *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->future);
    Py_VISIT((PyObject *)self->handle);
    return 0;
}

static int watch_clear(PyObject *object)
{
    struct tv_py_watch *self = (struct tv_py_watch *)object;

    Py_CLEAR(self->future);
    Py_CLEAR(self->handle);
    return 0;
}

/* It has been told or withdrawn, or was never begun. */
static void watch_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    struct tv_py_watch *self = (struct tv_py_watch *)object;

    PyObject_GC_UnTrack(object);
    end_token(self);
    if (self->task)
        tv_task_rele(self->task);
    watch_clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

/* ---- preferring one's token ---------------------------------------------------------------- */

PyObject *tv_py_watch_token(struct tv_py_state *state, struct tv_token *token,
                            struct tv_alarm *alarm)
{
    const struct tv_watched target = {.token = alarm ? tv_alarm_token(alarm) : token};
    struct tv_py_watch *self = tv_py_watch_new(state, &target);
    struct tv_py_attempt *attempt = self ? tv_py_attempt_here(state) : NULL;
    int prefers = attempt ? tv_py_attempt_is_current(attempt) : 0;

    if (self) {
        self->alarm = alarm;
        self->timed = alarm;
    } else if (alarm) {
        tv_alarm_free(alarm);
    }
    if (prefers < 0) {
        tv_py_watch_withdraw(self);
        Py_CLEAR(self);
    }
    if (prefers > 0) {
        self->attempt = (struct tv_py_attempt *)Py_NewRef((PyObject *)attempt);
        attempt->prefers = self;
    }
    return (PyObject *)self;
}

/* ---- Await --------------------------------------------------------------------------------- */

struct await {
    PyObject_HEAD
    struct tv_py_watch *watch;
    PyObject *iterator; /* of its future */
};

PyObject *tv_py_watch_await(PyObject *object)
{
    struct tv_py_watch *self = (struct tv_py_watch *)object;
    struct tv_py_state *state = tv_py_state_of(object);
    PyObject *iterator = PyObject_CallMethod(self->future, "__await__", NULL);
    struct await *made = NULL;

    if (iterator)
        made = (struct await *)state->await_type->tp_alloc(state->await_type, 0);
    if (!made) {
        Py_XDECREF(iterator);
        return NULL;
    }
    made->watch = (struct tv_py_watch *)Py_NewRef(object);
    made->iterator = iterator;
    return (PyObject *)made;
}

/* No throw(): what is thrown is raised where it awaits, which drops the Await. */
static PyObject *await_next(PyObject *object)
{
    struct await *self = (struct await *)object;
    PyObject *next = Py_TYPE(self->iterator)->tp_iternext(self->iterator);

    if (!next)
        tv_py_watch_withdraw(self->watch);
    return next;
}

static int await_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct await *self = (struct await *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT((PyObject *)self->watch);
    Py_VISIT(self->iterator);
    return 0;
}

static void await_dealloc(PyObject *object)
{
    struct await *self = (struct await *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject *raised = tv_py_take_exception();

    PyObject_GC_UnTrack(object);
    tv_py_watch_withdraw(self->watch);
    Py_XDECREF(self->iterator);
    Py_DECREF(self->watch);
    type->tp_free(object);
    Py_DECREF(type);
    if (raised)
        tv_py_put_exception(raised);
}

/* ---- the types ----------------------------------------------------------------------------- */

static PyObject *watch_method_withdraw(PyObject *self, PyObject *unused)
{
    (void)unused;
    tv_py_watch_withdraw((struct tv_py_watch *)self);
    Py_RETURN_NONE;
}

/* Its body has returned and its name is free. */
static PyObject *watch_gone(PyObject *object, PyObject *unused)
{
    struct tv_py_watch *self = (struct tv_py_watch *)object;

    (void)unused;
    return PyBool_FromLong(!self->task || tv_task_wait_gone(self->task, 0) == TV_OK);
}

static PyMethodDef watch_methods[] = {
    {"gone", watch_gone, METH_NOARGS, "Is the task over, that it was begun for?"},
    {"withdraw", watch_method_withdraw, METH_NOARGS, "End the wait; its future stays pending."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef watch_members[] = {
    {"future", T_OBJECT, offsetof(struct tv_py_watch, future), READONLY,
     "Done when what is waited for may be there."},
    {"timed", T_BOOL, offsetof(struct tv_py_watch, timed), READONLY,
     "Does a manual clock see to its timeout?"},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot watch_slots[] = {
    {Py_tp_traverse, watch_traverse},
    {Py_tp_clear, watch_clear},
    {Py_tp_dealloc, watch_dealloc},
    {Py_am_await, tv_py_watch_await},
    {Py_tp_methods, watch_methods},
    {Py_tp_members, watch_members},
    {0, NULL},
};

PyType_Spec tv_py_watch_spec = {
    .name = "taskvisor._core.Watch",
    .basicsize = sizeof(struct tv_py_watch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = watch_slots,
};

static PyType_Slot await_slots[] = {
    {Py_tp_traverse, await_traverse},
    {Py_tp_dealloc, await_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, await_next},
    {0, NULL},
};

PyType_Spec tv_py_await_spec = {
    .name = "taskvisor._core.Await",
    .basicsize = sizeof(struct await),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = await_slots,
};
