#include "rig.h"

static struct rig rig;
static struct task t[6];

static void begin(uint64_t max_concurrent)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};

    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS,
                                           .max_concurrent = max_concurrent});
    for (int i = 0; i < 6; i++)
        rig_add(&rig, 0, &t[i], names[i], RIG_OPTIONS);
}

static void done(void)
{
    rig_fini(&rig);
    for (int i = 0; i < 6; i++)
        rig_free(&t[i]);
}

/* The names of a list, in order. */
static const char *names_in(enum tv_actor_state state)
{
    static char names[8];
    const struct tv_list *list = &rig.core.in[state];
    int n = 0;

    for (const struct tv_list *link = list->next; link != list; link = link->next)
        names[n++] = TV_CONTAINER(link, struct tv_actor, link)->name->bytes[0];
    names[n] = '\0';
    return names;
}

#define CHECK_IN(state, wanted) CHECK_BYTES(names_in(state), strlen(names_in(state)), wanted)

/* rule: R1.5 */
static void without_a_limit_nobody_waits_for_a_permit(void)
{
    begin(0);
    CHECK_IN(TV_ACTOR_READY, "abcdef");
    CHECK_EQ(rig.core.running, 6);
    done();
}

/* rule: R1.5 */
static void permits_are_given_first_come_first_served(void)
{
    begin(2);
    CHECK_IN(TV_ACTOR_READY, "ab");
    CHECK_IN(TV_ACTOR_PERMIT, "cdef");
    rig_take(&rig, 0);
    rig_take(&rig, 0);
    rig_end(&rig, 1, &t[1], TV_ERROR_NONE, NULL);
    CHECK_IN(TV_ACTOR_READY, "c");
    rig_end(&rig, 2, &t[0], TV_ERROR_NONE, NULL);
    CHECK_IN(TV_ACTOR_READY, "cd");
    CHECK_IN(TV_ACTOR_PERMIT, "ef");
    done();
}

/* rule: R1.6 */
static void ready_attempts_start_first_come_first_served(void)
{
    begin(0);
    for (int i = 0; i < 6; i++)
        CHECK(rig_take(&rig, 0) == &t[i].actor);
    CHECK(rig_take(&rig, 0) == NULL);
    done();
}

/* rule: R1.10 */
static void a_task_in_its_backoff_holds_no_permit(void)
{
    begin(1);
    rig_take(&rig, 0);
    rig_end(&rig, 1, &t[0], TV_ERROR_FAIL, "boom");
    CHECK_EQ(t[0].actor.state, TV_ACTOR_BACKOFF);
    CHECK_IN(TV_ACTOR_READY, "b");
    CHECK_EQ(rig.core.running, 1);
    rig_settle(&rig, 11);
    CHECK_IN(TV_ACTOR_PERMIT, "cdefa");
    done();
}

/* rule: R1.5 R2.8 R4.43 */
static void a_permit_is_held_as_long_as_the_body_runs(void)
{
    begin(1);
    rig_take(&rig, 0);
    rig_leave(&rig, 0, &t[0], TV_LEAVE_REMOVE);
    CHECK_EQ(t[0].actor.state, TV_ACTOR_STOPPING);
    CHECK_IN(TV_ACTOR_READY, "");
    rig_settle(&rig, 100);
    CHECK_EQ(t[0].actor.state, TV_ACTOR_ABANDONED);
    CHECK_IN(TV_ACTOR_READY, "");
    rig_end(&rig, 101, &t[0], TV_ERROR_NONE, NULL);
    CHECK_IN(TV_ACTOR_READY, "b");
    done();
}

/* rule: R1.7 */
static void a_task_cancelled_in_the_ready_queue_gives_its_permit_to_the_next(void)
{
    begin(1);
    rig_leave(&rig, 0, &t[0], TV_LEAVE_REMOVE);
    CHECK_EQ(t[0].actor.outcome, TV_OUTCOME_CANCELED);
    CHECK_IN(TV_ACTOR_READY, "b");
    CHECK_IN(TV_ACTOR_PERMIT, "cdef");
    done();
}

/* rule: R1.7 */
static void a_task_cancelled_in_the_permit_queue_leaves_the_others_in_order(void)
{
    begin(1);
    rig_leave(&rig, 0, &t[2], TV_LEAVE_REMOVE);
    CHECK_IN(TV_ACTOR_READY, "a");
    CHECK_IN(TV_ACTOR_PERMIT, "bdef");
    done();
}

/* rule: R1.32 */
static void always_without_interval_goes_behind_everybody_else(void)
{
    struct tv_options always = RIG_OPTIONS;

    always.restart = TV_RESTART_ALWAYS;
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .max_concurrent = 2});
    for (int i = 0; i < 6; i++)
        rig_add(&rig, 0, &t[i], (char[2]){(char)('a' + i), 0}, always);
    rig_take(&rig, 0);
    rig_end(&rig, 1, &t[0], TV_ERROR_NONE, NULL);
    CHECK_IN(TV_ACTOR_READY, "bc");
    CHECK_IN(TV_ACTOR_PERMIT, "defa");
    done();
}

/* Every second one is for the loop. Permits are given in one order, whoever is to take them. */
static void the_loop_and_the_workers_share_the_permits_and_take_their_own(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .max_concurrent = 3});
    for (int i = 0; i < 6; i++) {
        rig.on_loop = i % 2;
        rig_add(&rig, 0, &t[i], (char[2]){(char)('a' + i), 0}, RIG_OPTIONS);
    }
    CHECK_IN(TV_ACTOR_READY, "ac");
    CHECK_IN(TV_ACTOR_INBOX, "b");
    CHECK_IN(TV_ACTOR_PERMIT, "def");
    CHECK(rig_take_for(&rig, 0, true) == &t[1].actor);
    CHECK(rig_take_for(&rig, 0, true) == NULL);
    CHECK(rig_take(&rig, 0) == &t[0].actor);
    rig_end(&rig, 0, &t[0], TV_ERROR_NONE, NULL);
    CHECK_IN(TV_ACTOR_INBOX, "d");
    rig_leave(&rig, 0, &t[3], TV_LEAVE_REMOVE);
    CHECK_EQ(t[3].actor.attempt, 0);
    CHECK_IN(TV_ACTOR_READY, "ce");
    CHECK_IN(TV_ACTOR_INBOX, "");
    rig_shutdown(&rig, 0, 100);
    rig_settle(&rig, 0);
    CHECK_IN(TV_ACTOR_READY, "");
    CHECK_IN(TV_ACTOR_STOPPING, "b");
    done();
}

static void a_permit_given_back_too_often_is_a_bug(void)
{
    int broke = 0;

    begin(1);
    rig.core.running = 0;
    RIG_BREAKS(&rig, broke, tv_permit_release(&rig.core));
    CHECK(broke && rig.core.broken);
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(without_a_limit_nobody_waits_for_a_permit),
        TEST(permits_are_given_first_come_first_served),
        TEST(ready_attempts_start_first_come_first_served),
        TEST(a_task_in_its_backoff_holds_no_permit),
        TEST(a_permit_is_held_as_long_as_the_body_runs),
        TEST(a_task_cancelled_in_the_ready_queue_gives_its_permit_to_the_next),
        TEST(a_task_cancelled_in_the_permit_queue_leaves_the_others_in_order),
        TEST(always_without_interval_goes_behind_everybody_else),
        TEST(the_loop_and_the_workers_share_the_permits_and_take_their_own),
        TEST(a_permit_given_back_too_often_is_a_bug),
    };

    return CHECK_RUN(tests, argc, argv);
}
