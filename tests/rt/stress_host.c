/*
 * Many short lives of a supervisor whose host has one big lock. Threads that are attached add,
 * cancel and ask to be told while bodies leave the lock to block, are abandoned, and return after
 * the end. What this wants to see broken: the order of the two locks (a deadlock), a task that is
 * told settled twice, after it was forgotten, or never; a hook after `closed`; a thread of the host
 * that stays. The host itself does the looking (host.h).
 */
#include "host.h"

#include "chance.h"

#define LIVES 500
#define THREADS 4
#define MOVES 25
#define ROOM (THREADS * MOVES)

struct life {
    struct host host;
    uint64_t number;
    struct gate gate;
    struct record records[ROOM];
    struct tv_task *tasks[ROOM];
    _Atomic int used, accepted;
    struct tv_spec specs[2];
};
static struct life life;

/* ---- bodies and hooks ----------------------------------------------------------------------- */

static void leave_and_wait(struct tv_task *task, struct tv_prng *chance)
{
    struct tv_token *token = tv_task_token(task);
    struct host *left = host_leave();

    while (tv_token_wait(token, tv_now() + draw(chance, 500) * 1000) == TV_INTERRUPTED)
        continue;
    host_return(left);
    tv_token_rele(token);
}

static void live(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_prng chance = chance_of(tv_task_id(task) * 16 + tv_task_attempt(task));

    (void)arg;
    CHECK(host_is_mine(&life.host));
    switch (draw(&chance, 6)) {
    case 0:
        end_with(result, TV_ERROR_FAIL, "no");
        break;
    case 1:
        end_with(result, TV_ERROR_FATAL, "over");
        break;
    case 2:
        leave_and_wait(task, &chance);
        break;
    case 3:
        leave(life.host.supervisor, task);
        break;
    default:
        break;
    }
    CHECK(host_is_mine(&life.host));
}

static void ignore(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct host *left = host_leave();

    (void)task;
    (void)arg;
    (void)result;
    gate_await(&life.gate);
    host_return(left);
}

/* A callback may leave the big lock too. */
static void on_settled(struct host *host, struct tv_task *task)
{
    if (tv_task_id(task) % 5)
        return;
    host_leave();
    tv_thread_rest(20000);
    host_return(host);
}

static struct tv_text *observe(void *arg, const struct tv_event *event)
{
    (void)arg;
    CHECK(host_is_mine(&life.host));
    return event->seq % 50 == 0 ? text("now and then") : NULL;
}

/* ---- moves, attached ------------------------------------------------------------------------ */

static void add_some(struct tv_prng *chance)
{
    struct host *host = &life.host;
    int place = atomic_fetch_add(&life.used, 1);
    struct record *record = &life.records[place];
    struct tv_text *name = text_number("t", (size_t)draw(chance, 30));
    struct tv_task *task;
    enum tv_err err;

    record->notify = draw(chance, 2);
    atomic_fetch_add(&host->accepted, 1);
    err = tv_add(host->supervisor, &life.specs[draw(chance, 12) == 0], name, record, &task);
    CHECK(err == TV_OK || err == TV_EXISTS || err == TV_SHUTTING_DOWN);
    if (err == TV_OK && record->notify)
        tv_task_notify(task);
    if (err == TV_OK)
        life.tasks[atomic_fetch_add(&life.accepted, 1)] = task;
    else
        atomic_fetch_sub(&host->accepted, 1);
    tv_text_rele(name);
}

static void leave_some(struct tv_prng *chance)
{
    struct tv_text *name = text_number("t", (size_t)draw(chance, 30));
    struct tv_task *task = NULL;
    enum tv_err err = tv_leave(life.host.supervisor, (struct tv_target){.name = name},
                               draw(chance, 2) ? TV_CANCEL : TV_REMOVE, &task);

    tv_text_rele(name);
    if (err != TV_OK && err != TV_ALREADY)
        return;
    host_give(&life.host);
    tv_task_wait_gone(task, tv_now() + draw(chance, 300) * 1000);
    host_take(&life.host);
    tv_task_rele(task);
}

static void *work(void *arg)
{
    struct tv_prng chance = chance_of(life.number * THREADS + (uintptr_t)arg);
    int last = draw(&chance, MOVES);

    for (int i = 0; i < last; i++) {
        host_take(&life.host);
        if (draw(&chance, 3))
            add_some(&chance);
        else
            leave_some(&chance);
        host_give(&life.host);
    }
    if (draw(&chance, 3) == 0)
        host_shutdown(&life.host, draw(&chance, 2) ? 0 : TV_MS, draw(&chance, 3) == 0);
    return NULL;
}

/* ---- one life ------------------------------------------------------------------------------- */

static void start(uint64_t number)
{
    struct tv_config config = TV_CONFIG_DEFAULT;
    struct tv_subscriber subscriber = {text("s"), 3, observe, NULL};

    life = (struct life){.number = number, .gate = GATE};
    life.specs[0] = (struct tv_spec){.options = TV_OPTIONS_INHERIT, .call = live};
    life.specs[1] = (struct tv_spec){.options = TV_OPTIONS_INHERIT, .call = ignore};
    config.max_concurrent = number % 3 == 1 ? 2 : 0;
    config.defaults.grace_ns = number % 2 ? TV_MS / 2 : 60 * TV_SECOND;
    config.defaults.backoff = (struct tv_backoff){50000, 50000, 1.0, TV_JITTER_NONE};
    host_init(&life.host);
    life.host.on_settled = on_settled;
    life.host.supervisor = make(&config, &life.host.hooks, &life.host);
    if (number % 4 == 0)
        CHECK_EQ(tv_subscribe(life.host.supervisor, &subscriber), TV_OK);
    tv_text_rele(subscriber.name);
    host_take(&life.host);
    CHECK_EQ(tv_serve(life.host.supervisor), TV_OK);
    host_give(&life.host);
}

static void check_records(void)
{
    struct tv_outcome outcome;

    for (int i = 0; i < atomic_load(&life.accepted); i++) {
        struct record *record = tv_task_user(life.tasks[i]);
        bool bad;

        tv_task_outcome(life.tasks[i], &outcome);
        bad = outcome.kind == TV_OUTCOME_FAILED || outcome.kind == TV_OUTCOME_FATAL ||
              outcome.kind == TV_OUTCOME_ABANDONED;
        CHECK_EQ(atomic_load(&record->forgotten), 1);
        CHECK(atomic_load(&record->settled) == 1 || !bad);
        tv_task_rele(life.tasks[i]);
    }
}

static void live_once(uint64_t number)
{
    struct helper helpers[THREADS];

    start(number);
    for (uintptr_t i = 0; i < THREADS; i++)
        helpers[i] = helper_start(work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        helper_join(helpers[i]);
    host_shutdown(&life.host, TV_MS, false);
    gate_open(&life.gate);
    host_fini(&life.host);
    check_records();
}

static void the_host_gets_each_task_back_and_closes_last(void)
{
    for (uint64_t number = 0; number < LIVES; number++)
        live_once(number);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(the_host_gets_each_task_back_and_closes_last),
    };

    return CHECK_RUN(tests, argc, argv);
}
