/*
 * event.h: what an Event is made of, and the table of its fields.
 */
#ifndef TV_EXT_EVENT_H
#define TV_EXT_EVENT_H

#include "ext/ext.h"

#include <stdbool.h>

#define TV_PY_NOT_SET (-1)

struct tv_py_event {
    PyObject_HEAD
    uint64_t seq;
    tv_ns at_ns;
    tv_id id;                /* 0: not set */
    uint64_t attempt;        /* 0: not set */
    struct tv_text *task;    /* held; NULL: not set */
    struct tv_reason reason; /* its text is held */
    int64_t timeout_ms;      /* TV_PY_NOT_SET */
    int64_t delay_ms;        /* TV_PY_NOT_SET */
    tv_ns duration_ns;       /* TV_PY_NOT_SET */
    int32_t exit_code;
    bool has_exit_code;
    int8_t source;           /* enum tv_backoff_source, or TV_PY_NOT_SET */
    uint8_t kind;            /* enum tv_event_kind */
};

/* X(NAME, name, doc): the fields, in the order of the constructor. */
#define TV_PY_EVENT_TABLE(X)                                                            \
    X(KIND, kind, "What happened: an EventKind.")                                       \
    X(SEQ, seq, "Its number, an int: unique in the process, rising for each receiver.")  \
    X(AT, at, "When: wall-clock seconds since the epoch.")                              \
    X(TASK, task, "The name of the task, subscriber or slot it tells of, a str, or None.") \
    X(ID, id, "The id of the task, an int, or None.")                                   \
    X(ATTEMPT, attempt, "Which attempt of the task, an int counted from 1, or None.")   \
    X(REASON, reason, "Why, a str for people, or None; programs use the kind.")         \
    X(TIMEOUT_MS, timeout_ms, "The timeout that was hit, an int of milliseconds, or None.") \
    X(DELAY_MS, delay_ms, "The delay, an int of milliseconds, or None.")                \
    X(EXIT_CODE, exit_code, "The exit code that a failure carried, an int, or None.")   \
    X(BACKOFF_SOURCE, backoff_source, "What the delay follows: a BackoffSource, or None.") \
    X(DURATION, duration, "How long the attempt took in seconds, or None.")

enum tv_py_event_field {
#define X(NAME, name, doc) TV_PY_EVENT_##NAME,
    TV_PY_EVENT_TABLE(X)
#undef X
    TV_PY_EVENT_FIELDS,
};

/* The fields by their number, then what is computed of them. */
extern PyGetSetDef tv_py_event_getset[];

/* event_fields.c: the type's slots that look at all fields. */
PyObject *tv_py_event_richcompare(PyObject *a, PyObject *b, int op);
Py_hash_t tv_py_event_hash(PyObject *self);
PyObject *tv_py_event_repr(PyObject *self);
PyObject *tv_py_event_reduce(PyObject *self, PyObject *unused);

#endif
