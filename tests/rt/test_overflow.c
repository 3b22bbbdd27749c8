#include "bus_by_hand.h"

/* Subscribers whose queues are full: what is dropped, and to whom and how often that is news. */

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

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_full_queue_drops_the_new_event_for_itself_and_says_so_once_to_all),
        TEST(an_overflow_is_news_again_below_half_the_capacity),
        TEST(a_dropped_diagnostic_is_no_news),
        TEST(two_that_overflow_at_once_are_reported_after_the_event),
    };

    return CHECK_RUN(tests, argc, argv);
}
