#include "fixture.h"

#include <signal.h>

static struct tv_stream *open_of(struct tv_supervisor *s, uint64_t capacity)
{
    struct tv_stream *stream;

    CHECK_EQ(tv_stream_open(s, capacity, &stream), TV_OK);
    return stream;
}

static enum tv_err next(struct tv_stream *stream, tv_ns deadline)
{
    struct tv_event event;
    uint64_t lost;
    enum tv_err err = tv_stream_next(stream, deadline, &event, &lost);

    if (err == TV_OK)
        tv_event_release(&event);
    return err;
}

/* Two events for each: remove requested, and removed as unknown. */
static void make_events(struct tv_supervisor *s, int pairs)
{
    struct tv_text *nobody = text("nobody");

    for (int i = 0; i < pairs; i++)
        CHECK_EQ(tv_leave(s, (struct tv_target){.name = nobody}, TV_REMOVE, NULL), TV_UNKNOWN);
    tv_text_rele(nobody);
}

/* ---- what it gives -------------------------------------------------------------------------- */

/* rule: R6.30 */
static void a_stream_gives_what_is_published_from_its_opening_to_the_end(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream;

    make_events(s, 3);
    stream = listen_to(s);
    make_events(s, 1);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    expect(stream, TV_EVENT_TASK_REMOVE_REQUESTED, "nobody");
    expect(stream, TV_EVENT_TASK_REMOVED, "nobody");
    expect(stream, TV_EVENT_SHUTDOWN_REQUESTED, NULL);
    expect(stream, TV_EVENT_ALL_STOPPED_WITHIN_GRACE, NULL);
    CHECK_EQ(next(stream, TV_NEVER), TV_ENDED);
    CHECK_EQ(next(stream, TV_NEVER), TV_ENDED);
    tv_stream_rele(stream);
    close_down(s);
}

/* rule: R6.32 */
static void a_gap_is_told_once_and_then_the_oldest_kept_follows(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = open_of(s, 3);
    struct tv_event event;
    uint64_t lost = 0, seq = 0;

    make_events(s, 4);
    CHECK_EQ(tv_stream_next(stream, 0, &event, &lost), TV_LAGGED);
    CHECK_EQ(lost, 5);
    for (int i = 0; i < 3; i++) {
        event = next_event(stream);
        CHECK(seq == 0 || event.seq == seq + 1);
        seq = event.seq;
        tv_event_release(&event);
    }
    CHECK_EQ(next(stream, 0), TV_TIMEOUT);
    make_events(s, 2);
    CHECK_EQ(tv_stream_next(stream, 0, &event, &lost), TV_LAGGED);
    CHECK_EQ(lost, 1);
    CHECK_EQ(tv_stream_lost(stream), 6);
    tv_stream_rele(stream);
    close_down(s);
}

/* rule: R6.31 */
static void the_capacity_is_the_configs_unless_it_is_given(void)
{
    const struct tv_config config = {.defaults = TV_OPTIONS_DEFAULT, .bus_capacity = 2};
    struct tv_supervisor *s = serve(&config);
    struct tv_stream *usual = open_of(s, 0), *larger = open_of(s, 4);

    make_events(s, 2);
    CHECK_EQ(tv_stream_lost(usual), 2);
    CHECK_EQ(tv_stream_lost(larger), 0);
    tv_stream_rele(usual);
    tv_stream_rele(larger);
    close_down(s);
}

static void a_capacity_beyond_memory_is_refused(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = NULL;

    CHECK_EQ(tv_stream_open(s, UINT64_MAX, &stream), TV_NO_MEMORY);
    CHECK_EQ(tv_stream_open(s, SIZE_MAX / sizeof(struct tv_event) + 1, &stream), TV_NO_MEMORY);
    CHECK(!stream);
    close_down(s);
}

/* rule: R5.43 */
static void a_stream_opened_after_the_end_has_ended(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream;

    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    stream = open_of(s, 0);
    CHECK_EQ(next(stream, TV_NEVER), TV_ENDED);
    tv_stream_rele(stream);
    tv_supervisor_rele(s);
}

static struct tv_text *await_gate_first(void *arg, const struct tv_event *event)
{
    (void)event;
    gate_await(arg);
    return NULL;
}

/* A subscriber keeps the supervisor from closing after its verdict. */
static void a_stream_opened_after_the_verdict_has_ended(void)
{
    struct gate gate = GATE;
    struct tv_subscriber slow = {text("slow"), 10, await_gate_first, &gate};
    struct tv_supervisor *s = make(NULL, NULL, NULL);
    struct tv_stream *early, *late;

    CHECK_EQ(tv_subscribe(s, &slow), TV_OK);
    tv_text_rele(slow.name);
    CHECK_EQ(tv_serve(s), TV_OK);
    early = listen_to(s);
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    expect(early, TV_EVENT_SHUTDOWN_REQUESTED, NULL);
    expect(early, TV_EVENT_ALL_STOPPED_WITHIN_GRACE, NULL);
    late = open_of(s, 0);
    CHECK_EQ(next(late, TV_NEVER), TV_ENDED);
    CHECK_EQ(tv_wait_closed(s, 0), TV_TIMEOUT);
    gate_open(&gate);
    tv_stream_rele(late);
    tv_stream_rele(early);
    close_down(s);
}

static void a_stream_outlives_its_supervisor(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);

    finish(add(s, "a", SPEC(no_op, NULL)), TV_OUTCOME_COMPLETED);
    close_down(s);
    expect(stream, TV_EVENT_TASK_ADD_REQUESTED, "a");
    expect(stream, TV_EVENT_TASK_ADDED, "a");
    CHECK_EQ(tv_stream_lost(stream), 0);
    CHECK(tv_stream_supervisor(stream) == s);
    tv_stream_rele(tv_stream_hold(stream));
    expect(stream, TV_EVENT_TASK_STARTING, "a");
    tv_stream_close(stream);
    CHECK_EQ(next(stream, TV_NEVER), TV_ENDED);
    tv_stream_rele(stream);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* rule: R6.34 */
static void a_reader_is_told_when_no_event_comes_in_time(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);
    tv_ns deadline = tv_now() + 3 * TV_MS;

    CHECK_EQ(next(stream, deadline), TV_TIMEOUT);
    CHECK(tv_now() >= deadline);
    CHECK_EQ(next(stream, 0), TV_TIMEOUT);
    tv_stream_rele(stream);
    close_down(s);
}

struct reader {
    struct helper helper;
    struct tv_stream *stream;
    enum tv_err got;
    _Atomic int thread;
    _Atomic bool back;
};

static void *read_once(void *arg)
{
    struct reader *reader = arg;

    atomic_store(&reader->thread, thread_id());
    reader->got = next(reader->stream, TV_NEVER);
    atomic_store(&reader->back, true);
    return NULL;
}

static void start_reading(struct reader *reader, struct tv_stream *stream)
{
    *reader = (struct reader){.stream = stream};
    reader->helper = helper_start(read_once, reader);
    EVENTUALLY(is_asleep(atomic_load(&reader->thread)));
}

static void stop_reading(struct reader *reader, enum tv_err got)
{
    helper_join(reader->helper);
    CHECK_EQ(reader->got, got);
}

static void a_reader_that_waits_gets_the_next_event(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);
    struct reader reader;

    start_reading(&reader, stream);
    make_events(s, 1);
    stop_reading(&reader, TV_OK);
    tv_stream_rele(stream);
    close_down(s);
}

static void readers_of_one_stream_share_its_events(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);
    struct reader first, second;

    start_reading(&first, stream);
    start_reading(&second, stream);
    make_events(s, 1);
    stop_reading(&first, TV_OK);
    stop_reading(&second, TV_OK);
    expect_nothing(stream);
    tv_stream_rele(stream);
    close_down(s);
}

/* rule: R6.33 */
static void closing_ends_readers_that_wait_and_drops_what_is_queued(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s), *full = listen_to(s);
    struct reader first, second;

    start_reading(&first, stream);
    start_reading(&second, stream);
    tv_stream_close(stream);
    stop_reading(&first, TV_ENDED);
    stop_reading(&second, TV_ENDED);
    make_events(s, 1);
    tv_stream_close(full);
    tv_stream_close(full);
    CHECK_EQ(next(full, TV_NEVER), TV_ENDED);
    tv_stream_rele(stream);
    tv_stream_rele(full);
    close_down(s);
}

/* rule: R5.28, R6.33 */
static void the_end_of_the_supervisor_ends_readers_that_wait(void)
{
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = open_of(s, 8);
    struct reader reader;

    start_reading(&reader, stream);
    CHECK_EQ(tv_shutdown(s, 0, true), TV_OK);
    stop_reading(&reader, TV_OK);
    CHECK_EQ(next(stream, TV_NEVER), TV_ENDED);
    tv_stream_rele(stream);
    close_down(s);
}

static void do_nothing(int number)
{
    (void)number;
}

static void a_signal_ends_a_wait(void)
{
    struct sigaction action = {.sa_handler = do_nothing};
    struct tv_supervisor *s = serve(NULL);
    struct tv_stream *stream = listen_to(s);
    struct reader reader;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    start_reading(&reader, stream);
    while (!atomic_load(&reader.back)) {
        pthread_kill(reader.helper.thread, SIGUSR1);
        tv_thread_rest(TV_MS / 10);
    }
    stop_reading(&reader, TV_INTERRUPTED);
    tv_stream_rele(stream);
    close_down(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_stream_gives_what_is_published_from_its_opening_to_the_end),
        TEST(a_gap_is_told_once_and_then_the_oldest_kept_follows),
        TEST(the_capacity_is_the_configs_unless_it_is_given),
        TEST(a_capacity_beyond_memory_is_refused),
        TEST(a_stream_opened_after_the_end_has_ended),
        TEST(a_stream_opened_after_the_verdict_has_ended),
        TEST(a_stream_outlives_its_supervisor),
        TEST(a_reader_is_told_when_no_event_comes_in_time),
        TEST(a_reader_that_waits_gets_the_next_event),
        TEST(readers_of_one_stream_share_its_events),
        TEST(closing_ends_readers_that_wait_and_drops_what_is_queued),
        TEST(the_end_of_the_supervisor_ends_readers_that_wait),
        TEST(a_signal_ends_a_wait),
    };

    return CHECK_RUN(tests, argc, argv);
}
