/*
 * event_type.c: Event, one thing that happened, made by the runtime or by hand.
 *
 * An Event is immutable and holds no Python object: what the runtime handed over is copied, texts
 * are shared. So it is no business of the garbage collector's, and needs no lock.
 */
#include "ext/event.h"

#define MS_MAX UINT32_MAX

/* ---- made by the runtime ------------------------------------------------------------------- */

static int64_t whole_ms(tv_ns span)
{
    int64_t ms = span / TV_MS;

    return ms < MS_MAX ? ms : MS_MAX;
}

static void fill_span(struct tv_py_event *self, const struct tv_event *event)
{
    if (event->kind == TV_EVENT_TASK_STOPPED || event->kind == TV_EVENT_TASK_FAILED)
        self->duration_ns = event->span_ns;
    if (event->kind == TV_EVENT_TIMEOUT_HIT)
        self->timeout_ms = whole_ms(event->span_ns);
    if (event->kind == TV_EVENT_BACKOFF_SCHEDULED) {
        self->delay_ms = whole_ms(event->span_ns);
        self->source = (int8_t)event->source;
    }
}

/* A task's last error may stand in a reason that does not tell it: then its code is not told. */
static void fill_exit_code(struct tv_py_event *self, const struct tv_event *event)
{
    const struct tv_reason *reason = &event->reason;

    if (event->kind == TV_EVENT_BACKOFF_SCHEDULED)
        return;
    if (reason->kind != TV_REASON_ERROR && reason->kind != TV_REASON_RETRIES)
        return;
    self->has_exit_code = reason->error.has_exit_code;
    self->exit_code = reason->error.exit_code;
}

static struct tv_py_event *blank_of(PyTypeObject *type)
{
    struct tv_py_event *self = (struct tv_py_event *)type->tp_alloc(type, 0);

    if (!self)
        return NULL;
    self->timeout_ms = self->delay_ms = self->duration_ns = TV_PY_NOT_SET;
    self->source = TV_PY_NOT_SET;
    return self;
}

PyObject *tv_py_event_blank(struct tv_py_state *state)
{
    return (PyObject *)blank_of(state->event_type);
}

void tv_py_event_fill(PyObject *object, const struct tv_event *event)
{
    struct tv_py_event *self = (struct tv_py_event *)object;

    self->seq = event->seq;
    self->at_ns = event->at_ns;
    self->id = event->id;
    self->attempt = event->attempt;
    self->task = event->task;
    self->reason = event->reason;
    self->kind = event->kind;
    fill_span(self, event);
    fill_exit_code(self, event);
}

PyObject *tv_py_event_new(struct tv_py_state *state, const struct tv_event *event)
{
    PyObject *self = tv_py_event_blank(state);

    if (!self)
        return NULL;
    tv_event_hold(event);
    tv_py_event_fill(self, event);
    return self;
}

static void event_dealloc(PyObject *object)
{
    struct tv_py_event *self = (struct tv_py_event *)object;
    PyTypeObject *type = Py_TYPE(object);

    tv_text_rele(self->task);
    tv_text_rele(tv_reason_text(&self->reason));
    type->tp_free(object);
    Py_DECREF(type);
}

/* ---- made by hand -------------------------------------------------------------------------- */

static bool is_given(PyObject *value)
{
    return value && value != Py_None;
}

static int take_whole(PyObject *const *values, enum tv_py_event_field field, int64_t low,
                      int64_t high, int64_t *number)
{
    if (!is_given(values[field]))
        return 0;
    return tv_py_whole(values[field], tv_py_event_getset[field].name, low, high, number);
}

static int take_seconds(PyObject *const *values, enum tv_py_event_field field, tv_ns *ns)
{
    if (!is_given(values[field]))
        return 0;
    return tv_py_seconds(values[field], tv_py_event_getset[field].name, ns);
}

static int take_reason(struct tv_py_event *self, PyObject *value)
{
    PyObject *utf8;

    if (!is_given(value))
        return 0;
    if (!PyUnicode_Check(value))
        return tv_py_refuse(PyExc_TypeError, value, "reason must be a str");
    utf8 = PyUnicode_AsEncodedString(value, "utf-8", "backslashreplace");
    if (!utf8)
        return -1;
    self->reason.error.text = tv_text_new(PyBytes_AS_STRING(utf8), (size_t)PyBytes_GET_SIZE(utf8));
    Py_DECREF(utf8);
    if (!self->reason.error.text) {
        PyErr_NoMemory();
        return -1;
    }
    self->reason.kind = TV_REASON_TEXT;
    return 0;
}

static int take_task(struct tv_py_event *self, PyObject *value)
{
    if (!is_given(value))
        return 0;
    self->task = tv_py_name(value, "task");
    return self->task ? 0 : -1;
}

static int take_kind(struct tv_py_event *self, PyObject *members, PyObject *value)
{
    int kind = tv_py_member_value(members, value, "kind");

    self->kind = (uint8_t)kind;
    return kind;
}

static int take_source(struct tv_py_event *self, PyObject *members, PyObject *value)
{
    int source;

    if (!is_given(value))
        return 0;
    source = tv_py_member_value(members, value, "backoff_source");
    self->source = (int8_t)source;
    return source;
}

static int take_numbers(struct tv_py_event *self, PyObject *const *values)
{
    int64_t seq = 0, id = 0, attempt = 0, exit_code = 0;

    if (take_whole(values, TV_PY_EVENT_SEQ, 0, INT64_MAX, &seq) < 0 ||
        take_whole(values, TV_PY_EVENT_ID, 1, INT64_MAX, &id) < 0 ||
        take_whole(values, TV_PY_EVENT_ATTEMPT, 1, INT64_MAX, &attempt) < 0 ||
        take_whole(values, TV_PY_EVENT_TIMEOUT_MS, 0, MS_MAX, &self->timeout_ms) < 0 ||
        take_whole(values, TV_PY_EVENT_DELAY_MS, 0, MS_MAX, &self->delay_ms) < 0 ||
        take_whole(values, TV_PY_EVENT_EXIT_CODE, INT32_MIN, INT32_MAX, &exit_code) < 0 ||
        take_seconds(values, TV_PY_EVENT_AT, &self->at_ns) < 0 ||
        take_seconds(values, TV_PY_EVENT_DURATION, &self->duration_ns) < 0)
        return -1;
    self->seq = (uint64_t)seq;
    self->id = (tv_id)id;
    self->attempt = (uint64_t)attempt;
    self->has_exit_code = is_given(values[TV_PY_EVENT_EXIT_CODE]);
    self->exit_code = (int32_t)exit_code;
    return 0;
}

static int take_fields(struct tv_py_event *self, PyObject *const *values)
{
    struct tv_py_state *state = tv_py_state_of((PyObject *)self);

    if (!state->EventKind || !state->BackoffSource) {
        tv_py_raise_new(NULL, "()");
        return -1;
    }
    self->at_ns = tv_wall_clock();
    if (take_kind(self, state->EventKind, values[TV_PY_EVENT_KIND]) < 0 ||
        take_source(self, state->BackoffSource, values[TV_PY_EVENT_BACKOFF_SOURCE]) < 0 ||
        take_numbers(self, values) < 0 || take_task(self, values[TV_PY_EVENT_TASK]) < 0 ||
        take_reason(self, values[TV_PY_EVENT_REASON]) < 0)
        return -1;
    return 0;
}

static PyObject *event_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const struct tv_py_params params = {
        .function = "Event", .required = 1, .positional = 1, .count = TV_PY_EVENT_FIELDS,
#define X(NAME, name, doc) #name,
        .names = {TV_PY_EVENT_TABLE(X)},
#undef X
    };
    PyObject *values[TV_PY_EVENT_FIELDS];
    struct tv_py_event *self;

    if (tv_py_parse_tuple(&params, args, kwargs, values) < 0)
        return NULL;
    self = blank_of(type);
    if (self && take_fields(self, values) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

/* ---- the type ------------------------------------------------------------------------------ */

PyDoc_STRVAR(event_doc,
             "Event(kind, *, seq=0, at=None, task=None, id=None, attempt=None, reason=None,\n"
             "      timeout_ms=None, delay_ms=None, exit_code=None, backoff_source=None,\n"
             "      duration=None)\n--\n\n"
             "One thing that happened; immutable, equal by its fields, hashable, picklable.\n\n"
             "A supervisor hands events to its subscribers and streams. The constructor makes one\n"
             "for tests: every field that is left out is None, `seq` is 0 and `at` is now.\n\n"
             "kind: an EventKind or its text.\n"
             "seq: its number, unique in the process; a receiver sees it rising.\n"
             "at: wall-clock seconds since the epoch.\n"
             "task: the name of the task; of the subscriber or slot that the event tells of.\n"
             "id, attempt: of the task, from 1.\n"
             "reason: why, for people; programs use the kind.\n"
             "timeout_ms, delay_ms: whole milliseconds, at most 2**32 - 1.\n"
             "exit_code: an int of 32 bits.\n"
             "backoff_source: a BackoffSource or its text.\n"
             "duration: how long the attempt took, in seconds.\n\n"
             "Raises TypeError for an unknown field or a value of another type, ValueError for\n"
             "one that is out of range.");

PyDoc_STRVAR(reduce_doc, "__reduce__($self, /)\n--\n\nReturn how the event is made again.");

static PyMethodDef event_methods[] = {
    {"__reduce__", tv_py_event_reduce, METH_NOARGS, reduce_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot event_slots[] = {
    {Py_tp_doc, (void *)event_doc},
    {Py_tp_new, event_new},
    {Py_tp_dealloc, event_dealloc},
    {Py_tp_repr, tv_py_event_repr},
    {Py_tp_hash, tv_py_event_hash},
    {Py_tp_richcompare, tv_py_event_richcompare},
    {Py_tp_methods, event_methods},
    {Py_tp_getset, tv_py_event_getset},
    {0, NULL},
};

PyType_Spec tv_py_event_spec = {
    .name = "taskvisor.Event",
    .basicsize = sizeof(struct tv_py_event),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = event_slots,
};
