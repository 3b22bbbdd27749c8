/*
 * Publishers make events as fast as they can while readers open streams, read them alone or in
 * pairs, fall behind, and close them under each other. What this wants to see broken: that an event
 * is lost without being told, told twice or out of order; that numbers do not rise; that a reader
 * sleeps on with an event queued; that a text is freed while an event refers to it.
 */
#include "fixture.h"

#include "chance.h"

#define PUBLISHERS 3
#define READERS 4
#define EVENTS 40000 /* pairs, of each publisher */
#define STREAMS 400  /* of each reader */

static struct tv_supervisor *s;
static _Atomic int publishing;

static void *publish(void *arg)
{
    for (size_t i = 0; i < EVENTS; i++) {
        struct tv_text *nobody = text_number(arg, i);

        CHECK_EQ(tv_leave(s, (struct tv_target){.name = nobody}, TV_REMOVE, NULL), TV_UNKNOWN);
        tv_text_rele(nobody);
    }
    atomic_fetch_sub(&publishing, 1);
    return NULL;
}

/* What one reader has seen of a stream that it reads alone. */
struct account {
    uint64_t last_seq, missing;
};

/* Only this supervisor publishes, so numbers that are missing were dropped. */
static void check_event(const struct tv_event *event, struct account *account)
{
    CHECK(event->kind == TV_EVENT_TASK_REMOVE_REQUESTED || event->kind == TV_EVENT_TASK_REMOVED);
    CHECK(event->task->bytes[0] == 'p' && event->task->bytes[event->task->size] == '\0');
    if (account->last_seq)
        CHECK_EQ(event->seq, account->last_seq + account->missing + 1);
    *account = (struct account){.last_seq = event->seq};
}

static void read_alone(struct tv_stream *stream, struct tv_prng *chance)
{
    struct account account = {.last_seq = 0};
    uint64_t told = 0, lost;
    int reads = draw(chance, 200);

    for (int i = 0; i < reads; i++) {
        struct tv_event event;
        enum tv_err err = tv_stream_next(stream, tv_now() + 200000, &event, &lost);

        if (err == TV_OK) {
            check_event(&event, &account);
            tv_event_release(&event);
        } else if (err == TV_LAGGED) {
            CHECK(lost > 0);
            account.missing += lost;
            told += lost;
        } else {
            CHECK_EQ(err, TV_TIMEOUT);
        }
        if (draw(chance, 50) == 0)
            tv_thread_rest(100000);
    }
    CHECK(tv_stream_lost(stream) >= told);
}

/* A second reader of the same stream, which the first one closes. */
static void *read_along(void *arg)
{
    struct tv_stream *stream = arg;
    struct tv_event event;
    uint64_t lost;
    enum tv_err err;

    while ((err = tv_stream_next(stream, TV_NEVER, &event, &lost)) != TV_ENDED) {
        CHECK(err == TV_OK || err == TV_LAGGED);
        if (err == TV_OK)
            tv_event_release(&event);
    }
    tv_stream_rele(stream);
    return NULL;
}

static void read_in_pair(struct tv_stream *stream, struct tv_prng *chance)
{
    struct helper along = helper_start(read_along, tv_stream_hold(stream));
    struct tv_event event;
    uint64_t lost;

    for (int i = draw(chance, 30); i > 0; i--)
        if (tv_stream_next(stream, tv_now() + 50000, &event, &lost) == TV_OK)
            tv_event_release(&event);
    tv_stream_close(stream);
    helper_join(along);
}

static void *listen(void *arg)
{
    struct tv_prng chance = chance_of((uintptr_t)arg);

    for (int i = 0; i < STREAMS && atomic_load(&publishing) > 0; i++) {
        struct tv_stream *stream;

        CHECK_EQ(tv_stream_open(s, 1 + (uint64_t)draw(&chance, 40), &stream), TV_OK);
        if (draw(&chance, 4))
            read_alone(stream, &chance);
        else
            read_in_pair(stream, &chance);
        tv_stream_rele(stream);
    }
    return NULL;
}

static void every_event_is_read_in_order_or_told_lost(void)
{
    struct helper publishers[PUBLISHERS], readers[READERS];

    s = serve(NULL);
    atomic_store(&publishing, PUBLISHERS);
    for (int i = 0; i < PUBLISHERS; i++)
        publishers[i] = helper_start(publish, (void *[]){"p-a-", "p-b-", "p-c-"}[i]);
    for (uintptr_t i = 0; i < READERS; i++)
        readers[i] = helper_start(listen, (void *)(i + 1));
    for (int i = 0; i < PUBLISHERS; i++)
        helper_join(publishers[i]);
    for (int i = 0; i < READERS; i++)
        helper_join(readers[i]);
    CHECK_EQ(counters(s).published, (uint64_t)PUBLISHERS * EVENTS * 2);
    close_down(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(every_event_is_read_in_order_or_told_lost),
    };

    return CHECK_RUN(tests, argc, argv);
}
