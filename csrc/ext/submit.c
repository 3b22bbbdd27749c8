/*
 * submit.c: submissions to slots.
 *
 * The runtime's reference to a handle is taken, and the handle has its task, before the task is
 * decided about: a submission that waits for room may own its slot, run and be over before its
 * submitter is attached again. A submission that is not taken gives both back.
 */
#include "ext/aio.h"

/* ---- reading ------------------------------------------------------------------------------- */

static int read_slot(struct tv_py_submission *self, PyObject *spec)
{
    PyObject *slot = PyObject_GetAttr(spec, self->core->state->field_slot);

    self->slot = slot ? tv_py_name(slot, "slot") : NULL;
    Py_XDECREF(slot);
    return self->slot ? 0 : -1;
}

static int read_admission(struct tv_py_submission *self, PyObject *spec)
{
    struct tv_py_state *state = self->core->state;
    PyObject *admission = PyObject_GetAttr(spec, state->field_admission);
    int value = -1;

    if (admission)
        value = tv_py_member_value(state->AdmissionPolicy, admission, "admission");
    Py_XDECREF(admission);
    if (value < 0)
        return -1;
    self->admission = (enum tv_admission)value;
    return 0;
}

static int make_handle(struct tv_py_submission *self, PyObject *spec)
{
    PyObject *task = PyObject_GetAttr(spec, self->core->state->field_task), *context = NULL;
    struct tv_py_spec *described = task ? tv_py_spec_of(self->core->state, task) : NULL;

    if (described && (!described->spec.on_loop || tv_py_core_need_loop(self->core) == 0))
        context = PyContext_CopyCurrent();
    if (context)
        self->handle = tv_py_handle_new(self->core, described, context, self->asker);
    if (self->handle)
        tv_py_handle_own_context(self->handle,
                                 tv_py_restart_of(self->core, described) == TV_RESTART_NEVER);
    Py_XDECREF(context);
    Py_XDECREF((PyObject *)described);
    Py_XDECREF(task);
    return self->handle ? 0 : -1;
}

static int check_configured(struct tv_py_core *core)
{
    if (core->has_controller)
        return 0;
    PyErr_SetNone(core->state->ControllerNotConfigured);
    return -1;
}

static int read_submission(struct tv_py_submission *self, PyObject *spec)
{
    struct tv_py_state *state = self->core->state;

    if (tv_py_core_check(self->core) < 0 || check_configured(self->core) < 0)
        return -1;
    if (!PyObject_TypeCheck(spec, (PyTypeObject *)state->ControllerSpec)) {
        PyErr_Format(PyExc_TypeError, "spec must be a ControllerSpec, not %s",
                     Py_TYPE(spec)->tp_name);
        return -1;
    }
    if (read_admission(self, spec) < 0 || read_slot(self, spec) < 0)
        return -1;
    return make_handle(self, spec);
}

/* ---- submitting ---------------------------------------------------------------------------- */

static void raise_refusal(struct tv_py_core *core, enum tv_err err)
{
    if (err == TV_SHUTTING_DOWN)
        PyErr_SetNone(core->state->ControllerClosed);
    else
        tv_py_raise(core->state, err, NULL);
}

static enum tv_err offer(struct tv_py_submission *self, bool wait)
{
    const struct tv_request request = {
        .spec = &self->handle->spec->spec, .name = self->handle->spec->name, .user = self->handle};
    enum tv_err err;

    Py_INCREF(self->handle);
    err = tv_submit(self->core->supervisor, &request, self->slot, self->admission, wait,
                    &self->task);
    if (err == TV_OK || err == TV_WAITS)
        tv_py_handle_accept(self->handle, self->task);
    else
        Py_DECREF(self->handle);
    return err;
}

/* The runtime has let go of the task: so does the handle, and of it the runtime's reference. */
static void take_back(struct tv_py_submission *self)
{
    self->handle->task = NULL;
    Py_DECREF(self->handle);
}

static enum tv_err wait_decided(void *arg, tv_ns deadline)
{
    return tv_submit_wait(arg, deadline);
}

/* Not in line any more: FULL, or what has been decided meanwhile. */
static enum tv_err give_up(struct tv_py_submission *self)
{
    return tv_submit_withdraw(self->task) == TV_OK ? TV_FULL : tv_submit_wait(self->task, 0);
}

/* Waits in line. -1: a signal handler raised; what has been decided meanwhile goes on. */
static int stand_in_line(struct tv_py_submission *self, tv_ns timeout, enum tv_err *err)
{
    int raised = tv_py_wait_for(self->core->state, self->core->supervisor,
                                "submit() would block the event loop that the tasks of this "
                                "supervisor run on until there is room; use try_submit(), or "
                                "taskvisor.aio",
                                wait_decided, self->task, timeout, err);

    if (raised < 0 || *err == TV_TIMEOUT)
        *err = give_up(self);
    if (*err == TV_FULL || *err == TV_SHUTTING_DOWN)
        take_back(self);
    return raised;
}

static PyObject *told(struct tv_py_submission *self, enum tv_err err)
{
    if (err == TV_OK)
        return Py_NewRef((PyObject *)self->handle);
    raise_refusal(self->core, err);
    return NULL;
}

static PyObject *submit(struct tv_py_submission *self, tv_ns timeout)
{
    enum tv_err err = offer(self, timeout != 0);

    if (err == TV_WAITS && stand_in_line(self, timeout, &err) < 0)
        return NULL;
    return told(self, err);
}

PyObject *tv_py_submit(struct tv_py_core *core, PyObject *spec, tv_ns timeout,
                       enum tv_py_asker asker)
{
    struct tv_py_submission self = {.core = core, .asker = asker};
    PyObject *handle = NULL;

    if (read_submission(&self, spec) == 0)
        handle = submit(&self, timeout);
    tv_py_submission_fini(&self);
    return handle;
}

/* ---- without blocking ---------------------------------------------------------------------- */

void tv_py_submission_fini(struct tv_py_submission *self)
{
    Py_XDECREF((PyObject *)self->handle);
    tv_text_rele(self->slot);
}

PyObject *tv_py_submission_begin(struct tv_py_submission *self, PyObject *spec, bool *waits)
{
    enum tv_err err;

    *waits = false;
    if (read_submission(self, spec) < 0)
        return NULL;
    err = offer(self, true);
    *waits = err == TV_WAITS;
    return *waits ? NULL : told(self, err);
}

PyObject *tv_py_submission_decide(struct tv_py_submission *self, bool give_way, bool *waits)
{
    enum tv_err err = tv_submit_wait(self->task, 0);

    if (err == TV_TIMEOUT && give_way)
        err = give_up(self);
    *waits = err == TV_TIMEOUT;
    if (*waits)
        return NULL;
    if (err == TV_FULL || err == TV_SHUTTING_DOWN)
        take_back(self);
    return told(self, err);
}

/* ---- slots --------------------------------------------------------------------------------- */

PyObject *tv_py_cancel_slot(struct tv_py_core *core, PyObject *slot, bool purge)
{
    struct tv_text *name;
    uint64_t count = 0;
    enum tv_err err;

    if (tv_py_core_check(core) < 0 || check_configured(core) < 0)
        return NULL;
    name = tv_py_name(slot, "slot");
    if (!name)
        return NULL;
    err = tv_cancel_slot(core->supervisor, name, purge, &count);
    tv_text_rele(name);
    if (err != TV_OK)
        return tv_py_raise(core->state, err, NULL);
    return PyLong_FromUnsignedLongLong(count);
}

static PyObject *names_of(const struct tv_slots *slots, const struct tv_slot_info *info)
{
    PyObject *names = PyList_New((Py_ssize_t)info->waiting);

    for (size_t i = 0; i < info->waiting && names; i++) {
        PyObject *name = tv_py_text(slots->names[info->first + i]);

        if (name)
            PyList_SET_ITEM(names, (Py_ssize_t)i, name);
        else
            Py_CLEAR(names);
    }
    return names;
}

static PyObject *slot_info(struct tv_py_state *state, const struct tv_slots *slots,
                           const struct tv_slot_info *info)
{
    PyObject *status = tv_py_member(state->SlotStatus, (int)info->status);
    PyObject *name = tv_py_text(info->name);
    PyObject *owner = name ? tv_py_text(info->owner) : NULL;
    PyObject *since = owner ? tv_py_from_ns(info->since_ns) : NULL;
    PyObject *waiting = since ? names_of(slots, info) : NULL;
    PyObject *made = NULL;

    if (waiting)
        made = PyObject_CallFunction(state->SlotInfo, "OOOKOO", name, status, owner,
                                     (unsigned long long)info->owner_id, since, waiting);
    Py_XDECREF(waiting);
    Py_XDECREF(since);
    Py_XDECREF(owner);
    Py_XDECREF(name);
    Py_DECREF(status);
    return made;
}

PyObject *tv_py_view_slots(struct tv_py_core *core)
{
    struct tv_slots slots;
    PyObject *list;
    enum tv_err err;

    if (tv_py_core_check(core) < 0 || check_configured(core) < 0)
        return NULL;
    err = tv_slots(core->supervisor, &slots);
    if (err != TV_OK)
        return tv_py_raise(core->state, err, NULL);
    list = PyList_New((Py_ssize_t)slots.slot_count);
    for (size_t i = 0; i < slots.slot_count && list; i++) {
        PyObject *info = slot_info(core->state, &slots, &slots.slots[i]);

        if (info)
            PyList_SET_ITEM(list, (Py_ssize_t)i, info);
        else
            Py_CLEAR(list);
    }
    tv_slots_free(&slots);
    return list;
}
