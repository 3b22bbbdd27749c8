#include "rt/bus.h"

#include "rt/runtime.h"

#include <stdlib.h>

void tv_bus_init(struct tv_bus *bus)
{
    *bus = (struct tv_bus){.published = 0};
    tv_list_init(&bus->receivers);
}

enum tv_err tv_receiver_init(struct tv_receiver *receiver, enum tv_receiver_kind kind,
                             struct tv_text *name, uint64_t capacity)
{
    *receiver = (struct tv_receiver){.kind = kind, .capacity = capacity};
    tv_list_init(&receiver->link);
    tv_list_init(&receiver->waiters);
    if (capacity >= SIZE_MAX / sizeof *receiver->ring)
        return TV_NO_MEMORY;
    receiver->ring = malloc((capacity + 1) * sizeof *receiver->ring);
    if (!receiver->ring)
        return TV_NO_MEMORY;
    receiver->name = tv_text_hold(name);
    return TV_OK;
}

/* ---- the queue ----------------------------------------------------------------------------- */

static uint64_t after_place(const struct tv_receiver *receiver, uint64_t place)
{
    return place == receiver->capacity ? 0 : place + 1;
}

static void append(struct tv_receiver *receiver, const struct tv_event *event)
{
    receiver->ring[receiver->next] = *event;
    receiver->next = after_place(receiver, receiver->next);
    receiver->put++;
}

const struct tv_event *tv_receiver_next(struct tv_receiver *receiver)
{
    const struct tv_event *oldest = &receiver->ring[receiver->first];
    uint64_t taken = atomic_load_explicit(&receiver->taken, memory_order_relaxed);

    receiver->first = after_place(receiver, receiver->first);
    atomic_store_explicit(&receiver->taken, taken + 1, memory_order_release);
    return oldest;
}

/* An empty queue begins where its memory is warm. Call when nobody is busy with it. */
static bool rewind_if_empty(struct tv_receiver *receiver)
{
    if (tv_receiver_queued(receiver) > 0)
        return false;
    receiver->first = receiver->next = 0;
    return true;
}

void tv_receiver_fini(struct tv_receiver *receiver)
{
    while (tv_receiver_queued(receiver) > 0)
        tv_event_release(tv_receiver_next(receiver));
    tv_text_rele(receiver->name);
    free(receiver->ring);
}

void tv_bus_add(struct tv_bus *bus, struct tv_receiver *receiver)
{
    tv_list_append(&bus->receivers, &receiver->link);
    receiver->ended = bus->closed;
}

void tv_bus_remove(struct tv_bus *bus, struct tv_receiver *receiver)
{
    (void)bus;
    tv_list_remove(&receiver->link);
}

static void hold(const struct tv_event *event, uint32_t copies)
{
    if (copies == 0)
        return;
    tv_text_hold_for(event->task, copies);
    tv_text_hold_for(tv_reason_text(&event->reason), copies);
}

void tv_event_hold(const struct tv_event *event)
{
    hold(event, 1);
}

void tv_event_release(const struct tv_event *event)
{
    tv_text_rele(event->task);
    tv_text_rele(tv_reason_text(&event->reason));
}

/* ---- publishing ---------------------------------------------------------------------------- */

static _Atomic uint64_t next_seq = 1;

/*
 * The next number, after those of the events that nobody heard: the counter is everybody's, and
 * would cost as much as all the rest of an unheard event.
 */
static uint64_t take_number(struct tv_bus *bus)
{
    uint64_t unheard = bus->unnumbered;

    bus->unnumbered = 0;
    return unheard + atomic_fetch_add_explicit(&next_seq, unheard + 1, memory_order_relaxed);
}

static void drop_oldest(struct tv_receiver *stream, struct tv_after *after)
{
    const struct tv_event *oldest = tv_receiver_next(stream);

    tv_text_retire(oldest->task, &after->dead);
    tv_text_retire(tv_reason_text(&oldest->reason), &after->dead);
    after->any = true;
    stream->dropped++;
    stream->lag++;
}

/* A watch may be withdrawn before it has looked: those before the first thread are told besides. */
static void wake_one(struct tv_receiver *receiver, struct tv_after *after)
{
    struct tv_waiter *waiter = NULL;

    while (!tv_list_empty(&receiver->waiters) && (!waiter || !waiter->sem)) {
        waiter = TV_CONTAINER(receiver->waiters.next, struct tv_waiter, link);
        tv_waiter_wake(waiter, false, &after->wake);
        after->any = true;
    }
}

/* True: that the subscriber's queue is full is news, until half of it has been taken. */
static bool is_news(struct tv_receiver *subscriber, const struct tv_event *event)
{
    if (subscriber->overflowing || tv_event_is_diagnostic(event))
        return false;
    subscriber->overflowing = true;
    return true;
}

/*
 * Queues the event, whose references the caller adds for all `copies`, or drops it. True: the
 * subscriber's queue was full, and that is news.
 */
static bool offer(struct tv_bus *bus, struct tv_receiver *receiver, const struct tv_event *event,
                  uint32_t *copies, struct tv_after *after)
{
    uint64_t queued = tv_receiver_queued(receiver);

    if (receiver->kind == TV_RECEIVER_SUBSCRIBER) {
        if (queued <= receiver->capacity / 2)
            receiver->overflowing = false;
        if (queued == receiver->capacity) {
            receiver->dropped++;
            return is_news(receiver, event);
        }
        bus->unquiet += queued == 0 && !receiver->busy;
    } else if (queued == receiver->capacity) {
        drop_oldest(receiver, after);
    }
    append(receiver, event);
    ++*copies;
    wake_one(receiver, after);
    return false;
}

static void report_overflow(struct tv_bus *bus, struct tv_receiver *full, tv_ns at,
                            struct tv_after *after)
{
    struct tv_event event = {
        .kind = TV_EVENT_SUBSCRIBER_OVERFLOW,
        .seq = take_number(bus),
        .at_ns = at,
        .task = full->name,
        .reason = {.kind = TV_REASON_SUBSCRIBER_FULL, .error.text = full->name},
    };
    uint32_t copies = 0;

    bus->published++;
    for (struct tv_list *link = bus->receivers.next; link != &bus->receivers; link = link->next)
        offer(bus, TV_CONTAINER(link, struct tv_receiver, link), &event, &copies, after);
    hold(&event, copies);
}

/* Two rounds: a diagnostic comes after the event that caused it has been handed to all. */
static void publish(struct tv_bus *bus, struct tv_event *event, struct tv_after *after)
{
    uint64_t news = 0;
    uint32_t copies = 0;

    for (struct tv_list *link = bus->receivers.next; link != &bus->receivers; link = link->next) {
        struct tv_receiver *receiver = TV_CONTAINER(link, struct tv_receiver, link);

        receiver->news = offer(bus, receiver, event, &copies, after);
        news += receiver->news;
    }
    hold(event, copies);
    if (!news)
        return;
    for (struct tv_list *link = bus->receivers.next; link != &bus->receivers; link = link->next) {
        struct tv_receiver *receiver = TV_CONTAINER(link, struct tv_receiver, link);

        if (receiver->news)
            report_overflow(bus, receiver, event->at_ns, after);
        receiver->news = false;
    }
}

void tv_bus_publish_heard(struct tv_bus *bus, struct tv_event *events, uint32_t count,
                          struct tv_after *after)
{
    tv_ns at;

    if (count == 0)
        return;
    at = tv_wall_clock();
    bus->published += count;
    for (uint32_t i = 0; i < count; i++) {
        events[i].seq = take_number(bus);
        events[i].at_ns = at;
        publish(bus, &events[i], after);
    }
}

/* ---- receiving ----------------------------------------------------------------------------- */

bool tv_receiver_take(struct tv_receiver *stream, struct tv_event *event)
{
    if (tv_receiver_queued(stream) == 0)
        return false;
    *event = *tv_receiver_next(stream);
    rewind_if_empty(stream);
    return true;
}

uint64_t tv_receiver_begin(struct tv_receiver *subscriber)
{
    uint64_t queued = tv_receiver_queued(subscriber);

    subscriber->busy = queued > 0;
    return queued;
}

void tv_receiver_done(struct tv_bus *bus, struct tv_receiver *subscriber)
{
    subscriber->busy = false;
    if (rewind_if_empty(subscriber))
        bus->unquiet--;
}

void tv_bus_close(struct tv_bus *bus, struct tv_after *after)
{
    bus->closed = true;
    for (struct tv_list *link = bus->receivers.next; link != &bus->receivers; link = link->next) {
        struct tv_receiver *receiver = TV_CONTAINER(link, struct tv_receiver, link);

        receiver->ended = true;
        tv_waiters_wake(&receiver->waiters, TV_WAITS_OTHER, false, &after->wake);
    }
    after->any = true;
}
