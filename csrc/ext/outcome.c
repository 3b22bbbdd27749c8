/*
 * outcome.c: the TaskOutcome of a handle, made when somebody asks, and once.
 */
#include "ext/objects.h"

static PyObject *optional_int(bool is_there, long value)
{
    return is_there ? PyLong_FromLong(value) : Py_NewRef(Py_None);
}

/* The values are good: its __init__, which looks at each, is left out. */
static PyObject *filled(struct tv_py_state *state, const struct tv_outcome *outcome,
                        PyObject *value, PyObject *exception)
{
    PyTypeObject *type = (PyTypeObject *)state->TaskOutcome;
    PyObject *rejection = outcome->kind == TV_OUTCOME_REJECTED
                              ? tv_py_member(state->RejectionKind, (int)outcome->rejection)
                              : Py_NewRef(Py_None);
    const struct {
        PyObject *name, *value;
    } fields[] = {
        {state->field_kind, tv_py_member(state->OutcomeKind, (int)outcome->kind)},
        {state->field_value, Py_NewRef(value)},
        {state->field_exception, Py_NewRef(exception)},
        {state->field_reason, tv_py_reason(&outcome->reason)},
        {state->field_exit_code, optional_int(outcome->has_exit_code, outcome->exit_code)},
        {state->field_attempts, PyLong_FromUnsignedLongLong(outcome->attempts)},
        {state->field_rejection, rejection},
    };
    PyObject *made = type->tp_alloc(type, 0);

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (made && (!fields[i].value ||
                     PyObject_GenericSetAttr(made, fields[i].name, fields[i].value) < 0))
            Py_CLEAR(made);
        Py_XDECREF(fields[i].value);
    }
    return made;
}

static PyObject *make_outcome(struct tv_py_handle *self)
{
    PyObject *value = Py_None, *exception = Py_None;
    struct tv_outcome outcome;

    tv_task_outcome(self->task, &outcome);
    if (outcome.kind != TV_OUTCOME_ABANDONED && self->result)
        *(self->raised ? &exception : &value) = self->result;
    return filled(tv_py_state_of((PyObject *)self), &outcome, value, exception);
}

/* All who ask get the same one. Made outside the critical section, as that runs Python. */
PyObject *tv_py_handle_outcome(struct tv_py_handle *self)
{
    PyObject *outcome, *made;

    Py_BEGIN_CRITICAL_SECTION(self);
    outcome = Py_XNewRef(self->outcome);
    Py_END_CRITICAL_SECTION();
    if (outcome)
        return outcome;
    made = make_outcome(self);
    if (!made)
        return NULL;
    Py_BEGIN_CRITICAL_SECTION(self);
    if (!self->outcome)
        self->outcome = Py_NewRef(made);
    outcome = Py_NewRef(self->outcome);
    Py_END_CRITICAL_SECTION();
    Py_DECREF(made);
    return outcome;
}
