/*
 * Callers stand in line for room in slots, lose patience, withdraw, and are overtaken by a decision
 * or by a shutdown meanwhile, while others purge the slots. What this wants to see broken: a caller
 * that room has come for and who sleeps on; a submission that is decided and withdrawn, or neither;
 * one that runs after it was withdrawn; room that is lost.
 */
#include "slots.h"

#include "chance.h"

#define CALLERS 6
#define MOVES 1500 /* of each caller in a life */
#define LIVES 4
#define KEYS 2 /* few, so that the line is long */

struct life {
    struct tv_supervisor *s;
    _Atomic int runs, completed, withdrawn, closed;
    _Atomic uint64_t callers;
    bool shut_in_between;
};

static const char *const keys[KEYS] = {"a", "b"};

/* Withdraws, or finds that it has been decided at the last moment. True: decided. */
static bool give_up(struct life *life, struct tv_task *task)
{
    enum tv_err err = tv_submit_withdraw(task);

    if (err == TV_OK) {
        atomic_fetch_add(&life->withdrawn, 1);
        return false;
    }
    CHECK_EQ(err, TV_ALREADY);
    err = tv_submit_wait(task, 0);
    CHECK(err == TV_OK || err == TV_SHUTTING_DOWN);
    atomic_fetch_add(&life->closed, err != TV_OK);
    return err == TV_OK;
}

/* True: it has been decided. */
static bool stand_in_line(struct life *life, struct tv_task *task, struct tv_prng *chance)
{
    tv_ns deadline = draw(chance, 2) ? TV_NEVER : tv_now() + draw(chance, 10) * 1000;
    enum tv_err err;

    while ((err = tv_submit_wait(task, deadline)) == TV_INTERRUPTED)
        continue;
    if (err == TV_TIMEOUT)
        return give_up(life, task);
    CHECK(err == TV_OK || err == TV_SHUTTING_DOWN);
    atomic_fetch_add(&life->closed, err != TV_OK);
    return err == TV_OK;
}

static void see_outcome(struct life *life, struct tv_task *task)
{
    struct tv_outcome outcome = outcome_of(task);

    CHECK(outcome.kind == TV_OUTCOME_COMPLETED || outcome.kind == TV_OUTCOME_CANCELED ||
          outcome.kind == TV_OUTCOME_REJECTED);
    atomic_fetch_add(&life->completed, outcome.kind == TV_OUTCOME_COMPLETED);
    tv_task_rele(task);
}

static void *come_and_go(void *arg)
{
    struct life *life = arg;
    struct tv_prng chance = chance_of(atomic_fetch_add(&life->callers, 1));
    struct tv_spec spec = *SPEC(count_call, (void *)&life->runs);

    for (int i = 0; i < MOVES && atomic_load(&life->closed) == 0; i++) {
        const char *key = keys[draw(&chance, KEYS)];
        struct tv_task *task = NULL;
        enum tv_err err = submit(life->s, key, key, &spec, TV_ADMISSION_QUEUE, true, &task);

        CHECK(err == TV_OK || err == TV_WAITS || err == TV_SHUTTING_DOWN);
        if (err == TV_OK || (err == TV_WAITS && stand_in_line(life, task, &chance)))
            see_outcome(life, task);
        if (draw(&chance, 40) == 0)
            cancel_slot(life->s, key, true);
        if (life->shut_in_between && i == MOVES / 2)
            CHECK_EQ(tv_shutdown(life->s, TV_NONE, false), TV_OK);
    }
    return NULL;
}

static void live(bool shut_in_between)
{
    struct life life = {.s = serve(CONFIG(1, 5)), .shut_in_between = shut_in_between};
    struct helper helper[CALLERS];

    for (int i = 0; i < CALLERS; i++)
        helper[i] = helper_start(come_and_go, &life);
    for (int i = 0; i < CALLERS; i++)
        helper_join(helper[i]);
    CHECK_EQ(tv_join(life.s, tv_now() + PATIENCE), TV_OK);
    check_slots(life.s, "");
    CHECK(shut_in_between || (atomic_load(&life.closed) == 0 && atomic_load(&life.runs) > 0));
    close_down(life.s);
    CHECK(atomic_load(&life.runs) >= atomic_load(&life.completed));
}

/* rule: R7.53 R7.55 R7.56 */
static void everybody_in_line_is_decided_or_withdrawn_and_room_comes_back(void)
{
    for (int i = 0; i < LIVES; i++)
        live(false);
}

/* rule: R7.58 */
static void a_shutdown_lets_all_of_them_go_whatever_they_do(void)
{
    for (int i = 0; i < LIVES; i++)
        live(true);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(everybody_in_line_is_decided_or_withdrawn_and_room_comes_back),
        TEST(a_shutdown_lets_all_of_them_go_whatever_they_do),
    };

    return CHECK_RUN(tests, argc, argv);
}
