#include "bus_by_hand.h"

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
        TEST(a_queue_that_wraps_around_keeps_its_order),
        TEST(an_event_that_is_held_keeps_its_texts),
        TEST(a_subscriber_is_unquiet_while_it_is_busy_or_has_an_event_queued),
        TEST(what_a_busy_subscriber_has_in_hand_is_not_overwritten_by_a_queue_filled_again),
        TEST(a_full_stream_drops_its_oldest),
        TEST(the_text_of_a_dropped_event_is_freed_after_the_hold),
    };

    return CHECK_RUN(tests, argc, argv);
}
