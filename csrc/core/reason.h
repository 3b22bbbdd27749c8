/*
 * reason.h: why, as data; and the text people read, made when somebody reads it.
 *
 * An error says how an attempt failed; a reason says why an event was published or a task ended
 * and often carries an error. Both are a few numbers and one borrowed text, so that they are copied
 * into events under the lock and formatted outside it.
 */
#ifndef TV_REASON_H
#define TV_REASON_H

#include "core/text.h"
#include "core/types.h"

#include <stdbool.h>

enum tv_error_kind {
    TV_ERROR_NONE,
    TV_ERROR_FAIL,     /* execution failed: {text} */
    TV_ERROR_FATAL,    /* fatal error (no retry): {text} */
    TV_ERROR_CANCELED, /* context canceled */
    TV_ERROR_TIMEOUT,  /* timed out after {after} */
};

struct tv_error {
    uint8_t kind; /* enum tv_error_kind */
    bool has_exit_code;
    int32_t exit_code;
    union {
        struct tv_text *text; /* FAIL, FATAL */
        tv_ns after_ns;       /* TIMEOUT */
    };
};

enum tv_reason_kind {
    TV_REASON_NONE,
    TV_REASON_ERROR,           /* the error's text */
    TV_REASON_RETRIES,         /* max_retries_exceeded({count}/{limit}): {error} */
    TV_REASON_SUCCESS,         /* policy_exhausted_success */
    TV_REASON_ALREADY_EXISTS,  /* already_exists */
    TV_REASON_NOT_FOUND,       /* task_not_found */
    TV_REASON_MANUAL_CANCEL,   /* manual_cancel */
    TV_REASON_TEXT,            /* error.text as it is */
    TV_REASON_SUBSCRIBER_FULL, /* subscriber={text} reason=full */

    /* of the controller; {task} is error.text, {depth} count */
    TV_REASON_SUBMITTED,          /* admission={admission} status=running */
    TV_REASON_SUBMITTED_DEPTH,    /* admission={admission} depth={depth}, status=terminating too */
    TV_REASON_STARTED_FROM_QUEUE, /* started_from_queue depth={depth} */
    TV_REASON_REPLACED,           /* running→terminating (replace) */
    TV_REASON_ADD_FAILED,         /* add_failed: task '{task}' already exists in registry */
    TV_REASON_QUEUE_START_FAILED, /* queue_start_failed: task '{task}' … */
    TV_REASON_QUEUE_FULL,         /* queue_full: {count}/{limit} */
    TV_REASON_SUPERSEDED,         /* superseded_by_replace */
    TV_REASON_SLOT_BUSY,          /* dropped: slot busy (status={status}) */
    TV_REASON_REMOVED_FROM_QUEUE, /* removed_from_queue */
    TV_REASON_SHUTTING_DOWN,      /* shutting_down */
};

struct tv_reason {
    uint8_t kind;          /* enum tv_reason_kind */
    uint8_t admission;     /* enum tv_admission */
    uint8_t status;        /* enum tv_slot_status */
    uint32_t count, limit; /* RETRIES: failures and their maximum */
    struct tv_error error;
};

/* The text an error or a reason borrows, or NULL: what a copy of it has to hold. */
struct tv_text *tv_error_text(const struct tv_error *error);
struct tv_text *tv_reason_text(const struct tv_reason *reason);

/*
 * Writes at most `size` bytes of UTF-8, without a final NUL, and returns how long the whole text
 * is. NONE is the empty text.
 */
size_t tv_error_format(const struct tv_error *error, char *out, size_t size);
size_t tv_reason_format(const struct tv_reason *reason, char *out, size_t size);

/* A duration by its largest unit with a non-zero whole part: 50ms 1.5s 250µs; zero is 0ns. */
#define TV_DURATION_SIZE 40
void tv_duration_format(tv_ns duration, char out[TV_DURATION_SIZE]);

#endif
