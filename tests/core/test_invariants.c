#include "faults.h"

/* Each fault is planted in a core without slots, and found by the check of that number. */

static struct rig rig;
static struct task ready, running, stopping, backoff, paused, abandoned, reserved;
static struct tv_list batch;

static struct tv_options options_of(enum tv_restart_kind restart)
{
    struct tv_options options = RIG_OPTIONS;

    options.restart = restart;
    options.interval_ns = 500;
    options.timeout_ns = 900;
    options.max_retries = 3;
    options.backoff.first_ns = options.backoff.max_ns = 600;
    return options;
}

static void leave_at(tv_ns now, struct task *task)
{
    rig_leave(&rig, now, task, TV_LEAVE_REMOVE);
}

/* At 110 there is a task in nearly every state. */
static void begin(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .max_concurrent = 9});
    tv_list_init(&batch);
    rig_add(&rig, 0, &running, "running", options_of(TV_RESTART_ON_FAILURE));
    rig_add(&rig, 0, &stopping, "stopping", options_of(TV_RESTART_ON_FAILURE));
    rig_add(&rig, 0, &backoff, "backoff", options_of(TV_RESTART_ON_FAILURE));
    rig_add(&rig, 0, &paused, "paused", options_of(TV_RESTART_ALWAYS));
    rig_add(&rig, 0, &abandoned, "abandoned", options_of(TV_RESTART_ON_FAILURE));
    for (int i = 0; i < 5; i++)
        rig_take(&rig, 0);
    leave_at(0, &abandoned);
    rig_settle(&rig, 100);
    rig_end(&rig, 110, &backoff, TV_ERROR_FAIL, "boom");
    rig_end(&rig, 110, &paused, TV_ERROR_NONE, NULL);
    leave_at(110, &stopping);
    rig_add(&rig, 110, &ready, "ready", options_of(TV_RESTART_ON_FAILURE));
    rig_reserve(&rig, &reserved, "reserved", &batch);
    CHECK(tv_core_check(&rig.core) == NULL);
}

static void done(void)
{
    struct task *const tasks[] = {&ready,  &running,   &stopping, &backoff,
                                  &paused, &abandoned, &reserved};

    rig_fini(&rig);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        rig_free(tasks[i]);
}

static void swap_names(void)
{
    struct tv_text *name = ready.actor.name;

    ready.actor.name = running.actor.name;
    running.actor.name = name;
}

static void faults_of_names_and_ids(void)
{
    FINDS("2", ready.actor.id = 99);
    FINDS("2", swap_names());
    FINDS("2", tv_map_remove(&rig.core.registry.names, &ready.actor.by_name));
    FINDS("2", tv_map_remove(&rig.core.registry.ids, &ready.actor.by_id));
    FINDS("2", tv_registry_enter(&rig.core.registry, &reserved.actor));
    FINDS("2", reserved.actor.state = TV_ACTOR_DONE);
    FINDS("2", rig.core.registry.names.count++);
    FINDS("2", rig.core.registry.names.count--);
}

static void faults_of_lists(void)
{
    FINDS("3", ready.actor.state = TV_ACTOR_PERMIT);
    FINDS("3", tv_list_remove(&ready.actor.link));
    FINDS("3", rig.core.live++);
    FINDS("3", rig.core.live--);
    FINDS("3", ready.actor.link.prev = &running.actor.link);
    FINDS("3", tv_list_remove(&reserved.actor.link));
    FINDS("4", rig.core.accepted = 1);
}

static void park(struct task *task)
{
    tv_list_remove(&task->actor.link);
    task->actor.state = TV_ACTOR_PERMIT;
    tv_list_append(&rig.core.in[TV_ACTOR_PERMIT], &task->actor.link);
}

static void faults_of_attempts_and_permits(void)
{
    FINDS("6", running.actor.attempt = 0);
    FINDS("6", backoff.actor.attempt = 0);
    FINDS("6", running.actor.timed_out = true);
    FINDS("8", rig.core.running = 10);
    FINDS("8", rig.core.running--);
    FINDS("9", rig.core.running++);
    FINDS("8", (park(&ready), rig.core.running--));
    FINDS("14", backoff.actor.failures = 4);
    FINDS("14", backoff.actor.failures = 0);
    FINDS("14", paused.actor.failures = 1);
}

static void faults_of_tokens_and_outcomes(void)
{
    FINDS("15", running.actor.cancelled = true);
    FINDS("15", stopping.actor.cancelled = false);
    FINDS("17", running.actor.settled = true);
    FINDS("17", abandoned.actor.settled = false);
    FINDS("17", abandoned.actor.outcome = TV_OUTCOME_FAILED);
    FINDS("17", reserved.actor.cancelled = true);
}

static struct tv_deadline *entry(uint64_t i)
{
    return tv_grow_at(&rig.core.timers.heap, i);
}

static void faults_of_timers(void)
{
    struct tv_timers *timers = &rig.core.timers;

    FINDS("16", tv_timers_disarm(timers, &stopping.actor.timer));
    FINDS("16", tv_timers_disarm(timers, &running.actor.timer));
    FINDS("16", tv_timers_arm(timers, &ready.actor.timer, 500));
    FINDS("16", tv_timers_arm(timers, &reserved.actor.timer, 500));
    FINDS("16", tv_timers_arm(timers, &rig.core.shutdown.timer, 500));
    FINDS("16", ready.actor.timer.owner = TV_TIMER_SHUTDOWN);
    FINDS("16", rig.core.shutdown.timer.owner = TV_TIMER_ACTOR);
    FINDS("16", running.actor.started_ns = 1);
    FINDS("16", entry(timers->count - 1)->at = 0);
    FINDS("16", entry(0)->arming = timers->armings + 1);
    FINDS("16", timers->heap.capacity = 1);
    FINDS("16", entry(0)->timer = entry(1)->timer);
}

static void faults_of_a_shutdown(void)
{
    struct tv_shutdown *shutdown = &rig.core.shutdown;

    FINDS("16", shutdown->state = TV_SHUTDOWN_WAITING);
    FINDS("16", (rig_shutdown(&rig, 110, 50),
                 tv_timers_disarm(&rig.core.timers, &shutdown->timer)));
    FINDS("15", (tv_shutdown_request(&rig.core, 50, false), shutdown->state = TV_SHUTDOWN_WAITING));
    FINDS("15", shutdown->state = TV_SHUTDOWN_ABANDONING);
    FINDS("23", shutdown->state = TV_SHUTDOWN_CLOSED);
    FINDS("16", shutdown->state = TV_SHUTDOWN_DRAINING);
    FINDS("22", (rig_shutdown(&rig, 110, 50), rig.core.commit = &batch));
    FINDS("23", (rig_shutdown(&rig, 110, 50), shutdown->verdict = TV_VERDICT_STOPPED));
    FINDS("23", (rig_shutdown(&rig, 110, 50), shutdown->quiet = true,
                 shutdown->verdict = TV_VERDICT_EXCEEDED));
}

static void a_natural_end_that_was_missed(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});
    CHECK(tv_core_check(&rig.core) == NULL);
    rig.core.finish = true;
    CHECK_FOUND("23");
    rig_fini(&rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(faults_of_names_and_ids),
        TEST(faults_of_lists),
        TEST(faults_of_attempts_and_permits),
        TEST(faults_of_tokens_and_outcomes),
        TEST(faults_of_timers),
        TEST(faults_of_a_shutdown),
        TEST(a_natural_end_that_was_missed),
    };

    return CHECK_RUN(tests, argc, argv);
}
