/*
 * loop_type.c: Loop, an asyncio loop's end of our mailbox. Internal.
 *
 * It is the callback of the mailbox's descriptor, and the loop's selector is its only owner. A loop
 * that is closed drops its callbacks, so the Loop's deallocation is how we learn of it, whichever
 * kind of loop that is: supervisors that it served are shut down, and bodies that it has left
 * behind end as cancelled.
 */
#include "ext/loops.h"

/* ---- the list ------------------------------------------------------------------------------ */

/* A new reference; NULL without an exception: we have nothing to do with this loop. */
static struct tv_py_loop *find(struct tv_py_state *state, PyObject *loop)
{
    struct tv_py_loop *found;

    TV_PY_LOCK_LOOPS(state);
    for (found = state->loops; found && found->loop != loop; found = found->next)
        continue;
    Py_XINCREF(found);
    TV_PY_UNLOCK_LOOPS();
    return found;
}

static void enlist(struct tv_py_loop *self)
{
    struct tv_py_state *state = self->state;

    TV_PY_LOCK_LOOPS(state);
    self->next = state->loops;
    if (self->next)
        self->next->previous = self;
    state->loops = self;
    TV_PY_UNLOCK_LOOPS();
}

static void delist(struct tv_py_loop *self)
{
    struct tv_py_state *state = self->state;

    TV_PY_LOCK_LOOPS(state);
    if (self->next)
        self->next->previous = self->previous;
    if (self->previous)
        self->previous->next = self->next;
    else if (state->loops == self)
        state->loops = self->next;
    TV_PY_UNLOCK_LOOPS();
    self->next = self->previous = NULL;
}

bool tv_py_is_on_loop(struct tv_py_state *state, const struct tv_supervisor *supervisor)
{
    PyObject *running = state->loops ? tv_py_running_loop(state) : NULL;
    struct tv_py_loop *self = running ? find(state, running) : NULL;
    bool is = false;

    PyErr_Clear();
    if (self)
        is = supervisor ? tv_loop_of(supervisor) == self->mailbox
                        : tv_loop_is_serving(self->mailbox);
    Py_XDECREF(self);
    return is;
}

/* The loop of a supervisor, a new reference; NULL: it has none (any more). */
static PyObject *loop_of(struct tv_py_state *state, const struct tv_supervisor *supervisor)
{
    struct tv_loop *mailbox = tv_loop_of(supervisor);
    PyObject *loop = NULL;

    TV_PY_LOCK_LOOPS(state);
    for (struct tv_py_loop *at = state->loops; at && !loop; at = at->next)
        if (at->mailbox == mailbox)
            loop = Py_NewRef(at->loop);
    TV_PY_UNLOCK_LOOPS();
    return loop;
}

int tv_py_check_loop(struct tv_py_state *state, const struct tv_supervisor *supervisor)
{
    PyObject *own, *running;

    if (tv_py_is_on_loop(state, supervisor))
        return 0;
    own = loop_of(state, supervisor);
    running = tv_py_running_loop(state);
    if (!PyErr_Occurred() && running)
        PyErr_Format(PyExc_RuntimeError, "this supervisor belongs to %R; it was used on %R",
                     own ? own : Py_None, running);
    else if (!PyErr_Occurred())
        PyErr_Format(PyExc_RuntimeError,
                     "this supervisor belongs to %R; it was used outside any loop",
                     own ? own : Py_None);
    Py_XDECREF(own);
    return -1;
}

PyObject *tv_py_loop_find_task(struct tv_py_state *state, const struct tv_task *task)
{
    PyObject *found = NULL;

    TV_PY_LOCK_LOOPS(state);
    for (struct tv_py_loop *loop = state->loops; loop && !found; loop = loop->next)
        for (struct tv_py_attempt *at = loop->attempts; at && !found; at = at->next)
            if (at->call.task == task)
                found = Py_XNewRef(at->task);
    TV_PY_UNLOCK_LOOPS();
    return found;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* The first of them, with the list's reference; NULL: none is left. */
static struct tv_py_attempt *first_attempt(struct tv_py_loop *self)
{
    return self->attempts ? (struct tv_py_attempt *)Py_NewRef(self->attempts) : NULL;
}

/* The loop will not run again, whatever is still in it. */
static void end(struct tv_py_loop *self)
{
    struct tv_py_attempt *attempt;

    delist(self);
    if (tv_forked_since(self->generation))
        return;
    tv_loop_close(self->mailbox);
    while ((attempt = first_attempt(self))) {
        tv_py_attempt_lose(attempt);
        Py_DECREF(attempt);
    }
    while (self->watches)
        tv_py_watch_withdraw(self->watches);
}

static int loop_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct tv_py_loop *self = (struct tv_py_loop *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->loop);
    Py_VISIT(self->context);
    Py_VISIT(self->task_keywords);
    for (struct tv_py_watch *watch = self->watches; watch; watch = watch->next)
        Py_VISIT(watch);
    return 0;
}

static void loop_dealloc(PyObject *object)
{
    struct tv_py_loop *self = (struct tv_py_loop *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject *raised = tv_py_take_exception();

    PyObject_GC_UnTrack(object);
    end(self);
    tv_loop_rele(self->mailbox);
    Py_XDECREF(self->context);
    Py_XDECREF(self->task_keywords);
    Py_XDECREF(self->loop);
    type->tp_free(object);
    Py_DECREF(type);
    if (raised)
        tv_py_put_exception(raised);
}

static bool runs(struct tv_py_loop *self)
{
    PyObject *answer = PyObject_CallMethod(self->loop, "is_running", NULL);
    int is = answer ? PyObject_IsTrue(answer) : -1;

    PyErr_Clear();
    Py_XDECREF(answer);
    return is != 0;
}

/* One that does not run, a new reference; NULL: none. */
static struct tv_py_loop *find_idle(struct tv_py_state *state)
{
    struct tv_py_loop *found = NULL;

    TV_PY_LOCK_LOOPS(state);
    for (found = state->loops; found && (found->is_private || runs(found)); found = found->next)
        continue;
    Py_XINCREF(found);
    TV_PY_UNLOCK_LOOPS();
    return found;
}

void tv_py_loops_abandon(struct tv_py_state *state)
{
    struct tv_py_loop *idle;

    while ((idle = find_idle(state))) {
        end(idle);
        Py_DECREF(idle);
    }
}

/* ---- making one ---------------------------------------------------------------------------- */

/* In an empty context: what our callbacks do is not the business of who was here first. */
static int add_reader(struct tv_py_loop *self)
{
    PyObject *none = NULL;

    if (PyContext_Enter(self->context) < 0)
        return -1;
    none = PyObject_CallMethod(self->loop, "add_reader", "iO",
                               tv_loop_descriptor(self->mailbox), self);
    PyContext_Exit(self->context);
    if (!none && PyErr_ExceptionMatches(PyExc_NotImplementedError))
        PyErr_Format(PyExc_RuntimeError,
                     "taskvisor needs an event loop that has add_reader(); %R has not",
                     self->loop);
    Py_XDECREF(none);
    return none ? 0 : -1;
}

struct tv_py_loop *tv_py_loop_new(struct tv_py_state *state, PyObject *loop, bool is_private)
{
    struct tv_loop *mailbox;
    enum tv_err err = tv_loop_new(&mailbox);
    struct tv_py_loop *self;

    if (err != TV_OK)
        return (struct tv_py_loop *)(void *)tv_py_raise(state, err, NULL);
    self = (struct tv_py_loop *)state->loop_type->tp_alloc(state->loop_type, 0);
    if (!self) {
        tv_loop_rele(mailbox);
        return NULL;
    }
    self->state = state;
    self->mailbox = mailbox;
    self->loop = Py_NewRef(loop);
    self->context = PyContext_New();
    self->is_private = is_private;
    self->generation = tv_generation();
    if (!self->context || add_reader(self) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    enlist(self);
    return self;
}

struct tv_py_loop *tv_py_loop_here(struct tv_py_state *state)
{
    PyObject *running = tv_py_need_running_loop(state);
    struct tv_py_loop *self;

    if (!running)
        return NULL;
    self = find(state, running);
    return self ? self : tv_py_loop_new(state, running, false);
}

int tv_py_core_take_loop(struct tv_py_core *core)
{
    struct tv_py_loop *self = tv_py_loop_here(core->state);
    enum tv_err err;

    if (!self)
        return -1;
    err = tv_loop_give(core->supervisor, self->mailbox);
    Py_DECREF(self);
    if (err == TV_OK)
        return 0;
    tv_py_raise(core->state, err == TV_ALREADY ? TV_ALREADY_RUNNING : err, NULL);
    return -1;
}

/* ---- the type ------------------------------------------------------------------------------ */

static PyObject *loop_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    return tv_py_loop_work((struct tv_py_loop *)self);
}

static PyType_Slot loop_slots[] = {
    {Py_tp_traverse, loop_traverse},
    {Py_tp_dealloc, loop_dealloc},
    {Py_tp_call, loop_call},
    {0, NULL},
};

PyType_Spec tv_py_loop_spec = {
    .name = "taskvisor._core.Loop",
    .basicsize = sizeof(struct tv_py_loop),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = loop_slots,
};
