/*
 * bus.h: every event to every receiver's own queue.
 *
 * One struct serves subscribers and streams; they differ in what a full queue drops, the new event
 * or the oldest. There is no ring between: publishing copies the event, under the supervisor's lock
 * and so in the core's order, into each queue, and never blocks. Nothing reads the bus to decide.
 *
 * Locking discipline. The supervisor's lock guards everything, with one exception: a subscriber's
 * thread that has said under the lock that it is busy takes what was queued by then without it.
 * Until it says that it is done, `first` is its own, and nobody writes to the places of those
 * events nor to that of the one in hand, for which the ring has one more than the capacity. When
 * an event is taken, the place of the one before it is free; release and acquire on `taken` order
 * the last look at the old event before the new one is written.
 */
#ifndef TV_BUS_H
#define TV_BUS_H

#include "core/event.h"
#include "core/list.h"
#include "rt/waiter.h"

#include <stdatomic.h>

struct tv_after;

enum tv_receiver_kind { TV_RECEIVER_SUBSCRIBER, TV_RECEIVER_STREAM };

struct tv_receiver {
    struct tv_list link; /* in the bus; a closed stream is in no list */
    enum tv_receiver_kind kind;
    struct tv_text *name;   /* subscriber */
    uint64_t capacity;
    struct tv_event *ring;  /* capacity + 1 places */
    uint64_t first, next;   /* of the oldest event, and for the next one */
    uint64_t put;           /* events that were ever queued */
    _Atomic uint64_t taken; /* of these, by a reader or to make room */
    uint64_t dropped, raised;
    uint64_t lag;           /* stream: dropped and not yet told */
    bool overflowing;       /* subscriber: its overflow has been reported */
    bool news;              /* subscriber: its overflow is to be reported */
    bool busy;              /* subscriber: it delivers */
    bool ended;             /* nothing comes any more */
    struct tv_list waiters; /* its readers */
};

struct tv_bus {
    struct tv_list receivers;
    uint64_t published;
    uint64_t unnumbered; /* of these, nobody heard: their numbers are taken with the next one's */
    uint64_t unquiet; /* subscribers that are busy or have an event queued */
    bool closed;      /* nothing is published any more */
};

void tv_bus_init(struct tv_bus *bus);

/* How many events are queued; more may have been taken since. */
static inline uint64_t tv_receiver_queued(const struct tv_receiver *receiver)
{
    return receiver->put - atomic_load_explicit(&receiver->taken, memory_order_acquire);
}

/* NO_MEMORY. Holds `name`. */
enum tv_err tv_receiver_init(struct tv_receiver *receiver, enum tv_receiver_kind kind,
                             struct tv_text *name, uint64_t capacity);

/* Releases what is queued. Call without a lock, when no bus has it. */
void tv_receiver_fini(struct tv_receiver *receiver);

/* All of these: call with the supervisor's lock held; they never block and cannot fail. */

void tv_bus_add(struct tv_bus *bus, struct tv_receiver *receiver);
void tv_bus_remove(struct tv_bus *bus, struct tv_receiver *receiver);
static inline bool tv_bus_is_silent(const struct tv_bus *bus)
{
    return tv_list_empty(&bus->receivers) || bus->closed;
}

/* Publishes `count` events on a bus that is not silent. Overflows are reported after. */
void tv_bus_publish_heard(struct tv_bus *bus, struct tv_event *events, uint32_t count,
                          struct tv_after *after);

/* Publishes `count` events; with a silent bus they are only counted. */
static inline void tv_bus_publish(struct tv_bus *bus, struct tv_event *events, uint32_t count,
                                  struct tv_after *after)
{
    if (!tv_bus_is_silent(bus)) {
        tv_bus_publish_heard(bus, events, count, after);
    } else if (!bus->closed) {
        bus->published += count;
        bus->unnumbered += count;
    }
}

/* A subscriber is busy now: how many events it may take. None: it is not. */
uint64_t tv_receiver_begin(struct tv_receiver *subscriber);

/*
 * Takes the oldest event out: a busy subscriber, of that many, without the lock; it is the
 * subscriber's until the one after it is taken. Its references are the taker's to release.
 */
const struct tv_event *tv_receiver_next(struct tv_receiver *receiver);

/* Takes a stream's oldest event out; its references go with it. False: empty. */
bool tv_receiver_take(struct tv_receiver *stream, struct tv_event *event);

/* The subscriber is busy no longer. */
void tv_receiver_done(struct tv_bus *bus, struct tv_receiver *subscriber);

/* Ends every stream and refuses everything from now on. */
void tv_bus_close(struct tv_bus *bus, struct tv_after *after);

#endif
