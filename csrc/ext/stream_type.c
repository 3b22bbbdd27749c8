/*
 * stream_type.c: EventStream, an iterator over the events of a supervisor.
 *
 * A stream is the runtime's; this is a reference to it. Several threads may read one: each event
 * goes to one of them. It does not keep its supervisor running.
 */
#include "ext/loops.h"

struct stream {
    PyObject_HEAD
    struct tv_stream *stream; /* held */
};

static struct tv_stream *stream_of(PyObject *self)
{
    return ((struct stream *)self)->stream;
}

PyObject *tv_py_stream_new(struct tv_py_state *state, struct tv_stream *stream)
{
    PyObject *self = state->stream_type->tp_alloc(state->stream_type, 0);

    if (self)
        ((struct stream *)self)->stream = stream;
    else
        tv_stream_rele(stream);
    return self;
}

static void stream_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    tv_stream_rele(stream_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reading {
    struct tv_stream *stream;
    struct tv_event event;
    uint64_t lost;
};

static enum tv_err wait_next(void *arg, tv_ns deadline)
{
    struct reading *reading = arg;

    return tv_stream_next(reading->stream, deadline, &reading->event, &reading->lost);
}

static void raise_lagged(struct tv_py_state *state, uint64_t lost)
{
    tv_py_raise_new(state->Lagged, "(K)", (unsigned long long)lost);
}

static void raise_timeout(tv_ns timeout)
{
    char text[TV_DURATION_SIZE];

    tv_duration_format(timeout, text);
    PyErr_Format(PyExc_TimeoutError, "no event came within %s", text);
}

/* What is there is taken at once; only who has to wait for it pays for waiting. */
static int take_or_wait(struct tv_py_state *state, struct reading *reading, tv_ns timeout,
                        enum tv_err *err)
{
    *err = wait_next(reading, 0);
    if (*err != TV_TIMEOUT || timeout == 0)
        return 0;
    return tv_py_wait_for(state, tv_stream_supervisor(reading->stream),
                          "next() would block the event loop that the tasks of this supervisor "
                          "run on; use the events() of taskvisor.aio, or a thread",
                          wait_next, reading, timeout, err);
}

/*
 * The next event; NULL without an exception: the stream has ended. The Event is made first, so that
 * none is taken from the stream and then lost for want of memory.
 */
static PyObject *read_next(PyObject *self, tv_ns timeout)
{
    struct tv_py_state *state = tv_py_state_of(self);
    struct reading reading = {.stream = stream_of(self)};
    PyObject *event = tv_py_event_blank(state);
    enum tv_err err;

    if (!event)
        return NULL;
    if (take_or_wait(state, &reading, timeout, &err) == 0) {
        if (err == TV_OK) {
            tv_py_event_fill(event, &reading.event);
            return event;
        }
        if (err == TV_LAGGED)
            raise_lagged(state, reading.lost);
        else if (err == TV_TIMEOUT)
            raise_timeout(timeout);
        else if (err != TV_ENDED)
            tv_py_raise(state, err, NULL);
    }
    Py_DECREF(event);
    return NULL;
}

static PyObject *stream_iternext(PyObject *self)
{
    return read_next(self, TV_NONE);
}

static PyObject *stream_next(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames)
{
    static const struct tv_py_params params = {
        .function = "next", .positional = 1, .count = 1, .names = {"timeout"},
    };
    PyObject *timeout, *event;
    tv_ns timeout_ns;

    if (tv_py_parse(&params, args, nargs, kwnames, &timeout) < 0 ||
        tv_py_timeout(timeout, "timeout", &timeout_ns) < 0)
        return NULL;
    event = read_next(self, timeout_ns);
    if (!event && !PyErr_Occurred())
        PyErr_SetNone(PyExc_StopIteration);
    return event;
}

static PyObject *stream_close(PyObject *self, PyObject *Py_UNUSED(unused))
{
    tv_stream_close(stream_of(self));
    Py_RETURN_NONE;
}

static PyObject *get_lost(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(tv_stream_lost(stream_of(self)));
}

static PyObject *stream_enter(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return Py_NewRef(self);
}

static PyObject *stream_exit(PyObject *self, PyObject *const *Py_UNUSED(args),
                             Py_ssize_t Py_UNUSED(nargs))
{
    return stream_close(self, NULL);
}

/* ---- the type ------------------------------------------------------------------------------ */

PyDoc_STRVAR(stream_doc,
             "The events of a supervisor, from the call of `events()` on; iterable.\n\n"
             "Iterating waits for the next event, without limit; it ends when the supervisor has\n"
             "published its last event or the stream is closed. A stream keeps as many events as\n"
             "its capacity says and drops the oldest when more come: its reader is told once of\n"
             "each gap, by Lagged, and can go on with the oldest event kept. It is also a context\n"
             "manager: leaving it closes the stream. Several threads may read one stream; each\n"
             "event goes to one of them.");

PyDoc_STRVAR(next_doc,
             "next($self, /, timeout=None)\n--\n\n"
             "Wait for the next event and return it.\n\n"
             "timeout: seconds as a float or a timedelta; None waits without limit.\n"
             "Raises TimeoutError if none came in time, Lagged if events were dropped before the\n"
             "next one (call again to go on), StopIteration at the end of the stream, ValueError\n"
             "or TypeError for a timeout that is none, RuntimeError in a forked child.");

PyDoc_STRVAR(close_doc,
             "close($self, /)\n--\n\n"
             "End the stream and drop what it has kept; readers that wait get StopIteration.");

PyDoc_STRVAR(enter_doc, "__enter__($self, /)\n--\n\nReturn the stream.");

PyDoc_STRVAR(exit_doc, "__exit__($self, /, *exc)\n--\n\nClose the stream.");

PyDoc_STRVAR(lost_doc,
             "How many events were dropped because nobody had read them in time, an int.");

static PyObject *stream_watch(PyObject *self, PyObject *Py_UNUSED(unused))
{
    const struct tv_watched target = {.stream = stream_of(self)};

    return (PyObject *)tv_py_watch_new(tv_py_state_of(self), &target);
}

static PyMethodDef stream_methods[] = {
    {"_watch", stream_watch, METH_NOARGS,
     "_watch($self, /)\n--\n\nBegin a wait of the running loop for the next event."},
    {"next", (PyCFunction)(void (*)(void))stream_next, METH_FASTCALL | METH_KEYWORDS, next_doc},
    {"close", stream_close, METH_NOARGS, close_doc},
    {"__enter__", stream_enter, METH_NOARGS, enter_doc},
    {"__exit__", (PyCFunction)(void (*)(void))stream_exit, METH_FASTCALL, exit_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef stream_getset[] = {
    {"lost", get_lost, NULL, lost_doc, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, (void *)stream_doc},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, stream_iternext},
    {Py_tp_methods, stream_methods},
    {Py_tp_getset, stream_getset},
    {0, NULL},
};

PyType_Spec tv_py_stream_spec = {
    .name = "taskvisor.EventStream",
    .basicsize = sizeof(struct stream),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = stream_slots,
};
