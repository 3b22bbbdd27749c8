/*
 * Threads add, cancel and shut down what runs on loops, while each loop begins and withdraws waits
 * of its own, stops in the middle of a batch, or closes. What this wants to see broken: a wake-up
 * that is lost, a letter to a loop that is just closing, a watch that is posted while it is
 * withdrawn, a cancel for a body that has ended, a private loop that starts while its supervisor
 * closes, and whatever of it is not given back.
 */
#include "loops.h"

#include "chance.h"

#define MOVERS 3
#define TASKS 24
#define SLOTS 8
#define SUPERVISORS 2

/* One wait of the loop's. */
struct slot {
    struct tv_watch *watch;
    struct tv_token *token; /* what it waits for, or a task */
    _Atomic int told;
};

struct round {
    struct fake fake;
    struct host *host; /* NULL: none, and the loop is shared by two supervisors */
    struct tv_supervisor *supervisors[SUPERVISORS];
    int count;
    int starting; /* so many of the movers start the private loop first */
    uint64_t number;
    struct body bodies[MOVERS][TASKS];
    _Atomic(struct tv_task *) tasks[MOVERS][TASKS]; /* accepted; held */
    struct slot slots[SLOTS];
    struct tv_prng chance; /* the loop's */
    _Atomic int started;
};

struct mover {
    struct round *round;
    int number;
    struct helper helper;
};

static void enter(struct round *round)
{
    if (round->host)
        host_take(round->host);
}

static void quit(struct round *round)
{
    if (round->host)
        host_give(round->host);
}

/* ---- on the loop's thread ------------------------------------------------------------------- */

static struct tv_task *any_task(struct round *round, struct tv_prng *chance)
{
    return atomic_load(&round->tasks[draw(chance, MOVERS)][draw(chance, TASKS)]);
}

static void begin_watch(struct round *round, struct slot *slot)
{
    struct tv_watched target = {.what = draw(&round->chance, 2) ? TV_WATCH_GONE : TV_WATCH_OUTCOME};

    target.task = any_task(round, &round->chance);
    if (draw(&round->chance, 4) == 0)
        target = (struct tv_watched){.supervisor = round->supervisors[0]};
    else if (!target.task || draw(&round->chance, 2))
        target = (struct tv_watched){.token = slot->token = tv_token_new(NULL)};
    slot->watch = tv_watch_new(&target, round->fake.mailbox, &slot->told);
    CHECK(slot->watch);
}

static void drop_token(struct slot *slot)
{
    tv_token_rele(slot->token);
    slot->token = NULL;
}

static void end_watch(struct slot *slot)
{
    CHECK(slot->watch);
    tv_watch_withdraw(slot->watch);
    slot->watch = NULL;
    CHECK_EQ(atomic_load(&slot->told), 0);
    drop_token(slot);
}

static void move_slot(struct round *round, struct slot *slot)
{
    int told = atomic_exchange(&slot->told, 0);

    CHECK(told <= 1);
    if (told) {
        slot->watch = NULL;
        drop_token(slot);
    } else if (!slot->watch) {
        begin_watch(round, slot);
    } else if (draw(&round->chance, 2)) {
        end_watch(slot);
    } else if (slot->token) {
        tv_token_cancel(slot->token);
    }
}

static void move_slots(struct fake *fake)
{
    struct round *round = fake->arg;

    for (int i = draw(&round->chance, 3); i > 0; i--)
        move_slot(round, &round->slots[draw(&round->chance, SLOTS)]);
}

/* ---- the movers ----------------------------------------------------------------------------- */

static const struct tv_spec *spec_for(struct body *body, struct tv_spec *spec)
{
    *spec = (struct tv_spec){.options = TV_OPTIONS_INHERIT, .arg = body, .on_loop = true};
    return spec;
}

static void add_one(struct round *round, int mover, int i, struct tv_spec *spec,
                    struct tv_prng *chance)
{
    struct body *body = &round->bodies[mover][i];
    struct tv_text *name = text_number("t", (size_t)(mover * TASKS + i));
    int kind = draw(chance, 4);
    struct tv_task *task;
    enum tv_err err;

    body->at_once = kind < 2;
    body->stubborn = kind == 2;
    enter(round);
    err = tv_add(round->supervisors[i % round->count], spec_for(body, spec), name, NULL, &task);
    if (err == TV_OK && round->host)
        atomic_fetch_add(&round->host->accepted, 1);
    quit(round);
    tv_text_rele(name);
    CHECK(err == TV_OK || err == TV_SHUTTING_DOWN);
    if (err == TV_OK)
        atomic_store(&round->tasks[mover][i], task);
}

static void shut_one_down(struct round *round, struct tv_prng *chance)
{
    struct tv_supervisor *s = round->supervisors[draw(chance, (unsigned)round->count)];
    tv_ns grace = draw(chance, 3) ? draw(chance, 2) * TV_MS : TV_NONE;

    enter(round);
    CHECK_EQ(tv_shutdown(s, grace, false), TV_OK);
    quit(round);
}

static void cancel_one(struct round *round, struct tv_prng *chance)
{
    struct tv_task *task = any_task(round, chance);

    if (!task)
        return;
    enter(round);
    leave(tv_task_supervisor(task), task);
    quit(round);
}

static void tell_one(struct round *round, struct tv_prng *chance)
{
    fake_tell(&round->fake, &round->bodies[draw(chance, MOVERS)][draw(chance, TASKS)]);
}

static void start_loop(struct round *round)
{
    enum tv_err err = start_private(&round->fake);

    CHECK(err == TV_OK || err == TV_ALREADY || err == TV_SHUTTING_DOWN);
    atomic_fetch_add(&round->started, err == TV_OK);
}

static struct tv_spec specs[MOVERS][TASKS]; /* they outlive a round's last body */

static void *move(void *arg)
{
    struct mover *mover = arg;
    struct round *round = mover->round;
    struct tv_prng chance = chance_of(round->number * MOVERS + (uint64_t)mover->number);

    if (mover->number < round->starting)
        start_loop(round);
    for (int i = 0; i < TASKS; i++) {
        add_one(round, mover->number, i, &specs[mover->number][i], &chance);
        if (draw(&chance, 2))
            cancel_one(round, &chance);
        if (draw(&chance, 2))
            tell_one(round, &chance);
        if (draw(&chance, 3 * TASKS) == 0)
            shut_one_down(round, &chance);
    }
    return NULL;
}

/* ---- a round -------------------------------------------------------------------------------- */

static void run_movers(struct round *round)
{
    struct mover movers[MOVERS];

    for (int i = 0; i < MOVERS; i++) {
        movers[i] = (struct mover){.round = round, .number = i};
        movers[i].helper = helper_start(move, &movers[i]);
    }
    for (int i = 0; i < MOVERS; i++)
        helper_join(movers[i].helper);
}

/* Those that swallow their cancel end now, whoever has given them up. */
static void tell_all(struct round *round)
{
    for (int m = 0; m < MOVERS; m++)
        for (int i = 0; i < TASKS; i++)
            fake_tell(&round->fake, &round->bodies[m][i]);
}

static void close_all(struct round *round)
{
    for (int i = 0; i < round->count; i++) {
        enter(round);
        CHECK_EQ(tv_shutdown(round->supervisors[i], round->number % 2 ? 0 : TV_NONE, false), TV_OK);
        quit(round);
    }
    if (round->number % 4 < 2)
        tell_all(round); /* else some are abandoned, or a loop is written off */
    for (int i = 0; i < round->count; i++)
        if (round->number % 4 < 2 || round->number % 2)
            CHECK_EQ(tv_wait_closed(round->supervisors[i], tv_now() + PATIENCE), TV_OK);
    tell_all(round);
    for (int i = 0; i < round->count; i++)
        CHECK_EQ(tv_wait_closed(round->supervisors[i], tv_now() + PATIENCE), TV_OK);
}

/* Each has one outcome, each body that has begun has ended, and nobody holds anything of it. */
static void check_tasks(struct round *round)
{
    for (int m = 0; m < MOVERS; m++) {
        for (int i = 0; i < TASKS; i++) {
            struct body *body = &round->bodies[m][i];
            struct tv_task *task = atomic_load(&round->tasks[m][i]);
            struct tv_outcome outcome;

            EVENTUALLY(atomic_load(&body->begun) == atomic_load(&body->ended));
            if (!task)
                continue;
            EVENTUALLY(tv_task_state(task) == TV_TASK_DONE);
            tv_task_outcome(task, &outcome);
            CHECK(outcome.kind == TV_OUTCOME_COMPLETED || outcome.kind == TV_OUTCOME_CANCELED ||
                  outcome.kind == TV_OUTCOME_ABANDONED);
            CHECK_EQ(outcome.attempts, atomic_load(&body->begun));
        }
    }
}

static void release_tasks(struct round *round)
{
    for (int m = 0; m < MOVERS; m++) {
        for (int i = 0; i < TASKS; i++) {
            struct tv_task *task = atomic_load(&round->tasks[m][i]);

            if (!task)
                continue;
            EVENTUALLY(atomic_load(&task->refs) == 1);
            tv_task_rele(task);
        }
    }
}

/* The loop is closed: what it has not been told it never will be. */
static void end_watches(struct round *round)
{
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &round->slots[i];
        int told = atomic_exchange(&slot->told, 0);

        CHECK(told <= 1);
        if (slot->watch && !told)
            end_watch(slot);
        else
            drop_token(slot);
    }
}

static void init_round(struct round *round, uint64_t number, struct host *host)
{
    memset(round, 0, sizeof *round);
    round->number = number;
    round->host = host;
    round->count = host ? 1 : SUPERVISORS;
    round->chance = chance_of(~number);
}

static void set_up_loop(struct round *round)
{
    round->fake.arg = round;
    round->fake.each_turn = move_slots;
    round->fake.most = round->number % 3 ? 5 : 0;
}

/* ---- the tests ------------------------------------------------------------------------------ */

static struct round here;

/* `early`: the loop is closed while they are at it. */
static void run_shared(uint64_t number, bool early)
{
    init_round(&here, number, NULL);
    fake_init(&here.fake, NULL);
    set_up_loop(&here);
    for (int i = 0; i < SUPERVISORS; i++) {
        here.supervisors[i] = serve(NULL);
        CHECK_EQ(tv_loop_give(here.supervisors[i], here.fake.mailbox), TV_OK);
    }
    here.fake.helper = helper_start(fake_main, &here.fake);
    if (early) {
        atomic_store(&here.fake.stop, true);
        fake_nudge(&here.fake);
    }
    run_movers(&here);
    close_all(&here);
    check_tasks(&here);
    atomic_store(&here.fake.stop, true);
    fake_nudge(&here.fake);
    helper_join(here.fake.helper);
    end_watches(&here);
    release_tasks(&here);
    for (int i = 0; i < SUPERVISORS; i++) {
        EVENTUALLY(atomic_load(&here.supervisors[i]->refs) == 1);
        tv_supervisor_rele(here.supervisors[i]);
    }
    fake_fini(&here.fake);
}

#define ROUNDS 150

static void two_supervisors_on_one_loop_lose_nothing(void)
{
    for (uint64_t number = 0; number < ROUNDS; number++)
        run_shared(number, false);
}

static void a_loop_that_closes_under_way_gives_everything_back(void)
{
    for (uint64_t number = 0; number < ROUNDS; number++)
        run_shared(1000 + number, true);
}

static void run_private(uint64_t number)
{
    struct host host;

    init_round(&here, number, &host);
    here.supervisors[0] = serve_private(&here.fake, &host, NULL);
    here.starting = 2;
    set_up_loop(&here);
    run_movers(&here);
    CHECK(atomic_load(&here.started) <= 1);
    close_all(&here);
    check_tasks(&here);
    EVENTUALLY(atomic_load(&host.closed) == 1);
    end_watches(&here);
    release_tasks(&here);
    host_fini(&host);
    fake_fini(&here.fake);
}

static void private_loops_start_once_and_leave_with_their_supervisors(void)
{
    for (uint64_t number = 0; number < ROUNDS; number++)
        run_private(2000 + number);
}

/* ---- only a shutdown against a start -------------------------------------------------------- */

static void *shut_down(void *arg)
{
    struct round *round = arg;
    struct tv_prng chance = chance_of(round->number);

    for (volatile int spin = draw(&chance, 3000); spin > 0; spin--)
        continue;
    enter(round);
    CHECK_EQ(tv_shutdown(round->supervisors[0], 0, false), TV_OK);
    quit(round);
    return NULL;
}

static void a_private_loop_that_starts_in_a_shutdown_is_counted_in_or_refused(void)
{
    for (uint64_t number = 0; number < 4 * ROUNDS; number++) {
        struct host host;
        struct helper helper;

        init_round(&here, number, &host);
        here.supervisors[0] = serve_private(&here.fake, &host, NULL);
        helper = helper_start(shut_down, &here);
        start_loop(&here);
        helper_join(helper);
        CHECK_EQ(tv_wait_closed(here.supervisors[0], tv_now() + PATIENCE), TV_OK);
        CHECK_EQ(atomic_load(&host.closed), 1);
        CHECK_EQ(atomic_load(&here.fake.leaves), atomic_load(&here.started));
        host_fini(&host);
        fake_fini(&here.fake);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(two_supervisors_on_one_loop_lose_nothing),
        TEST(a_loop_that_closes_under_way_gives_everything_back),
        TEST(private_loops_start_once_and_leave_with_their_supervisors),
        TEST(a_private_loop_that_starts_in_a_shutdown_is_counted_in_or_refused),
    };

    return CHECK_RUN(tests, argc, argv);
}
