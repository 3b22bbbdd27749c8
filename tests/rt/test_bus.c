#include "fixture.h"

/*
 * The bus by hand: one thread is publisher and receiver, so every queue is full exactly when the
 * test says so. No supervisor is needed, since the bus decides nothing and asks nobody.
 */
static struct tv_bus bus;
static struct tv_after after;
static struct tv_text *task_name;

struct subscriber {
    struct tv_receiver receiver;
    struct tv_text *name;
};

static void set_up(void)
{
    tv_bus_init(&bus);
    after = (struct tv_after)TV_AFTER(TV_DETACHED);
    task_name = text("task");
}

static void tear_down(void)
{
    tv_text_free_dead(after.dead);
    CHECK_EQ(task_name->refs, 1);
    tv_text_rele(task_name);
}

static void subscribe(struct subscriber *subscriber, const char *name, uint64_t capacity)
{
    subscriber->name = text(name);
    CHECK_EQ(tv_receiver_init(&subscriber->receiver, TV_RECEIVER_SUBSCRIBER, subscriber->name,
                              capacity),
             TV_OK);
    tv_bus_add(&bus, &subscriber->receiver);
}

static void unsubscribe(struct subscriber *subscriber)
{
    tv_bus_remove(&bus, &subscriber->receiver);
    tv_receiver_fini(&subscriber->receiver);
    CHECK_EQ(subscriber->name->refs, 1);
    tv_text_rele(subscriber->name);
}

static void open_stream(struct tv_receiver *stream, uint64_t capacity)
{
    CHECK_EQ(tv_receiver_init(stream, TV_RECEIVER_STREAM, NULL, capacity), TV_OK);
    tv_bus_add(&bus, stream);
}

static void close_stream(struct tv_receiver *stream)
{
    tv_bus_remove(&bus, stream);
    tv_receiver_fini(stream);
}

static void publish(enum tv_event_kind kind, tv_id id)
{
    struct tv_event event = {.kind = (uint8_t)kind, .task = task_name, .id = id};

    tv_bus_publish(&bus, &event, 1, &after);
}

/* `count` ordinary events with ids from 1. */
static void publish_many(tv_id count)
{
    for (tv_id id = 1; id <= count; id++)
        publish(TV_EVENT_TASK_ADDED, id);
}

/* Takes the next event, which its receiver has to release; done with it at once. False: none. */
static bool take_any(struct tv_receiver *receiver, struct tv_event *event)
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
static uint64_t take(struct tv_receiver *receiver, enum tv_event_kind kind, tv_id id)
{
    struct tv_event event;

    CHECK(take_any(receiver, &event));
    CHECK_EQ(event.kind, kind);
    CHECK_EQ(event.id, id);
    tv_event_release(&event);
    return event.seq;
}

static void take_overflow(struct tv_receiver *receiver, const char *reason)
{
    struct tv_event event;

    CHECK(take_any(receiver, &event));
    CHECK_EQ(event.kind, TV_EVENT_SUBSCRIBER_OVERFLOW);
    check_reason(&event.reason, reason);
    tv_event_release(&event);
}

static void take_nothing(struct tv_receiver *receiver)
{
    struct tv_event event;

    CHECK(!take_any(receiver, &event));
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* rule: R6.2 */
static void every_receiver_sees_the_same_rising_numbers(void)
{
    struct tv_receiver early, late;
    uint64_t before, seq;

    set_up();
    open_stream(&early, 8);
    publish_many(1);
    open_stream(&late, 8);
    publish_many(2);
    before = take(&early, TV_EVENT_TASK_ADDED, 1);
    for (tv_id id = 1; id <= 2; id++) {
        seq = take(&early, TV_EVENT_TASK_ADDED, id);
        CHECK(seq > before);
        CHECK_EQ(take(&late, TV_EVENT_TASK_ADDED, id), seq);
        before = seq;
    }
    close_stream(&early);
    close_stream(&late);
    tear_down();
}

static void events_that_nobody_receives_are_counted_and_numbered(void)
{
    struct tv_event events[3] = {{.seq = 0}};
    struct tv_receiver stream;
    uint64_t first;

    set_up();
    CHECK(tv_bus_is_silent(&bus));
    open_stream(&stream, 8);
    publish_many(1);
    first = take(&stream, TV_EVENT_TASK_ADDED, 1);
    close_stream(&stream);
    CHECK(tv_bus_is_silent(&bus));
    tv_bus_publish(&bus, events, 3, &after);
    open_stream(&stream, 8);
    publish_many(1);
    CHECK_EQ(take(&stream, TV_EVENT_TASK_ADDED, 1), first + 4);
    CHECK_EQ(bus.published, 5);
    close_stream(&stream);
    tear_down();
}

static void a_closed_bus_publishes_nothing_and_has_ended_for_all(void)
{
    struct tv_receiver stream, late;

    set_up();
    open_stream(&stream, 8);
    publish_many(1);
    tv_bus_close(&bus, &after);
    publish_many(1);
    open_stream(&late, 8);
    CHECK(stream.ended && late.ended && tv_bus_is_silent(&bus));
    take(&stream, TV_EVENT_TASK_ADDED, 1);
    take_nothing(&stream);
    CHECK_EQ(bus.published, 1);
    close_stream(&late);
    close_stream(&stream);
    tear_down();
}

/* ---- subscribers ---------------------------------------------------------------------------- */

/* rule: R6.12, R6.15 */
static void a_full_queue_drops_the_new_event_for_itself_and_says_so_once_to_all(void)
{
    struct subscriber small;
    struct tv_receiver stream;

    set_up();
    subscribe(&small, "small", 2);
    open_stream(&stream, 64);
    publish_many(5);
    take(&stream, TV_EVENT_TASK_ADDED, 1);
    take(&stream, TV_EVENT_TASK_ADDED, 2);
    take(&stream, TV_EVENT_TASK_ADDED, 3);
    take_overflow(&stream, "subscriber=small reason=full");
    take(&stream, TV_EVENT_TASK_ADDED, 4);
    take(&stream, TV_EVENT_TASK_ADDED, 5);
    take_nothing(&stream);
    take(&small.receiver, TV_EVENT_TASK_ADDED, 1);
    take(&small.receiver, TV_EVENT_TASK_ADDED, 2);
    take_nothing(&small.receiver);
    CHECK_EQ(small.receiver.dropped, 4);
    CHECK_EQ(atomic_load(&small.receiver.taken), 2);
    close_stream(&stream);
    unsubscribe(&small);
    tear_down();
}

/* Fills it, drains it to `left`, and tells whether the next drop is news. */
static bool is_news_again_at(uint64_t capacity, uint64_t left)
{
    struct subscriber subscriber;
    struct tv_receiver stream;
    uint64_t published;

    set_up();
    subscribe(&subscriber, "s", capacity);
    publish_many(capacity + 1);
    for (uint64_t taken = 0; taken < capacity - left; taken++)
        take(&subscriber.receiver, TV_EVENT_TASK_ADDED, taken + 1);
    publish_many(capacity - left);
    open_stream(&stream, 64);
    published = bus.published;
    publish_many(1);
    published = bus.published - published;
    close_stream(&stream);
    unsubscribe(&subscriber);
    tear_down();
    return published == 2;
}

/* rule: R6.13 */
static void an_overflow_is_news_again_below_half_the_capacity(void)
{
    CHECK(!is_news_again_at(8, 8));
    CHECK(!is_news_again_at(8, 5));
    CHECK(is_news_again_at(8, 4));
    CHECK(is_news_again_at(8, 0));
    CHECK(!is_news_again_at(5, 3));
    CHECK(is_news_again_at(5, 2));
    CHECK(!is_news_again_at(1, 1));
    CHECK(is_news_again_at(1, 0));
}

/* rule: R6.14 */
static void a_dropped_diagnostic_is_no_news(void)
{
    struct subscriber subscriber;

    set_up();
    subscribe(&subscriber, "s", 1);
    publish_many(1);
    publish(TV_EVENT_SUBSCRIBER_PANICKED, 0);
    publish(TV_EVENT_SUBSCRIBER_OVERFLOW, 0);
    CHECK_EQ(bus.published, 3);
    CHECK_EQ(subscriber.receiver.dropped, 2);
    publish_many(1);
    CHECK_EQ(bus.published, 5);
    unsubscribe(&subscriber);
    tear_down();
}

static void two_that_overflow_at_once_are_reported_after_the_event(void)
{
    struct subscriber a, b;
    struct tv_receiver stream;

    set_up();
    subscribe(&a, "a", 1);
    open_stream(&stream, 64);
    subscribe(&b, "b", 1);
    publish_many(2);
    take(&stream, TV_EVENT_TASK_ADDED, 1);
    take(&stream, TV_EVENT_TASK_ADDED, 2);
    take_overflow(&stream, "subscriber=a reason=full");
    take_overflow(&stream, "subscriber=b reason=full");
    take_nothing(&stream);
    CHECK_EQ(a.receiver.dropped, 3);
    close_stream(&stream);
    unsubscribe(&b);
    unsubscribe(&a);
    tear_down();
}

static void a_queue_that_wraps_around_keeps_its_order(void)
{
    struct subscriber subscriber;

    set_up();
    subscribe(&subscriber, "s", 3);
    publish_many(2);
    for (tv_id id = 1; id <= 2; id++)
        take(&subscriber.receiver, TV_EVENT_TASK_ADDED, id);
    publish_many(3);
    for (tv_id id = 1; id <= 3; id++)
        take(&subscriber.receiver, TV_EVENT_TASK_ADDED, id);
    take_nothing(&subscriber.receiver);
    publish_many(3);
    unsubscribe(&subscriber);
    tear_down();
}

static void an_event_that_is_held_keeps_its_texts(void)
{
    struct tv_text *reason = text("why");
    struct tv_event event = {
        .reason = {.kind = TV_REASON_TEXT, .error.text = reason},
    };

    set_up();
    event.task = task_name;
    tv_event_hold(&event);
    CHECK_EQ(task_name->refs, 2);
    CHECK_EQ(reason->refs, 2);
    tv_event_release(&event);
    CHECK_EQ(reason->refs, 1);
    tv_text_rele(reason);
    tear_down();
}

static void a_subscriber_is_unquiet_while_it_is_busy_or_has_an_event_queued(void)
{
    struct subscriber a, b;

    set_up();
    subscribe(&a, "a", 4);
    subscribe(&b, "b", 4);
    CHECK_EQ(bus.unquiet, 0);
    publish_many(2);
    CHECK_EQ(bus.unquiet, 2);
    take(&a.receiver, TV_EVENT_TASK_ADDED, 1);
    CHECK_EQ(tv_receiver_begin(&a.receiver), 1);
    tv_event_release(tv_receiver_next(&a.receiver));
    CHECK_EQ(bus.unquiet, 2);
    publish_many(1);
    CHECK_EQ(bus.unquiet, 2);
    tv_receiver_done(&bus, &a.receiver);
    CHECK_EQ(bus.unquiet, 2);
    take(&a.receiver, TV_EVENT_TASK_ADDED, 1);
    CHECK_EQ(bus.unquiet, 1);
    unsubscribe(&b);
    unsubscribe(&a);
    tear_down();
}

static void what_a_busy_subscriber_has_in_hand_is_not_overwritten_by_a_queue_filled_again(void)
{
    struct subscriber subscriber;
    const struct tv_event *in_hand;

    set_up();
    subscribe(&subscriber, "s", 3);
    publish_many(3);
    CHECK_EQ(tv_receiver_begin(&subscriber.receiver), 3);
    for (tv_id id = 1; id <= 3; id++) {
        in_hand = tv_receiver_next(&subscriber.receiver);
        publish(TV_EVENT_TASK_ADDED, 10 + id); /* takes the room that was left */
        publish(TV_EVENT_TASK_ADDED, 20 + id); /* is dropped */
        CHECK_EQ(in_hand->id, id);
        tv_event_release(in_hand);
    }
    CHECK_EQ(tv_receiver_queued(&subscriber.receiver), 3);
    tv_receiver_done(&bus, &subscriber.receiver);
    take(&subscriber.receiver, TV_EVENT_TASK_ADDED, 11);
    take(&subscriber.receiver, TV_EVENT_TASK_ADDED, 12);
    take(&subscriber.receiver, TV_EVENT_TASK_ADDED, 13);
    take_nothing(&subscriber.receiver);
    CHECK_EQ(bus.unquiet, 0);
    unsubscribe(&subscriber);
    tear_down();
}

/* ---- streams -------------------------------------------------------------------------------- */

/* rule: R6.31 */
static void a_full_stream_drops_its_oldest(void)
{
    struct tv_receiver stream;

    set_up();
    open_stream(&stream, 2);
    publish_many(5);
    CHECK_EQ(stream.lag, 3);
    CHECK_EQ(stream.dropped, 3);
    CHECK_EQ(bus.published, 5);
    take(&stream, TV_EVENT_TASK_ADDED, 4);
    take(&stream, TV_EVENT_TASK_ADDED, 5);
    take_nothing(&stream);
    close_stream(&stream);
    tear_down();
}

static void the_text_of_a_dropped_event_is_freed_after_the_hold(void)
{
    struct tv_event event = {.kind = TV_EVENT_TASK_FAILED};
    struct tv_receiver stream;

    set_up();
    open_stream(&stream, 1);
    event.reason = (struct tv_reason){.kind = TV_REASON_TEXT, .error.text = text("last copy")};
    tv_bus_publish(&bus, &event, 1, &after);
    tv_text_rele(event.reason.error.text);
    CHECK(!after.dead);
    publish_many(1);
    CHECK(after.dead && after.any);
    close_stream(&stream);
    tear_down();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(every_receiver_sees_the_same_rising_numbers),
        TEST(events_that_nobody_receives_are_counted_and_numbered),
        TEST(a_closed_bus_publishes_nothing_and_has_ended_for_all),
        TEST(a_full_queue_drops_the_new_event_for_itself_and_says_so_once_to_all),
        TEST(an_overflow_is_news_again_below_half_the_capacity),
        TEST(a_dropped_diagnostic_is_no_news),
        TEST(two_that_overflow_at_once_are_reported_after_the_event),
        TEST(a_queue_that_wraps_around_keeps_its_order),
        TEST(an_event_that_is_held_keeps_its_texts),
        TEST(a_subscriber_is_unquiet_while_it_is_busy_or_has_an_event_queued),
        TEST(what_a_busy_subscriber_has_in_hand_is_not_overwritten_by_a_queue_filled_again),
        TEST(a_full_stream_drops_its_oldest),
        TEST(the_text_of_a_dropped_event_is_freed_after_the_hold),
    };

    return CHECK_RUN(tests, argc, argv);
}
