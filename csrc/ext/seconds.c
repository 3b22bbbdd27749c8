/*
 * seconds.c: between durations as Python has them and whole nanoseconds.
 *
 * A duration is rounded to the nearest nanosecond, a half up, from the exact value of what was
 * given: neither the float's product with 10^9 nor the quotient on the way back is rounded twice.
 * So what is read back of a duration gives the same duration again.
 */
#include "ext/ext.h"

#include <datetime.h>
#include <math.h>

#define SECOND_AS_DOUBLE 1e9

/* The longest duration: 2^63 - 1 nanoseconds are this many whole seconds, and a bit. */
#define WHOLE_SECONDS_MAX (TV_NS_MAX / TV_SECOND)

int tv_py_seconds_ready(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI ? 0 : -1;
}

/* ---- the three kinds ----------------------------------------------------------------------- */

static tv_ns add_cut(tv_ns a, tv_ns b)
{
    return a > TV_NS_MAX - b ? TV_NS_MAX : a + b;
}

static tv_ns whole_seconds(int64_t seconds)
{
    return seconds > WHOLE_SECONDS_MAX ? TV_NS_MAX : seconds * TV_SECOND;
}

/*
 * A fraction of a second, 0 <= f < 1. It is f = fixed / 2^(64 + shift) exactly, where the shift
 * makes room for all bits of a small f. The product with 10^9 has 94 bits, of which the lowest 32
 * only decide what is below a half.
 */
static tv_ns fraction(double f)
{
    int shift = 0;
    uint64_t fixed, high, low;

    if (f < 0x1p-32)
        return 0;
    for (; f < 0x1p-11; f *= 0x1p11)
        shift += 11;
    fixed = (uint64_t)(f * 0x1p64);
    low = (fixed & UINT32_MAX) * (uint64_t)TV_SECOND;
    high = (fixed >> 32) * (uint64_t)TV_SECOND + (low >> 32);
    return (tv_ns)((high + (UINT64_C(1) << (31 + shift))) >> (32 + shift));
}

/* Not negative, finite. */
static tv_ns from_double(double seconds)
{
    int64_t whole;

    if (seconds > (double)WHOLE_SECONDS_MAX + 1)
        return TV_NS_MAX;
    whole = (int64_t)seconds;
    return add_cut(whole_seconds(whole), fraction(seconds - (double)whole));
}

/* Not negative. */
static tv_ns from_timedelta(PyObject *delta)
{
    int64_t days = PyDateTime_DELTA_GET_DAYS(delta);
    int64_t seconds = days * 86400 + PyDateTime_DELTA_GET_SECONDS(delta);
    int64_t rest_us = PyDateTime_DELTA_GET_MICROSECONDS(delta);

    return add_cut(whole_seconds(seconds), rest_us * 1000);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static int refuse_negative(const char *what, PyObject *value)
{
    return tv_py_refuse(PyExc_ValueError, value, "%s must be 0 or more seconds", what);
}

/* The repr of a timedelta, cut to a line's length, would lose its days and so the sign. */
static int refuse_negative_timedelta(const char *what, PyObject *delta)
{
    PyObject *text = PyObject_Str(delta);

    if (text)
        refuse_negative(what, text);
    Py_XDECREF(text);
    return -1;
}

static int convert_float(PyObject *value, const char *what, tv_ns *ns)
{
    double seconds = PyFloat_AS_DOUBLE(value);

    if (!isfinite(seconds))
        return tv_py_refuse(PyExc_ValueError, value, "%s must be a finite number of seconds", what);
    if (seconds < 0.0)
        return refuse_negative(what, value);
    *ns = from_double(seconds);
    return 0;
}

static int convert_int(PyObject *value, const char *what, tv_ns *ns)
{
    int overflow;
    long long seconds = PyLong_AsLongLongAndOverflow(value, &overflow);

    if (overflow < 0 || (overflow == 0 && seconds < 0))
        return refuse_negative(what, value);
    *ns = overflow > 0 ? TV_NS_MAX : whole_seconds(seconds);
    return 0;
}

int tv_py_seconds(PyObject *value, const char *what, tv_ns *ns)
{
    if (PyFloat_Check(value))
        return convert_float(value, what, ns);
    if (PyLong_Check(value) && !PyBool_Check(value))
        return convert_int(value, what, ns);
    if (!PyDelta_Check(value))
        return tv_py_refuse(PyExc_TypeError, value,
                            "%s must be seconds (a float, an int) or a timedelta", what);
    if (PyDateTime_DELTA_GET_DAYS(value) < 0)
        return refuse_negative_timedelta(what, value);
    *ns = from_timedelta(value);
    return 0;
}

int tv_py_timeout(PyObject *value, const char *what, tv_ns *ns)
{
    *ns = TV_NONE;
    return value && value != Py_None ? tv_py_seconds(value, what, ns) : 0;
}

/* A quotient of two doubles is rounded right; what is no double is left to Python's integers. */
PyObject *tv_py_from_ns(tv_ns ns)
{
    PyObject *number, *second, *quotient;

    if (ns <= INT64_C(1) << 53)
        return PyFloat_FromDouble((double)ns / SECOND_AS_DOUBLE);
    number = PyLong_FromLongLong(ns);
    second = PyLong_FromLongLong(TV_SECOND);
    quotient = number && second ? PyNumber_TrueDivide(number, second) : NULL;
    Py_XDECREF(number);
    Py_XDECREF(second);
    return quotient;
}

/* ---- functions of the module --------------------------------------------------------------- */

static PyObject *nanoseconds(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    const char *what;
    tv_ns ns;

    if (nargs != 2 || !PyUnicode_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "nanoseconds() takes a duration and a parameter's name");
        return NULL;
    }
    what = PyUnicode_AsUTF8(args[1]);
    if (!what || tv_py_seconds(args[0], what, &ns) < 0)
        return NULL;
    return PyLong_FromLongLong(ns);
}

static PyObject *format_duration(PyObject *Py_UNUSED(module), PyObject *ns)
{
    char text[TV_DURATION_SIZE];
    int64_t duration;

    if (tv_py_whole(ns, "ns", 0, TV_NS_MAX, &duration) < 0)
        return NULL;
    tv_duration_format(duration, text);
    return PyUnicode_FromString(text);
}

static int jitter_called(PyObject *text, enum tv_jitter *jitter)
{
    static const char *const texts[] = {
#define X(name, text) text,
        TV_JITTERS(X)
#undef X
    };

    for (size_t i = 0; PyUnicode_Check(text) && i < sizeof texts / sizeof *texts; i++)
        if (PyUnicode_CompareWithASCIIString(text, texts[i]) == 0) {
            *jitter = (enum tv_jitter)i;
            return 0;
        }
    return tv_py_refuse(PyExc_ValueError, text, "jitter must be the text of a JitterPolicy");
}

static int growth(PyObject *value, double *factor)
{
    if (!PyFloat_Check(value))
        return tv_py_refuse(PyExc_TypeError, value, "factor must be a float");
    *factor = PyFloat_AS_DOUBLE(value);
    if (!isfinite(*factor) || *factor < 1.0)
        return tv_py_refuse(PyExc_ValueError, value, "factor must be finite and at least 1");
    return 0;
}

enum { FIRST, MAX, FACTOR, JITTER, ATTEMPT, PREVIOUS, RANGE_COUNT };

static PyObject *backoff_range(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct tv_backoff backoff;
    struct tv_delay_range range;
    int64_t attempt, previous;

    if (nargs != RANGE_COUNT) {
        PyErr_SetString(PyExc_TypeError, "backoff_range() takes six arguments");
        return NULL;
    }
    if (tv_py_whole(args[MAX], "max_ns", 0, TV_NS_MAX, &backoff.max_ns) < 0 ||
        tv_py_whole(args[FIRST], "first_ns", 0, backoff.max_ns, &backoff.first_ns) < 0 ||
        growth(args[FACTOR], &backoff.factor) < 0 ||
        jitter_called(args[JITTER], &backoff.jitter) < 0 ||
        tv_py_whole(args[ATTEMPT], "attempt", 0, INT64_MAX, &attempt) < 0 ||
        tv_py_whole(args[PREVIOUS], "previous_ns", 0, TV_NS_MAX, &previous) < 0)
        return NULL;
    range = tv_backoff_range(&backoff, (uint64_t)attempt, previous);
    return Py_BuildValue("LL", (long long)range.low_ns, (long long)range.high_ns);
}

PyDoc_STRVAR(nanoseconds_doc,
             "nanoseconds($module, value, what, /)\n--\n\n"
             "Return a duration in seconds as whole nanoseconds, at most 2**63 - 1.\n\n"
             "value: seconds as a float or int, or a timedelta; rounded to nearest, a half up.\n"
             "what: the parameter's name, for the text of the error.\n"
             "Raises TypeError for what is no duration (a bool, a str), ValueError for one that\n"
             "is negative or not finite.");

PyDoc_STRVAR(format_duration_doc,
             "format_duration($module, ns, /)\n--\n\n"
             "Return a duration by its largest unit, without trailing zeros: '1.5s', '250µs'.\n\n"
             "ns: nanoseconds, 0 to 2**63 - 1.\n"
             "Raises TypeError for what is no int, ValueError for one out of range.");

PyDoc_STRVAR(backoff_range_doc,
             "backoff_range($module, first_ns, max_ns, factor, jitter, attempt, previous_ns, /)\n"
             "--\n\n"
             "Return the bounds, in nanoseconds, between which the delay of a retry is drawn.\n\n"
             "first_ns, max_ns: nanoseconds, first_ns <= max_ns.\n"
             "factor: a float, finite and at least 1.\n"
             "jitter: the text of a JitterPolicy.\n"
             "attempt: which retry, counted from 0.\n"
             "previous_ns: the delay drawn before, in nanoseconds; used by 'decorrelated' only.\n"
             "Raises TypeError and ValueError for what is none of these.");

#define FASTCALL(function) ((PyCFunction)(void (*)(void))(function))

PyMethodDef tv_py_seconds_methods[] = {
    {"nanoseconds", FASTCALL(nanoseconds), METH_FASTCALL, nanoseconds_doc},
    {"format_duration", format_duration, METH_O, format_duration_doc},
    {"backoff_range", FASTCALL(backoff_range), METH_FASTCALL, backoff_range_doc},
    {NULL, NULL, 0, NULL},
};
