/*
 * token_type.c: CancellationToken.
 *
 * A token is the runtime's; this is a reference to it. It is cancelled once and for good, and only
 * downwards: its children with it, never its parent.
 */
#include "ext/ext.h"

struct token {
    PyObject_HEAD
    struct tv_token *token; /* held */
};

static struct tv_token *token_of(PyObject *self)
{
    return ((struct token *)self)->token;
}

static PyObject *new_of(PyTypeObject *type, struct tv_token *token)
{
    PyObject *self = token ? type->tp_alloc(type, 0) : PyErr_NoMemory();

    if (self)
        ((struct token *)self)->token = token;
    else if (token)
        tv_token_rele(token);
    return self;
}

PyObject *tv_py_token_new(struct tv_py_state *state, struct tv_token *token)
{
    return new_of(state->token_type, token);
}

static PyObject *token_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const struct tv_py_params params = {.function = "CancellationToken"};

    if (tv_py_parse_tuple(&params, args, kwargs, NULL) < 0)
        return NULL;
    return new_of(type, tv_token_new(NULL));
}

static void token_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    tv_token_rele(token_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *token_cancel(PyObject *self, PyObject *Py_UNUSED(unused))
{
    tv_token_cancel(token_of(self));
    Py_RETURN_NONE;
}

static PyObject *token_child(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return new_of(Py_TYPE(self), tv_token_new(token_of(self)));
}

static PyObject *get_is_cancelled(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(tv_token_is_cancelled(token_of(self)));
}

static enum tv_err wait_cancelled(void *arg, tv_ns deadline)
{
    return tv_token_wait(arg, deadline);
}

static PyObject *token_wait(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    static const struct tv_py_params params = {
        .function = "wait", .positional = 1, .count = 1, .names = {"timeout"},
    };
    PyObject *timeout;
    tv_ns timeout_ns;
    enum tv_err err;

    if (tv_py_parse(&params, args, nargs, kwnames, &timeout) < 0 ||
        tv_py_timeout(timeout, "timeout", &timeout_ns) < 0)
        return NULL;
    if (timeout_ns == 0 || tv_token_is_cancelled(token_of(self)))
        return get_is_cancelled(self, NULL);
    if (tv_py_wait_for(tv_py_state_of(self), NULL,
                       "wait() would block the event loop that runs here; await "
                       "ctx.wait_cancelled() or look at is_cancelled",
                       wait_cancelled, token_of(self), timeout_ns, &err) < 0)
        return NULL;
    if (err != TV_OK && err != TV_TIMEOUT)
        return tv_py_raise(tv_py_state_of(self), err, NULL);
    return PyBool_FromLong(err == TV_OK);
}

static PyObject *token_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<taskvisor.CancellationToken %s at %p>",
                                tv_token_is_cancelled(token_of(self)) ? "cancelled" : "live", self);
}

/* ---- the type ------------------------------------------------------------------------------ */

PyDoc_STRVAR(token_doc,
             "CancellationToken()\n--\n\n"
             "A request to stop, seen by whoever looks at it or waits for it.\n\n"
             "It is cancelled once and for good. A child made by `child_token` is cancelled with\n"
             "its parent and never cancels it. Every method may be called from any thread.");

PyDoc_STRVAR(cancel_doc,
             "cancel($self, /)\n--\n\n"
             "Cancel this token and all its descendants, and wake those who wait. Never waits.");

PyDoc_STRVAR(child_doc,
             "child_token($self, /)\n--\n\n"
             "Return a new token that is cancelled with this one, at once if this one is.");

PyDoc_STRVAR(wait_doc,
             "wait($self, /, timeout=None)\n--\n\n"
             "Wait until the token is cancelled; return True then, and False after the timeout.\n\n"
             "timeout: seconds as a float or a timedelta; None waits without limit.\n"
             "Raises ValueError or TypeError for a timeout that is none; where it would have to\n"
             "wait, ShuttingDown after the interpreter's exit handlers have run and RuntimeError\n"
             "in a forked child.");

PyDoc_STRVAR(is_cancelled_doc, "Has the token, or one above it, been cancelled? A bool.");

static PyMethodDef token_methods[] = {
    {"cancel", token_cancel, METH_NOARGS, cancel_doc},
    {"child_token", token_child, METH_NOARGS, child_doc},
    {"wait", (PyCFunction)(void (*)(void))token_wait, METH_FASTCALL | METH_KEYWORDS, wait_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef token_getset[] = {
    {"is_cancelled", get_is_cancelled, NULL, is_cancelled_doc, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot token_slots[] = {
    {Py_tp_doc, (void *)token_doc},
    {Py_tp_new, token_new},
    {Py_tp_dealloc, token_dealloc},
    {Py_tp_repr, token_repr},
    {Py_tp_methods, token_methods},
    {Py_tp_getset, token_getset},
    {0, NULL},
};

PyType_Spec tv_py_token_spec = {
    .name = "taskvisor.CancellationToken",
    .basicsize = sizeof(struct token),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = token_slots,
};
