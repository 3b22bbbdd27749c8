/*
 * add.c: from specs to accepted tasks.
 *
 * The runtime's reference to a handle is taken before the task is offered, since the task may be
 * over before the call returns; a refusal takes it back.
 */
#include "ext/aio.h"

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

/*
 * Chunk by chunk each task is made, reserved and connected, while it is in the cache; nothing is
 * left to be done to them when they have been accepted. Until then each handle has two references,
 * the list's and the one that will be the runtime's.
 */
#define CHUNK 256

struct chunk {
    size_t count;
    struct tv_request requests[CHUNK]; /* each with its handle as `user` and a name held */
    struct tv_task *tasks[CHUNK];
};

/* The handle holds the spec. */
static int fill_request(struct tv_py_batch *batch, struct chunk *chunk, struct tv_py_spec *spec,
                        PyObject *name)
{
    struct tv_request *request = &chunk->requests[chunk->count];

    request->name = name_for(spec, name);
    if (!request->name)
        return -1;
    request->spec = &spec->spec;
    request->user = tv_py_handle_new(batch->core, spec, batch->context, batch->asker);
    if (!request->user) {
        tv_text_rele(request->name);
        return -1;
    }
    batch->needs_loop |= spec->spec.on_loop;
    chunk->count++;
    return 0;
}

static int make_request(struct tv_py_batch *batch, struct chunk *chunk, PyObject *spec,
                        PyObject *name)
{
    struct tv_py_spec *described = tv_py_spec_of(batch->core->state, spec);
    int err = described ? fill_request(batch, chunk, described, name) : -1;

    Py_XDECREF((PyObject *)described);
    return err;
}

static int make_requests(struct tv_py_batch *batch, struct chunk *chunk, PyObject *specs,
                         PyObject *names)
{
    Py_ssize_t end = PyTuple_GET_SIZE(specs);
    int err = 0;

    if (end > batch->count + CHUNK)
        end = batch->count + CHUNK;
    for (Py_ssize_t i = batch->count; i < end && err == 0; i++)
        err = make_request(batch, chunk, PyTuple_GET_ITEM(specs, i),
                           names ? PyTuple_GET_ITEM(names, i) : NULL);
    return err;
}

static int reserve(struct tv_py_batch *batch, struct chunk *chunk)
{
    size_t failed;
    enum tv_err err;

    if (batch->batch)
        err = tv_reserve_more(batch->batch, chunk->requests, chunk->count, chunk->tasks, &failed);
    else
        err = tv_reserve(batch->core->supervisor, chunk->requests, chunk->count, chunk->tasks,
                         &batch->batch, &failed);
    if (err == TV_OK)
        return 0;
    raise_refusal(batch->core, err, err == TV_EXISTS ? chunk->requests[failed].name : NULL);
    return -1;
}

/* The handles get their tasks, and the runtime its references, before the first task can start. */
static void connect(struct tv_py_batch *batch, struct chunk *chunk)
{
    for (size_t i = 0; i < chunk->count; i++) {
        struct tv_py_handle *handle = chunk->requests[i].user;

        tv_py_handle_accept(handle, chunk->tasks[i]);
        PyList_SET_ITEM(batch->handles, batch->count++, Py_NewRef((PyObject *)handle));
    }
}

static int add_chunk(struct tv_py_batch *batch, PyObject *specs, PyObject *names)
{
    struct chunk chunk = {.count = 0};
    int err = make_requests(batch, &chunk, specs, names);

    if (err == 0)
        err = reserve(batch, &chunk);
    if (err == 0)
        connect(batch, &chunk);
    for (size_t i = 0; i < chunk.count; i++) {
        tv_text_rele(chunk.requests[i].name);
        if (err < 0)
            Py_DECREF((PyObject *)chunk.requests[i].user);
    }
    return err;
}

static int check_counts(PyObject *specs, PyObject *names)
{
    if (!names || PyTuple_GET_SIZE(names) == PyTuple_GET_SIZE(specs))
        return 0;
    PyErr_Format(PyExc_ValueError, "names must be one for each of the %zd specs, not %zd",
                 PyTuple_GET_SIZE(specs), PyTuple_GET_SIZE(names));
    return -1;
}

/* One copy of the caller's context serves the whole batch; each attempt enters a copy of it. */
static int fill(struct tv_py_batch *batch, PyObject *specs, PyObject *names)
{
    int err = 0;

    if (check_counts(specs, names) < 0)
        return -1;
    batch->context = PyContext_CopyCurrent();
    batch->handles = PyList_New(PyTuple_GET_SIZE(specs));
    if (!batch->context || !batch->handles)
        return -1;
    while (batch->count < PyTuple_GET_SIZE(specs) && err == 0)
        err = add_chunk(batch, specs, names);
    return err;
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

/* Takes the runtime's references back. */
static void disconnect(struct tv_py_batch *batch)
{
    for (Py_ssize_t i = 0; i < batch->count; i++) {
        struct tv_py_handle *handle = (void *)PyList_GET_ITEM(batch->handles, i);

        handle->task = NULL;
        Py_DECREF(handle);
    }
    batch->count = 0;
}

void tv_py_batch_drop(struct tv_py_batch *batch)
{
    disconnect(batch);
    if (batch->batch)
        tv_unreserve(batch->batch);
    batch->batch = NULL;
    Py_CLEAR(batch->handles);
    Py_CLEAR(batch->context);
}

PyObject *tv_py_batch_commit(struct tv_py_batch *batch)
{
    PyObject *handles = batch->handles;
    enum tv_err err = TV_OK;

    if (batch->needs_loop && tv_py_core_need_loop(batch->core) < 0) {
        tv_py_batch_drop(batch);
        return NULL;
    }
    if (batch->batch)
        err = tv_commit(batch->batch);
    batch->batch = NULL;
    if (err != TV_OK) {
        tv_py_batch_drop(batch);
        raise_refusal(batch->core, err, NULL);
        return NULL;
    }
    batch->handles = NULL;
    Py_CLEAR(batch->context);
    return handles;
}
