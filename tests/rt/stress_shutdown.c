/*
 * Hundreds of short lives of a supervisor, each ended by several threads at once while others still
 * add, cancel, wait and listen. What this wants to see broken: that somebody is never woken; that
 * callers of one shutdown are told different things; that a task accepted at the last moment has
 * no outcome; that something starts after the end; that a thread, a text or the supervisor stays.
 */
#include "fixture.h"

#include "chance.h"

#define LIVES 400
#define THREADS 5
#define MOVES 12
#define STUCK 2 /* bodies that do not listen, at most */

struct life {
    struct tv_supervisor *supervisor;
    struct gate gate; /* before the stuck ones */
    uint64_t number;
    _Atomic int accepted, settled, verdicts[3];
    _Atomic bool over; /* the verdict is known */
    struct tv_task *tasks[THREADS * MOVES];
};

/* ---- bodies --------------------------------------------------------------------------------- */

/* After the end a body starts only if its worker had taken it before: it has been abandoned. */
static void check_start(struct life *life, struct tv_task *task)
{
    CHECK(!atomic_load(&life->over) || tv_task_done(task));
}

static void wait_or_end(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct life *life = arg;
    struct tv_prng chance = chance_of(tv_task_id(task) * 16 + tv_task_attempt(task));
    enum tv_err err;

    check_start(life, task);
    switch (draw(&chance, 5)) {
    case 0:
        await_cancel(task, NULL, result);
        break;
    case 1:
        end_with(result, TV_ERROR_FAIL, "no");
        break;
    case 2:
        tv_shutdown(life->supervisor, TV_NONE, draw(&chance, 2));
        err = tv_wait_closed(life->supervisor, TV_NEVER);
        CHECK(err == TV_WAITS_FOR_ITSELF || (err == TV_OK && tv_task_done(task)));
        break;
    default:
        break;
    }
}

static void ignore(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct life *life = arg;

    (void)result;
    check_start(life, task);
    gate_await(&life->gate);
}

/* ---- moves ---------------------------------------------------------------------------------- */

struct hand {
    struct life *life;
    struct helper helper;
    struct tv_spec listens, stuck;
    uint64_t number;
};

static void add_some(struct hand *hand, struct tv_prng *chance)
{
    struct life *life = hand->life;
    bool stuck = hand->number < STUCK && draw(chance, 8) == 0;
    struct tv_text *name = text_number("t", (size_t)draw(chance, 20));
    struct tv_task *task;
    enum tv_err err =
        tv_add(life->supervisor, stuck ? &hand->stuck : &hand->listens, name, NULL, &task);

    CHECK(err == TV_OK || err == TV_EXISTS || err == TV_SHUTTING_DOWN);
    tv_text_rele(name);
    if (err == TV_OK)
        life->tasks[atomic_fetch_add(&life->accepted, 1)] = task;
}

static void add_batch(struct hand *hand)
{
    struct tv_supervisor *s = hand->life->supervisor;
    struct tv_request request = {.spec = &hand->listens, .name = text("of a batch")};
    struct tv_batch *batch;
    struct tv_task *task;
    size_t failed;
    enum tv_err err = tv_reserve(s, &request, 1, &task, &batch, &failed);

    if (err == TV_OK)
        err = tv_commit(batch);
    CHECK(err == TV_OK || err == TV_EXISTS || err == TV_SHUTTING_DOWN);
    tv_text_rele(request.name);
    if (err == TV_OK)
        hand->life->tasks[atomic_fetch_add(&hand->life->accepted, 1)] = task;
}

static void listen_a_while(struct tv_supervisor *s, struct tv_prng *chance)
{
    struct tv_stream *stream;
    struct tv_event event;
    uint64_t lost;
    enum tv_err err = TV_OK;

    CHECK_EQ(tv_stream_open(s, 3, &stream), TV_OK);
    for (int i = 0; i < 5 && err != TV_ENDED; i++) {
        err = tv_stream_next(stream, tv_now() + draw(chance, 100) * 1000, &event, &lost);
        CHECK(err == TV_OK || err == TV_TIMEOUT || err == TV_LAGGED || err == TV_ENDED);
        if (err == TV_OK)
            tv_event_release(&event);
    }
    tv_stream_rele(stream);
}

static void note_verdict(struct life *life)
{
    tv_ns grace;

    CHECK_EQ(tv_wait_closed(life->supervisor, TV_NEVER), TV_OK);
    atomic_store(&life->over, true);
    atomic_fetch_add(&life->verdicts[tv_verdict(life->supervisor, &grace)], 1);
}

/* Whoever is first, the one called `surely` ends it within a millisecond. */
static void end_it(struct life *life, struct tv_prng *chance, bool surely)
{
    tv_ns graces[] = {TV_NONE, 0, 200000, 60 * TV_SECOND};

    if (draw(chance, 6) == 0)
        CHECK_EQ(tv_finish(life->supervisor), TV_OK);
    else
        CHECK_EQ(tv_shutdown(life->supervisor, graces[draw(chance, 4)], draw(chance, 4) == 0),
                 TV_OK);
    if (surely)
        CHECK_EQ(tv_shutdown(life->supervisor, TV_MS, false), TV_OK);
    if (draw(chance, 2))
        note_verdict(life);
}

static void *live(void *arg)
{
    struct hand *hand = arg;
    struct life *life = hand->life;
    struct tv_supervisor *s = life->supervisor;
    struct tv_prng chance = chance_of(life->number * THREADS + hand->number);
    int last = 1 + draw(&chance, MOVES - 1);
    enum tv_err err;

    for (int i = 0; i < last; i++) {
        if (draw(&chance, 3))
            add_some(hand, &chance);
        else if (draw(&chance, 2))
            add_batch(hand);
        else
            listen_a_while(s, &chance);
    }
    if (hand->number == 0 || draw(&chance, 2))
        end_it(life, &chance, hand->number == 0);
    err = tv_join(s, tv_now() + draw(&chance, 500) * 1000);
    CHECK(err == TV_OK || err == TV_TIMEOUT || err == TV_SHUTTING_DOWN);
    tv_interrupt(s);
    if (hand->number == 1)
        while ((err = tv_run_wait(s)) == TV_INTERRUPTED)
            continue;
    else
        err = tv_wait_closed(s, TV_NEVER);
    CHECK_EQ(err, TV_OK);
    return NULL;
}

/* ---- one life ------------------------------------------------------------------------------- */

static struct tv_text *observe(void *arg, const struct tv_event *event)
{
    (void)arg;
    (void)event;
    return NULL;
}

static struct tv_supervisor *start(uint64_t number)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_subscriber subscriber = {text("s"), 2, observe, NULL};
    struct tv_supervisor *s;

    config.max_concurrent = number % 3 == 0 ? 3 : 0;
    config.defaults.grace_ns = number % 4 == 0 ? 0 : 60 * TV_SECOND;
    config.defaults.backoff = (struct tv_backoff){50000, 50000, 1.0, TV_JITTER_NONE};
    s = make(&config, NULL, NULL);
    if (number % 2)
        CHECK_EQ(tv_subscribe(s, &subscriber), TV_OK);
    tv_text_rele(subscriber.name);
    CHECK_EQ(tv_serve(s), TV_OK);
    return s;
}

static void check_tasks(struct life *life)
{
    struct tv_outcome outcome;

    for (int i = 0; i < atomic_load(&life->accepted); i++) {
        CHECK(tv_task_done(life->tasks[i]));
        tv_task_outcome(life->tasks[i], &outcome);
        if (outcome.kind != TV_OUTCOME_ABANDONED)
            CHECK_EQ(tv_task_state(life->tasks[i]), TV_TASK_DONE);
    }
}

static void check_told_alike(struct life *life)
{
    int kinds = 0;

    for (int i = 0; i < 3; i++)
        kinds += atomic_load(&life->verdicts[i]) > 0;
    CHECK(kinds <= 1);
}

static void live_once(uint64_t number)
{
    static struct life life;
    static struct hand hands[THREADS];

    life = (struct life){.supervisor = start(number), .gate = GATE, .number = number};
    for (int i = 0; i < THREADS; i++) {
        hands[i] = (struct hand){.life = &life, .number = (uint64_t)i};
        hands[i].listens = *SPEC(wait_or_end, &life);
        hands[i].stuck = *SPEC(ignore, &life);
        hands[i].helper = helper_start(live, &hands[i]);
    }
    for (int i = 0; i < THREADS; i++)
        helper_join(hands[i].helper);
    check_tasks(&life);
    check_told_alike(&life);
    CHECK_EQ(threads_named("taskvisor-timer"), 0);
    gate_open(&life.gate);
    EVENTUALLY(counters(life.supervisor).threads_written_off == 0);
    CHECK_EQ(counters(life.supervisor).threads_joined, counters(life.supervisor).threads_created);
    for (int i = 0; i < atomic_load(&life.accepted); i++) {
        CHECK_EQ(tv_task_state(life.tasks[i]), TV_TASK_DONE);
        tv_task_rele(life.tasks[i]);
    }
    tv_supervisor_rele(life.supervisor);
    EVENTUALLY(threads_named("taskvisor") == 0);
}

static void however_it_ends_everybody_is_told_and_nothing_stays(void)
{
    for (uint64_t number = 0; number < LIVES; number++)
        live_once(number);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(however_it_ends_everybody_is_told_and_nothing_stays),
    };

    return CHECK_RUN(tests, argc, argv);
}
