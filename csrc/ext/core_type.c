/*
 * core_type.c: the Core, the one object per supervisor that its facades, its runtime and its
 * contexts refer to. Internal: Python never sees it but in gc.get_objects().
 */
#include "ext/objects.h"

static int core_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct tv_py_core *core = (struct tv_py_core *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(core->stacks);
    Py_VISIT(core->essential);
    for (size_t i = 0; i < core->subscriber_count; i++)
        Py_VISIT(core->subscribers[i].object);
    return 0;
}

/* Never while the runtime has its reference, so no subscriber is called any more, or ever. */
static int core_clear(PyObject *self)
{
    struct tv_py_core *core = (struct tv_py_core *)self;

    Py_CLEAR(core->stacks);
    Py_CLEAR(core->essential);
    for (size_t i = 0; i < core->subscriber_count; i++)
        Py_CLEAR(core->subscribers[i].object);
    return 0;
}

static void core_dealloc(PyObject *self)
{
    struct tv_py_core *core = (struct tv_py_core *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    core_clear(self);
    if (core->supervisor)
        tv_supervisor_rele(core->supervisor);
    for (size_t i = 0; i < core->subscriber_count; i++)
        tv_py_subscriber_fini(&core->subscribers[i]);
    PyMem_Free(core->subscribers);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot core_slots[] = {
    {Py_tp_traverse, core_traverse},
    {Py_tp_clear, core_clear},
    {Py_tp_dealloc, core_dealloc},
    {0, NULL},
};

PyType_Spec tv_py_core_spec = {
    .name = "taskvisor._core.Core",
    .basicsize = sizeof(struct tv_py_core),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = core_slots,
};

/* ---- making one ---------------------------------------------------------------------------- */

/* NULL and None: no controller. */
static int read_controller(struct tv_py_core *core, PyObject *controller, struct tv_config *made)
{
    if (!controller || controller == Py_None)
        return 0;
    if (!PyObject_TypeCheck(controller, (PyTypeObject *)core->state->ControllerConfig)) {
        PyErr_Format(PyExc_TypeError, "controller must be a ControllerConfig, not %s",
                     Py_TYPE(controller)->tp_name);
        return -1;
    }
    core->has_controller = true;
    return tv_py_controller(controller, made);
}

static int make_supervisor(struct tv_py_core *core, PyObject *config, PyObject *controller,
                           struct tv_clock *clock)
{
    struct tv_config made = TV_CONFIG_DEFAULT;
    const struct tv_host *host = tv_py_host();
    enum tv_err err;

    if (!host || tv_py_config(core->state, config, &made) < 0 ||
        read_controller(core, controller, &made) < 0)
        return -1;
    core->restart = made.defaults.restart;
    made.clock = clock;
    err = tv_supervisor_new(&made, host, core, &core->supervisor);
    if (err == TV_OK)
        return 0;
    core->supervisor = NULL;
    tv_py_raise(core->state, err, NULL);
    return -1;
}

/* All are looked at before the first is taken in: an error leaves nothing behind. */
static int init_subscribers(struct tv_py_core *core, PyObject *list)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(list);

    core->subscribers = PyMem_Calloc((size_t)count + 1, sizeof *core->subscribers);
    if (!core->subscribers) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *object = PySequence_Fast_GET_ITEM(list, i);

        if (tv_py_subscriber_init(&core->subscribers[i], core->state, object) < 0)
            return -1;
        core->subscriber_count++;
    }
    return 0;
}

static int subscribe_all(struct tv_py_core *core)
{
    for (size_t i = 0; i < core->subscriber_count; i++) {
        enum tv_err err = tv_subscribe(core->supervisor, &core->subscribers[i].subscriber);

        if (err != TV_OK) {
            tv_py_raise(core->state, err, NULL);
            return -1;
        }
    }
    return 0;
}

static PyObject *config_given(struct tv_py_state *state, PyObject *config)
{
    if (!state->SupervisorConfig)
        return tv_py_raise_new(NULL, "()");
    if (!config || config == Py_None)
        return PyObject_CallNoArgs(state->SupervisorConfig);
    if (PyObject_TypeCheck(config, (PyTypeObject *)state->SupervisorConfig))
        return Py_NewRef(config);
    return PyErr_Format(PyExc_TypeError, "config must be a SupervisorConfig, not %s",
                        Py_TYPE(config)->tp_name);
}

static PyObject *subscribers_given(PyObject *subscribers)
{
    if (!subscribers)
        return PyTuple_New(0);
    return PySequence_Tuple(subscribers);
}

struct tv_py_core *tv_py_core_new(struct tv_py_state *state, PyObject *const *parts,
                                  struct tv_clock *clock)
{
    PyObject *given = config_given(state, parts[TV_PY_SUPERVISOR_CONFIG]);
    PyObject *list = given ? subscribers_given(parts[TV_PY_SUPERVISOR_SUBSCRIBERS]) : NULL;
    struct tv_py_core *core = NULL;

    if (list)
        core = (struct tv_py_core *)state->core_type->tp_alloc(state->core_type, 0);
    if (core) {
        core->state = state;
        core->interpreter = PyInterpreterState_Get();
        if (make_supervisor(core, given, parts[TV_PY_SUPERVISOR_CONTROLLER], clock) < 0 ||
            init_subscribers(core, list) < 0 || subscribe_all(core) < 0)
            Py_CLEAR(core);
    }
    Py_XDECREF(list);
    Py_XDECREF(given);
    return core;
}

/* ---- what its facades ask ------------------------------------------------------------------ */

int tv_py_core_check(struct tv_py_core *core)
{
    enum tv_err err = TV_OK;

    if (tv_is_gone())
        err = TV_SHUTTING_DOWN;
    else if (tv_is_forked(core->supervisor))
        err = TV_FORKED;
    if (err == TV_OK)
        return 0;
    tv_py_raise(core->state, err, NULL);
    return -1;
}

/*
 * Has a failed tv_serve kept the reference? Where it had begun, it ends as every other supervisor
 * does, by host->closed.
 */
static bool is_kept(struct tv_py_core *core, enum tv_err err)
{
    return (err == TV_NO_THREAD || err == TV_NO_MEMORY) && tv_is_serving(core->supervisor);
}

int tv_py_core_serve(struct tv_py_core *core)
{
    enum tv_err err;

    if (tv_py_exit_register(core->state) < 0)
        return -1;
    Py_INCREF(core);
    err = tv_serve(core->supervisor);
    if (err == TV_OK)
        return 0;
    if (!is_kept(core, err))
        Py_DECREF(core);
    tv_py_raise(core->state, err, NULL);
    return -1;
}
