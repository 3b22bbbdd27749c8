/*
 * subscribe_type.c: Subscribe, the base class of observers, and what turns an observer into one of
 * the runtime's subscribers. Any object with on_event(event) will do.
 *
 * Everything there is to refuse is refused when a Supervisor is made: the name and the capacity are
 * read then, once. The method is looked up for each event, as any call of Python's does, so an
 * observer may exchange it.
 */
#include "ext/objects.h"

#define DEFAULT_CAPACITY 1024

/* ---- delivery ------------------------------------------------------------------------------ */

/* Attached, on the subscriber's own thread. Nothing that on_event raises leaves it. */
static struct tv_text *deliver(void *arg, const struct tv_event *event)
{
    struct tv_py_subscriber *self = arg;
    PyObject *object = tv_py_event_new(self->state, event);
    PyObject *args[] = {self->object, object};
    PyObject *answer = NULL, *error = NULL;
    struct tv_text *reason = NULL;
    unsigned generation = tv_generation();

    if (object)
        answer = PyObject_VectorcallMethod(self->method, args, 2, NULL);
    if (!answer)
        error = tv_py_take_exception();
    if (tv_forked_since(generation))
        tv_py_end_child(self->state, error);
    if (error)
        reason = tv_py_exception_text(error);
    Py_XDECREF(error);
    Py_XDECREF(answer);
    Py_XDECREF(object);
    return reason;
}

/* The method of the base class: whoever inherits it has forgotten his own. */
static PyObject *on_event(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(event))
{
    Py_RETURN_NONE;
}

/* ---- at the door --------------------------------------------------------------------------- */

/* The attribute; NULL without an exception: there is none. */
static PyObject *attribute_of(PyObject *object, const char *name)
{
    PyObject *value = tv_py_attribute(object, name);

    if (!value && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Clear();
    return value;
}

/* Is `function` one of those that inspect's `kind` says yes to? 1, 0, or -1. */
static int is_kind(PyObject *kind, PyObject *function)
{
    PyObject *answer = kind ? PyObject_CallOneArg(kind, function) : tv_py_raise_new(NULL, "()");
    int is = answer ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    return is;
}

static int is_of_kinds(struct tv_py_state *state, PyObject *function)
{
    int is = is_kind(state->iscoroutinefunction, function);

    if (is == 0)
        is = is_kind(state->isasyncgenfunction, function);
    if (is == 0)
        is = is_kind(state->isgeneratorfunction, function);
    return is;
}

/* Would a call only make something that somebody has to run? 1, 0, or -1. */
static int runs_later(struct tv_py_state *state, PyObject *method)
{
    int is = is_of_kinds(state, method);
    PyObject *call;

    if (is != 0 || PyFunction_Check(method) || PyMethod_Check(method))
        return is;
    call = tv_py_attribute(method, "__call__");
    is = call ? is_of_kinds(state, call) : -1;
    Py_XDECREF(call);
    return is;
}

/* `what` is its name. */
static int check_callable(struct tv_py_state *state, PyObject *method, const char *what)
{
    int later;

    if (!PyCallable_Check(method))
        return tv_py_refuse(PyExc_TypeError, method, "a subscriber's %s must be callable", what);
    later = runs_later(state, method);
    if (later > 0)
        tv_py_refuse(PyExc_TypeError, method, "a subscriber's %s must be a plain function", what);
    return later == 0 ? 0 : -1;
}

static int check_given(struct tv_py_state *state, PyObject *object, PyObject *method)
{
    if (!PyCallable_Check(method))
        return check_callable(state, method, "on_event");
    if (PyType_Check(object) && !PyMethod_Check(method))
        return tv_py_refuse(PyExc_TypeError, object, "a subscriber must be an object of a class");
    if (PyCFunction_Check(method) && PyCFunction_GET_FUNCTION(method) == on_event)
        return tv_py_refuse(PyExc_TypeError, object, "a subscriber must have its own on_event");
    return check_callable(state, method, "on_event");
}

static int check_method(struct tv_py_state *state, PyObject *object)
{
    PyObject *method = attribute_of(object, "on_event");
    int err = -1;

    if (method)
        err = check_given(state, object, method);
    else if (!PyErr_Occurred())
        tv_py_refuse(PyExc_TypeError, object, "a subscriber must have an on_event(event)");
    Py_XDECREF(method);
    return err;
}

/* Looked up anew for each call, as on_event is. */
static int takes_failures(struct tv_py_state *state, PyObject *object, bool *takes)
{
    PyObject *method = attribute_of(object, "on_failure");
    int err = PyErr_Occurred() ? -1 : 0;

    *takes = method && method != Py_None;
    if (*takes)
        err = check_callable(state, method, "on_failure");
    Py_XDECREF(method);
    return err;
}

static struct tv_text *name_of(PyObject *object)
{
    PyObject *value = attribute_of(object, "name");
    struct tv_text *name;

    if (!value && !PyErr_Occurred())
        value = PyType_GetName(Py_TYPE(object));
    name = value ? tv_py_name(value, "a subscriber's name") : NULL;
    Py_XDECREF(value);
    return name;
}

static int capacity_of(PyObject *object, uint64_t *capacity)
{
    PyObject *value = attribute_of(object, "queue_capacity");
    int64_t number = DEFAULT_CAPACITY;
    int err = 0;

    if (value)
        err = tv_py_whole(value, "a subscriber's queue_capacity", 1, INT64_MAX, &number);
    else if (PyErr_Occurred())
        err = -1;
    Py_XDECREF(value);
    *capacity = (uint64_t)number;
    return err;
}

int tv_py_subscriber_init(struct tv_py_subscriber *self, struct tv_py_state *state,
                          PyObject *object)
{
    struct tv_subscriber made = {.on_event = deliver, .arg = self};

    if (check_method(state, object) < 0 || capacity_of(object, &made.capacity) < 0 ||
        takes_failures(state, object, &self->takes_failures) < 0)
        return -1;
    made.name = name_of(object);
    if (!made.name)
        return -1;
    self->method = PyUnicode_InternFromString("on_event");
    if (!self->method) {
        tv_text_rele(made.name);
        return -1;
    }
    self->state = state;
    self->object = Py_NewRef(object);
    self->subscriber = made;
    return 0;
}

void tv_py_subscriber_fini(struct tv_py_subscriber *self)
{
    Py_CLEAR(self->object);
    Py_CLEAR(self->method);
    tv_text_rele(self->subscriber.name);
    self->subscriber.name = NULL;
}

/* ---- the default name ---------------------------------------------------------------------- */

/*
 * What Subscribe.name is until somebody assigns another: of a class and of its instances, the name
 * of the class. It has no __set__, so an assignment goes where it does for any attribute.
 */
static PyObject *class_name_get(PyObject *Py_UNUSED(self), PyObject *object, PyObject *type)
{
    return PyType_GetName(type ? (PyTypeObject *)type : Py_TYPE(object));
}

static PyType_Slot class_name_slots[] = {
    {Py_tp_descr_get, class_name_get},
    {0, NULL},
};

static PyType_Spec class_name_spec = {
    .name = "taskvisor._core.ClassName",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = class_name_slots,
};

static PyObject *make_class_name(PyObject *module)
{
    PyTypeObject *type =
        (PyTypeObject *)PyType_FromModuleAndSpec(module, &class_name_spec, NULL);
    PyObject *made = type ? type->tp_alloc(type, 0) : NULL;

    Py_XDECREF(type);
    return made;
}

static int set_attribute(PyTypeObject *type, const char *name, PyObject *value)
{
    int err = value ? PyObject_SetAttrString((PyObject *)type, name, value) : -1;

    Py_XDECREF(value);
    return err;
}

int tv_py_subscribe_ready(PyObject *module, PyTypeObject *type)
{
    if (set_attribute(type, "name", make_class_name(module)) < 0)
        return -1;
    return set_attribute(type, "queue_capacity", PyLong_FromLong(DEFAULT_CAPACITY));
}

/* ---- the type ------------------------------------------------------------------------------ */

PyDoc_STRVAR(subscribe_doc,
             "Subscribe()\n--\n\n"
             "A base class for observers of a supervisor: subclasses define on_event(event).\n\n"
             "Any other object with an `on_event` serves as well. A supervisor calls it once per\n"
             "event, in order, on a thread of its own; a subscriber that is slow, raises or never\n"
             "returns touches neither tasks nor other subscribers.\n\n"
             "name: what events and `subscribers()` call it; left out, the name of its class.\n"
             "queue_capacity: how many events wait for it, 1024 if left out; one that comes when\n"
             "its queue is full is dropped for it alone.\n\n"
             "on_failure: a method that a subclass may have besides: on_failure(handle, outcome)\n"
             "is called once for each task that ends FAILED, FATAL or ABANDONED, on a thread of\n"
             "the runtime, as a done callback. What it raises is logged. No full queue loses it,\n"
             "and outcome.exception has the traceback, which no event has.\n\n"
             "All are read by Supervisor(), which raises TypeError for an on_event that is\n"
             "missing, for one of the two that is async or a generator, a name that is no str or\n"
             "a capacity that is no int, ValueError for an empty name, NUL or surrogates in it,\n"
             "or a capacity below 1.");

PyDoc_STRVAR(on_event_doc,
             "on_event($self, event, /)\n--\n\n"
             "Handle one event; what it raises is told to the others as SUBSCRIBER_PANICKED.\n\n"
             "This one does nothing.");

static PyMethodDef subscribe_methods[] = {
    {"on_event", on_event, METH_O, on_event_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot subscribe_slots[] = {
    {Py_tp_doc, (void *)subscribe_doc},
    {Py_tp_methods, subscribe_methods},
    {0, NULL},
};

PyType_Spec tv_py_subscribe_spec = {
    .name = "taskvisor.Subscribe",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = subscribe_slots,
};
