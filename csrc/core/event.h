/*
 * event.h: one thing that happened, as every receiver gets it.
 *
 * The core writes events in the order they happened; the runtime numbers them (`seq`), gives them
 * the wall clock (`at_ns`) and copies them to its receivers. `task` and what `reason` borrows are
 * borrowed until the effects of the step have been applied; a copy that outlives that holds them.
 */
#ifndef TV_EVENT_H
#define TV_EVENT_H

#include "core/reason.h"
#include "core/tables.h"

struct tv_event {
    uint64_t seq;
    tv_ns at_ns; /* wall clock, since the epoch */
    tv_id id;    /* 0: none */
    struct tv_text *task;
    uint64_t attempt; /* 0: none */
    struct tv_reason reason;
    tv_ns span_ns;  /* TASK_STOPPED, TASK_FAILED: duration; TIMEOUT_HIT: the timeout;
                       BACKOFF_SCHEDULED: the delay */
    uint8_t kind;   /* enum tv_event_kind */
    uint8_t source; /* BACKOFF_SCHEDULED: enum tv_backoff_source */
};

/* Is it one of the two that report on a subscriber? A diagnostic never causes another one. */
static inline bool tv_event_is_diagnostic(const struct tv_event *event)
{
    return event->kind == TV_EVENT_SUBSCRIBER_PANICKED ||
           event->kind == TV_EVENT_SUBSCRIBER_OVERFLOW;
}

#endif
