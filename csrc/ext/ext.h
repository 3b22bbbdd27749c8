/*
 * ext.h: what the files of the extension share.
 *
 * The extension turns Python calls into calls of taskvisor.h and back, and owns no state of its own
 * but Python objects. Every method makes three moves: parse, call (detached if it may block),
 * convert or raise.
 *
 * Functions here are called attached (holding the GIL, where there is one) unless they say
 * otherwise. A function that returns a PyObject pointer returns a new reference or NULL with an
 * exception set; one that returns an int returns 0, or -1 with an exception set.
 */
#ifndef TV_EXT_H
#define TV_EXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "taskvisor.h"

/* ---- the module ---------------------------------------------------------------------------- */

/*
 * X(name, file): the types of the extension. state->file_type is the type, tv_py_file_spec its
 * spec, taskvisor.name its name. Those in TV_PY_INTERNAL_TYPES are not in the module's namespace.
 */
#define TV_PY_PUBLIC_TYPES(X)                     \
    X(Supervisor, supervisor)                     \
    X(SupervisorHandle, supervisorhandle)         \
    X(TaskSpec, spec)                             \
    X(TaskHandle, taskhandle)                     \
    X(TaskContext, context)                       \
    X(CancellationToken, token)                   \
    X(Event, event)                               \
    X(EventStream, stream)                        \
    X(Subscribe, subscribe)
#define TV_PY_INTERNAL_TYPES(X)                   \
    X(Core, core)                                 \
    X(Loop, loop)                                 \
    X(Attempt, attempt)                           \
    X(Watch, watch)                               \
    X(Await, await)                               \
    X(Ended, ended)                               \
    X(Place, place)                               \
    X(Clock, clock)                               \
    X(AioTaskHandle, aiohandle)
#define TV_PY_TYPES(X) TV_PY_PUBLIC_TYPES(X) TV_PY_INTERNAL_TYPES(X)

/* X(name, table): Python's enumerations that repeat a table; state->name has the members. */
#define TV_PY_ENUMS(X)                            \
    X(EventKind, TV_EVENT_KINDS)                  \
    X(TaskState, TV_TASK_STATES)                  \
    X(OutcomeKind, TV_OUTCOME_KINDS)              \
    X(CancelReason, TV_CANCEL_REASONS)            \
    X(JitterPolicy, TV_JITTERS)                   \
    X(BackoffSource, TV_BACKOFF_SOURCES)          \
    X(RejectionKind, TV_REJECTIONS)               \
    X(AdmissionPolicy, TV_ADMISSIONS)             \
    X(SlotStatus, TV_SLOT_STATUSES)

/* X(name): classes and functions of the package that the extension calls; state->name. */
#define TV_PY_BOUND(X)                            \
    X(RestartPolicy)                              \
    X(BackoffPolicy)                              \
    X(SupervisorConfig)                           \
    X(ControllerConfig)                           \
    X(ControllerSpec)                             \
    X(SlotInfo)                                   \
    X(TaskOutcome)                                \
    X(TaskInfo)                                   \
    X(SubscriberInfo)                             \
    X(Fail)                                       \
    X(Fatal)                                      \
    X(Canceled)                                   \
    X(TaskAlreadyExists)                          \
    X(TaskRemoveTimeout)                          \
    X(GraceExceeded)                              \
    X(ShuttingDown)                               \
    X(AlreadyRunning)                             \
    X(SignalSetupFailed)                          \
    X(OutcomeError)                               \
    X(InternalError)                              \
    X(Lagged)                                     \
    X(ControllerNotConfigured)                    \
    X(ControllerFull)                             \
    X(ControllerClosed)                           \
    X(worker_begin)                               \
    X(worker_end)                                 \
    X(log_failure)                                \
    X(tell_failure)                               \
    X(log_callback_error)                         \
    X(stacks)                                     \
    X(end_loop)                                   \
    X(wait_cancelled)                             \
    X(asleep)                                     \
    X(aio_outcome)                                \
    X(aio_result)                                 \
    X(aio_cancel)                                 \
    X(aio_add_done_callback)                      \
    X(collect)

/* X(name, module, attribute): what the extension uses of asyncio, once there is a loop. */
#define TV_PY_OF_ASYNCIO(X)                                           \
    X(running_loop, "asyncio", "_get_running_loop")                   \
    X(new_event_loop, "asyncio", "new_event_loop")                    \
    X(current_task, "asyncio", "current_task")                        \
    X(AsyncioTask, "asyncio", "Task")

/* X(name, module, attribute): what the extension uses of the standard library; state->name. */
#define TV_PY_IMPORTED(X)                                             \
    X(signature, "inspect", "signature")                              \
    X(iscoroutinefunction, "inspect", "iscoroutinefunction")          \
    X(isgeneratorfunction, "inspect", "isgeneratorfunction")          \
    X(isasyncgenfunction, "inspect", "isasyncgenfunction")            \
    X(partial, "functools", "partial")                                \
    X(newobj_ex, "copyreg", "__newobj_ex__")                          \
    X(urandom, "os", "urandom")                                       \
    X(Coroutine, "collections.abc", "Coroutine")

/* X(name): methods of asyncio's own Task, which are called without looking for them. */
#define TV_PY_OF_TASK(X)                          \
    X(done)                                       \
    X(result)

/* X(name): names of attributes of the package's own classes; state->field_name is the str. */
#define TV_PY_FIELDS(X)                           \
    X(admission)                                  \
    X(attempts)                                   \
    X(exception)                                  \
    X(exit_code)                                  \
    X(kind)                                       \
    X(reason)                                     \
    X(rejection)                                  \
    X(slot)                                       \
    X(task)                                       \
    X(value)

/* X(name): names of methods that an attempt on a loop calls; state->call_name is the str. */
#define TV_PY_CALLED(X)                           \
    X(done)                                       \
    X(result)                                     \
    X(add_done_callback)                          \
    X(create_task)                                \
    X(create_future)                              \
    X(get_task_factory)                           \
    X(get_debug)                                  \
    X(set_result)

/* X(name, keywords...): the keyword arguments of such a call; state->with_name is the tuple. */
#define TV_PY_KEYWORDS(X)                                                             \
    X(context, "context")                                                             \
    X(new_task, "name", "context")                                                    \
    X(task, "loop", "name", "context")                                                \
    X(eager_task, "loop", "name", "context", "eager_start")

/* Bound once by _bind(), before anything else can be called; constant from then on. */
struct tv_py_state {
#define X(name, file) PyTypeObject *file##_type;
    TV_PY_TYPES(X)
#undef X
#define X(name, table) PyObject *name; /* a tuple, indexed by the C enum */
    TV_PY_ENUMS(X)
#undef X
#define X(name) PyObject *name;
    TV_PY_BOUND(X)
#undef X
#define X(name, module, attribute) PyObject *name;
    TV_PY_IMPORTED(X)
#undef X
#define X(name, module, attribute) PyObject *name;
    TV_PY_OF_ASYNCIO(X)
#undef X
#define X(name) PyObject *task_##name;
    TV_PY_OF_TASK(X)
#undef X
#define X(name) PyObject *field_##name;
    TV_PY_FIELDS(X)
#undef X
#define X(name) PyObject *call_##name;
    TV_PY_CALLED(X)
#undef X
#define X(name, ...) PyObject *with_##name;
    TV_PY_KEYWORDS(X)
#undef X
    PyObject *current;        /* the ContextVar of the attempt that code on a loop belongs to */
    struct tv_py_loop *loops; /* all; guarded by TV_PY_LOCK_LOOPS */
    PyObject *restarts[TV_RESTART_ALWAYS + 1]; /* the ready-made RestartPolicies */
    bool exit_registered;
};

extern struct PyModuleDef tv_py_module;

#define X(name, file) extern PyType_Spec tv_py_##file##_spec;
TV_PY_TYPES(X)
#undef X

/* The state of the module that made the type of `self`, which is no subclass. */
static inline struct tv_py_state *tv_py_state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

/* The same where the type may be a subclass (Subscribe); NULL: an exception is set. */
struct tv_py_state *tv_py_state_of_subclass(PyTypeObject *type);

/* A member of a bound enumeration: tv_py_member(state->EventKind, event->kind). */
static inline PyObject *tv_py_member(PyObject *members, int value)
{
    return Py_NewRef(PyTuple_GET_ITEM(members, value));
}

/* bind.c. Takes what the extension needs out of the package's namespace. */
int tv_py_bind(struct tv_py_state *state, PyObject *namespace);

/* bind.c. The C enum's value of a member of a bound enumeration, or of its text; -1: an exception
 * is set, naming the parameter `what`. */
int tv_py_member_value(PyObject *members, PyObject *value, const char *what);

/* ---- versions of Python -------------------------------------------------------------------- */

/* On the free-threaded build one thread at a time; where there is a GIL it does that. */
#ifndef Py_BEGIN_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif
#define TV_PY_LOCK_LOOPS(state) Py_BEGIN_CRITICAL_SECTION((state)->loop_type)
#define TV_PY_UNLOCK_LOOPS() Py_END_CRITICAL_SECTION()

/* errors.c. Takes the raised exception, complete with its traceback; NULL: none was raised. */
PyObject *tv_py_take_exception(void);

/* Raises an exception again, with the traceback it has. Takes `exception`. */
void tv_py_put_exception(PyObject *exception);

/* Writes it with its traceback to sys.stderr, and flushes that. */
void tv_py_print_exception(PyObject *exception);

/* ---- arguments: args.c --------------------------------------------------------------------- */

/*
 * The parameters of a function, in order. The first `required` have no default; from `positional`
 * on they are given by keyword only.
 */
struct tv_py_params {
    const char *function;
    int required, positional, count;
    const char *names[12];
};

/*
 * Sorts the arguments of a call into `values`, one borrowed reference each, NULL where left out.
 * TypeError for a missing, an unknown or a repeated one. The first form is that of METH_FASTCALL |
 * METH_KEYWORDS, the second that of tp_new.
 */
int tv_py_parse(const struct tv_py_params *params, PyObject *const *args, Py_ssize_t nargs,
                PyObject *kwnames, PyObject **values);
int tv_py_parse_tuple(const struct tv_py_params *params, PyObject *args, PyObject *kwargs,
                      PyObject **values);

/*
 * object.name. PyObject_GetAttrString would make a new str each time, and the interpreter's cache
 * of attributes goes by a name's address: it would fill up with them, and keep them.
 */
PyObject *tv_py_attribute(PyObject *object, const char *name);

/* How a value is shown in the text of an error: its repr, cut; never fails but for memory. */
PyObject *tv_py_shown(PyObject *value);

/* Raises class("{must}, not {value shown}"); `must` is a format for PyUnicode_FromFormat. -1. */
int tv_py_refuse(PyObject *class, PyObject *value, const char *must, ...);

/* An int (no bool) from `low` to `high`; TypeError, ValueError, naming the parameter `what`. */
int tv_py_whole(PyObject *value, const char *what, int64_t low, int64_t high, int64_t *number);

/* ---- durations: seconds.c ------------------------------------------------------------------ */

/* A duration in seconds (float, int, timedelta) as nanoseconds; TypeError, ValueError. */
int tv_py_seconds(PyObject *value, const char *what, tv_ns *ns);

/* The same for a waiting call's timeout: NULL (left out) and None are TV_NONE, for ever. */
int tv_py_timeout(PyObject *value, const char *what, tv_ns *ns);

/* Nanoseconds as seconds, a float. */
PyObject *tv_py_from_ns(tv_ns ns);

/* At import, before any other of these. */
int tv_py_seconds_ready(void);

/* Functions of the module: nanoseconds, format_duration, backoff_range. */
extern PyMethodDef tv_py_seconds_methods[];

/* ---- texts: text.c ------------------------------------------------------------------------- */

PyObject *tv_py_text(const struct tv_text *text);

/* A name: a str, not empty, without NUL and surrogates. NULL: TypeError or ValueError is set. */
struct tv_text *tv_py_name(PyObject *value, const char *what);

/* The text of a reason, None for TV_REASON_NONE; the text of an error, likewise. */
PyObject *tv_py_reason(const struct tv_reason *reason);
PyObject *tv_py_error(const struct tv_error *error);

/*
 * "Type: text" of an exception, the type's name alone where there is no text to be had; cut to
 * TV_REASON_MAX, surrogates escaped. Cannot fail, sets no exception, copies no more than it keeps.
 */
struct tv_text *tv_py_exception_text(PyObject *exception);

/* The same of the type and of the str of `value`. */
struct tv_text *tv_py_typed_text(PyTypeObject *type, PyObject *value);

/* A str cut and escaped like this; anything else is told by its type's name. */
struct tv_text *tv_py_reason_text(PyObject *reason);

/* ---- errors: errors.c ---------------------------------------------------------------------- */

/*
 * Raises what `err` stands for; never call it with OK, TIMEOUT of a call that has an answer for
 * it, or INTERRUPTED. `itself`: the text of WAITS_FOR_ITSELF, which names the call and says what to
 * use instead; NULL where it cannot come. Returns NULL.
 */
PyObject *tv_py_raise(struct tv_py_state *state, enum tv_err err, const char *itself);

/* Raises class(args...), args by a format for Py_BuildValue, a tuple "(...)". Returns NULL. */
PyObject *tv_py_raise_new(PyObject *class, const char *format, ...);

/* ---- waiting: gil.c ------------------------------------------------------------------------ */

/*
 * Calls wait(arg, deadline) detached, again after each signal, until it has an answer, at most for
 * `timeout` (TV_NONE: for ever). The answer is in *err: never INTERRUPTED, and TIMEOUT where a call
 * that does not wait (timeout 0) would have been told WAITS_FOR_ITSELF. -1: a signal handler
 * raised.
 */
typedef enum tv_err tv_py_wait_function(void *arg, tv_ns deadline);
int tv_py_wait(tv_py_wait_function *wait, void *arg, tv_ns timeout, enum tv_err *err);

/*
 * The same for what `supervisor` brings about (NULL: any). On the thread of a loop that runs its
 * tasks it does not wait: where the answer is not there it raises RuntimeError with the text
 * `on_loop`, which names the call and says what to await instead.
 */
int tv_py_wait_for(struct tv_py_state *state, const struct tv_supervisor *supervisor,
                   const char *on_loop, tv_py_wait_function *wait, void *arg, tv_ns timeout,
                   enum tv_err *err);

/*
 * signals.c. Around a wait on the main thread, elsewhere without effect: from the first on every
 * signal with a handler ends the wait that follows, or is under way.
 */
void tv_py_signals_watch(void);
void tv_py_signals_unwatch(void);

/* ---- objects of one file that others make -------------------------------------------------- */

/* event_type.c. Holds what `event` refers to. */
PyObject *tv_py_event_new(struct tv_py_state *state, const struct tv_event *event);

/*
 * The same in two steps, where the event must not be taken before there is memory for it: an Event
 * with nothing in it, not yet shown to anybody; and filling it, which takes what `event` refers to
 * and cannot fail.
 */
PyObject *tv_py_event_blank(struct tv_py_state *state);
void tv_py_event_fill(PyObject *self, const struct tv_event *event);

/* stream_type.c. Takes `stream`, also where it fails. */
PyObject *tv_py_stream_new(struct tv_py_state *state, struct tv_stream *stream);

/* token_type.c. Takes `token`, also where it fails; NULL: MemoryError. */
PyObject *tv_py_token_new(struct tv_py_state *state, struct tv_token *token);

/* context_type.c: the module's function current(). */
PyObject *tv_py_current(PyObject *module, PyObject *unused);

/*
 * subscribe_type.c. One subscriber of a supervisor, in an array that the Core owns and visits. The
 * name and the capacity are read, and everything is checked, by init; fini drops what init took
 * and may be called on a zeroed one. `subscriber` is what tv_subscribe gets; its arg is this
 * struct, so it must not move after that.
 */
struct tv_py_subscriber {
    struct tv_py_state *state;
    PyObject *object;   /* as given; NULL once fini has run */
    PyObject *method;   /* the str "on_event" */
    bool takes_failures; /* has an on_failure */
    struct tv_subscriber subscriber;
};
int tv_py_subscriber_init(struct tv_py_subscriber *self, struct tv_py_state *state,
                          PyObject *object);
void tv_py_subscriber_fini(struct tv_py_subscriber *self);

/* At import: the attributes of the type Subscribe. */
int tv_py_subscribe_ready(PyObject *module, PyTypeObject *type);

#endif
