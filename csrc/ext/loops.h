/*
 * loops.h: the objects that asyncio loops and we have of each other. Internal, all of them.
 *
 * Who owns whom. The loop's selector owns the Loop; the Loop owns the Attempts that run and the
 * Watches that wait. An Attempt and its asyncio task own each other. Nobody of ours owns a Loop for
 * long, so that the end of the loop is the end of the Loop.
 */
#ifndef TV_EXT_LOOPS_H
#define TV_EXT_LOOPS_H

#include "ext/aio.h"

/* ---- loop_type.c, errands.c, attempt_type.c ------------------------------------------------ */

/*
 * An asyncio loop that has something to do with us. The loop's selector owns it, as the callback of
 * the mailbox's descriptor, and nobody else does: so its end tells that the loop is closed. What it
 * links is guarded by TV_PY_LOCK_LOOPS, which only matters where there is no GIL.
 */
struct tv_py_loop {
    PyObject_HEAD
    struct tv_py_state *state;
    struct tv_loop *mailbox;         /* held */
    PyObject *loop;
    PyObject *context;               /* an empty one, which our callbacks run in */
    PyObject *task_keywords;         /* a dict, kept for the next task; NULL: in use, or none yet */
    struct tv_py_attempt *attempts;  /* those that run; held */
    struct tv_py_watch *watches;     /* those that have not been told; held */
    struct tv_py_loop *next, *previous; /* in state->loops */
    bool is_private;
    bool makes_tasks;                /* it is to make them itself: a factory, or debug mode */
    unsigned generation;
};

/* asyncio is loaded when the first loop is needed, not with us. */
int tv_py_asyncio_load(struct tv_py_state *state);

/* done() and result() of an asyncio task or future. -1, NULL: an exception. */
int tv_py_asyncio_done(struct tv_py_state *state, PyObject *future);
PyObject *tv_py_asyncio_result(struct tv_py_state *state, PyObject *future);

/* The running loop of this thread, borrowed; NULL: there is none, or an exception is set. */
PyObject *tv_py_running_loop(struct tv_py_state *state);

/* The same; RuntimeError where there is none. */
PyObject *tv_py_need_running_loop(struct tv_py_state *state);

/* Watches the mailbox's descriptor in `loop`, from whose selector it hangs. */
struct tv_py_loop *tv_py_loop_new(struct tv_py_state *state, PyObject *loop, bool is_private);

/* What we have of the running loop, a new reference; RuntimeError if none runs. */
struct tv_py_loop *tv_py_loop_here(struct tv_py_state *state);

/* errands.c. The callback of the descriptor: does what is to be done, for a while. */
PyObject *tv_py_loop_work(struct tv_py_loop *self);

/* One attempt of a coroutine function. It is the asyncio task's done callback. */
struct tv_py_attempt {
    PyObject_HEAD
    struct tv_py_call call;       /* its task is borrowed until the end */
    struct tv_py_handle *handle;  /* borrowed until the end; NULL then */
    struct tv_py_loop *loop;      /* borrowed until the end */
    PyObject *task;               /* of asyncio */
    PyObject *repeat;             /* the loop's timer of the next cancel */
    struct tv_py_watch *prefers;  /* its task waits for its token; borrowed */
    struct tv_py_attempt *next, *previous;
    double pause;                 /* until that cancel is repeated, seconds */
    bool on_and_on;
};

/* Begins, on the loop's thread. -1: what the body raised leaves the loop. */
int tv_py_attempt_start(struct tv_py_loop *loop, struct tv_task *task);
void tv_py_attempt_cancel(const struct tv_errand *errand);

/* How it gets to its end; the first takes what the body returned (NULL) or raised (NULL). */
void tv_py_attempt_finish(struct tv_py_attempt *self, PyObject *value, PyObject *exception);
void tv_py_attempt_finish_raised(struct tv_py_attempt *self); /* what is set */
void tv_py_attempt_finish_done(struct tv_py_attempt *self, PyObject *task);

/* It runs: it is the Loop's, and its handle's. */
void tv_py_attempt_enlist(struct tv_py_attempt *self);
void tv_py_attempt_stop_repeating(struct tv_py_attempt *self);

/* The asyncio task will not run again, and is not to complain of it. */
void tv_py_attempt_put_away(PyObject *task);

/* Its loop is closed: it has ended. */
void tv_py_attempt_lose(struct tv_py_attempt *self);

/* The attempt that this code belongs to, by its context; borrowed; NULL: none. */
struct tv_py_attempt *tv_py_attempt_here(struct tv_py_state *state);

/* Is this its asyncio task? Until its first step is over that is not known, and it is. -1. */
int tv_py_attempt_is_current(const struct tv_py_attempt *self);

/*
 * RuntimeError where code of an attempt would wait for the end of its own task, `task`, or of its
 * supervisor, `supervisor`; each may be NULL.
 */
int tv_py_attempt_check_wait(struct tv_py_state *state, const struct tv_task *task,
                             const struct tv_supervisor *supervisor);

/* ---- watch_type.c -------------------------------------------------------------------------- */

/*
 * A wait of a loop: a future that is settled when what it waits for may be there. Awaited once, it
 * is withdrawn where the await ends.
 */
struct tv_py_watch {
    PyObject_HEAD
    struct tv_py_loop *loop;         /* borrowed; NULL: told, or withdrawn */
    struct tv_watch *watch;
    PyObject *future;
    struct tv_task *task;            /* held; whose end it waits for, for gone() */
    struct tv_py_handle *handle;     /* settled with what its result() gives; NULL: with None */
    struct tv_py_attempt *attempt;   /* that prefers its token, by this; held */
    struct tv_alarm *alarm;          /* of a manual clock, owned; NULL: none, or over */
    bool timed;                      /* it had one: it is told when its time is over */
    struct tv_py_watch *next, *previous;
};

/* Of the running loop, not begun. `handle` may be NULL. RuntimeError: no loop runs here. */
struct tv_py_watch *tv_py_watch_blank(struct tv_py_state *state, struct tv_py_handle *handle);

/* Begins: from now on it is told. What it waits for may be there already. */
int tv_py_watch_begin(struct tv_py_watch *self, const struct tv_watched *target);

/* Both, without a handle. */
struct tv_py_watch *tv_py_watch_new(struct tv_py_state *state, const struct tv_watched *target);

/*
 * What is thrown into who awaits is no StopIteration, which would end him: where one has been
 * raised, it becomes the cause of a RuntimeError.
 */
void tv_py_throwable(void);

/* Its __await__. */
PyObject *tv_py_watch_await(PyObject *self);

/* On the loop's thread, on a WATCH errand; and where its loop is closed. */
void tv_py_watch_tell(struct tv_py_watch *self);
void tv_py_watch_withdraw(struct tv_py_watch *self);

/* context_waits.c: methods of TaskContext. */
PyObject *tv_py_context_wait_cancelled(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                       PyObject *kwnames);
PyObject *tv_py_context_asleep(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames);
PyObject *tv_py_context_watch(PyObject *self, PyObject *timeout);
extern const char tv_py_wait_cancelled_doc[], tv_py_asleep_doc[], tv_py_context_watch_doc[];

/* Of TaskContext: its task and the token of its attempt, borrowed; NULL: an exception is set. */
struct tv_token *tv_py_context_token(PyObject *self, struct tv_task **task);

/* A watch of a token, or of that of an alarm (NULL: none), which it takes. */
PyObject *tv_py_watch_token(struct tv_py_state *state, struct tv_token *token,
                            struct tv_alarm *alarm);

#endif
