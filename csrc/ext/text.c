/*
 * text.c: between str and the runtime's texts.
 */
#include "ext/ext.h"

#include <string.h>

/* Longer than every reason: its text is cut to TV_REASON_MAX, what is around it is short. */
#define FORMATTED_MAX (TV_REASON_MAX + 512)

static PyObject *decoded(const char *utf8, size_t size)
{
    return PyUnicode_DecodeUTF8(utf8, (Py_ssize_t)size, "replace");
}

PyObject *tv_py_text(const struct tv_text *text)
{
    return decoded(text->bytes, text->size);
}

static PyObject *formatted(const char *buffer, size_t size)
{
    return decoded(buffer, size < FORMATTED_MAX ? size : FORMATTED_MAX);
}

PyObject *tv_py_reason(const struct tv_reason *reason)
{
    char buffer[FORMATTED_MAX];

    if (reason->kind == TV_REASON_NONE)
        Py_RETURN_NONE;
    return formatted(buffer, tv_reason_format(reason, buffer, sizeof buffer));
}

PyObject *tv_py_error(const struct tv_error *error)
{
    char buffer[FORMATTED_MAX];

    if (error->kind == TV_ERROR_NONE)
        Py_RETURN_NONE;
    return formatted(buffer, tv_error_format(error, buffer, sizeof buffer));
}

/* ---- names --------------------------------------------------------------------------------- */

static struct tv_text *refuse_name(PyObject *class, const char *what, const char *must,
                                   PyObject *value)
{
    tv_py_refuse(class, value, "%s must %s", what, must);
    return NULL;
}

struct tv_text *tv_py_name(PyObject *value, const char *what)
{
    struct tv_text *name;
    const char *utf8;
    Py_ssize_t size;

    if (!PyUnicode_Check(value))
        return refuse_name(PyExc_TypeError, what, "be a str", value);
    utf8 = PyUnicode_AsUTF8AndSize(value, &size);
    if (!utf8) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return NULL;
        PyErr_Clear();
        return refuse_name(PyExc_ValueError, what, "have no surrogates", value);
    }
    if (size == 0)
        return refuse_name(PyExc_ValueError, what, "not be empty", value);
    if (memchr(utf8, '\0', (size_t)size))
        return refuse_name(PyExc_ValueError, what, "have no NUL", value);
    if ((uint64_t)size >= UINT32_MAX)
        return refuse_name(PyExc_ValueError, what, "be shorter than 4 GiB", value);
    name = tv_text_new(utf8, (size_t)size);
    if (!name)
        PyErr_NoMemory();
    return name;
}

/* ---- reasons ------------------------------------------------------------------------------- */

/* As much of a part as says whether it must be cut, and where: tv_text_new_reason does that. */
#define PART_MAX (TV_REASON_MAX + 1)

/* Appends at most PART_MAX bytes; the buffer has room for them. */
static size_t append(char *buffer, size_t at, const char *bytes, size_t size)
{
    if (size > PART_MAX)
        size = PART_MAX;
    memcpy(buffer + at, bytes, size);
    return at + size;
}

/* ASCII is UTF-8 as it stands. */
static size_t append_ascii(char *buffer, size_t at, PyObject *text)
{
    return append(buffer, at, (const char *)PyUnicode_1BYTE_DATA(text),
                  (size_t)PyUnicode_GET_LENGTH(text));
}

/* Appends the beginning of a str as UTF-8; no more, as a character takes a byte at least. */
static size_t append_str(char *buffer, size_t at, PyObject *text)
{
    PyObject *head, *bytes;

    if (PyUnicode_IS_ASCII(text))
        return append_ascii(buffer, at, text);
    head = PyUnicode_GET_LENGTH(text) > PART_MAX ? PyUnicode_Substring(text, 0, PART_MAX)
                                                 : Py_NewRef(text);
    bytes = head ? PyUnicode_AsEncodedString(head, "utf-8", "backslashreplace") : NULL;
    if (bytes)
        at = append(buffer, at, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_XDECREF(head);
    return at;
}

/* A type written in C has its name in C, behind the last dot. */
static size_t append_type(char *buffer, PyTypeObject *type)
{
    const char *dot;
    PyObject *name;
    size_t size;

    if (!(PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE)) {
        dot = strrchr(type->tp_name, '.');
        dot = dot ? dot + 1 : type->tp_name;
        return append(buffer, 0, dot, strlen(dot));
    }
    name = PyType_GetName(type);
    size = name ? append_str(buffer, 0, name) : 0;
    PyErr_Clear();
    Py_XDECREF(name);
    return size;
}

/* "Type: text", where `text` may be NULL or empty. */
static struct tv_text *typed_text(PyTypeObject *type, PyObject *text)
{
    char buffer[2 * PART_MAX + 2];
    size_t size = append_type(buffer, type);

    if (size == 0)
        return &tv_text_out_of_memory;
    if (text && PyUnicode_GET_LENGTH(text) > 0)
        size = append_str(buffer, append(buffer, size, ": ", 2), text);
    return tv_text_new_reason(buffer, size);
}

struct tv_text *tv_py_typed_text(PyTypeObject *type, PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    struct tv_text *reason;

    PyErr_Clear();
    reason = typed_text(type, text);
    Py_XDECREF(text);
    return reason;
}

struct tv_text *tv_py_exception_text(PyObject *exception)
{
    return tv_py_typed_text(Py_TYPE(exception), exception);
}

struct tv_text *tv_py_reason_text(PyObject *reason)
{
    char buffer[PART_MAX];
    size_t size;

    if (!PyUnicode_Check(reason))
        return typed_text(Py_TYPE(reason), NULL);
    size = append_str(buffer, 0, reason);
    if (size == 0 && PyUnicode_GET_LENGTH(reason) > 0)
        return &tv_text_out_of_memory;
    return tv_text_new_reason(buffer, size);
}
