/*
 * add.c: from specs to accepted tasks.
 *
 * The runtime's reference to a handle is taken before the task is offered, since the task may be
 * over before the call returns; a refusal takes it back.
 */
#include "ext/objects.h"

struct tv_py_spec *tv_py_spec_of(struct tv_py_state *state, PyObject *object)
{
    PyObject *found;

    if (Py_IS_TYPE(object, state->spec_type))
        return (struct tv_py_spec *)Py_NewRef(object);
    found = tv_py_attribute(object, "__taskspec__");
    if (found && Py_IS_TYPE(found, state->spec_type))
        return (struct tv_py_spec *)found;
    Py_XDECREF(found);
    PyErr_Format(PyExc_TypeError,
                 "spec must be a TaskSpec or a function decorated with @task, not %s",
                 Py_TYPE(object)->tp_name);
    return NULL;
}

PyObject *tv_py_all_specs(struct tv_py_state *state, PyObject *specs)
{
    PyObject *collected, *all;

    if (!PyModule_Check(specs))
        return PySequence_Tuple(specs);
    if (!state->collect)
        return tv_py_raise_new(NULL, "()");
    collected = PyObject_CallOneArg(state->collect, specs);
    all = collected ? PySequence_Tuple(collected) : NULL;
    Py_XDECREF(collected);
    return all;
}

/* The text of the name given, or the spec's; held. */
static struct tv_text *name_for(struct tv_py_spec *spec, PyObject *name)
{
    if (!name || name == Py_None)
        return tv_text_hold(spec->name);
    return tv_py_name(name, "name");
}

enum tv_restart_kind tv_py_restart_of(const struct tv_py_core *core,
                                      const struct tv_py_spec *spec)
{
    const struct tv_options *options = &spec->spec.options;

    return options->inherits & TV_INHERIT_RESTART ? core->restart : options->restart;
}

static void raise_refusal(struct tv_py_core *core, enum tv_err err, const struct tv_text *name)
{
    PyObject *text;

    if (err != TV_EXISTS) {
        tv_py_raise(core->state, err, NULL);
        return;
    }
    text = tv_py_text(name);
    if (text)
        tv_py_raise_new(core->state->TaskAlreadyExists, "(O)", text);
    Py_XDECREF(text);
}

/* ---- one ----------------------------------------------------------------------------------- */

/* Offers it; the handle's caller keeps his own reference. */
static enum tv_err offer(struct tv_py_core *core, struct tv_py_handle *handle,
                         struct tv_text *name)
{
    struct tv_task *task;
    enum tv_err err;

    Py_INCREF(handle);
    err = tv_add(core->supervisor, &handle->spec->spec, name, handle, &task);
    if (err == TV_OK)
        tv_py_handle_accept(handle, task);
    else
        Py_DECREF(handle);
    return err;
}

static PyObject *add(struct tv_py_core *core, struct tv_py_spec *described, PyObject *name,
                     enum tv_py_asker asker)
{
    struct tv_py_handle *handle = NULL;
    struct tv_text *text;
    PyObject *context;

    if (described->spec.on_loop && tv_py_core_need_loop(core) < 0)
        return NULL;
    text = name_for(described, name);
    if (!text)
        return NULL;
    context = PyContext_CopyCurrent();
    if (context)
        handle = tv_py_handle_new(core, described, context, asker);
    Py_XDECREF(context);
    if (handle) {
        enum tv_err err;

        tv_py_handle_own_context(handle, tv_py_restart_of(core, described) == TV_RESTART_NEVER);
        err = offer(core, handle, text);
        if (err != TV_OK) {
            Py_CLEAR(handle);
            raise_refusal(core, err, text);
        }
    }
    tv_text_rele(text);
    return (PyObject *)handle;
}

PyObject *tv_py_add(struct tv_py_core *core, PyObject *spec, PyObject *name,
                    enum tv_py_asker asker)
{
    struct tv_py_spec *described = NULL;
    PyObject *handle = NULL;

    if (tv_py_core_check(core) == 0)
        described = tv_py_spec_of(core->state, spec);
    if (described)
        handle = add(core, described, name, asker);
    Py_XDECREF((PyObject *)described);
    return handle;
}

/* ---- many ---------------------------------------------------------------------------------- */

static int allocate(struct tv_py_batch *batch, size_t count)
{
    batch->requests = PyMem_Calloc(count + 1, sizeof *batch->requests);
    batch->tasks = PyMem_Calloc(count + 1, sizeof *batch->tasks);
    if (batch->requests && batch->tasks)
        return 0;
    PyErr_NoMemory();
    return -1;
}

/* The handle holds the spec. */
static int fill_request(struct tv_py_batch *batch, struct tv_py_spec *spec, PyObject *name,
                        PyObject *context)
{
    struct tv_request *request = &batch->requests[batch->count];

    request->name = name_for(spec, name);
    if (!request->name)
        return -1;
    request->spec = &spec->spec;
    request->user = tv_py_handle_new(batch->core, spec, context, batch->asker);
    if (!request->user) {
        tv_text_rele(request->name);
        return -1;
    }
    batch->count++;
    return 0;
}

static int make_request(struct tv_py_batch *batch, PyObject *spec, PyObject *name,
                        PyObject *context)
{
    struct tv_py_spec *described = tv_py_spec_of(batch->core->state, spec);
    int err = described ? fill_request(batch, described, name, context) : -1;

    Py_XDECREF((PyObject *)described);
    return err;
}

/* One copy of the caller's context serves the whole batch; each attempt enters a copy of it. */
static int make_requests(struct tv_py_batch *batch, PyObject *specs, PyObject *names)
{
    PyObject *context = PyContext_CopyCurrent();
    int err = context ? 0 : -1;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(specs) && err == 0; i++)
        err = make_request(batch, PyTuple_GET_ITEM(specs, i),
                           names ? PyTuple_GET_ITEM(names, i) : NULL, context);
    Py_XDECREF(context);
    return err;
}

static int reserve(struct tv_py_batch *batch)
{
    struct tv_supervisor *supervisor = batch->core->supervisor;
    size_t failed = 0;
    enum tv_err err = tv_reserve(supervisor, batch->requests, batch->count, batch->tasks,
                                 &batch->batch, &failed);

    if (err == TV_OK)
        return 0;
    batch->batch = NULL;
    raise_refusal(batch->core, err, err == TV_EXISTS ? batch->requests[failed].name : NULL);
    return -1;
}

static int check_counts(PyObject *specs, PyObject *names)
{
    if (!names || PyTuple_GET_SIZE(names) == PyTuple_GET_SIZE(specs))
        return 0;
    PyErr_Format(PyExc_ValueError, "names must be one for each of the %zd specs, not %zd",
                 PyTuple_GET_SIZE(specs), PyTuple_GET_SIZE(names));
    return -1;
}

static int fill(struct tv_py_batch *batch, PyObject *specs, PyObject *names)
{
    if (check_counts(specs, names) < 0 ||
        allocate(batch, (size_t)PyTuple_GET_SIZE(specs)) < 0 ||
        make_requests(batch, specs, names) < 0)
        return -1;
    return batch->count > 0 ? reserve(batch) : 0;
}

int tv_py_batch_reserve(struct tv_py_batch *batch, struct tv_py_core *core, PyObject *specs,
                        PyObject *names, enum tv_py_asker asker)
{
    PyObject *all, *all_names = NULL;
    int err = -1;

    *batch = (struct tv_py_batch){.core = core, .asker = asker};
    if (names == Py_None)
        names = NULL;
    all = tv_py_all_specs(core->state, specs);
    if (all && names)
        all_names = PySequence_Tuple(names);
    if (all && (all_names || !names))
        err = fill(batch, all, all_names);
    Py_XDECREF(all_names);
    Py_XDECREF(all);
    if (err < 0)
        tv_py_batch_drop(batch);
    return err;
}

static void free_batch(struct tv_py_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        Py_XDECREF((PyObject *)batch->requests[i].user);
        tv_text_rele(batch->requests[i].name);
    }
    PyMem_Free(batch->requests);
    PyMem_Free(batch->tasks);
    *batch = (struct tv_py_batch){.core = NULL};
}

void tv_py_batch_drop(struct tv_py_batch *batch)
{
    if (batch->batch)
        tv_unreserve(batch->batch);
    batch->batch = NULL;
    free_batch(batch);
}

static PyObject *handles_of(const struct tv_py_batch *batch)
{
    PyObject *handles = PyList_New((Py_ssize_t)batch->count);

    for (size_t i = 0; i < batch->count && handles; i++)
        PyList_SET_ITEM(handles, (Py_ssize_t)i, Py_NewRef((PyObject *)batch->requests[i].user));
    return handles;
}

/* The handles get their tasks, and the runtime its references, before the first task can start. */
static void connect(struct tv_py_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        tv_py_handle_accept(batch->requests[i].user, batch->tasks[i]);
        Py_INCREF((PyObject *)batch->requests[i].user);
    }
}

static void disconnect(struct tv_py_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct tv_py_handle *handle = batch->requests[i].user;

        handle->task = NULL;
        Py_DECREF(handle);
    }
}

static int need_loop(const struct tv_py_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->requests[i].spec->on_loop)
            return tv_py_core_need_loop(batch->core);
    return 0;
}

PyObject *tv_py_batch_commit(struct tv_py_batch *batch)
{
    PyObject *handles = need_loop(batch) < 0 ? NULL : handles_of(batch);
    enum tv_err err = TV_OK;

    if (!handles) {
        tv_py_batch_drop(batch);
        return NULL;
    }
    if (batch->batch) {
        connect(batch);
        err = tv_commit(batch->batch);
    }
    if (err != TV_OK) {
        disconnect(batch);
        Py_CLEAR(handles);
        raise_refusal(batch->core, err, NULL);
    }
    free_batch(batch);
    return handles;
}
