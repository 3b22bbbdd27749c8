/*
 * config.c: what the package's frozen values say, in the runtime's terms.
 *
 * The values have been checked when they were made, so what is read here is of the right type; an
 * error is one of memory or of a program that has tampered with them.
 */
#include "ext/objects.h"

#include <pythread.h>

#include <string.h>

static int attribute_ns(PyObject *object, const char *name, tv_ns none, tv_ns *ns)
{
    PyObject *value = tv_py_attribute(object, name);
    int err = value ? 0 : -1;

    if (value == Py_None)
        *ns = none;
    else if (value)
        err = tv_py_seconds(value, name, ns);
    Py_XDECREF(value);
    return err;
}

static int attribute_count(PyObject *object, const char *name, int64_t none, int64_t *number)
{
    PyObject *value = tv_py_attribute(object, name);
    int err = value ? 0 : -1;

    if (value == Py_None)
        *number = none;
    else if (value)
        err = tv_py_whole(value, name, 0, INT64_MAX, number);
    Py_XDECREF(value);
    return err;
}

/* ---- policies ------------------------------------------------------------------------------ */

static int restart_kind(PyObject *policy, enum tv_restart_kind *kind)
{
#define X(name, text) text,
    static const char *const texts[] = {TV_RESTART_KINDS(X)};
#undef X
    PyObject *text = tv_py_attribute(policy, "kind");
    int found = -1;

    if (!text)
        return -1;
    for (int i = 0; i < (int)(sizeof texts / sizeof *texts) && PyUnicode_Check(text); i++)
        if (PyUnicode_CompareWithASCIIString(text, texts[i]) == 0)
            found = i;
    if (found < 0)
        PyErr_Format(PyExc_ValueError, "%R has no kind of restart", policy);
    Py_DECREF(text);
    *kind = (enum tv_restart_kind)found;
    return found < 0 ? -1 : 0;
}

int tv_py_restart(struct tv_py_state *state, PyObject *policy, struct tv_options *options)
{
    options->interval_ns = TV_NONE;
    for (int i = 0; i <= TV_RESTART_ALWAYS; i++)
        if (state->restarts[i] == policy) {
            options->restart = (enum tv_restart_kind)i;
            return 0;
        }
    if (restart_kind(policy, &options->restart) < 0)
        return -1;
    return attribute_ns(policy, "interval", TV_NONE, &options->interval_ns);
}

int tv_py_backoff(struct tv_py_state *state, PyObject *policy, struct tv_backoff *backoff)
{
    PyObject *factor = tv_py_attribute(policy, "factor");
    PyObject *jitter = factor ? tv_py_attribute(policy, "jitter") : NULL;
    int kind = jitter ? tv_py_member_value(state->JitterPolicy, jitter, "jitter") : -1;

    if (kind >= 0) {
        backoff->jitter = (enum tv_jitter)kind;
        backoff->factor = PyFloat_AsDouble(factor);
    }
    Py_XDECREF(jitter);
    Py_XDECREF(factor);
    if (kind < 0 || (backoff->factor == -1.0 && PyErr_Occurred()))
        return -1;
    if (attribute_ns(policy, "first", 0, &backoff->first_ns) < 0)
        return -1;
    return attribute_ns(policy, "max", 0, &backoff->max_ns);
}

/* ---- the config ---------------------------------------------------------------------------- */

static int read_policies(struct tv_py_state *state, PyObject *object, struct tv_options *options)
{
    PyObject *restart = tv_py_attribute(object, "restart");
    PyObject *backoff = restart ? tv_py_attribute(object, "backoff") : NULL;
    int err = -1;

    if (backoff && tv_py_restart(state, restart, options) == 0)
        err = tv_py_backoff(state, backoff, &options->backoff);
    Py_XDECREF(backoff);
    Py_XDECREF(restart);
    return err;
}

static int read_options(struct tv_py_state *state, PyObject *object, struct tv_options *options)
{
    options->inherits = 0;
    if (read_policies(state, object, options) < 0 ||
        attribute_ns(object, "grace", 0, &options->grace_ns) < 0 ||
        attribute_ns(object, "timeout", 0, &options->timeout_ns) < 0 ||
        attribute_ns(object, "reset_after", TV_NONE, &options->reset_after_ns) < 0)
        return -1;
    return attribute_count(object, "max_retries", TV_NONE, &options->max_retries);
}

static int draw_seed(struct tv_py_state *state, uint64_t *seed)
{
    PyObject *bytes = PyObject_CallFunction(state->urandom, "n", (Py_ssize_t)sizeof *seed);
    int err = -1;

    if (bytes && PyBytes_Check(bytes) && PyBytes_GET_SIZE(bytes) == sizeof *seed) {
        memcpy(seed, PyBytes_AS_STRING(bytes), sizeof *seed);
        err = 0;
    }
    Py_XDECREF(bytes);
    return err;
}

static int read_seed(struct tv_py_state *state, PyObject *object, uint64_t *seed)
{
    PyObject *value = tv_py_attribute(object, "seed");
    int err = value ? 0 : -1;

    if (value == Py_None)
        err = draw_seed(state, seed);
    else if (value)
        *seed = PyLong_AsUnsignedLongLong(value);
    Py_XDECREF(value);
    return err < 0 || PyErr_Occurred() ? -1 : 0;
}

int tv_py_controller(PyObject *object, struct tv_config *config)
{
    int64_t queue_capacity, max_slot_queue;

    if (attribute_count(object, "queue_capacity", 1, &queue_capacity) < 0 ||
        attribute_count(object, "max_slot_queue", 0, &max_slot_queue) < 0)
        return -1;
    config->queue_capacity = (uint64_t)queue_capacity;
    config->max_slot_queue = (uint64_t)max_slot_queue;
    return 0;
}

/*
 * What threading.stack_size() says; else what Python's own threads get on most systems, which its
 * limits of recursion are made for (a key function that sorts takes more than 4 MiB on 3.13). It
 * is address space; memory is taken as it is used.
 */
static size_t stack_size(void)
{
    size_t set = PyThread_get_stacksize();

    if (set > 0)
        return set;
    return (size_t)8 << 20;
}

int tv_py_config(struct tv_py_state *state, PyObject *object, struct tv_config *config)
{
    int64_t max_concurrent, bus_capacity;

    if (read_options(state, object, &config->defaults) < 0 ||
        attribute_ns(object, "subscriber_grace", 0, &config->subscriber_grace_ns) < 0 ||
        attribute_count(object, "max_concurrent", 0, &max_concurrent) < 0 ||
        attribute_count(object, "bus_capacity", 1, &bus_capacity) < 0 ||
        read_seed(state, object, &config->seed) < 0)
        return -1;
    config->max_concurrent = (uint64_t)max_concurrent;
    config->bus_capacity = (uint64_t)bus_capacity;
    config->stack_size = stack_size();
    return 0;
}
