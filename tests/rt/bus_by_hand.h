/*
 * bus_by_hand.h: the bus by hand. One thread is publisher and receiver, so every queue is full
 * exactly when the test says so. No supervisor is needed, since the bus decides nothing and asks
 * nobody.
 */
#ifndef BUS_BY_HAND_H
#define BUS_BY_HAND_H

#include "fixture.h"

static struct tv_bus bus;
static struct tv_after after;
static struct tv_text *task_name;

struct subscriber {
    struct tv_receiver receiver;
    struct tv_text *name;
};

static inline void set_up(void)
{
    tv_bus_init(&bus);
    after = (struct tv_after)TV_AFTER(TV_DETACHED);
    task_name = text("task");
}

static inline void tear_down(void)
{
    tv_text_free_dead(after.dead);
    CHECK_EQ(task_name->refs, 1);
    tv_text_rele(task_name);
}

static inline void subscribe(struct subscriber *subscriber, const char *name, uint64_t capacity)
{
    subscriber->name = text(name);
    CHECK_EQ(tv_receiver_init(&subscriber->receiver, TV_RECEIVER_SUBSCRIBER, subscriber->name,
                              capacity),
             TV_OK);
    tv_bus_add(&bus, &subscriber->receiver);
}

static inline void unsubscribe(struct subscriber *subscriber)
{
    tv_bus_remove(&bus, &subscriber->receiver);
    tv_receiver_fini(&subscriber->receiver);
    CHECK_EQ(subscriber->name->refs, 1);
    tv_text_rele(subscriber->name);
}

static inline void open_stream(struct tv_receiver *stream, uint64_t capacity)
{
    CHECK_EQ(tv_receiver_init(stream, TV_RECEIVER_STREAM, NULL, capacity), TV_OK);
    tv_bus_add(&bus, stream);
}

static inline void close_stream(struct tv_receiver *stream)
{
    tv_bus_remove(&bus, stream);
    tv_receiver_fini(stream);
}

static inline void publish(enum tv_event_kind kind, tv_id id)
{
    struct tv_event event = {.kind = (uint8_t)kind, .task = task_name, .id = id};

    tv_bus_publish(&bus, &event, 1, &after);
}

/* `count` ordinary events with ids from 1. */
static inline void publish_many(tv_id count)
{
    for (tv_id id = 1; id <= count; id++)
        publish(TV_EVENT_TASK_ADDED, id);
}

/* Takes the next event, which its receiver has to release; done with it at once. False: none. */
static inline bool take_any(struct tv_receiver *receiver, struct tv_event *event)
{
    if (receiver->kind == TV_RECEIVER_STREAM)
        return tv_receiver_take(receiver, event);
    if (!tv_receiver_begin(receiver))
        return false;
    *event = *tv_receiver_next(receiver);
    tv_receiver_done(&bus, receiver);
    return true;
}

/* The next event has this kind and id; returns its number. */
static inline uint64_t take(struct tv_receiver *receiver, enum tv_event_kind kind, tv_id id)
{
    struct tv_event event;

    CHECK(take_any(receiver, &event));
    CHECK_EQ(event.kind, kind);
    CHECK_EQ(event.id, id);
    tv_event_release(&event);
    return event.seq;
}

static inline void take_overflow(struct tv_receiver *receiver, const char *reason)
{
    struct tv_event event;

    CHECK(take_any(receiver, &event));
    CHECK_EQ(event.kind, TV_EVENT_SUBSCRIBER_OVERFLOW);
    check_reason(&event.reason, reason);
    tv_event_release(&event);
}

static inline void take_nothing(struct tv_receiver *receiver)
{
    struct tv_event event;

    CHECK(!take_any(receiver, &event));
}

#endif
