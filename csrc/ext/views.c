/*
 * views.c: what list, tasks, snapshot and subscribers show.
 */
#include "ext/objects.h"

/* The consistent copy of all tasks, to be freed. */
static int copy_tasks(struct tv_py_core *core, struct tv_task_info **infos, size_t *count)
{
    enum tv_err err;

    if (tv_py_core_check(core) < 0)
        return -1;
    err = tv_tasks(core->supervisor, infos, count);
    if (err == TV_OK)
        return 0;
    tv_py_raise(core->state, err, NULL);
    return -1;
}

static int append(PyObject *list, PyObject *item)
{
    int err = item ? PyList_Append(list, item) : -1;

    Py_XDECREF(item);
    return err;
}

PyObject *tv_py_view_names(struct tv_py_core *core, bool alive)
{
    struct tv_task_info *infos;
    size_t count;
    PyObject *names;

    if (copy_tasks(core, &infos, &count) < 0)
        return NULL;
    names = PyList_New(0);
    for (size_t i = 0; i < count && names; i++)
        if ((infos[i].alive || !alive) && append(names, tv_py_text(infos[i].name)) < 0)
            Py_CLEAR(names);
    tv_tasks_free(infos, count);
    if (names && PyList_Sort(names) < 0)
        Py_CLEAR(names);
    return names;
}

static PyObject *optional_seconds(tv_ns ns)
{
    return ns == TV_NONE ? Py_NewRef(Py_None) : tv_py_from_ns(ns);
}

static PyObject *task_info(struct tv_py_state *state, const struct tv_task_info *info)
{
    PyObject *member = tv_py_member(state->TaskState, (int)info->state);
    PyObject *name = tv_py_text(info->name);
    PyObject *error = name ? tv_py_error(&info->last_error) : NULL;
    PyObject *next = error ? optional_seconds(info->next_start_ns) : NULL;
    PyObject *made = NULL;

    if (next)
        made = PyObject_CallFunction(state->TaskInfo, "KOOKKOO", (unsigned long long)info->id,
                                     name, member, (unsigned long long)info->attempt,
                                     (unsigned long long)info->failures, error, next);
    Py_XDECREF(next);
    Py_XDECREF(error);
    Py_XDECREF(name);
    Py_DECREF(member);
    return made;
}

PyObject *tv_py_view_tasks(struct tv_py_core *core)
{
    struct tv_task_info *infos;
    size_t count;
    PyObject *list;

    if (copy_tasks(core, &infos, &count) < 0)
        return NULL;
    list = PyList_New(0);
    for (size_t i = 0; i < count && list; i++)
        if (append(list, task_info(core->state, &infos[i])) < 0)
            Py_CLEAR(list);
    tv_tasks_free(infos, count);
    return list;
}

static PyObject *subscriber_info(struct tv_py_state *state, const struct tv_subscriber_info *info)
{
    PyObject *name = tv_py_text(info->name);
    PyObject *made = NULL;

    if (name)
        made = PyObject_CallFunction(
            state->SubscriberInfo, "OKKKK", name, (unsigned long long)info->queued,
            (unsigned long long)info->delivered, (unsigned long long)info->dropped,
            (unsigned long long)info->raised);
    Py_XDECREF(name);
    return made;
}

PyObject *tv_py_view_subscribers(struct tv_py_core *core)
{
    struct tv_subscriber_info *infos;
    size_t count;
    PyObject *list;
    enum tv_err err;

    if (tv_py_core_check(core) < 0)
        return NULL;
    err = tv_subscribers(core->supervisor, &infos, &count);
    if (err != TV_OK)
        return tv_py_raise(core->state, err, NULL);
    list = PyList_New(0);
    for (size_t i = 0; i < count && list; i++)
        if (append(list, subscriber_info(core->state, &infos[i])) < 0)
            Py_CLEAR(list);
    tv_subscribers_free(infos, count);
    return list;
}
