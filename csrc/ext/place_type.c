/*
 * place_type.c: Place, a submission of a coroutine that stands in line for room. Internal.
 *
 * It ends by decide() or give_up(); one that is dropped gives up, or leaves the submission alone
 * that has been decided meanwhile.
 */
#include "ext/loops.h"

struct place {
    PyObject_HEAD
    PyObject *core; /* holds what the submission borrows */
    struct tv_py_submission submission;
    bool waits;
};

PyObject *tv_py_place_submit(struct tv_py_core *core, PyObject *spec)
{
    PyTypeObject *type = core->state->place_type;
    struct place *self = (struct place *)type->tp_alloc(type, 0);
    PyObject *handle;

    if (!self)
        return NULL;
    self->core = Py_NewRef((PyObject *)core);
    self->submission.core = core;
    self->submission.asker = TV_PY_COROUTINE;
    handle = tv_py_submission_begin(&self->submission, spec, &self->waits);
    if (self->waits)
        return (PyObject *)self;
    Py_DECREF((PyObject *)self);
    return handle;
}

static PyObject *decide(struct place *self, bool give_way)
{
    PyObject *handle;

    if (!self->waits)
        Py_RETURN_NONE;
    handle = tv_py_submission_decide(&self->submission, give_way, &self->waits);
    return self->waits ? Py_NewRef(Py_None) : handle;
}

static PyObject *place_decide(PyObject *self, PyObject *unused)
{
    (void)unused;
    return decide((struct place *)self, false);
}

static PyObject *place_give_up(PyObject *self, PyObject *unused)
{
    (void)unused;
    return decide((struct place *)self, true);
}

static PyObject *place_watch(PyObject *object, PyObject *unused)
{
    struct place *self = (struct place *)object;
    const struct tv_watched target = {.task = self->submission.task, .what = TV_WATCH_DECIDED};

    (void)unused;
    if (!self->waits) {
        PyErr_SetString(PyExc_RuntimeError, "it does not stand in line any more");
        return NULL;
    }
    return (PyObject *)tv_py_watch_new(tv_py_state_of(object), &target);
}

static void place_dealloc(PyObject *object)
{
    struct place *self = (struct place *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject *raised = tv_py_take_exception(), *handle;

    handle = self->waits ? decide(self, true) : NULL;
    PyErr_Clear();
    Py_XDECREF(handle);
    tv_py_submission_fini(&self->submission);
    Py_XDECREF(self->core);
    type->tp_free(object);
    Py_DECREF(type);
    if (raised)
        tv_py_put_exception(raised);
}

static PyMethodDef place_methods[] = {
    {"decide", place_decide, METH_NOARGS, "The TaskHandle, or None while it stands in line."},
    {"give_up", place_give_up, METH_NOARGS, "Leave the line: ControllerFull, or the TaskHandle."},
    {"watch", place_watch, METH_NOARGS, "A Watch for the decision."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot place_slots[] = {
    {Py_tp_dealloc, place_dealloc},
    {Py_tp_methods, place_methods},
    {0, NULL},
};

PyType_Spec tv_py_place_spec = {
    .name = "taskvisor._core.Place",
    .basicsize = sizeof(struct place),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = place_slots,
};
