#include "faults.h"

/*
 * As test_invariants.c, in a core with slots: each fault is planted, and found by the check that is
 * meant for it, whose text is named.
 */

static struct rig rig;
static struct task owner, first, second, in_line, lonely;
static struct task ready, inbox, overdue, late, reserved, extra;
static struct tv_list batch;
static struct tv_slot *slot, *other;

static struct tv_options with_timeout(tv_ns timeout)
{
    struct tv_options options = RIG_OPTIONS;

    options.timeout_ns = timeout;
    return options;
}

/* A slot with a queue that is full, somebody in line for it, another slot; most other states. */
static void begin_with(uint64_t permits)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS,
                                           .max_concurrent = permits,
                                           .queue_capacity = 2,
                                           .max_slot_queue = 5});
    tv_list_init(&batch);
    rig_add(&rig, 0, &overdue, "overdue", with_timeout(5));
    rig_submit(&rig, 0, &owner, "owner", "s", TV_ADMISSION_QUEUE);
    rig_take(&rig, 0);
    rig_take(&rig, 0);
    rig_settle(&rig, 5);
    rig_submit(&rig, 5, &first, "first", "s", TV_ADMISSION_QUEUE);
    rig_submit(&rig, 5, &second, "second", "s", TV_ADMISSION_QUEUE);
    CHECK_EQ(rig_submit_waiting(&rig, 5, &in_line, "in_line", "s", TV_ADMISSION_QUEUE),
             TV_STEP_WAIT);
    rig_submit(&rig, 5, &lonely, "lonely", "t", TV_ADMISSION_QUEUE);
    rig_take(&rig, 5);
    rig_add(&rig, 5, &late, "late", with_timeout(20));
    rig_take(&rig, 5);
    rig_add(&rig, 5, &ready, "ready", RIG_OPTIONS);
    rig.on_loop = true;
    rig_add(&rig, 5, &inbox, "inbox", RIG_OPTIONS);
    rig.on_loop = false;
    rig_reserve(&rig, &reserved, "reserved", &batch);
    rig_task(&rig, &extra, "reserved", RIG_OPTIONS);
    slot = owner.actor.slot;
    other = lonely.actor.slot;
    CHECK_EQ(in_line.actor.state, TV_ACTOR_ROOM);
    CHECK(tv_core_check(&rig.core) == NULL);
}

static void begin(void)
{
    begin_with(9);
}

static void done(void)
{
    struct task *const tasks[] = {&owner, &first,   &second, &in_line,  &lonely, &ready,
                                  &inbox, &overdue, &late,   &reserved, &extra};

    rig_fini(&rig);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        rig_free(tasks[i]);
}

static void faults_of_a_queue(void)
{
    FINDS("3 a slot's queue is torn", slot->queue.prev = &first.actor.link);
    FINDS("3 a slot's queue is torn", first.actor.link.prev = &second.actor.link);
    FINDS("21 a slot's queue holds a task that runs", first.actor.state = TV_ACTOR_READY);
    FINDS("21 a submission waits in another slot's queue", first.actor.slot = other);
    FINDS("21 a waiting submission is not the one of its id", first.actor.id = 999);
    FINDS("21 a waiting submission has begun",
          tv_timers_arm(&rig.core.timers, &first.actor.timer, 900));
    FINDS("21 a waiting submission has begun", first.actor.settled = true);
    FINDS("21 a waiting submission has begun", first.actor.attempt = 1);
    FINDS("21 a slot's queue is not as long as it says", slot->length++);
}

static struct tv_slot twin; /* of the slot, by its name */

static void add_twin(void)
{
    tv_slot_init(&twin, slot->name);
    tv_map_insert(&rig.core.controller.slots, &twin.by_name, twin.name->hash);
    tv_list_append(&rig.core.controller.seeking, &twin.link);
    rig.core.controller.unsettled = true;
}

static void remove_twin(void)
{
    tv_map_remove(&rig.core.controller.slots, &twin.by_name);
}

static void faults_of_slots(void)
{
    FINDS_AND("21 a slot's name has two", add_twin(), remove_twin());
    FINDS("21 a slot without owner was left behind", slot->owner = NULL);
    FINDS("21 a slot is in the wrong list", tv_list_remove(&slot->link));
    FINDS("21 a slot is in the wrong list", tv_list_append(&slot->link, &other->link));
    FINDS("21 a slot's owner owns another", owner.actor.slot = other);
    FINDS("21 a slot's owner is not a live task", slot->owner = &first.actor);
    FINDS("21 a slot's owner is not a live task", slot->owner = &in_line.actor);
    FINDS("21 a slot has two owners", ready.actor.slot = slot);
    FINDS_AND("21 there are more slots than were made", rig.core.controller.slots.count--,
              rig.core.controller.slots.count++);
    FINDS("21 a slot is lost", rig.core.controller.slots.count++);
    FINDS("21 a waiting submission is in no queue",
          (rig.core.controller.waiting++, rig.core.registry.ids.count++, rig.core.known++));
}

static void faults_of_those_in_line(void)
{
    FINDS("21 more submissions wait than there is room for", rig.core.config.queue_capacity = 1);
    FINDS("21 a caller waits for room that it has", rig.core.config.queue_capacity = 10);
    FINDS("21 a caller waits for room that it has or does not need",
          in_line.actor.admission = TV_ADMISSION_DROP_IF_RUNNING);
}

static void faults_of_lists_and_places(void)
{
    FINDS("3 a list is torn", rig.core.in[TV_ACTOR_READY].prev = &owner.actor.link);
    FINDS("3 a task for the loop waits for a worker", ready.actor.on_loop = true);
    FINDS("3 a task for a worker waits for the loop", inbox.actor.on_loop = false);
    FINDS("3 a list that stays empty is not",
          tv_list_append(&rig.core.in[TV_ACTOR_RESERVED], &extra.actor.link));
    FINDS("3 a list that stays empty is not",
          tv_list_append(&rig.core.in[TV_ACTOR_QUEUED], &extra.actor.link));
    FINDS("6 an attempt is overdue without a timeout", overdue.actor.timed_out = false);
    FINDS("17 a reserved task has begun to end", reserved.actor.settled = true);
    FINDS("4 a submission is neither accepted, rejected nor waiting", rig.core.known++);
}

static void park_ready(void)
{
    tv_list_remove(&ready.actor.link);
    ready.actor.state = TV_ACTOR_PERMIT;
    tv_list_append(&rig.core.in[TV_ACTOR_PERMIT], &ready.actor.link);
    rig.core.running--;
}

static void a_task_that_waits_where_there_is_no_limit(void)
{
    begin_with(0);
    park_ready();
    CHECK_FOUND("8 a task waits while a permit is free");
    done();
}

static void reserve_twice(void)
{
    tv_list_append(&batch, &extra.actor.link);
    tv_registry_reserve(&rig.core.registry, &extra.actor);
}

static void faults_of_names(void)
{
    FINDS("2 a name has two tasks", reserve_twice());
    FINDS("2 a name is filed under another one's hash",
          reserved.actor.by_name.hash ^= UINT64_C(1) << 40);
    FINDS("2 there are not as many ids", rig.core.registry.ids.count++);
    FINDS("2 there are not as many names", reserved.actor.state = TV_ACTOR_QUEUED);
}

static struct tv_deadline *entry(uint64_t i)
{
    return tv_grow_at(&rig.core.timers.heap, i);
}

/* Two timers at the same instant, the one that was armed last in front. */
static void swap_equal_timers(void)
{
    entry(1)->at = entry(0)->at;
    entry(1)->arming = entry(0)->arming - 1;
}

static void arm_stranger(enum tv_timer_owner whose)
{
    in_line.actor.timer.owner = whose;
    tv_timers_arm(&rig.core.timers, &in_line.actor.timer, 900);
}

static void faults_of_timers(void)
{
    FINDS("16 a timer was armed before the first", entry(0)->arming = 0);
    FINDS("16 a timer's owner is not live", arm_stranger(TV_TIMER_ACTOR));
    FINDS("16 the shutdown's timer is not the shutdown's", arm_stranger(TV_TIMER_SHUTDOWN));
    FINDS("16 the next deadline is not the first",
          (rig_shutdown(&rig, 5, 500), swap_equal_timers()));
}

/* Faults of a shutdown that no task hides. */
#define FINDS_EMPTY(text, fault)                                               \
    do {                                                                       \
        rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});      \
        fault;                                                                 \
        CHECK_FOUND(text);                                                     \
        rig_fini(&rig);                                                        \
    } while (0)

static void faults_of_a_shutdown_of_nothing(void)
{
    struct tv_shutdown *shutdown = &rig.core.shutdown;

    FINDS_EMPTY("16 the shutdown's grace has no timer", shutdown->state = TV_SHUTDOWN_CANCELLING);
    FINDS_EMPTY("23 a shutdown waits for nobody",
                (tv_timers_arm(&rig.core.timers, &shutdown->timer, 900),
                 shutdown->state = TV_SHUTDOWN_WAITING));
    FINDS_EMPTY("16 the shutdown's grace is over and has a timer",
                (tv_timers_arm(&rig.core.timers, &shutdown->timer, 900),
                 shutdown->state = TV_SHUTDOWN_ABANDONING));
    FINDS_EMPTY("23 the grace is said to be exceeded, and nobody is stuck",
                (shutdown->verdict = TV_VERDICT_EXCEEDED,
                 shutdown->state = TV_SHUTDOWN_ABANDONING));
}

static void a_batch_on_its_way_holds_up_the_natural_end(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});
    tv_list_init(&batch);
    rig.core.finish = true;
    rig.core.commit = &batch;
    CHECK(tv_core_check(&rig.core) == NULL);
    rig_fini(&rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(faults_of_a_queue),
        TEST(faults_of_slots),
        TEST(faults_of_those_in_line),
        TEST(faults_of_lists_and_places),
        TEST(a_task_that_waits_where_there_is_no_limit),
        TEST(faults_of_names),
        TEST(faults_of_timers),
        TEST(faults_of_a_shutdown_of_nothing),
        TEST(a_batch_on_its_way_holds_up_the_natural_end),
    };

    return CHECK_RUN(tests, argc, argv);
}
