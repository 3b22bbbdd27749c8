/*
 * Six threads do to one supervisor whatever can be done to tasks: add them alone and in batches,
 * take batches back, remove and cancel by task, name and id, wait, join, look. What this wants to
 * see broken: that a task is lost (accepted and never ended), ended twice, run twice at a time or
 * again after its end, run beyond the permits; that a name is free too early or never; that events
 * and tasks disagree; that memory or a thread stays. The bodies themselves count.
 */
#include "fixture.h"

#include "chance.h"

#define THREADS 6
#define MOVES 10000 /* of each thread in a round */
#define NAMES 60
#define BATCH 24
#define ROOM (THREADS * MOVES * 2)

/* One accepted task, and what its bodies have done. It stays until the round is over. */
struct record {
    struct tv_spec spec;
    struct tv_task *_Atomic task; /* held */
    _Atomic int starts, ends;
    _Atomic bool inside;
};

static struct record records[ROOM];
static _Atomic unsigned used;
static struct tv_supervisor *s;
static struct tv_text *names[NAMES];
static _Atomic int inside;
static int permits;

/* ---- bodies --------------------------------------------------------------------------------- */

static void await_token(struct tv_task *task, tv_ns deadline)
{
    struct tv_token *token = tv_task_token(task), *child = tv_token_new(token);
    enum tv_err err;

    while ((err = tv_token_wait(child, deadline)) == TV_INTERRUPTED)
        continue;
    CHECK(err == TV_TIMEOUT || tv_task_is_cancelled(task));
    CHECK(err == TV_TIMEOUT || tv_token_reason(child) == tv_task_cancel_reason(task));
    tv_token_rele(token);
    tv_token_rele(child);
}

static void behave(struct tv_task *task, struct tv_prng *chance, struct tv_result *result)
{
    switch (draw(chance, 12)) {
    case 0:
    case 1:
        end_with(result, TV_ERROR_FAIL, "again");
        break;
    case 2:
        end_with(result, TV_ERROR_FATAL, "over");
        break;
    case 3:
        end_with(result, TV_ERROR_CANCELED, NULL);
        break;
    case 4:
        result->stray = true;
        break;
    case 5:
        await_token(task, TV_NEVER);
        break;
    case 6:
        await_token(task, tv_now() + draw(chance, 300) * 1000);
        break;
    case 7:
        leave(s, task);
        break;
    case 8:
        tv_thread_rest(draw(chance, 100) * 1000);
        break;
    default:
        break;
    }
}

static void live(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct record *record = arg;
    struct tv_prng chance = chance_of(tv_task_id(task) * 64 + tv_task_attempt(task));
    int crowd = atomic_fetch_add(&inside, 1) + 1;

    CHECK(!atomic_exchange(&record->inside, true));
    CHECK(permits == 0 || crowd <= permits);
    CHECK_EQ(atomic_fetch_add(&record->starts, 1) + 1, tv_task_attempt(task));
    CHECK(tv_current_task() == task);
    behave(task, &chance, result);
    atomic_fetch_add(&record->ends, 1);
    CHECK(atomic_exchange(&record->inside, false));
    atomic_fetch_sub(&inside, 1);
}

/* ---- moves ---------------------------------------------------------------------------------- */

/* A new record whose task has not been added yet. */
static struct record *new_record(struct tv_prng *chance)
{
    unsigned place = atomic_fetch_add(&used, 1);
    struct record *record = &records[place];
    struct tv_options options = TV_OPTIONS_DEFAULT;

    CHECK(place < ROOM);
    options.restart = (enum tv_restart_kind)draw(chance, 3);
    options.interval_ns = draw(chance, 2) ? TV_NONE : draw(chance, 200) * 1000;
    options.timeout_ns = draw(chance, 3) ? 2 * TV_MS : 0;
    options.max_retries = draw(chance, 3);
    options.backoff = (struct tv_backoff){100000, 400000, 2.0,
                                          (enum tv_jitter)draw(chance, 4)};
    record->spec = (struct tv_spec){.options = options, .call = live, .arg = record};
    return record;
}

static struct tv_text *some_name(struct tv_prng *chance)
{
    return names[draw(chance, NAMES)];
}

/* A task that has been accepted some time; NULL: none was found. */
static struct tv_task *some_task(struct tv_prng *chance)
{
    unsigned known = atomic_load(&used);

    unsigned back = known ? (unsigned)draw(chance, known < 50 ? known : 50) : 0;

    return known ? atomic_load(&records[known - 1 - back].task) : NULL;
}

static void add_one(struct tv_prng *chance)
{
    struct record *record = new_record(chance);
    struct tv_task *task;
    enum tv_err err = tv_add(s, &record->spec, some_name(chance), record, &task);

    CHECK(err == TV_OK || err == TV_EXISTS);
    if (err == TV_OK)
        atomic_store(&record->task, task);
}

static void add_batch(struct tv_prng *chance)
{
    struct tv_request requests[BATCH];
    struct tv_task *tasks[BATCH];
    struct record *made[BATCH];
    size_t count = 1 + (size_t)draw(chance, BATCH), failed = SIZE_MAX;
    size_t first = (size_t)draw(chance, NAMES);
    struct tv_batch *batch;
    enum tv_err err;

    for (size_t i = 0; i < count; i++) {
        made[i] = new_record(chance);
        requests[i] = (struct tv_request){&made[i]->spec, names[(first + i) % NAMES], made[i]};
    }
    err = tv_reserve(s, requests, count, tasks, &batch, &failed);
    CHECK(err == TV_OK || (err == TV_EXISTS && failed < count));
    if (err != TV_OK)
        return;
    if (draw(chance, 4) == 0) {
        tv_unreserve(batch);
        return;
    }
    CHECK_EQ(tv_commit(batch), TV_OK);
    for (size_t i = 0; i < count; i++)
        atomic_store(&made[i]->task, tasks[i]);
}

static void leave_some(struct tv_prng *chance)
{
    struct tv_target target = {.id = 0};
    struct tv_task *task = some_task(chance), *found = NULL;
    enum tv_err err;

    if (!task || draw(chance, 3) == 0)
        target.name = some_name(chance);
    else if (draw(chance, 2))
        target.id = tv_task_id(task);
    else
        target.task = task;
    err = tv_leave(s, target, draw(chance, 2) ? TV_CANCEL : TV_REMOVE, &found);
    CHECK(err == TV_OK || err == TV_ALREADY || err == TV_UNKNOWN);
    if (err == TV_UNKNOWN)
        return;
    if (draw(chance, 2)) {
        CHECK_EQ(tv_task_wait_gone(found, TV_NEVER), TV_OK);
        CHECK(tv_task_done(found));
    }
    tv_task_rele(found);
}

static void wait_for_some(struct tv_prng *chance)
{
    struct tv_task *task = some_task(chance);
    tv_ns deadline = tv_now() + draw(chance, 200) * 1000;
    enum tv_err err;

    if (!task)
        return;
    tv_task_hold(task);
    err = draw(chance, 2) ? tv_task_wait(task, deadline) : tv_task_wait_gone(task, deadline);
    CHECK(err == TV_OK || err == TV_TIMEOUT);
    CHECK(err == TV_TIMEOUT || tv_task_done(task));
    tv_task_rele(task);
}

static void look_at_all(struct tv_prng *chance)
{
    struct tv_task_info *infos;
    struct tv_subscriber_info *subscribers;
    struct tv_counters found;
    size_t count;

    CHECK_EQ(tv_tasks(s, &infos, &count), TV_OK);
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || infos[i - 1].id < infos[i].id);
        CHECK(infos[i].state != TV_TASK_DONE && infos[i].state != TV_TASK_QUEUED);
        CHECK(infos[i].next_start_ns == TV_NONE || !infos[i].alive);
    }
    CHECK(count <= NAMES);
    tv_tasks_free(infos, count);
    CHECK_EQ(tv_subscribers(s, &subscribers, &count), TV_OK);
    tv_subscribers_free(subscribers, count);
    CHECK_EQ(tv_essential(s), 0);
    tv_counters(s, &found);
    tv_target_is_alive(s, (struct tv_target){.name = some_name(chance)});
    tv_join(s, tv_now() + draw(chance, 50) * 1000);
}

static void *move(void *arg)
{
    struct tv_prng chance = chance_of((uintptr_t)arg);

    for (int i = 0; i < MOVES; i++) {
        switch (draw(&chance, 10)) {
        case 0:
        case 1:
        case 2:
        case 3:
            add_one(&chance);
            break;
        case 4:
            add_batch(&chance);
            break;
        case 5:
        case 6:
        case 7:
            leave_some(&chance);
            break;
        case 8:
            wait_for_some(&chance);
            break;
        default:
            look_at_all(&chance);
        }
    }
    return NULL;
}

/* ---- the account ---------------------------------------------------------------------------- */

struct account {
    uint64_t accepted, starts, ends, added, removed, starting, ended;
};

static void count_event(const struct tv_event *event, struct account *account)
{
    account->added += event->kind == TV_EVENT_TASK_ADDED && event->id;
    account->removed += event->kind == TV_EVENT_TASK_REMOVED && event->id;
    account->starting += event->kind == TV_EVENT_TASK_STARTING;
    account->ended +=
        event->kind == TV_EVENT_TASK_STOPPED || event->kind == TV_EVENT_TASK_FAILED;
}

static void count_events(struct tv_stream *stream, struct account *account)
{
    struct tv_event event;
    uint64_t lost;
    enum tv_err err;

    while ((err = tv_stream_next(stream, TV_NEVER, &event, &lost)) == TV_OK) {
        count_event(&event, account);
        tv_event_release(&event);
    }
    CHECK_EQ(err, TV_ENDED);
}

static void count_record(struct record *record, struct account *account)
{
    struct tv_task *task = atomic_load(&record->task);
    struct tv_outcome outcome;

    if (!task) {
        CHECK_EQ(atomic_load(&record->starts), 0);
        return;
    }
    CHECK(tv_task_done(task));
    CHECK_EQ(tv_task_state(task), TV_TASK_DONE);
    tv_task_outcome(task, &outcome);
    CHECK_EQ(outcome.attempts, atomic_load(&record->starts));
    CHECK_EQ(atomic_load(&record->ends), atomic_load(&record->starts));
    CHECK(!atomic_load(&record->inside));
    CHECK(outcome.kind != TV_OUTCOME_ABANDONED && outcome.kind != TV_OUTCOME_REJECTED);
    account->accepted++;
    account->starts += (uint64_t)outcome.attempts;
    tv_task_rele(task);
}

static struct tv_text *observe(void *arg, const struct tv_event *event)
{
    (void)arg;
    return event->seq % 97 == 0 ? text("now and then it fails") : NULL;
}

static void run_round(int max_concurrent, bool with_subscriber, bool naturally)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct account account = {.accepted = 0};
    struct helper helpers[THREADS];
    struct tv_stream *stream;

    config.max_concurrent = (uint64_t)(permits = max_concurrent);
    s = make(&config, NULL, NULL);
    if (with_subscriber)
        CHECK_EQ(tv_subscribe(s, &(struct tv_subscriber){names[0], 4, observe, NULL}), TV_OK);
    CHECK_EQ(tv_serve(s), TV_OK);
    CHECK_EQ(tv_stream_open(s, 1u << 20, &stream), TV_OK);
    for (uintptr_t i = 0; i < THREADS; i++)
        helpers[i] = helper_start(move, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        helper_join(helpers[i]);
    if (naturally) {
        CHECK_EQ(tv_finish(s), TV_OK);
        for (unsigned i = 0; i < atomic_load(&used); i++)
            if (atomic_load(&records[i].task))
                leave(s, atomic_load(&records[i].task));
        CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    }
    CHECK_EQ(tv_shutdown(s, TV_NONE, false), TV_OK);
    CHECK_EQ(tv_wait_closed(s, TV_NEVER), TV_OK);
    count_events(stream, &account);
    for (unsigned i = 0; i < atomic_load(&used); i++)
        count_record(&records[i], &account);
    CHECK_EQ(account.added, account.accepted);
    CHECK_EQ(account.removed, account.accepted);
    CHECK_EQ(account.starting, account.starts);
    CHECK_EQ(account.ended, account.starts);
    CHECK_EQ(counters(s).threads_joined, counters(s).threads_created);
    CHECK_EQ(tv_stream_lost(stream), 0);
    tv_stream_rele(stream);
    tv_supervisor_rele(s);
    memset(records, 0, sizeof *records * atomic_load(&used));
    atomic_store(&used, 0);
}

static void whatever_is_done_to_tasks_each_accepted_one_lives_once(void)
{
    for (size_t i = 0; i < NAMES; i++)
        names[i] = text_number("name", i);
    run_round(0, false, false);
    run_round(4, true, false);
    run_round(1, true, true);
    for (size_t i = 0; i < NAMES; i++)
        tv_text_rele(names[i]);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(whatever_is_done_to_tasks_each_accepted_one_lives_once),
    };

    return CHECK_RUN(tests, argc, argv);
}
