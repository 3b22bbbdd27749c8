/*
 * signature.c: can a body be called with its arguments, and does it take the context?
 *
 * `inspect.signature` answers both for every kind of callable, in some twenty microseconds. What
 * most bodies are, a plain function or method without decorations, is read from its code object
 * first; where that does not settle it in favour of the call, inspect has the word, and its
 * errors are those that are raised.
 */
#include "ext/objects.h"

/* ---- the context --------------------------------------------------------------------------- */

static bool is_quote(Py_UCS4 character)
{
    return character == '\'' || character == '"';
}

/* The last part of a dotted text, as "tv.TaskContext", with or without quotes around it. */
static bool is_context_text(PyObject *text)
{
    static const char name[] = "TaskContext";
    Py_ssize_t end = PyUnicode_GET_LENGTH(text), begin;
    Py_UCS4 before = '.';
    PyObject *part;
    bool is = false;

    while (end > 0 && is_quote(PyUnicode_READ_CHAR(text, end - 1)))
        end--;
    begin = end - (Py_ssize_t)(sizeof name - 1);
    if (begin > 0)
        before = PyUnicode_READ_CHAR(text, begin - 1);
    if (begin < 0 || (before != '.' && !is_quote(before)))
        return false;
    part = PyUnicode_Substring(text, begin, end);
    if (part)
        is = PyUnicode_CompareWithASCIIString(part, name) == 0;
    PyErr_Clear();
    Py_XDECREF(part);
    return is;
}

static bool is_context(struct tv_py_state *state, PyObject *annotation)
{
    if (annotation == (PyObject *)state->context_type)
        return true;
    return annotation && PyUnicode_Check(annotation) && is_context_text(annotation);
}

static bool is_called_ctx(PyObject *name)
{
    return PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "ctx") == 0;
}

/* ---- plain functions ----------------------------------------------------------------------- */

/* A function as its code object has it, without the self of a method. */
struct plain {
    PyCodeObject *code;
    PyObject *names;              /* of its variables, the parameters first; held */
    PyObject *defaults;           /* a tuple or NULL, borrowed */
    PyObject *kwdefaults;         /* a dict or NULL, borrowed */
    PyObject *annotations;        /* a dict or NULL, borrowed */
    int skip;                     /* 1: self */
    int positional, keyword_only; /* how many parameters, `skip` counted */
};

#define NOT_PLAIN (CO_GENERATOR | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR)

/* False: inspect has to look at it. No exception is set. */
static bool plain_open(struct plain *plain, PyObject *fn)
{
    PyFunctionObject *function;

    *plain = (struct plain){.skip = PyMethod_Check(fn)};
    if (plain->skip)
        fn = PyMethod_GET_FUNCTION(fn);
    if (!PyFunction_Check(fn))
        return false;
    function = (PyFunctionObject *)fn;
    if (function->func_dict && PyDict_GET_SIZE(function->func_dict) > 0)
        return false; /* __wrapped__, __signature__, marks */
    plain->code = (PyCodeObject *)PyFunction_GET_CODE(fn);
    if (plain->code->co_flags & NOT_PLAIN || plain->code->co_argcount < plain->skip)
        return false;
    plain->defaults = PyFunction_GET_DEFAULTS(fn);
    plain->kwdefaults = PyFunction_GET_KW_DEFAULTS(fn);
    plain->positional = plain->code->co_argcount;
    plain->keyword_only = plain->code->co_kwonlyargcount;
    plain->annotations = PyFunction_GetAnnotations(fn);
    plain->names = PyErr_Occurred() ? NULL : PyCode_GetVarnames(plain->code);
    PyErr_Clear();
    return plain->names != NULL;
}

static bool plain_takes_ctx(struct tv_py_state *state, const struct plain *plain)
{
    PyObject *name, *annotation = NULL;

    if (plain->positional <= plain->skip)
        return false;
    name = PyTuple_GET_ITEM(plain->names, plain->skip);
    if (plain->annotations)
        annotation = PyDict_GetItemWithError(plain->annotations, name);
    PyErr_Clear();
    return is_called_ctx(name) || is_context(state, annotation);
}

static bool has(PyObject *dict, PyObject *name)
{
    return dict && PyDict_Contains(dict, name) > 0;
}

/* Every keyword names a parameter that is not given by position. */
static bool keywords_fit(const struct plain *plain, PyObject *kwargs, Py_ssize_t given)
{
    int first = plain->code->co_posonlyargcount > given ? plain->code->co_posonlyargcount
                                                        : (int)given;
    int count = plain->positional + plain->keyword_only;
    Py_ssize_t found = 0;

    if (!kwargs)
        return true;
    for (int i = first; i < count; i++)
        found += has(kwargs, PyTuple_GET_ITEM(plain->names, i));
    return found == PyDict_GET_SIZE(kwargs);
}

/* Every parameter without a default is given. */
static bool required_are_given(const struct plain *plain, PyObject *kwargs, Py_ssize_t given)
{
    Py_ssize_t defaults = plain->defaults ? PyTuple_GET_SIZE(plain->defaults) : 0;

    for (Py_ssize_t i = given; i < plain->positional - defaults; i++)
        if (i < plain->code->co_posonlyargcount || !has(kwargs, PyTuple_GET_ITEM(plain->names, i)))
            return false;
    for (int i = plain->positional; i < plain->positional + plain->keyword_only; i++)
        if (!has(kwargs, PyTuple_GET_ITEM(plain->names, i)) &&
            !has(plain->kwdefaults, PyTuple_GET_ITEM(plain->names, i)))
            return false;
    return true;
}

/* Surely: what takes any keyword, or more arguments than it names, is left to inspect. */
static bool plain_fits(const struct plain *plain, PyObject *args, PyObject *kwargs, bool takes_ctx)
{
    Py_ssize_t given = plain->skip + takes_ctx + PyTuple_GET_SIZE(args);

    return given <= plain->positional && keywords_fit(plain, kwargs, given) &&
           required_are_given(plain, kwargs, given);
}

/* ---- all others ---------------------------------------------------------------------------- */

/* The first parameter, if it is positional and has a name; NULL: there is none, or an error. */
static PyObject *first_positional(PyObject *signature)
{
    PyObject *parameters = tv_py_attribute(signature, "parameters");
    PyObject *list = parameters ? PyMapping_Values(parameters) : NULL;
    PyObject *first = NULL, *kind = NULL;
    long order = -1;

    if (list && PyList_GET_SIZE(list) > 0)
        first = Py_NewRef(PyList_GET_ITEM(list, 0));
    if (first && (kind = tv_py_attribute(first, "kind")))
        order = PyLong_AsLong(kind);
    if (order != 0 && order != 1) /* POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD */
        Py_CLEAR(first);
    Py_XDECREF(kind);
    Py_XDECREF(list);
    Py_XDECREF(parameters);
    return first;
}

static int signature_takes_ctx(struct tv_py_state *state, PyObject *signature, bool *takes_ctx)
{
    PyObject *first = first_positional(signature);
    PyObject *name, *annotation = NULL;

    *takes_ctx = false;
    if (!first)
        return PyErr_Occurred() ? -1 : 0;
    name = tv_py_attribute(first, "name");
    if (name)
        annotation = tv_py_attribute(first, "annotation");
    if (annotation)
        *takes_ctx = is_called_ctx(name) || is_context(state, annotation);
    Py_XDECREF(annotation);
    Py_XDECREF(name);
    Py_DECREF(first);
    return annotation ? 0 : -1;
}

/* Says of a TypeError what did not fit. */
static int refuse_call(PyObject *fn)
{
    PyObject *error, *shown;

    if (!PyErr_ExceptionMatches(PyExc_TypeError))
        return -1;
    error = tv_py_take_exception();
    shown = tv_py_shown(fn);
    if (shown)
        PyErr_Format(PyExc_TypeError, "%U cannot be called with these args and kwargs: %S", shown,
                     error);
    Py_XDECREF(shown);
    Py_DECREF(error);
    return -1;
}

static int try_bind(PyObject *fn, PyObject *signature, PyObject *args, PyObject *kwargs,
                    bool takes_ctx)
{
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    PyObject *bind = tv_py_attribute(signature, "bind");
    PyObject *all = PyTuple_New(count + takes_ctx);
    PyObject *bound = NULL;

    if (all && takes_ctx)
        PyTuple_SET_ITEM(all, 0, Py_NewRef(Py_None));
    for (Py_ssize_t i = 0; i < count && all; i++)
        PyTuple_SET_ITEM(all, i + takes_ctx, Py_NewRef(PyTuple_GET_ITEM(args, i)));
    if (bind && all)
        bound = PyObject_Call(bind, all, kwargs);
    Py_XDECREF(all);
    Py_XDECREF(bind);
    if (!bound)
        return refuse_call(fn);
    Py_DECREF(bound);
    return 0;
}

static int inspect(struct tv_py_state *state, PyObject *fn, PyObject *args, PyObject *kwargs,
                   bool *takes_ctx)
{
    PyObject *signature = PyObject_CallOneArg(state->signature, fn);
    int err;

    *takes_ctx = false;
    if (!signature) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_TypeError))
            return -1;
        PyErr_Clear(); /* none can be read */
        return 0;
    }
    err = signature_takes_ctx(state, signature, takes_ctx);
    if (err == 0)
        err = try_bind(fn, signature, args, kwargs, *takes_ctx);
    Py_DECREF(signature);
    return err;
}

/* ---- what is no body ----------------------------------------------------------------------- */

/* Of a function, a method, a partial of one. */
static int ask(PyObject *question, PyObject *fn)
{
    PyObject *answer = PyObject_CallOneArg(question, fn);
    int yes = answer ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    return yes;
}

/* -1: it is refused, or an error. */
static int refuse_if(PyObject *question, PyObject *fn, const char *what)
{
    PyObject *shown = NULL;
    int yes = ask(question, fn);

    if (yes <= 0)
        return yes;
    shown = tv_py_shown(fn);
    if (shown)
        PyErr_Format(PyExc_TypeError, "%U is %s", shown, what);
    Py_XDECREF(shown);
    return -1;
}

/* 1: a coroutine function; 0: a plain one. */
static int kind_of(struct tv_py_state *state, PyObject *fn)
{
    int is_coroutine = ask(state->iscoroutinefunction, fn);

    if (is_coroutine)
        return is_coroutine;
    if (refuse_if(state->isgeneratorfunction, fn,
                  "a generator function, which runs nothing when it is called") < 0)
        return -1;
    return refuse_if(state->isasyncgenfunction, fn,
                     "an async generator function, which runs nothing when it is called");
}

/* What partials wrap, a new reference. */
static PyObject *unwrapped(struct tv_py_state *state, PyObject *fn)
{
    PyObject *at = Py_NewRef(fn);

    while (at && PyObject_TypeCheck(at, (PyTypeObject *)state->partial))
        Py_SETREF(at, tv_py_attribute(at, "func"));
    return at;
}

/* Of the __call__ of an object. */
static int kind_of_object(struct tv_py_state *state, PyObject *object)
{
    PyObject *call = tv_py_attribute(object, "__call__");
    int kind = 0;

    if (!call) {
        PyErr_Clear();
        return 0;
    }
    if (PyMethod_Check(call))
        kind = kind_of(state, call);
    Py_DECREF(call);
    return kind;
}

static int check_kind(struct tv_py_state *state, PyObject *fn)
{
    int kind = kind_of(state, fn);
    PyObject *inner;

    if (kind)
        return kind;
    inner = unwrapped(state, fn);
    if (!inner)
        return -1;
    if (!PyFunction_Check(inner) && !PyMethod_Check(inner) && !PyType_Check(inner))
        kind = kind_of_object(state, inner);
    Py_DECREF(inner);
    return kind;
}

int tv_py_signature(struct tv_py_state *state, PyObject *fn, PyObject *args, PyObject *kwargs,
                    bool *takes_ctx, bool *is_coroutine)
{
    struct plain plain;
    bool fits = false;
    int kind;

    if (plain_open(&plain, fn)) {
        *takes_ctx = plain_takes_ctx(state, &plain);
        *is_coroutine = (plain.code->co_flags & CO_COROUTINE) != 0;
        fits = plain_fits(&plain, args, kwargs, *takes_ctx);
        Py_DECREF(plain.names);
    }
    if (fits)
        return 0;
    kind = check_kind(state, fn);
    if (kind < 0)
        return -1;
    *is_coroutine = kind > 0;
    return inspect(state, fn, args, kwargs, takes_ctx);
}

/* ---- the name ------------------------------------------------------------------------------ */

/* The text of fn.__name__; NULL with no exception set: it has none that is a str. */
static struct tv_text *own_name(PyObject *fn)
{
    PyObject *name = tv_py_attribute(fn, "__name__");
    struct tv_text *text = NULL;

    if (!name)
        PyErr_Clear();
    else if (PyUnicode_Check(name))
        text = tv_py_name(name, "the name of fn");
    Py_XDECREF(name);
    return text;
}

static struct tv_text *type_name(PyObject *object)
{
    PyObject *name = PyType_GetName(Py_TYPE(object));
    struct tv_text *text = name ? tv_py_name(name, "name") : NULL;

    Py_XDECREF(name);
    return text;
}

struct tv_text *tv_py_default_name(struct tv_py_state *state, PyObject *fn)
{
    PyObject *at = Py_NewRef(fn);
    struct tv_text *text = own_name(at);

    while (!text && !PyErr_Occurred() && PyObject_TypeCheck(at, (PyTypeObject *)state->partial)) {
        PyObject *inner = tv_py_attribute(at, "func");

        if (!inner)
            break;
        Py_SETREF(at, inner);
        text = own_name(at);
    }
    if (!text && !PyErr_Occurred())
        text = type_name(at);
    Py_DECREF(at);
    return text;
}
