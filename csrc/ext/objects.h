/*
 * objects.h: the objects whose insides more than one file works on.
 *
 * Who owns whom. A Core owns the runtime's supervisor; while that runs the runtime owns one
 * reference to the Core, given back in host->closed. Supervisor and SupervisorHandle are facades of
 * a Core, which counts them: without one, nobody can ask for the shutdown any more. A TaskHandle
 * owns its task, and the task owns one reference to the handle, from its acceptance until
 * host->forgotten.
 */
#ifndef TV_EXT_OBJECTS_H
#define TV_EXT_OBJECTS_H

#include "ext/ext.h"

#include <stdatomic.h>
#include <structmember.h>

/* ---- core_type.c --------------------------------------------------------------------------- */

struct tv_py_core {
    PyObject_HEAD
    struct tv_py_state *state;
    struct tv_supervisor *supervisor;
    PyInterpreterState *interpreter;
    enum tv_restart_kind restart;          /* what a spec inherits */
    bool has_controller;
    struct tv_py_subscriber *subscribers;
    size_t subscriber_count;
    PyObject *stacks;                      /* {name: text} of the verdict; NULL: none */
    PyObject *essential;                   /* handle of the essential task that ended badly */
    atomic_int facades;
    atomic_bool told;                      /* somebody was raised the verdict */
};

/* A Supervisor and a SupervisorHandle. */
struct tv_py_facade {
    PyObject_HEAD
    struct tv_py_core *core;
    bool counted;
};

/*
 * What a Supervisor is made of: a SupervisorConfig, an iterable, a ControllerConfig. Each may be
 * left out, the first and the last also None.
 */
enum tv_py_supervisor_part {
    TV_PY_SUPERVISOR_CONFIG,
    TV_PY_SUPERVISOR_SUBSCRIBERS,
    TV_PY_SUPERVISOR_CONTROLLER,
};
#define TV_PY_SUPERVISOR_PARTS (TV_PY_SUPERVISOR_CONTROLLER + 1)
#define TV_PY_SUPERVISOR_PARAMS "config", "subscribers", "controller"

/* A Core of its own supervisor, not served. `clock` may be NULL: the system's. */
struct tv_py_core *tv_py_core_new(struct tv_py_state *state, PyObject *const *parts,
                                  struct tv_clock *clock);

/* supervisor_type.c. A Supervisor likewise. */
PyObject *tv_py_supervisor_make(struct tv_py_state *state, PyObject *const *parts,
                                struct tv_clock *clock);

/* A facade of `type`, counted. */
PyObject *tv_py_facade_new(PyTypeObject *type, struct tv_py_core *core);

/* The slots that both facades share. */
int tv_py_facade_traverse(PyObject *self, visitproc visit, void *arg);
void tv_py_facade_finalize(PyObject *self);
void tv_py_facade_dealloc(PyObject *self);

static inline struct tv_py_core *tv_py_core_of(PyObject *facade)
{
    return ((struct tv_py_facade *)facade)->core;
}

/* Is it of any use to ask? ShuttingDown past the end of the process, RuntimeError after a fork. */
int tv_py_core_check(struct tv_py_core *core);

/* Serves: registers the exit hook, gives the runtime its reference. */
int tv_py_core_serve(struct tv_py_core *core);

/*
 * The error of the verdict, once it has closed: NULL with no exception set where all has stopped in
 * time, NULL with one set where it cannot be made.
 */
PyObject *tv_py_core_verdict(struct tv_py_core *core);

/* Raises the verdict if it is an error, and notes that it was told. */
int tv_py_core_raise_verdict(struct tv_py_core *core);

/* The same of an essential task's end, which comes before the verdict. */
int tv_py_core_raise_end(struct tv_py_core *core);

/* Adds the verdict, if it is an error, as a note to an exception. */
int tv_py_core_note_verdict(struct tv_py_core *core, PyObject *exception);

/* shutdown(grace, wait): TV_NONE is the config's. */
int tv_py_core_shutdown(struct tv_py_core *core, tv_ns grace_ns, bool wait);

/* The __exit__ of both facades, METH_FASTCALL. */
PyObject *tv_py_facade_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs);

/* ---- config.c ------------------------------------------------------------------------------ */

/* What a SupervisorConfig says. */
int tv_py_config(struct tv_py_state *state, PyObject *object, struct tv_config *config);

/* What a ControllerConfig says. */
int tv_py_controller(PyObject *object, struct tv_config *config);

/* What a RestartPolicy, a BackoffPolicy says. */
int tv_py_restart(struct tv_py_state *state, PyObject *policy, struct tv_options *options);
int tv_py_backoff(struct tv_py_state *state, PyObject *policy, struct tv_backoff *backoff);

/* ---- host.c -------------------------------------------------------------------------------- */

/* The host of a Core's supervisor; its arg is the Core. NULL: an exception is set. */
const struct tv_host *tv_py_host(void);

/* ---- spec_type.c, spec_new.c, signature.c -------------------------------------------------- */

/* The parameters of TaskSpec, in the order in which a spec is made from values of them. */
enum tv_py_spec_field {
    TV_PY_SPEC_FN,
    TV_PY_SPEC_NAME,
    TV_PY_SPEC_ARGS,
    TV_PY_SPEC_KWARGS,
    TV_PY_SPEC_BACKOFF,
    TV_PY_SPEC_TIMEOUT,
    TV_PY_SPEC_MAX_RETRIES,
    TV_PY_SPEC_RESET_AFTER,
    TV_PY_SPEC_GRACE,
    TV_PY_SPEC_FATAL,
    TV_PY_SPEC_ESSENTIAL,
    TV_PY_SPEC_RESTART,
};
#define TV_PY_SPEC_FIELDS (TV_PY_SPEC_RESTART + 1)
#define TV_PY_SPEC_OPTION_NAMES                                                              \
    "name", "args", "kwargs", "backoff", "timeout", "max_retries", "reset_after", "grace",   \
        "fatal", "essential"

struct tv_py_spec {
    PyObject_HEAD
    struct tv_spec spec;         /* what the runtime borrows; its arg is this object */
    struct tv_text *name;
    PyObject *fn;
    PyObject *args;              /* a tuple */
    PyObject *kwargs;            /* a dict of its own; NULL: empty */
    PyObject *kwnames;           /* its keys, a tuple; NULL with it */
    PyObject **values;           /* args, then the values of kwargs, borrowed from them */
    PyObject *restart, *backoff; /* the policies; NULL: inherited */
    tv_ns timeout_ns;            /* as given; TV_NONE: None, or inherited */
    PyObject *fatal;             /* a tuple of exception classes; NULL: none */
    bool takes_ctx;
};

/* spec_values.c. Specs as values: every field to be released; equality, hash and repr. */
int tv_py_spec_read(PyObject *spec, PyObject **values);
void tv_py_spec_release(PyObject **values);
PyObject *tv_py_spec_richcompare(PyObject *self, PyObject *other, int op);
Py_hash_t tv_py_spec_hash(PyObject *self);
PyObject *tv_py_spec_repr(PyObject *self);
extern const char *const tv_py_spec_field_names[TV_PY_SPEC_FIELDS];

/* spec_type.c. One field, a new reference. */
PyObject *tv_py_spec_field(PyObject *spec, enum tv_py_spec_field field);

/* A spec from values of its parameters; NULL where left out. */
PyObject *tv_py_spec_make(PyTypeObject *type, PyObject *const *values);

/* Constructors: TaskSpec(), once(), restartable(), periodic(). */
PyObject *tv_py_spec_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
PyObject *tv_py_spec_once(PyObject *type, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames);
PyObject *tv_py_spec_restartable(PyObject *type, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames);
PyObject *tv_py_spec_periodic(PyObject *type, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames);

/*
 * signature.c. Can `fn` be called so? TypeError if not. Does it take the context first, and is it a
 * coroutine function?
 */
int tv_py_signature(struct tv_py_state *state, PyObject *fn, PyObject *args, PyObject *kwargs,
                    bool *takes_ctx, bool *is_coroutine);

/* signature.c. The name that a callable goes by. */
struct tv_text *tv_py_default_name(struct tv_py_state *state, PyObject *fn);

/* ---- taskhandle_type.c --------------------------------------------------------------------- */

/*
 * `spec` and `context` are there until host->forgotten. `result` and `traceback` are the worker's
 * while an attempt runs, and read by others only once the task is done, and then never where the
 * outcome is ABANDONED. `callbacks` and `outcome` are guarded by the handle's critical section.
 * Untracked until host->forgotten: until then the runtime's reference keeps it alive anyway.
 */
struct tv_py_handle {
    PyObject_HEAD
    struct tv_task *task;      /* held; NULL until it is accepted */
    struct tv_py_spec *spec;
    PyObject *context;         /* of contextvars */
    PyObject *result;          /* what the last attempt returned (NULL: None) or raised */
    PyObject *traceback;       /* of what it raised, as it left the body */
    PyObject *callbacks;       /* a list; NULL: none */
    PyObject *outcome;         /* the TaskOutcome, once somebody has asked */
    PyObject *weakrefs;
    struct tv_py_attempt *attempt; /* on a loop, while it runs; borrowed */
    bool raised;
    bool has_own_context;      /* made for this task alone, and untracked as the handle is */
    bool enters_own_context;   /* and by its one attempt; else each attempt enters a copy */
};

/* With what the collector puts in front: a size class of Python's allocator. */
_Static_assert(sizeof(void *) != 8 || sizeof(PyObject) != 16 ||
                   sizeof(struct tv_py_handle) + 16 <= 112,
               "a handle has grown");

/* Whose handle: that of a thread, or of a coroutine, whose type is aio's. */
enum tv_py_asker { TV_PY_THREAD, TV_PY_COROUTINE };

/* A handle without a task. Holds `spec` and `context`. */
struct tv_py_handle *tv_py_handle_new(struct tv_py_core *core, struct tv_py_spec *spec,
                                      PyObject *context, enum tv_py_asker asker);

/* What both types are made of. */
int tv_py_handle_traverse(PyObject *self, visitproc visit, void *arg);
int tv_py_handle_clear(PyObject *self);
void tv_py_handle_dealloc(PyObject *self);
PyObject *tv_py_handle_repr(PyObject *self);
PyObject *tv_py_handle_done(PyObject *self, PyObject *unused);
extern const char tv_py_done_doc[];
extern PyGetSetDef tv_py_handle_getset[];
extern PyMemberDef tv_py_handle_members[];

static inline bool tv_py_is_handle(struct tv_py_state *state, PyObject *object)
{
    return Py_IS_TYPE(object, state->taskhandle_type) || Py_IS_TYPE(object, state->aiohandle_type);
}

/* The context is this task's alone; `enters`: and its one attempt enters it. */
void tv_py_handle_own_context(struct tv_py_handle *self, bool enters);

/* The task that it is the handle of; takes a reference of it. */
void tv_py_handle_accept(struct tv_py_handle *self, struct tv_task *task);

/* The same, borrowed, told by a thread of the runtime that may be ahead of the one that adds. */
void tv_py_handle_show(struct tv_py_handle *self, struct tv_task *task);

/* The TaskOutcome of a task that is done. */
PyObject *tv_py_handle_outcome(struct tv_py_handle *self);

/* callbacks.c. Calls the done callbacks; on a thread of the runtime? */
void tv_py_handle_run_callbacks(struct tv_py_state *state, struct tv_py_handle *self,
                                bool is_ours);

PyObject *tv_py_handle_add_done_callback(PyObject *self, PyObject *fn);

/* The task is over: drops what it does not need any more. */
void tv_py_handle_forget(struct tv_py_handle *self);

/* await.c: __await__ of a handle. */
PyObject *tv_py_handle_await(PyObject *self);
PyObject *tv_py_handle_result(struct tv_py_handle *self);

/* leave.c. remove() and cancel(), of a supervisor and of a handle; `timeout` may be NULL. */
PyObject *tv_py_remove(struct tv_py_state *state, struct tv_supervisor *supervisor,
                       PyObject *task);
/* Asks a task to leave, as cancel() does; *found gets a reference with OK and ALREADY. */
int tv_py_ask(struct tv_py_state *state, struct tv_supervisor *supervisor, PyObject *task,
              enum tv_leave_kind kind, struct tv_task **found, enum tv_err *err);

PyObject *tv_py_cancel(struct tv_py_state *state, struct tv_supervisor *supervisor,
                       PyObject *task, PyObject *timeout);

/*
 * leave.c. Which task is meant by a TaskHandle, an id or a name: 1, or 0 where there can be none.
 * `text` is the name's, to be released.
 */
int tv_py_target(struct tv_py_state *state, struct tv_supervisor *supervisor, PyObject *task,
                 struct tv_target *target);

/* ---- call.c, ended.c, context_type.c ------------------------------------------------------- */

/* A body that this thread runs. */
struct tv_py_call {
    struct tv_py_state *state;
    struct tv_py_core *core; /* borrowed: it lives as long as a body runs */
    struct tv_task *task;
    PyObject *context;       /* the TaskContext; NULL: nobody has asked */
};
extern _Thread_local struct tv_py_call *tv_py_running;

void tv_py_call_body(struct tv_task *task, void *arg, struct tv_result *result);

/* Calls the body as its spec says; the call's context must have been entered. */
PyObject *tv_py_invoke(struct tv_py_spec *spec, struct tv_py_call *call);

/* What the attempt before has left is dropped; the context of this one, a new reference. */
void tv_py_handle_drop_result(struct tv_py_handle *handle);
PyObject *tv_py_handle_attempt_context(struct tv_py_handle *handle);

/* Takes `value`. The value of the attempt, or NULL with an exception set if it can be none. */
PyObject *tv_py_checked_value(struct tv_py_state *state, PyObject *value);

/* Takes what the body returned (NULL: nothing) and raised (NULL: nothing). */
void tv_py_keep(struct tv_py_state *state, struct tv_py_handle *handle, PyObject *value,
                PyObject *exception, struct tv_result *result);

/* The body has come back in a child that it forked: ends that, as its body has. */
_Noreturn void tv_py_end_child(struct tv_py_state *state, PyObject *exception);

/* The call's TaskContext, borrowed; made at the first time. */
PyObject *tv_py_call_context(struct tv_py_call *call);

/* The body has ended: what is kept of its context by others must not look at the next attempt. */
void tv_py_context_end(struct tv_py_call *call);

/* ---- add.c --------------------------------------------------------------------------------- */

/* Tasks that are reserved and not yet accepted. */
struct tv_py_batch {
    struct tv_py_core *core;
    struct tv_batch *batch; /* NULL: of none */
    PyObject *handles;      /* a list, filled up to `count` */
    Py_ssize_t count;
    PyObject *context;      /* of all */
    bool needs_loop;
    enum tv_py_asker asker;
};

/* Reserves: all or none. `names` NULL or None: the specs' own. */
int tv_py_batch_reserve(struct tv_py_batch *batch, struct tv_py_core *core, PyObject *specs,
                        PyObject *names, enum tv_py_asker asker);

/* Accepts them, all or none; the batch is empty then, either way. NULL, or a list of handles. */
PyObject *tv_py_batch_commit(struct tv_py_batch *batch);

/* Lets go of what has not been accepted. An empty batch is left alone. */
void tv_py_batch_drop(struct tv_py_batch *batch);

/* The TaskSpec given, or that of a function decorated with @task; a new reference. TypeError. */
struct tv_py_spec *tv_py_spec_of(struct tv_py_state *state, PyObject *object);

/* A tuple of what is given as specs: an iterable, or a module with decorated functions. */
PyObject *tv_py_all_specs(struct tv_py_state *state, PyObject *specs);

/* The kind of restart that holds for a spec in this supervisor. */
enum tv_restart_kind tv_py_restart_of(const struct tv_py_core *core,
                                      const struct tv_py_spec *spec);

/* add(spec, name=None); `name` may be NULL. */
PyObject *tv_py_add(struct tv_py_core *core, PyObject *spec, PyObject *name,
                    enum tv_py_asker asker);

/* ---- submit.c, place_type.c, controller_methods.c ------------------------------------------ */

/* What a ControllerSpec says, and the handle that comes of it. */
struct tv_py_submission {
    struct tv_py_core *core; /* borrowed */
    struct tv_py_handle *handle;
    struct tv_text *slot;
    enum tv_admission admission;
    struct tv_task *task; /* once the runtime has it */
    enum tv_py_asker asker;
};

/*
 * Submits without blocking: the handle, or NULL, with an exception set or, where it stands in line
 * for room now, *waits. decide asks again, and with `give_way` leaves the line: ControllerFull.
 */
PyObject *tv_py_submission_begin(struct tv_py_submission *self, PyObject *spec, bool *waits);
PyObject *tv_py_submission_decide(struct tv_py_submission *self, bool give_way, bool *waits);
void tv_py_submission_fini(struct tv_py_submission *self);

/* _submit(spec) of a SupervisorHandle: a TaskHandle, or a Place in line. */
PyObject *tv_py_place_submit(struct tv_py_core *core, PyObject *spec);

/* submit(spec, timeout), and with 0 try_submit(spec). */
PyObject *tv_py_submit(struct tv_py_core *core, PyObject *spec, tv_ns timeout,
                       enum tv_py_asker asker);
PyObject *tv_py_cancel_slot(struct tv_py_core *core, PyObject *slot, bool purge);
PyObject *tv_py_view_slots(struct tv_py_core *core);

/* The methods of SupervisorHandle, with their docstrings. */
PyObject *tv_py_method_submit(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames);
PyObject *tv_py_method_try_submit(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                  PyObject *kwnames);
PyObject *tv_py_method_cancel_slot(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                   PyObject *kwnames);
PyObject *tv_py_method_controller_snapshot(PyObject *self, PyObject *unused);
extern const char tv_py_submit_doc[], tv_py_try_submit_doc[], tv_py_cancel_slot_doc[],
    tv_py_controller_snapshot_doc[];

/* ---- views.c ------------------------------------------------------------------------------- */

/* Sorted names of all that are registered, or of those with a body running. */
PyObject *tv_py_view_names(struct tv_py_core *core, bool alive);
PyObject *tv_py_view_tasks(struct tv_py_core *core);
PyObject *tv_py_view_subscribers(struct tv_py_core *core);

/* ---- clock_type.c -------------------------------------------------------------------------- */

/*
 * The alarm that ends a wait of a body of `task` for `token` after `ns`; NULL where its supervisor
 * goes by the system's clock, or no time is to be waited for (0 and TV_NONE).
 */
int tv_py_alarm(struct tv_py_state *state, const struct tv_task *task, struct tv_token *token,
                tv_ns ns, struct tv_alarm **alarm);

/* ---- run.c, exit.c, fork.c ----------------------------------------------------------------- */

/* Supervisor.run. */
PyObject *tv_py_run(struct tv_py_core *core, PyObject *specs, bool handle_signals);

/* Serves and accepts the batch, which is let go of on every way; it ends by itself. */
int tv_py_run_start(struct tv_py_core *core, struct tv_py_batch *batch);

/* Is this Python's main thread? -1: exception. */
int tv_py_is_main_thread(void);

/* exit.c. At import; before the first thread. */
int tv_py_exit_install(void);
int tv_py_exit_register(struct tv_py_state *state);

/*
 * Calls module.function(callable), or with the keyword `keyword` if there is one. The callable is
 * `method` of `self`, which may be NULL. -1: exception.
 */
int tv_py_register(const char *module_name, const char *function, const char *keyword,
                   PyMethodDef *method, PyObject *self);

/* fork.c. At import. */
int tv_py_fork_install(void);

/* Of the calling thread, which has none; not while somebody forks. NULL: no memory. */
PyThreadState *tv_py_thread_state_new(PyInterpreterState *interpreter);

#endif
