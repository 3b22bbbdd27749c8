/*
 * stream.c: a receiver that is read by whoever holds it.
 *
 * Locking discipline. The receiver is guarded by the supervisor's lock. A reader that finds nothing
 * enters the waiters in the hold in which it looked; publishing, closing and the end wake them. A
 * closed stream has left the bus, so its queue is nobody's but the last reference's.
 */
#include "rt/runtime.h"
#include "rt/watch.h"

#include <stdlib.h>

struct tv_stream {
    _Atomic uint32_t refs;
    struct tv_supervisor *supervisor; /* held */
    struct tv_receiver receiver;
    bool closed;
};

enum tv_err tv_stream_open(struct tv_supervisor *supervisor, uint64_t capacity,
                           struct tv_stream **stream)
{
    struct tv_stream *made;
    enum tv_err err;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    made = calloc(1, sizeof *made);
    if (!made)
        return TV_NO_MEMORY;
    err = tv_receiver_init(&made->receiver, TV_RECEIVER_STREAM, NULL,
                           capacity ? capacity : supervisor->config.bus_capacity);
    if (err != TV_OK) {
        free(made);
        return err;
    }
    atomic_init(&made->refs, 1);
    made->supervisor = tv_supervisor_hold(supervisor);
    tv_lock_take(&supervisor->lock);
    tv_bus_add(&supervisor->bus, &made->receiver);
    if (tv_shutdown_is_decided(&supervisor->core))
        made->receiver.ended = true;
    tv_lock_drop(&supervisor->lock);
    *stream = made;
    return TV_OK;
}

struct tv_stream *tv_stream_hold(struct tv_stream *stream)
{
    atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
    return stream;
}

struct tv_supervisor *tv_stream_supervisor(const struct tv_stream *stream)
{
    return stream->supervisor;
}

void tv_stream_rele(struct tv_stream *stream)
{
    struct tv_supervisor *supervisor = stream->supervisor;

    if (atomic_fetch_sub_explicit(&stream->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (tv_is_forked(supervisor))
        return;
    tv_stream_close(stream);
    tv_receiver_fini(&stream->receiver);
    free(stream);
    tv_supervisor_rele(supervisor);
}

void tv_stream_close(struct tv_stream *stream)
{
    struct tv_supervisor *supervisor = stream->supervisor;
    struct tv_after after = TV_AFTER(TV_DETACHED);

    if (tv_is_forked(supervisor))
        return;
    tv_lock_take(&supervisor->lock);
    if (!stream->closed) {
        stream->closed = true;
        tv_bus_remove(&supervisor->bus, &stream->receiver);
        tv_waiters_wake(&stream->receiver.waiters, TV_WAITS_OTHER, false, &after.wake);
        after.any = true;
    }
    tv_rt_drop(supervisor, &after);
}

uint64_t tv_stream_lost(struct tv_stream *stream)
{
    struct tv_supervisor *supervisor = stream->supervisor;
    uint64_t lost;

    if (tv_is_forked(supervisor))
        return stream->receiver.dropped;
    tv_lock_take(&supervisor->lock);
    lost = stream->receiver.dropped;
    tv_lock_drop(&supervisor->lock);
    return lost;
}

/* What there is to be told now; TIMEOUT: nothing yet. Call with the lock held. */
static enum tv_err look(struct tv_stream *stream, struct tv_event *event, uint64_t *lost)
{
    struct tv_receiver *receiver = &stream->receiver;

    if (stream->closed)
        return TV_ENDED;
    if (receiver->lag > 0) {
        *lost = receiver->lag;
        receiver->lag = 0;
        return TV_LAGGED;
    }
    if (tv_receiver_take(receiver, event))
        return TV_OK;
    if (stream->supervisor->core.broken)
        return TV_BROKEN;
    return receiver->ended ? TV_ENDED : TV_TIMEOUT;
}

enum tv_err tv_stream_next(struct tv_stream *stream, tv_ns deadline, struct tv_event *event,
                           uint64_t *lost)
{
    struct tv_supervisor *supervisor = stream->supervisor;
    enum tv_err err, slept = TV_OK;

    for (;;) {
        struct tv_waiter waiter;

        if (tv_is_forked(supervisor))
            return TV_FORKED;
        tv_lock_take(&supervisor->lock);
        err = look(stream, event, lost);
        if (err != TV_TIMEOUT || slept != TV_OK || tv_is_gone() || deadline <= 0) {
            tv_lock_drop(&supervisor->lock);
            return err == TV_TIMEOUT && slept != TV_OK ? slept : err;
        }
        tv_waiter_init(&waiter, TV_WAITS_OTHER);
        slept = tv_waiter_sleep(&waiter, &stream->receiver.waiters, &supervisor->lock, deadline);
        tv_waiter_fini(&waiter);
    }
}

struct tv_lock *tv_stream_watch(struct tv_stream *stream, struct tv_waiter *waiter)
{
    struct tv_lock *lock = &stream->supervisor->lock;

    tv_lock_take(lock);
    tv_list_append(&stream->receiver.waiters, &waiter->link);
    tv_lock_drop(lock);
    return lock;
}
