/*
 * event_fields.c: the fields of an Event, each made a Python object when somebody reads it, and
 * what compares, hashes, shows and pickles all of them.
 */
#include "ext/event.h"

/* ---- reading it ---------------------------------------------------------------------------- */

#define GETTER(name) static PyObject *get_##name(PyObject *object, void *Py_UNUSED(closure))
#define SELF ((struct tv_py_event *)object)

/* `members` is NULL once the interpreter has cleared the module at its end. */
static PyObject *member(PyObject *members, int value)
{
    return members ? tv_py_member(members, value) : tv_py_raise_new(NULL, "()");
}

static PyObject *unless_zero(uint64_t value)
{
    return value == 0 ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(value);
}

static PyObject *unless_not_set(int64_t value)
{
    return value == TV_PY_NOT_SET ? Py_NewRef(Py_None) : PyLong_FromLongLong(value);
}

GETTER(kind)
{
    return member(tv_py_state_of(object)->EventKind, SELF->kind);
}

GETTER(seq)
{
    return PyLong_FromUnsignedLongLong(SELF->seq);
}

GETTER(at)
{
    return tv_py_from_ns(SELF->at_ns);
}

GETTER(task)
{
    return SELF->task ? tv_py_text(SELF->task) : Py_NewRef(Py_None);
}

GETTER(id)
{
    return unless_zero(SELF->id);
}

GETTER(attempt)
{
    return unless_zero(SELF->attempt);
}

/* A text that was given by hand may be of any length. */
GETTER(reason)
{
    const struct tv_reason *reason = &SELF->reason;

    return reason->kind == TV_REASON_TEXT ? tv_py_text(reason->error.text) : tv_py_reason(reason);
}

GETTER(timeout_ms)
{
    return unless_not_set(SELF->timeout_ms);
}

GETTER(delay_ms)
{
    return unless_not_set(SELF->delay_ms);
}

GETTER(exit_code)
{
    return SELF->has_exit_code ? PyLong_FromLong(SELF->exit_code) : Py_NewRef(Py_None);
}

GETTER(backoff_source)
{
    if (SELF->source == TV_PY_NOT_SET)
        Py_RETURN_NONE;
    return member(tv_py_state_of(object)->BackoffSource, SELF->source);
}

GETTER(duration)
{
    if (SELF->duration_ns == TV_PY_NOT_SET)
        Py_RETURN_NONE;
    return tv_py_from_ns(SELF->duration_ns);
}

GETTER(is_diagnostic)
{
    return PyBool_FromLong(tv_event_is_diagnostic(&(struct tv_event){.kind = SELF->kind}));
}

PyGetSetDef tv_py_event_getset[] = {
#define X(NAME, name, doc) [TV_PY_EVENT_##NAME] = {#name, get_##name, NULL, doc, NULL},
    TV_PY_EVENT_TABLE(X)
#undef X
    {"is_diagnostic", get_is_diagnostic, NULL, "Does it tell of a subscriber's fault? A bool.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- as a value ---------------------------------------------------------------------------- */

static PyObject *field_of(PyObject *self, int field)
{
    return tv_py_event_getset[field].get(self, NULL);
}

/* As field_of, but a member of an enumeration is its text. */
static PyObject *plain_field_of(PyObject *self, int field)
{
    PyObject *value = field_of(self, field);

    if (value && PyUnicode_Check(value) && !PyUnicode_CheckExact(value))
        Py_SETREF(value, PyObject_Str(value));
    return value;
}

/* Compares what a reader sees: seconds as floats, a reason as its text. 1, 0, or -1. */
static int same_field(PyObject *a, PyObject *b, int field)
{
    PyObject *of_a = field_of(a, field);
    PyObject *of_b = of_a ? field_of(b, field) : NULL;
    int same = of_b ? PyObject_RichCompareBool(of_a, of_b, Py_EQ) : -1;

    Py_XDECREF(of_a);
    Py_XDECREF(of_b);
    return same;
}

PyObject *tv_py_event_richcompare(PyObject *a, PyObject *b, int op)
{
    int same = 1;

    if ((op != Py_EQ && op != Py_NE) || !Py_IS_TYPE(b, Py_TYPE(a)))
        Py_RETURN_NOTIMPLEMENTED;
    for (int field = 0; field < TV_PY_EVENT_FIELDS && same == 1; field++)
        same = same_field(a, b, field);
    if (same < 0)
        return NULL;
    return PyBool_FromLong((op == Py_EQ) == (same == 1));
}

/* What is enough to tell the events of a supervisor apart. */
Py_hash_t tv_py_event_hash(PyObject *object)
{
    PyObject *task = get_task(object, NULL);
    PyObject *key = task ? Py_BuildValue("KKKiN", SELF->seq, SELF->id, SELF->attempt, SELF->kind,
                                         task)
                         : NULL;
    Py_hash_t hash = key ? PyObject_Hash(key) : -1;

    Py_XDECREF(key);
    return hash;
}

PyObject *tv_py_event_repr(PyObject *self)
{
    PyObject *value = plain_field_of(self, TV_PY_EVENT_KIND);
    PyObject *text = value ? PyUnicode_FromFormat("Event(%R", value) : NULL;

    Py_XDECREF(value);
    for (int field = TV_PY_EVENT_KIND + 1; field < TV_PY_EVENT_FIELDS && text; field++) {
        value = plain_field_of(self, field);
        if (!value)
            Py_CLEAR(text);
        else if (value != Py_None)
            PyUnicode_AppendAndDel(
                &text, PyUnicode_FromFormat(", %s=%R", tv_py_event_getset[field].name, value));
        Py_XDECREF(value);
    }
    if (text)
        PyUnicode_AppendAndDel(&text, PyUnicode_FromString(")"));
    return text;
}

/* The keyword arguments that make an equal event. */
static PyObject *fields_set(PyObject *self)
{
    PyObject *fields = PyDict_New();
    int err = 0;

    if (!fields)
        return NULL;
    for (int field = TV_PY_EVENT_KIND + 1; field < TV_PY_EVENT_FIELDS && err == 0; field++) {
        PyObject *value = plain_field_of(self, field);

        if (!value)
            err = -1;
        else if (value != Py_None)
            err = PyDict_SetItemString(fields, tv_py_event_getset[field].name, value);
        Py_XDECREF(value);
    }
    if (err < 0)
        Py_CLEAR(fields);
    return fields;
}

PyObject *tv_py_event_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *newobj = tv_py_state_of(self)->newobj_ex;
    PyObject *kind = newobj ? plain_field_of(self, TV_PY_EVENT_KIND) : tv_py_raise_new(NULL, "()");
    PyObject *fields = kind ? fields_set(self) : NULL;

    if (fields)
        return Py_BuildValue("O(O(N)N)", newobj, Py_TYPE(self), kind, fields);
    Py_XDECREF(kind);
    return NULL;
}
