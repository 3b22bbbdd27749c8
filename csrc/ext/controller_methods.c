/*
 * controller_methods.c: the calls of a SupervisorHandle that are about slots.
 */
#include "ext/objects.h"

static const struct tv_py_params submit_params = {"submit", 1, 2, 2, {"spec", "timeout"}};
static const struct tv_py_params try_submit_params = {"try_submit", 1, 1, 1, {"spec"}};
static const struct tv_py_params cancel_slot_params = {"cancel_slot", 1, 1, 2, {"slot", "purge"}};

const char tv_py_submit_doc[] =
    "submit($self, /, spec, timeout=None)\n--\n\n"
    "Submit a task to its slot and return its TaskHandle; waits for room only.\n\n"
    "spec: a ControllerSpec.\n"
    "timeout: seconds to wait for room in the queues at most, a float or a timedelta; None\n"
    "waits for ever. A submission that needs no room never waits.\n"
    "A rejection is no exception: the handle has the outcome REJECTED already. Raises\n"
    "ControllerFull past the timeout, ControllerClosed once a shutdown has begun,\n"
    "ControllerNotConfigured without a controller.";

PyObject *tv_py_method_submit(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames)
{
    PyObject *values[2];
    tv_ns timeout;

    if (tv_py_parse(&submit_params, args, nargs, kwnames, values) < 0 ||
        tv_py_timeout(values[1], "timeout", &timeout) < 0)
        return NULL;
    return tv_py_submit(tv_py_core_of(self), values[0], timeout, TV_PY_THREAD);
}

const char tv_py_try_submit_doc[] =
    "try_submit($self, /, spec)\n--\n\n"
    "Submit a task to its slot and return its TaskHandle; never waits.\n\n"
    "spec: a ControllerSpec. Raises ControllerFull where there is no room, and else what\n"
    "submit raises.";

PyObject *tv_py_method_try_submit(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                  PyObject *kwnames)
{
    PyObject *spec;

    if (tv_py_parse(&try_submit_params, args, nargs, kwnames, &spec) < 0)
        return NULL;
    return tv_py_submit(tv_py_core_of(self), spec, 0, TV_PY_THREAD);
}

const char tv_py_cancel_slot_doc[] =
    "cancel_slot($self, /, slot, *, purge=True)\n--\n\n"
    "Ask the slot's owner to leave and empty its queue, in one step; never waits.\n\n"
    "slot: its name. purge: False leaves the queue, whose head follows the owner.\n"
    "Returns how many were asked to leave: those that waited, and the owner unless it was\n"
    "leaving already; 0 where there is no such slot. Raises ControllerNotConfigured.";

PyObject *tv_py_method_cancel_slot(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                   PyObject *kwnames)
{
    PyObject *values[2];
    int purge = 1;

    if (tv_py_parse(&cancel_slot_params, args, nargs, kwnames, values) < 0)
        return NULL;
    if (values[1] && (purge = PyObject_IsTrue(values[1])) < 0)
        return NULL;
    return tv_py_cancel_slot(tv_py_core_of(self), values[0], purge);
}

const char tv_py_controller_snapshot_doc[] =
    "controller_snapshot($self, /)\n--\n\n"
    "Return a SlotInfo of every slot, all of one instant. Raises ControllerNotConfigured.";

PyObject *tv_py_method_controller_snapshot(PyObject *self, PyObject *unused)
{
    (void)unused;
    return tv_py_view_slots(tv_py_core_of(self));
}
