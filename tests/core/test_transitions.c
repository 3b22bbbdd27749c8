#include "rig.h"

/*
 * Every stimulus in every state: where it leads, or that it is a bug. The tables are written down
 * by hand once more, so a transition that comes or goes in the code comes or goes here too.
 */

#define BUG (-1)

static struct rig rig;
static struct task a, other, third;

/* ---- the actor ----------------------------------------------------------------------------- */

#define STIMULI (TV_VERDICT + 1)

/* A task that restarts on failure, a stimulus as it comes: END is a return. All else is a bug. */
static const struct {
    enum tv_actor_state from;
    enum tv_stimulus_kind stimulus;
    enum tv_actor_state to;
} actor_moves[] = {
    {TV_ACTOR_RESERVED, TV_ACCEPT, TV_ACTOR_READY},
    {TV_ACTOR_ROOM, TV_ACCEPT, TV_ACTOR_READY},
    {TV_ACTOR_QUEUED, TV_ACCEPT, TV_ACTOR_READY},
    {TV_ACTOR_QUEUED, TV_LEAVE, TV_ACTOR_DONE},
    {TV_ACTOR_PERMIT, TV_GRANT, TV_ACTOR_READY},
    {TV_ACTOR_PERMIT, TV_LEAVE, TV_ACTOR_DONE},
    {TV_ACTOR_READY, TV_TAKE, TV_ACTOR_RUNNING},
    {TV_ACTOR_READY, TV_LEAVE, TV_ACTOR_DONE},
    {TV_ACTOR_INBOX, TV_TAKE, TV_ACTOR_RUNNING},
    {TV_ACTOR_INBOX, TV_LEAVE, TV_ACTOR_DONE},
    {TV_ACTOR_RUNNING, TV_END, TV_ACTOR_DONE},
    {TV_ACTOR_RUNNING, TV_LEAVE, TV_ACTOR_STOPPING},
    {TV_ACTOR_RUNNING, TV_DUE, TV_ACTOR_OVERDUE},
    {TV_ACTOR_OVERDUE, TV_END, TV_ACTOR_BACKOFF},
    {TV_ACTOR_OVERDUE, TV_LEAVE, TV_ACTOR_STOPPING},
    {TV_ACTOR_STOPPING, TV_END, TV_ACTOR_DONE},
    {TV_ACTOR_STOPPING, TV_DUE, TV_ACTOR_ABANDONED},
    {TV_ACTOR_STOPPING, TV_VERDICT, TV_ACTOR_ABANDONED},
    {TV_ACTOR_BACKOFF, TV_LEAVE, TV_ACTOR_DONE},
    {TV_ACTOR_BACKOFF, TV_DUE, TV_ACTOR_READY},
    {TV_ACTOR_PAUSED, TV_LEAVE, TV_ACTOR_DONE},
    {TV_ACTOR_PAUSED, TV_DUE, TV_ACTOR_READY},
    {TV_ACTOR_ABANDONED, TV_END, TV_ACTOR_DONE},
};

static int actor_after(int state, int stimulus)
{
    for (size_t i = 0; i < sizeof actor_moves / sizeof *actor_moves; i++)
        if ((int)actor_moves[i].from == state && (int)actor_moves[i].stimulus == stimulus)
            return actor_moves[i].to;
    return BUG;
}

/* A PAUSED task is one that runs ALWAYS; all others restart on failure. */
static struct tv_options options_for(enum tv_actor_state state)
{
    struct tv_options options = RIG_OPTIONS;

    options.timeout_ns = 50;
    if (state == TV_ACTOR_PAUSED) {
        options.restart = TV_RESTART_ALWAYS;
        options.interval_ns = 10;
    }
    return options;
}

static void bring_running_to(enum tv_actor_state state)
{
    rig_take(&rig, 0);
    if (state == TV_ACTOR_OVERDUE)
        rig_settle(&rig, 50);
    if (state == TV_ACTOR_STOPPING || state == TV_ACTOR_ABANDONED)
        rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    if (state == TV_ACTOR_ABANDONED)
        rig_settle(&rig, 100);
    if (state == TV_ACTOR_BACKOFF)
        rig_end(&rig, 0, &a, TV_ERROR_FAIL, "boom");
    if (state == TV_ACTOR_PAUSED || state == TV_ACTOR_DONE)
        rig_end(&rig, 0, &a, TV_ERROR_NONE, NULL);
}

/* "other" owns the slot; in ROOM the only place in a queue is "third"'s. */
static void submit_to(enum tv_actor_state state)
{
    rig_submit(&rig, 0, &other, "other", "s", TV_ADMISSION_QUEUE);
    if (state == TV_ACTOR_ROOM)
        rig_submit(&rig, 0, &third, "third", "s", TV_ADMISSION_QUEUE);
    rig_submit_waiting(&rig, 0, &a, "a", "s", TV_ADMISSION_QUEUE);
}

/* A world in which task "a" is in `state`. With PERMIT another one has the only permit. */
static void bring_to(enum tv_actor_state state)
{
    static struct tv_list batch;

    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS,
                                           .max_concurrent = state == TV_ACTOR_PERMIT,
                                           .queue_capacity = 1,
                                           .max_slot_queue = 5});
    other.actor.name = third.actor.name = NULL;
    rig.on_loop = state == TV_ACTOR_INBOX;
    if (state == TV_ACTOR_PERMIT)
        rig_add(&rig, 0, &other, "other", RIG_OPTIONS);
    if (state == TV_ACTOR_RESERVED) {
        tv_list_init(&batch);
        rig_reserve(&rig, &a, "a", &batch);
    } else if (state == TV_ACTOR_ROOM || state == TV_ACTOR_QUEUED) {
        submit_to(state);
    } else {
        rig_add(&rig, 0, &a, "a", options_for(state));
        if (state > TV_ACTOR_INBOX)
            bring_running_to(state);
    }
    CHECK_EQ(a.actor.state, state);
}

static void leave_world(void)
{
    rig_fini(&rig);
    rig_free(&a);
    if (other.actor.name)
        rig_free(&other);
    if (third.actor.name)
        rig_free(&third);
}

/* Where the stimulus leads: a state, or BUG. */
static int after(enum tv_stimulus_kind kind)
{
    static struct tv_error error; /* static, as they outlive a longjmp */
    static struct tv_text *spare;
    const struct tv_stimulus stimulus = {
        .kind = kind, .reason = TV_CANCEL_REMOVED, .error = &error, .spare = &spare};
    volatile int broke = 0;

    error.kind = TV_ERROR_NONE;
    spare = NULL;
    if (kind == TV_DUE)
        tv_timers_disarm(&rig.core.timers, &a.actor.timer);
    RIG_BREAKS(&rig, broke, tv_actor_step(&rig.core, &a.actor, &stimulus));
    tv_text_rele(spare);
    return broke ? BUG : a.actor.state;
}

static void every_stimulus_in_every_state_of_an_actor(void)
{
    for (int state = 0; state < TV_ACTOR_STATE_COUNT; state++)
        for (int kind = 0; kind < STIMULI; kind++) {
            int found;

            bring_to((enum tv_actor_state)state);
            found = after((enum tv_stimulus_kind)kind);
            if (found != actor_after(state, kind))
                printf("state %d, stimulus %d\n", state, kind);
            CHECK_EQ(found, actor_after(state, kind));
            CHECK(rig.core.broken == (found == BUG));
            leave_world();
        }
}

/* rule: R4.57 R4.62 */
static void what_a_state_looks_like_from_outside(void)
{
    static const struct {
        enum tv_task_state state;
        bool alive;
    } seen[] = {
        [TV_ACTOR_RESERVED] = {TV_TASK_WAITING, false},
        [TV_ACTOR_ROOM] = {TV_TASK_QUEUED, false},
        [TV_ACTOR_QUEUED] = {TV_TASK_QUEUED, false},
        [TV_ACTOR_PERMIT] = {TV_TASK_WAITING, false},
        [TV_ACTOR_READY] = {TV_TASK_WAITING, false},
        [TV_ACTOR_INBOX] = {TV_TASK_WAITING, false},
        [TV_ACTOR_RUNNING] = {TV_TASK_RUNNING, true},
        [TV_ACTOR_OVERDUE] = {TV_TASK_STOPPING, true},
        [TV_ACTOR_STOPPING] = {TV_TASK_STOPPING, true},
        [TV_ACTOR_BACKOFF] = {TV_TASK_BACKOFF, false},
        [TV_ACTOR_PAUSED] = {TV_TASK_PAUSED, false},
        [TV_ACTOR_ABANDONED] = {TV_TASK_ABANDONED, true},
        [TV_ACTOR_DONE] = {TV_TASK_DONE, false},
    };

    for (int state = 0; state < TV_ACTOR_STATE_COUNT; state++) {
        bring_to((enum tv_actor_state)state);
        CHECK_EQ(tv_actor_task_state(&a.actor), seen[state].state);
        CHECK_EQ(tv_actor_is_alive(&a.actor), seen[state].alive);
        leave_world();
    }
}

/* ---- the shutdown -------------------------------------------------------------------------- */

enum shutdown_stimulus { REQUEST, SLICE, EMPTY, DUE, DRAINED, SHUTDOWN_STIMULI };

/* With one task in its body; EMPTY is told as if it had gone. All else changes nothing. */
static const struct {
    enum tv_shutdown_state from;
    enum shutdown_stimulus stimulus;
    int to;
} shutdown_moves[] = {
    {TV_SHUTDOWN_OPEN, REQUEST, TV_SHUTDOWN_CANCELLING},
    {TV_SHUTDOWN_OPEN, DUE, BUG},
    {TV_SHUTDOWN_CANCELLING, SLICE, TV_SHUTDOWN_WAITING},
    {TV_SHUTDOWN_CANCELLING, DUE, BUG},
    {TV_SHUTDOWN_WAITING, EMPTY, TV_SHUTDOWN_DRAINING},
    {TV_SHUTDOWN_WAITING, DUE, TV_SHUTDOWN_ABANDONING},
    {TV_SHUTDOWN_ABANDONING, SLICE, TV_SHUTDOWN_DRAINING},
    {TV_SHUTDOWN_ABANDONING, DUE, BUG},
    {TV_SHUTDOWN_DRAINING, DUE, TV_SHUTDOWN_CLOSED},
    {TV_SHUTDOWN_DRAINING, DRAINED, TV_SHUTDOWN_CLOSED},
    {TV_SHUTDOWN_CLOSED, DUE, BUG},
};

static int shutdown_after(int state, int stimulus)
{
    for (size_t i = 0; i < sizeof shutdown_moves / sizeof *shutdown_moves; i++)
        if ((int)shutdown_moves[i].from == state && (int)shutdown_moves[i].stimulus == stimulus)
            return shutdown_moves[i].to;
    return state;
}

static void bring_shutdown_to(enum tv_shutdown_state state)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .subscriber_grace_ns = 9});
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_take(&rig, 0);
    if (state >= TV_SHUTDOWN_CANCELLING)
        tv_shutdown_request(&rig.core, 5, false);
    if (state >= TV_SHUTDOWN_WAITING)
        tv_shutdown_slice(&rig.core);
    if (state >= TV_SHUTDOWN_ABANDONING) {
        tv_timers_disarm(&rig.core.timers, &rig.core.shutdown.timer);
        tv_shutdown_due(&rig.core);
    }
    if (state >= TV_SHUTDOWN_DRAINING)
        tv_shutdown_slice(&rig.core);
    if (state >= TV_SHUTDOWN_CLOSED)
        tv_shutdown_drained(&rig.core);
    CHECK_EQ(rig.core.shutdown.state, state);
}

static void give_shutdown(enum shutdown_stimulus stimulus)
{
    switch (stimulus) {
    case REQUEST:
        tv_shutdown_request(&rig.core, 3, false);
        break;
    case SLICE:
        if (tv_shutdown_is_busy(&rig.core))
            tv_shutdown_slice(&rig.core);
        break;
    case EMPTY:
        tv_shutdown_empty(&rig.core);
        break;
    case DUE:
        tv_timers_disarm(&rig.core.timers, &rig.core.shutdown.timer);
        tv_shutdown_due(&rig.core);
        break;
    case DRAINED:
        tv_shutdown_drained(&rig.core);
        break;
    case SHUTDOWN_STIMULI:
        break;
    }
}

/* Where it leads: a state, or BUG. */
static int found_after(enum shutdown_stimulus stimulus)
{
    volatile int broke = 0;

    RIG_BREAKS(&rig, broke, give_shutdown(stimulus));
    return broke ? BUG : rig.core.shutdown.state;
}

static void every_stimulus_in_every_state_of_the_shutdown(void)
{
    for (int state = 0; state <= TV_SHUTDOWN_CLOSED; state++)
        for (int stimulus = 0; stimulus < SHUTDOWN_STIMULI; stimulus++) {
            int found;

            bring_shutdown_to((enum tv_shutdown_state)state);
            found = found_after((enum shutdown_stimulus)stimulus);
            if (found != shutdown_after(state, stimulus))
                printf("state %d, stimulus %d\n", state, stimulus);
            CHECK_EQ(found, shutdown_after(state, stimulus));
            rig_fini(&rig);
            rig_free(&a);
        }
}

static void busy_and_decided_are_what_the_states_say(void)
{
    for (int state = 0; state <= TV_SHUTDOWN_CLOSED; state++) {
        bring_shutdown_to((enum tv_shutdown_state)state);
        CHECK_EQ(tv_shutdown_is_busy(&rig.core),
                 state == TV_SHUTDOWN_CANCELLING || state == TV_SHUTDOWN_ABANDONING);
        CHECK_EQ(tv_shutdown_is_decided(&rig.core), state >= TV_SHUTDOWN_ABANDONING);
        CHECK_EQ(tv_core_is_open(&rig.core), state == TV_SHUTDOWN_OPEN);
        rig_fini(&rig);
        rig_free(&a);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(every_stimulus_in_every_state_of_an_actor),
        TEST(what_a_state_looks_like_from_outside),
        TEST(every_stimulus_in_every_state_of_the_shutdown),
        TEST(busy_and_decided_are_what_the_states_say),
    };

    return CHECK_RUN(tests, argc, argv);
}
