/*
 * clock_type.c: Clock, a manual clock. Internal; taskvisor.testing has what people use.
 */
#include "ext/objects.h"

struct clock {
    PyObject_HEAD
    struct tv_clock *clock; /* held */
};

static struct tv_clock *clock_of(PyObject *self)
{
    return ((struct clock *)self)->clock;
}

static PyObject *clock_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const struct tv_py_params params = {"Clock", 0, 1, 1, {"patience"}};
    PyObject *self, *patience;
    tv_ns ns;

    if (tv_py_parse_tuple(&params, args, kwargs, &patience) < 0 ||
        tv_py_timeout(patience, "patience", &ns) < 0)
        return NULL;
    self = type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    ((struct clock *)self)->clock = tv_clock_new(ns == TV_NONE ? TV_NEVER : ns);
    if (!clock_of(self)) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return self;
}

static void clock_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    tv_clock_rele(clock_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *answer(PyObject *self, enum tv_err err, tv_ns ns)
{
    return err == TV_OK ? tv_py_from_ns(ns) : tv_py_raise(tv_py_state_of(self), err, NULL);
}

static PyObject *clock_now(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return tv_py_from_ns(tv_clock_now(clock_of(self)));
}

static PyObject *clock_asleep(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyLong_FromSize_t(tv_clock_asleep(clock_of(self)));
}

static PyObject *clock_advance(PyObject *self, PyObject *seconds)
{
    struct tv_clock *clock = clock_of(self);
    enum tv_err err;
    tv_ns ns;

    if (tv_py_seconds(seconds, "seconds", &ns) < 0)
        return NULL;
    err = tv_clock_advance(clock, ns);
    return answer(self, err, tv_clock_now(clock));
}

/* What is overdue takes no time. */
static PyObject *clock_advance_to_next(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct tv_clock *clock = clock_of(self);
    tv_ns at, ns, now = tv_clock_now(clock);
    enum tv_err err = tv_clock_next(clock, &at);

    if (err == TV_OK && at == TV_NEVER)
        Py_RETURN_NONE;
    ns = err == TV_OK && at > now ? at - now : 0;
    if (err == TV_OK)
        err = tv_clock_advance(clock, ns);
    return answer(self, err, ns);
}

static PyObject *clock_release(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct tv_clock *clock = clock_of(self);
    enum tv_err err;

    if (!tv_clock_is_forked(clock))
        tv_clock_release(clock);
    err = tv_clock_advance(clock, 0);
    return answer(self, err, tv_clock_now(clock));
}

static const struct tv_py_params supervise_params = {
    "supervise", 0, 1, TV_PY_SUPERVISOR_PARTS, {TV_PY_SUPERVISOR_PARAMS}};

static PyObject *clock_supervise(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames)
{
    PyObject *parts[TV_PY_SUPERVISOR_PARTS];

    if (tv_py_parse(&supervise_params, args, nargs, kwnames, parts) < 0)
        return NULL;
    return tv_py_supervisor_make(tv_py_state_of(self), parts, clock_of(self));
}

int tv_py_alarm(struct tv_py_state *state, const struct tv_task *task, struct tv_token *token,
                tv_ns ns, struct tv_alarm **alarm)
{
    struct tv_clock *clock = tv_clock_of(tv_task_supervisor(task));
    enum tv_err err;

    *alarm = NULL;
    if (!clock || ns == TV_NONE || ns == 0)
        return 0;
    err = tv_alarm_new(clock, token, ns, alarm);
    if (err == TV_OK)
        return 0;
    tv_py_raise(state, err, NULL);
    return -1;
}

/* ---- the type ------------------------------------------------------------------------------ */

PyDoc_STRVAR(clock_doc,
             "Clock(patience=None)\n--\n\n"
             "A clock that stands still until it is set forward.\n\n"
             "patience: seconds, by the system's clock, for which somebody may wait for a\n"
             "shutdown and nobody set it forward; then the grace is over. None: without limit.");

static PyMethodDef clock_methods[] = {
    {"now", clock_now, METH_NOARGS, "now($self, /)\n--\n\nSeconds since 0, where it began."},
    {"asleep", clock_asleep, METH_NOARGS,
     "asleep($self, /)\n--\n\nHow many waits of bodies it is to end."},
    {"advance", clock_advance, METH_O,
     "advance($self, seconds, /)\n--\n\nSet it forward; return what it shows then."},
    {"advance_to_next", clock_advance_to_next, METH_NOARGS,
     "advance_to_next($self, /)\n--\n\n"
     "Set it forward to what is due next; return by how many seconds, None: by none."},
    {"release", clock_release, METH_NOARGS,
     "release($self, /)\n--\n\nLet it go on by itself, for good; return what it shows."},
    {"supervise", (PyCFunction)(void (*)(void))clock_supervise, METH_FASTCALL | METH_KEYWORDS,
     "supervise($self, /, config=None, *, subscribers=(), controller=None)\n--\n\n"
     "Make a Supervisor on it."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot clock_slots[] = {
    {Py_tp_doc, (void *)clock_doc},
    {Py_tp_new, clock_new},
    {Py_tp_dealloc, clock_dealloc},
    {Py_tp_methods, clock_methods},
    {0, NULL},
};

PyType_Spec tv_py_clock_spec = {
    .name = "taskvisor._core.Clock",
    .basicsize = sizeof(struct clock),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = clock_slots,
};
