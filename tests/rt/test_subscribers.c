#include "fixture.h"

/* What a subscriber of these tests does with an event. */
struct observer {
    _Atomic int seen;
    uint64_t last_seq;
    bool fails;           /* each time */
    struct gate *gate;    /* waits for it, the first time */
    struct tv_supervisor *asks; /* for the shutdown of it, and to wait for that */
    enum tv_err answer;
};

static struct tv_text *observe(void *arg, const struct tv_event *event)
{
    struct observer *observer = arg;

    CHECK(event->seq > observer->last_seq);
    observer->last_seq = event->seq;
    if (atomic_fetch_add(&observer->seen, 1) == 0 && observer->gate)
        gate_await(observer->gate);
    if (observer->asks) {
        CHECK_EQ(tv_shutdown(observer->asks, TV_NONE, false), TV_OK);
        observer->answer = tv_wait_closed(observer->asks, TV_NEVER);
        observer->asks = NULL;
    }
    return observer->fails ? text("it raised") : NULL;
}

static void subscribe(struct tv_supervisor *s, const char *name, uint64_t capacity,
                      struct observer *observer)
{
    struct tv_subscriber subscriber = {
        .name = text(name), .capacity = capacity, .on_event = observe, .arg = observer};

    CHECK_EQ(tv_subscribe(s, &subscriber), TV_OK);
    tv_text_rele(subscriber.name);
}

/* The subscriber at `place`; its name is checked. */
static struct tv_subscriber_info look_up(struct tv_supervisor *s, size_t place, const char *name)
{
    struct tv_subscriber_info *infos, found;
    size_t count;

    CHECK_EQ(tv_subscribers(s, &infos, &count), TV_OK);
    CHECK(place < count);
    found = infos[place];
    CHECK_BYTES(found.name->bytes, found.name->size, name);
    tv_subscribers_free(infos, count);
    return found;
}

static void run_tasks(struct tv_supervisor *s, int count)
{
    for (int i = 0; i < count; i++)
        finish(add(s, "t", SPEC(no_op, NULL)), TV_OUTCOME_COMPLETED);
}

#define EVENTS_OF_A_TASK 6 /* requested, added, starting, stopped, exhausted, removed */

/* ---- delivery ------------------------------------------------------------------------------- */

/* rule: R6.16, R5.27 */
static void a_subscriber_gets_all_that_found_room_in_order_before_the_end(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct observer observer = {.seen = 0};

    subscribe(s, "s", 100000, &observer);
    CHECK_EQ(tv_serve(s), TV_OK);
    run_tasks(s, 200);
    tv_supervisor_hold(s);
    close_down(s);
    CHECK_EQ(atomic_load(&observer.seen), 200 * EVENTS_OF_A_TASK + 2);
    CHECK_EQ(look_up(s, 0, "s").delivered, atomic_load(&observer.seen));
    CHECK_EQ(look_up(s, 0, "s").queued, 0);
    tv_supervisor_rele(s);
}

/* rule: R6.20 */
static void a_name_that_is_taken_gets_a_number(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct observer observers[4] = {{.seen = 0}};

    subscribe(s, "s", 10, &observers[0]);
    subscribe(s, "s", 10, &observers[1]);
    subscribe(s, "s#2", 10, &observers[2]);
    subscribe(s, "s", 10, &observers[3]);
    look_up(s, 0, "s");
    look_up(s, 1, "s#2");
    look_up(s, 2, "s#2#2");
    look_up(s, 3, "s#3");
    tv_supervisor_rele(s);
}

static void a_subscriber_comes_before_serving_or_not_at_all(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_subscriber late = {.name = text("late"), .capacity = 1, .on_event = observe};

    CHECK_EQ(tv_subscribe(s, &late), TV_ALREADY_RUNNING);
    tv_text_rele(late.name);
    close_down(s);
}

/* ---- failures ------------------------------------------------------------------------------- */

/* rule: R6.10, R6.11 */
static void a_subscriber_that_fails_is_reported_once_per_event_and_goes_on(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct observer raising = {.fails = true}, calm = {.seen = 0};
    struct tv_subscriber_info info;

    subscribe(s, "failing", 1000, &raising);
    subscribe(s, "calm", 1000, &calm);
    CHECK_EQ(tv_serve(s), TV_OK);
    run_tasks(s, 2);
    tv_supervisor_hold(s);
    close_down(s);
    info = look_up(s, 0, "failing");
    CHECK_EQ(info.delivered, 2 * (2 * EVENTS_OF_A_TASK + 2));
    CHECK_EQ(info.raised, info.delivered);
    CHECK_EQ(look_up(s, 1, "calm").raised, 0);
    CHECK_EQ(atomic_load(&calm.seen), atomic_load(&raising.seen));
    tv_supervisor_rele(s);
}

/* rule: R6.10 */
static void the_report_of_a_failure_tells_whose_and_why(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct observer raising = {.fails = true};
    struct tv_stream *stream;
    struct tv_event event;

    subscribe(s, "failing", 1000, &raising);
    CHECK_EQ(tv_serve(s), TV_OK);
    stream = listen_to(s);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    do {
        event = next_event(stream);
        tv_event_release(&event);
    } while (event.kind != TV_EVENT_SUBSCRIBER_PANICKED);
    CHECK_EQ(event.id, 0);
    CHECK(tv_event_is_diagnostic(&event));
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_BYTES(event.task->bytes, event.task->size, "failing");
    tv_stream_rele(stream);
    tv_supervisor_rele(s);
}

/* ---- isolation ------------------------------------------------------------------------------ */

/* rule: R6.17, R4.32, R5.27 */
static void a_stuck_subscriber_holds_up_nobody_and_the_end_only_for_its_grace(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct gate gate = GATE;
    struct observer stuck = {.gate = &gate}, calm = {.seen = 0};
    struct tv_supervisor *s;
    tv_ns begin;

    config.subscriber_grace_ns = 30 * TV_MS;
    s = make(&config, NULL, NULL);
    subscribe(s, "stuck", 1, &stuck);
    subscribe(s, "calm", 100000, &calm);
    CHECK_EQ(tv_serve(s), TV_OK);
    run_tasks(s, 1);
    EVENTUALLY(atomic_load(&stuck.seen) == 1);
    run_tasks(s, 999);
    CHECK_EQ(tv_join(s, TV_NEVER), TV_OK);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    begin = tv_now();
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK(tv_now() - begin >= config.subscriber_grace_ns / 2);
    CHECK_EQ(atomic_load(&stuck.seen), 1);
    CHECK(atomic_load(&calm.seen) >= 1000 * EVENTS_OF_A_TASK + 2);
    CHECK_EQ(counters(s).threads_written_off, 1);
    CHECK_EQ(look_up(s, 0, "stuck").delivered, 1);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    CHECK_EQ(atomic_load(&stuck.seen), 1);
    tv_supervisor_rele(s);
}

static void without_a_grace_a_shutdown_does_not_wait_for_subscribers(void)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct gate gate = GATE;
    struct observer stuck = {.gate = &gate};
    struct tv_supervisor *s;

    config.subscriber_grace_ns = 0;
    s = make(&config, NULL, NULL);
    subscribe(s, "stuck", 8, &stuck);
    CHECK_EQ(tv_serve(s), TV_OK);
    run_tasks(s, 1);
    EVENTUALLY(atomic_load(&stuck.seen) == 1);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    gate_open(&gate);
    EVENTUALLY(counters(s).threads_written_off == 0);
    tv_supervisor_rele(s);
}

static void the_counts_of_a_subscriber_add_up_to_what_was_published(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct gate gate = GATE;
    struct observer slow = {.gate = &gate};
    struct tv_subscriber_info info;

    subscribe(s, "slow", 2, &slow);
    CHECK_EQ(tv_serve(s), TV_OK);
    run_tasks(s, 1);
    EVENTUALLY(atomic_load(&slow.seen) == 1);
    run_tasks(s, 50);
    info = look_up(s, 0, "slow");
    CHECK_EQ(info.queued, 2);
    CHECK_EQ(info.delivered, 1);
    CHECK_EQ(info.delivered + info.dropped + info.queued, counters(s).published);
    gate_open(&gate);
    tv_supervisor_hold(s);
    close_down(s);
    info = look_up(s, 0, "slow");
    CHECK_EQ(info.queued, 0);
    CHECK_EQ(info.delivered + info.dropped, counters(s).published);
    tv_supervisor_rele(s);
}

/* ---- what a subscriber may ask -------------------------------------------------------------- */

/* rule: R0.48 */
static void a_subscriber_may_ask_for_a_shutdown_but_not_wait_for_it(void)
{
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct observer asking = {.seen = 0};

    asking.asks = s;
    subscribe(s, "asking", 100, &asking);
    CHECK_EQ(tv_serve(s), TV_OK);
    finish(add(s, "t", SPEC(await_cancel, NULL)), TV_OUTCOME_CANCELED);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK_EQ(asking.answer, TV_WAITS_FOR_ITSELF);
    tv_supervisor_rele(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_subscriber_gets_all_that_found_room_in_order_before_the_end),
        TEST(a_name_that_is_taken_gets_a_number),
        TEST(a_subscriber_comes_before_serving_or_not_at_all),
        TEST(a_subscriber_that_fails_is_reported_once_per_event_and_goes_on),
        TEST(the_report_of_a_failure_tells_whose_and_why),
        TEST(a_stuck_subscriber_holds_up_nobody_and_the_end_only_for_its_grace),
        TEST(without_a_grace_a_shutdown_does_not_wait_for_subscribers),
        TEST(the_counts_of_a_subscriber_add_up_to_what_was_published),
        TEST(a_subscriber_may_ask_for_a_shutdown_but_not_wait_for_it),
    };

    return CHECK_RUN(tests, argc, argv);
}
