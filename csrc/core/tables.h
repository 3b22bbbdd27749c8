/*
 * tables.h: the closed lists, each written once.
 *
 * A list gives the enum, the names that Python checks its own enums against, the trace and the
 * reference pages. X(NAME, text): TV_<PREFIX>_NAME in C, NAME = text in Python.
 */
#ifndef TV_TABLES_H
#define TV_TABLES_H

#define TV_EVENT_KINDS(X)                                          \
    X(SUBSCRIBER_PANICKED, "subscriber_panicked")                  \
    X(SUBSCRIBER_OVERFLOW, "subscriber_overflow")                  \
    X(SHUTDOWN_REQUESTED, "shutdown_requested")                    \
    X(ALL_STOPPED_WITHIN_GRACE, "all_stopped_within_grace")        \
    X(GRACE_EXCEEDED, "grace_exceeded")                            \
    X(TASK_STARTING, "task_starting")                              \
    X(TASK_STOPPED, "task_stopped")                                \
    X(TASK_FAILED, "task_failed")                                  \
    X(TIMEOUT_HIT, "timeout_hit")                                  \
    X(BACKOFF_SCHEDULED, "backoff_scheduled")                      \
    X(TASK_ADD_REQUESTED, "task_add_requested")                    \
    X(TASK_ADDED, "task_added")                                    \
    X(TASK_REMOVE_REQUESTED, "task_remove_requested")              \
    X(TASK_REMOVED, "task_removed")                                \
    X(ACTOR_EXHAUSTED, "actor_exhausted")                          \
    X(ACTOR_DEAD, "actor_dead")                                    \
    X(CONTROLLER_REJECTED, "controller_rejected")                  \
    X(CONTROLLER_SUBMITTED, "controller_submitted")                \
    X(CONTROLLER_SLOT_TRANSITION, "controller_slot_transition")

/* What a program outside sees of an actor's state. */
#define TV_TASK_STATES(X)          \
    X(QUEUED, "queued")            \
    X(WAITING, "waiting")          \
    X(RUNNING, "running")          \
    X(STOPPING, "stopping")        \
    X(BACKOFF, "backoff")          \
    X(PAUSED, "paused")            \
    X(ABANDONED, "abandoned")      \
    X(DONE, "done")

/*
 * X(NAME, task state): the actor's states. Each names the list the actor sits in; actor.h says
 * what holds there.
 */
#define TV_ACTOR_STATES(X)       \
    X(RESERVED, WAITING)         \
    X(ROOM, QUEUED)              \
    X(QUEUED, QUEUED)            \
    X(PERMIT, WAITING)           \
    X(READY, WAITING)            \
    X(INBOX, WAITING)            \
    X(RUNNING, RUNNING)          \
    X(OVERDUE, STOPPING)         \
    X(STOPPING, STOPPING)        \
    X(BACKOFF, BACKOFF)          \
    X(PAUSED, PAUSED)            \
    X(ABANDONED, ABANDONED)      \
    X(DONE, DONE)

#define TV_OUTCOME_KINDS(X)        \
    X(COMPLETED, "completed")      \
    X(FAILED, "failed")            \
    X(FATAL, "fatal")              \
    X(CANCELED, "canceled")        \
    X(ABANDONED, "abandoned")      \
    X(REJECTED, "rejected")

#define TV_CANCEL_REASONS(X)       \
    X(SHUTDOWN, "shutdown")        \
    X(REMOVED, "removed")          \
    X(REPLACED, "replaced")        \
    X(TIMEOUT, "timeout")

#define TV_RESTART_KINDS(X)        \
    X(NEVER, "never")              \
    X(ON_FAILURE, "on_failure")    \
    X(ALWAYS, "always")

#define TV_JITTERS(X)              \
    X(NONE, "none")                \
    X(FULL, "full")                \
    X(EQUAL, "equal")              \
    X(DECORRELATED, "decorrelated")

#define TV_BACKOFF_SOURCES(X)      \
    X(SUCCESS, "success")          \
    X(FAILURE, "failure")

#define TV_ADMISSIONS(X)                     \
    X(QUEUE, "queue")                        \
    X(REPLACE, "replace")                    \
    X(DROP_IF_RUNNING, "drop_if_running")

#define TV_SLOT_STATUSES(X)        \
    X(RUNNING, "running")          \
    X(TERMINATING, "terminating")

#define TV_REJECTIONS(X)                                 \
    X(SLOT_BUSY, "slot_busy")                            \
    X(QUEUE_FULL, "queue_full")                          \
    X(SUPERSEDED, "superseded")                          \
    X(ALREADY_EXISTS, "already_exists")                  \
    X(REMOVED_FROM_QUEUE, "removed_from_queue")          \
    X(SHUTTING_DOWN, "shutting_down")

#define TV_SHUTDOWN_STATES(X)      \
    X(OPEN)                        \
    X(CANCELLING)                  \
    X(WAITING)                     \
    X(ABANDONING)                  \
    X(DRAINING)                    \
    X(CLOSED)

enum tv_event_kind {
#define X(name, text) TV_EVENT_##name,
    TV_EVENT_KINDS(X)
#undef X
};

enum tv_task_state {
#define X(name, text) TV_TASK_##name,
    TV_TASK_STATES(X)
#undef X
};

enum tv_actor_state {
#define X(name, task) TV_ACTOR_##name,
    TV_ACTOR_STATES(X)
#undef X
};
#define TV_ACTOR_STATE_COUNT (TV_ACTOR_DONE + 1)

enum tv_outcome_kind {
#define X(name, text) TV_OUTCOME_##name,
    TV_OUTCOME_KINDS(X)
#undef X
};

enum tv_cancel_reason {
#define X(name, text) TV_CANCEL_##name,
    TV_CANCEL_REASONS(X)
#undef X
};

enum tv_restart_kind {
#define X(name, text) TV_RESTART_##name,
    TV_RESTART_KINDS(X)
#undef X
};

enum tv_jitter {
#define X(name, text) TV_JITTER_##name,
    TV_JITTERS(X)
#undef X
};

enum tv_backoff_source {
#define X(name, text) TV_BACKOFF_##name,
    TV_BACKOFF_SOURCES(X)
#undef X
};

enum tv_admission {
#define X(name, text) TV_ADMISSION_##name,
    TV_ADMISSIONS(X)
#undef X
};

enum tv_slot_status {
#define X(name, text) TV_SLOT_##name,
    TV_SLOT_STATUSES(X)
#undef X
};

enum tv_rejection {
#define X(name, text) TV_REJECTION_##name,
    TV_REJECTIONS(X)
#undef X
};

enum tv_shutdown_state {
#define X(name) TV_SHUTDOWN_##name,
    TV_SHUTDOWN_STATES(X)
#undef X
};

#endif
