#include "rt/runtime.h"

#include <stdio.h>
#include <stdlib.h>

_Thread_local struct tv_self tv_self;

static _Atomic uint64_t next_serial = 1;

/* ---- life ---------------------------------------------------------------------------------- */

static void init(struct tv_supervisor *supervisor, const struct tv_config *config,
                 const struct tv_host *host, void *host_arg)
{
    const struct tv_core_config core_config = {
        .max_concurrent = config->max_concurrent,
        .queue_capacity = config->queue_capacity,
        .max_slot_queue = config->max_slot_queue,
        .seed = config->seed,
        .subscriber_grace_ns = config->subscriber_grace_ns,
        .defaults = config->defaults,
    };

    supervisor->config = *config;
    supervisor->clock = config->clock ? tv_clock_hold(config->clock) : NULL;
    supervisor->host = host;
    supervisor->host_arg = host_arg;
    supervisor->serial = atomic_fetch_add(&next_serial, 1);
    supervisor->generation = tv_generation();
    supervisor->last_job = &supervisor->jobs;
    supervisor->exceeded.kind = TV_JOB_EXCEEDED;
    supervisor->timer_until = TV_NEVER;
    atomic_init(&supervisor->refs, 1);
    tv_list_init(&supervisor->running);
    tv_list_init(&supervisor->on_clock);
    tv_list_init(&supervisor->joining);
    tv_list_init(&supervisor->closing);
    tv_sem_init(&supervisor->run_sem);
    tv_sem_init(&supervisor->timer_sem);
    tv_sem_init(&supervisor->crew.alone);
    tv_bus_init(&supervisor->bus);
    tv_pool_init(&supervisor->pool);
    tv_loop_part_init(&supervisor->loop);
    tv_core_init(&supervisor->core, &core_config);
}

enum tv_err tv_supervisor_new(const struct tv_config *config, const struct tv_host *host,
                              void *host_arg, struct tv_supervisor **supervisor)
{
    struct tv_supervisor *made;

    if (tv_is_exiting())
        return TV_SHUTTING_DOWN;
    if (config->clock && tv_clock_is_forked(config->clock))
        return TV_FORKED;
    made = calloc(1, sizeof *made);
    if (!made)
        return TV_NO_MEMORY;
    if (tv_lock_init(&made->lock) != TV_OK) {
        free(made);
        return TV_NO_MEMORY;
    }
    init(made, config, host, host_arg);
    *supervisor = made;
    return TV_OK;
}

struct tv_supervisor *tv_supervisor_hold(struct tv_supervisor *supervisor)
{
    atomic_fetch_add_explicit(&supervisor->refs, 1, memory_order_relaxed);
    return supervisor;
}

/* The last reference of all: no thread, task or handle is left. */
static void fini(struct tv_supervisor *supervisor)
{
    tv_subscribers_free_all(supervisor);
    tv_stuck_free(supervisor->stuck_list, supervisor->stuck_count);
    tv_loop_part_end(supervisor);
    tv_loop_rele(tv_loop_of(supervisor));
    tv_core_fini(&supervisor->core, free);
    tv_sem_fini(&supervisor->run_sem);
    tv_sem_fini(&supervisor->timer_sem);
    tv_sem_fini(&supervisor->crew.alone);
    tv_lock_fini(&supervisor->lock);
    tv_clock_rele(supervisor->clock);
    free(supervisor->timer_departed);
    free(supervisor);
}

/* In a forked child the memory stays: the parent's threads may have been in the middle of it. */
void tv_supervisor_rele(struct tv_supervisor *supervisor)
{
    if (atomic_fetch_sub_explicit(&supervisor->refs, 1, memory_order_acq_rel) == 1 &&
        !tv_is_forked(supervisor))
        fini(supervisor);
}

bool tv_is_forked(const struct tv_supervisor *supervisor)
{
    return tv_forked_since(supervisor->generation);
}

/* ---- effects ------------------------------------------------------------------------------- */

static bool ended_badly(const struct tv_task *task)
{
    switch ((enum tv_outcome_kind)task->actor.outcome) {
    case TV_OUTCOME_FAILED:
    case TV_OUTCOME_FATAL:
    case TV_OUTCOME_ABANDONED:
        return true;
    case TV_OUTCOME_COMPLETED:
    case TV_OUTCOME_CANCELED:
    case TV_OUTCOME_REJECTED:
        break;
    }
    return false;
}

static bool is_essential_end(const struct tv_task *task)
{
    return task->actor.essential && (task->actor.outcome == TV_OUTCOME_FAILED ||
                                     task->actor.outcome == TV_OUTCOME_FATAL);
}

/*
 * `done` is set before `notify` is read, and tv_task_notify sets `notify` before it reads `done`:
 * one of the two sees the other.
 */
static void settle(struct tv_supervisor *supervisor, struct tv_task *task, struct tv_after *after)
{
    atomic_store(&task->done, true);
    if (is_essential_end(task) && !supervisor->essential)
        supervisor->essential = task->actor.id;
    if (!tv_list_empty(&task->waiters)) {
        tv_waiters_wake(&task->waiters, TV_WAITS_OUTCOME, false, &after->wake);
        after->any = true;
    }
    if (!supervisor->host || (!ended_badly(task) && !atomic_load(&task->notify)))
        return;
    task->job.settled = true;
    tv_job_post(supervisor, &task->job, after);
}

static void forget(struct tv_supervisor *supervisor, struct tv_task *task, struct tv_after *after)
{
    if (!tv_list_empty(&task->waiters)) {
        tv_waiters_wake(&task->waiters, TV_WAITS_OTHER, false, &after->wake);
        after->any = true;
    }
    task->job.forgotten = true;
    tv_job_post(supervisor, &task->job, after);
}

static void decided(struct tv_task *task, struct tv_after *after)
{
    tv_waiters_wake(&task->waiters, TV_WAITS_DECIDED, false, &after->wake);
    after->any = true;
}

static void act(struct tv_supervisor *supervisor, const struct tv_act *what,
                struct tv_after *after)
{
    struct tv_task *task = what->actor ? tv_task_of(what->actor) : NULL;

    switch (what->kind) {
    case TV_ACT_CANCEL:
        tv_task_set_canceled(task, after);
        break;
    case TV_ACT_TIMEOUT:
        tv_task_set_timed_out(task, after);
        break;
    case TV_ACT_SETTLE:
        settle(supervisor, task, after);
        break;
    case TV_ACT_FORGET:
        forget(supervisor, task, after);
        break;
    case TV_ACT_DECIDED:
        decided(task, after);
        break;
    case TV_ACT_SLOT:
        tv_slot_retire(what->slot, after);
        break;
    }
}

/* Tasks that the verdict found not ended; the timer thread writes them down and tells the host. */
static void collect_stuck(struct tv_supervisor *supervisor)
{
    struct tv_list *abandoned = &supervisor->core.in[TV_ACTOR_ABANDONED];

    for (struct tv_list *link = abandoned->next; link != abandoned; link = link->next) {
        struct tv_task *task = tv_task_of(TV_CONTAINER(link, struct tv_actor, link));

        task->next_stuck = supervisor->stuck;
        supervisor->stuck = tv_task_hold(task);
        supervisor->stuck_count++;
    }
}

/* The timer thread has to do with the end of it, and on a manual clock with the wait too. */
static void follow_shutdown(struct tv_supervisor *supervisor, struct tv_after *after)
{
    uint8_t state = supervisor->core.shutdown.state, seen = supervisor->seen;

    if (state == seen)
        return;
    supervisor->seen = state;
    if (state >= TV_SHUTDOWN_DRAINING && seen < TV_SHUTDOWN_DRAINING)
        collect_stuck(supervisor);
    if (state >= TV_SHUTDOWN_DRAINING || supervisor->clock)
        tv_timer_by(supervisor, 0, after);
}

static void break_down(struct tv_supervisor *supervisor, struct tv_after *after);

static void apply(struct tv_supervisor *supervisor, struct tv_after *after)
{
    struct tv_effects *fx = &supervisor->core.fx;

    tv_bus_publish(&supervisor->bus, fx->event, fx->events, after);
    for (uint32_t i = 0; i < fx->acts; i++)
        act(supervisor, &fx->act[i], after);
    if (!tv_list_empty(&supervisor->joining) && tv_core_is_empty(&supervisor->core)) {
        tv_waiters_wake(&supervisor->joining, TV_WAITS_OTHER, false, &after->wake);
        after->any = true;
    }
    follow_shutdown(supervisor, after);
    tv_loop_notice(supervisor, after);
    tv_timer_by(supervisor, tv_rt_deadline(supervisor), after);
}

tv_ns tv_rt_now(const struct tv_supervisor *supervisor)
{
    return supervisor->clock ? tv_clock_now(supervisor->clock) : tv_now();
}

tv_ns tv_rt_deadline(const struct tv_supervisor *supervisor)
{
    tv_ns at = tv_core_deadline(&supervisor->core);

    return supervisor->clock ? tv_clock_real(supervisor->clock, at) : at;
}

enum tv_step tv_rt_step(struct tv_supervisor *supervisor, tv_ns now, struct tv_input *in,
                        struct tv_after *after)
{
    if (supervisor->clock)
        now = tv_clock_now(supervisor->clock);
    for (;;) {
        enum tv_step answer;

        supervisor->core.fx.mute = tv_bus_is_silent(&supervisor->bus);
        answer = tv_core_step(&supervisor->core, now, in);
        if (answer == TV_STEP_BROKEN)
            break_down(supervisor, after);
        apply(supervisor, after);
        if (answer != TV_STEP_AGAIN)
            return answer;
        if (after->caller == TV_WORKER)
            tv_jobs_pass_on(supervisor, after); /* a result is not held up by somebody's hooks */
        tv_rt_drop(supervisor, after);
        tv_lock_take(&supervisor->lock);
    }
}

/* What is added takes no notice of the time: the core's own will do, and nothing is due by it. */
static tv_ns time_for(const struct tv_supervisor *supervisor, const struct tv_input *in)
{
    return in->kind == TV_IN_ADD ? supervisor->core.now : tv_now();
}

enum tv_step tv_rt_input(struct tv_supervisor *supervisor, struct tv_input *in,
                         enum tv_caller caller)
{
    struct tv_after after = TV_AFTER(caller);
    enum tv_step answer;
    tv_ns now;

    tv_lock_take(&supervisor->lock);
    now = time_for(supervisor, in);
    answer = tv_rt_step(supervisor, now, in, &after);
    tv_pool_notice(supervisor, now, &after);
    tv_rt_drop(supervisor, &after);
    return answer;
}

/* ---- after the lock ------------------------------------------------------------------------ */

void tv_timer_by(struct tv_supervisor *supervisor, tv_ns at, struct tv_after *after)
{
    if (at >= supervisor->timer_until)
        return;
    supervisor->timer_until = at;
    after->kick_timer = after->any = true;
}

static void run_jobs(struct tv_supervisor *supervisor, struct tv_job *jobs)
{
    struct tv_after after = TV_AFTER(TV_DETACHED);
    uint64_t count = tv_jobs_run(supervisor, jobs);

    if (count == 0)
        return;
    tv_lock_take(&supervisor->lock);
    tv_jobs_done(supervisor, count, &after);
    tv_rt_drop(supervisor, &after);
}

/* Posts first: those who wait go on while this thread still has work. */
void tv_after_run(struct tv_supervisor *supervisor, struct tv_after *after)
{
    struct tv_after todo = *after;

    if (!todo.any)
        return;
    *after = (struct tv_after)TV_AFTER(todo.caller);
    tv_waiters_post(todo.wake);
    tv_pool_wake(todo.workers);
    if (todo.kick_timer)
        tv_sem_post(&supervisor->timer_sem);
    if (todo.call_loop)
        tv_loop_call(supervisor);
    if (todo.start)
        tv_pool_start(supervisor, todo.start);
    tv_tokens_wake(todo.tokens);
    tv_text_free_dead(todo.dead);
    tv_slots_release(todo.slots);
    run_jobs(supervisor, todo.jobs);
}

void tv_rt_drop(struct tv_supervisor *supervisor, struct tv_after *after)
{
    tv_lock_drop(&supervisor->lock);
    tv_after_run(supervisor, after);
}

/* ---- a failed check ------------------------------------------------------------------------ */

static void print_line(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "taskvisor:   %s\n", line);
}

static void wake_in_vain(struct tv_actor *actor, struct tv_after *after)
{
    tv_waiters_wake(&tv_task_of(actor)->waiters, TV_WAITS_OTHER, true, &after->wake);
}

/* Every task somebody may wait for has an id in the registry, or stands in line for room. */
static void wake_all_tasks(struct tv_core *core, struct tv_after *after)
{
    const struct tv_map *ids = &core->registry.ids;
    struct tv_list *room = &core->in[TV_ACTOR_ROOM];

    for (uint64_t i = 0; i < ids->used; i++)
        for (struct tv_map_link *link = tv_map_bucket(ids, i); link; link = link->next)
            wake_in_vain(TV_CONTAINER(link, struct tv_actor, by_id), after);
    for (struct tv_list *link = room->next; link != room; link = link->next)
        wake_in_vain(TV_CONTAINER(link, struct tv_actor, link), after);
}

/* Once: prints what led here and wakes everybody, to be told. */
static void break_down(struct tv_supervisor *supervisor, struct tv_after *after)
{
    if (supervisor->told_broken)
        return;
    supervisor->told_broken = true;
    fprintf(stderr, "taskvisor: internal check failed: %s\n", supervisor->core.failure);
    tv_core_trace(&supervisor->core, print_line, NULL);
    wake_all_tasks(&supervisor->core, after);
    tv_waiters_wake(&supervisor->joining, TV_WAITS_OTHER, true, &after->wake);
    tv_timer_by(supervisor, 0, after);
    tv_bus_close(&supervisor->bus, after);
    tv_timer_by(supervisor, 0, after);
}
