/*
 * module.c: the module taskvisor._core, its state and its types.
 */
#include "ext/objects.h"

/* Never shared by two interpreters, so `state` is as good as global; still it is the module's. */
static struct tv_py_state *state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

struct tv_py_state *tv_py_state_of_subclass(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &tv_py_module);

    return module ? state_of_module(module) : NULL;
}

static PyTypeObject *make_type(PyObject *module, PyType_Spec *spec, bool is_public)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);

    if (type && is_public && PyModule_AddType(module, type) < 0)
        Py_CLEAR(type);
    return type;
}

static int make_types(PyObject *module, struct tv_py_state *state)
{
#define X(name, file)                                                                     \
    if (!(state->file##_type = make_type(module, &tv_py_##file##_spec, true)))            \
        return -1;
    TV_PY_PUBLIC_TYPES(X)
#undef X
#define X(name, file)                                                                     \
    if (!(state->file##_type = make_type(module, &tv_py_##file##_spec, false)))           \
        return -1;
    TV_PY_INTERNAL_TYPES(X)
#undef X
    if (PyModule_AddObjectRef(module, "Clock", (PyObject *)state->clock_type) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "AioTaskHandle", (PyObject *)state->aiohandle_type);
}

/* Before 3.12 a module cannot declare that it is for the main interpreter only. */
static int refuse_subinterpreter(void)
{
    if (PyInterpreterState_Get() == PyInterpreterState_Main())
        return 0;
    PyErr_SetString(PyExc_ImportError, "taskvisor does not support sub-interpreters");
    return -1;
}

static int exec(PyObject *module)
{
    if (refuse_subinterpreter() < 0 || make_types(module, state_of_module(module)) < 0)
        return -1;
    if (tv_py_seconds_ready() < 0 || PyModule_AddFunctions(module, tv_py_seconds_methods) < 0)
        return -1;
    if (tv_py_subscribe_ready(module, state_of_module(module)->subscribe_type) < 0)
        return -1;
    return tv_py_exit_install() < 0 ? -1 : tv_py_fork_install();
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct tv_py_state *state = state_of_module(module);

#define X(name, file) Py_VISIT(state->file##_type);
    TV_PY_TYPES(X)
#undef X
#define X(name, ...) Py_VISIT(state->name);
    TV_PY_ENUMS(X)
    TV_PY_BOUND(X)
    TV_PY_IMPORTED(X)
    TV_PY_OF_ASYNCIO(X)
#undef X
#define X(name) Py_VISIT(state->task_##name);
    TV_PY_OF_TASK(X)
#undef X
#define X(name) Py_VISIT(state->field_##name);
    TV_PY_FIELDS(X)
#undef X
#define X(name) Py_VISIT(state->call_##name);
    TV_PY_CALLED(X)
#undef X
#define X(name, ...) Py_VISIT(state->with_##name);
    TV_PY_KEYWORDS(X)
#undef X
    Py_VISIT(state->current);
    for (int i = 0; i <= TV_RESTART_ALWAYS; i++)
        Py_VISIT(state->restarts[i]);
    return 0;
}

static int module_clear(PyObject *module)
{
    struct tv_py_state *state = state_of_module(module);

#define X(name, file) Py_CLEAR(state->file##_type);
    TV_PY_TYPES(X)
#undef X
#define X(name, ...) Py_CLEAR(state->name);
    TV_PY_ENUMS(X)
    TV_PY_BOUND(X)
    TV_PY_IMPORTED(X)
    TV_PY_OF_ASYNCIO(X)
#undef X
#define X(name) Py_CLEAR(state->task_##name);
    TV_PY_OF_TASK(X)
#undef X
#define X(name) Py_CLEAR(state->field_##name);
    TV_PY_FIELDS(X)
#undef X
#define X(name) Py_CLEAR(state->call_##name);
    TV_PY_CALLED(X)
#undef X
#define X(name, ...) Py_CLEAR(state->with_##name);
    TV_PY_KEYWORDS(X)
#undef X
    Py_CLEAR(state->current);
    for (int i = 0; i <= TV_RESTART_ALWAYS; i++)
        Py_CLEAR(state->restarts[i]);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

PyDoc_STRVAR(current_doc,
             "current($module, /)\n--\n\n"
             "Return the TaskContext of the body that this code is part of, None outside one.");

static PyObject *bind(PyObject *module, PyObject *namespace)
{
    if (tv_py_bind(state_of_module(module), namespace) < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(bind_doc,
             "_bind($module, namespace, /)\n--\n\n"
             "Give the extension the classes and hooks of the package; once, at import.");

static PyMethodDef methods[] = {
    {"current", tv_py_current, METH_NOARGS, current_doc},
    {"_bind", bind, METH_O, bind_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

struct PyModuleDef tv_py_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "taskvisor._core",
    .m_doc = "The runtime of taskvisor; its names are public in the package `taskvisor`.",
    .m_size = sizeof(struct tv_py_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&tv_py_module);
}
