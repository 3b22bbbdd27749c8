/*
 * outcome.c: the TaskOutcome of a handle, made when somebody asks, and once.
 */
#include "ext/objects.h"

static PyObject *optional_int(bool is_there, long value)
{
    return is_there ? PyLong_FromLong(value) : Py_NewRef(Py_None);
}

static PyObject *make_outcome(struct tv_py_handle *self)
{
    struct tv_py_state *state = tv_py_state_of((PyObject *)self);
    PyObject *value = Py_None, *exception = Py_None;
    PyObject *kind, *reason, *code, *attempts, *rejection = Py_None, *made = NULL;
    struct tv_outcome outcome;

    tv_task_outcome(self->task, &outcome);
    if (outcome.kind != TV_OUTCOME_ABANDONED && self->result)
        *(self->raised ? &exception : &value) = self->result;
    if (outcome.kind == TV_OUTCOME_REJECTED)
        rejection = PyTuple_GET_ITEM(state->RejectionKind, outcome.rejection);
    kind = tv_py_member(state->OutcomeKind, (int)outcome.kind);
    reason = tv_py_reason(&outcome.reason);
    code = optional_int(outcome.has_exit_code, outcome.exit_code);
    attempts = PyLong_FromUnsignedLongLong(outcome.attempts);
    if (reason && code && attempts)
        made = PyObject_CallFunctionObjArgs(state->TaskOutcome, kind, value, exception, reason,
                                            code, attempts, rejection, NULL);
    Py_XDECREF(attempts);
    Py_XDECREF(code);
    Py_XDECREF(reason);
    Py_DECREF(kind);
    return made;
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
