/*
 * Publishers make events as fast as they can for subscribers with queues from one place on, some of
 * which linger or fail now and then, while somebody looks at their counts; the supervisor ends when
 * all has been delivered, or at once. What this wants to see broken: that an event is delivered
 * twice, out of order, or after it has been overwritten; that counts do not add up, in any one look
 * or at the end; that a thread which is stopped is waited for while it is in on_event.
 */
#include "fixture.h"

#include "chance.h"

#define PUBLISHERS 2
#define EVENTS 6000 /* pairs, of each publisher, at most */
#define ROUNDS 12

static const uint64_t capacities[] = {1, 2, 3, 16, 1000000};
#define SUBSCRIBERS (sizeof capacities / sizeof *capacities)

struct observer {
    struct tv_prng chance;
    uint64_t last_seq, seen, raised;
};

static struct tv_supervisor *s;
static _Atomic int publishing;

/* The text is this event's for as long as the call takes. */
static struct tv_text *observe(void *arg, const struct tv_event *event)
{
    struct observer *observer = arg;
    const struct tv_event before = *event;
    bool raises = draw(&observer->chance, 97) == 0;

    CHECK(event->seq > observer->last_seq);
    observer->last_seq = event->seq;
    observer->seen++;
    observer->raised += raises;
    if (draw(&observer->chance, 20) == 0)
        tv_thread_rest(20000);
    CHECK_EQ(event->seq, before.seq);
    CHECK_EQ(event->kind, before.kind);
    if (event->task)
        CHECK_EQ(strlen(event->task->bytes), event->task->size);
    return raises ? text("now and then it fails") : NULL;
}

static void *publish(void *arg)
{
    struct tv_prng chance = chance_of((uint64_t)(uintptr_t)arg);
    int events = draw(&chance, EVENTS);

    for (int i = 0; i < events; i++) {
        struct tv_text *nobody = text_number("p", (size_t)i);

        CHECK_EQ(tv_leave(s, (struct tv_target){.name = nobody}, TV_REMOVE, NULL), TV_UNKNOWN);
        tv_text_rele(nobody);
    }
    atomic_fetch_sub(&publishing, 1);
    return NULL;
}

/* In any one look the counts of each are of the same moment. */
static void look(void)
{
    struct tv_subscriber_info *infos;
    size_t count;

    CHECK_EQ(tv_subscribers(s, &infos, &count), TV_OK);
    CHECK_EQ(count, SUBSCRIBERS);
    for (size_t i = 1; i < count; i++)
        CHECK_EQ(infos[i].queued + infos[i].delivered + infos[i].dropped,
                 infos[0].queued + infos[0].delivered + infos[0].dropped);
    for (size_t i = 0; i < count; i++)
        CHECK(infos[i].queued <= capacities[i]);
    tv_subscribers_free(infos, count);
}

static void subscribe_all(struct observer *observers)
{
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        struct tv_subscriber subscriber = {text_number("s", i), capacities[i], observe,
                                           &observers[i]};

        observers[i] = (struct observer){.chance = chance_of(100 + i)};
        CHECK_EQ(tv_subscribe(s, &subscriber), TV_OK);
        tv_text_rele(subscriber.name);
    }
}

/* Once all threads have left. */
static void account(const struct observer *observers, bool drained)
{
    struct tv_subscriber_info *infos;
    size_t count;

    CHECK_EQ(tv_subscribers(s, &infos, &count), TV_OK);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(infos[i].delivered, observers[i].seen);
        CHECK_EQ(infos[i].raised, observers[i].raised);
        CHECK_EQ(infos[i].queued + infos[i].delivered + infos[i].dropped, counters(s).published);
        CHECK(!drained || infos[i].queued == 0);
    }
    tv_subscribers_free(infos, count);
}

static void run_round(bool drains)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct observer observers[SUBSCRIBERS];
    struct helper helpers[PUBLISHERS];

    config.subscriber_grace_ns = drains ? PATIENCE : 0;
    s = make(&config, NULL, NULL);
    subscribe_all(observers);
    CHECK_EQ(tv_serve(s), TV_OK);
    atomic_store(&publishing, PUBLISHERS);
    for (uintptr_t i = 0; i < PUBLISHERS; i++)
        helpers[i] = helper_start(publish, (void *)(i + 1));
    while (atomic_load(&publishing) > 0)
        look();
    for (int i = 0; i < PUBLISHERS; i++)
        helper_join(helpers[i]);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    CHECK(!drains || counters(s).threads_written_off == 0);
    EVENTUALLY(counters(s).threads_written_off == 0);
    account(observers, drains);
    tv_supervisor_rele(s);
}

static void each_event_is_delivered_once_in_order_and_whole_or_counted_as_dropped(void)
{
    for (int i = 0; i < ROUNDS; i++)
        run_round(i % 2 == 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(each_event_is_delivered_once_in_order_and_whole_or_counted_as_dropped),
    };

    return CHECK_RUN(tests, argc, argv);
}
