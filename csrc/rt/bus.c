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
    if (capacity > SIZE_MAX / sizeof *receiver->ring)
        return TV_NO_MEMORY;
    receiver->ring = malloc(capacity * sizeof *receiver->ring);
    if (!receiver->ring)
        return TV_NO_MEMORY;
    receiver->name = tv_text_hold(name);
    return TV_OK;
}

void tv_receiver_fini(struct tv_receiver *receiver)
{
    for (; receiver->count; receiver->count--) {
        tv_event_release(&receiver->ring[receiver->first]);
        receiver->first = (receiver->first + 1) % receiver->capacity;
    }
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

void tv_event_hold(const struct tv_event *event)
{
    tv_text_hold(event->task);
    tv_text_hold(tv_reason_text(&event->reason));
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

static void append(struct tv_receiver *receiver, const struct tv_event *event)
{
    uint64_t place = receiver->first + receiver->count;

    if (place >= receiver->capacity)
        place -= receiver->capacity;
    receiver->ring[place] = *event;
    receiver->count++;
    tv_event_hold(event);
}

static void drop_oldest(struct tv_receiver *stream, struct tv_after *after)
{
    struct tv_event *oldest = &stream->ring[stream->first];

    tv_text_retire(oldest->task, &after->dead);
    tv_text_retire(tv_reason_text(&oldest->reason), &after->dead);
    after->any = true;
    stream->first = stream->first + 1 == stream->capacity ? 0 : stream->first + 1;
    stream->count--;
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

/* True: the subscriber's queue was full, and that is news. */
static bool offer(struct tv_bus *bus, struct tv_receiver *receiver, const struct tv_event *event,
                  struct tv_after *after)
{
    bool is_news = false;

    if (receiver->count == receiver->capacity) {
        if (receiver->kind == TV_RECEIVER_SUBSCRIBER) {
            receiver->dropped++;
            is_news = !receiver->overflowing && !tv_event_is_diagnostic(event);
            receiver->overflowing |= is_news;
            return is_news;
        }
        drop_oldest(receiver, after);
    }
    if (receiver->kind == TV_RECEIVER_SUBSCRIBER && receiver->count == 0 && !receiver->busy)
        bus->unquiet++;
    append(receiver, event);
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

    bus->published++;
    for (struct tv_list *link = bus->receivers.next; link != &bus->receivers; link = link->next)
        offer(bus, TV_CONTAINER(link, struct tv_receiver, link), &event, after);
}

/* Two rounds: a diagnostic comes after the event that caused it has been handed to all. */
static void publish(struct tv_bus *bus, struct tv_event *event, struct tv_after *after)
{
    uint64_t news = 0;

    for (struct tv_list *link = bus->receivers.next; link != &bus->receivers; link = link->next) {
        struct tv_receiver *receiver = TV_CONTAINER(link, struct tv_receiver, link);

        receiver->news = offer(bus, receiver, event, after);
        news += receiver->news;
    }
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

bool tv_receiver_take(struct tv_bus *bus, struct tv_receiver *receiver, struct tv_event *event)
{
    (void)bus;
    if (receiver->count == 0)
        return false;
    *event = receiver->ring[receiver->first];
    receiver->first = receiver->first + 1 == receiver->capacity ? 0 : receiver->first + 1;
    receiver->count--;
    receiver->delivered++;
    receiver->busy = receiver->kind == TV_RECEIVER_SUBSCRIBER;
    if (receiver->count <= receiver->capacity / 2)
        receiver->overflowing = false;
    return true;
}

void tv_receiver_done(struct tv_bus *bus, struct tv_receiver *receiver, bool raised)
{
    receiver->busy = false;
    receiver->raised += raised;
    if (receiver->count == 0)
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
