/*
 * timer.c: the thread that brings the time, and carries a shutdown to its end.
 *
 * Locking discipline. The thread sleeps on timer_sem until timer_until, which is guarded by the
 * lock and is computed in the last hold before the sleep; whoever makes something due earlier
 * lowers timer_until in his hold and posts after it. While the thread is awake timer_until is in
 * the past, so nobody posts in vain, and it looks at everything once more before it sleeps. It
 * never attaches to the host; what needs that is a job.
 */
#include "rt/runtime.h"

#include <stdlib.h>

#define AWAKE INT64_MIN

static bool is_draining(const struct tv_supervisor *supervisor)
{
    return supervisor->core.shutdown.state == TV_SHUTDOWN_DRAINING;
}

static bool is_closed(const struct tv_supervisor *supervisor)
{
    return supervisor->core.shutdown.state == TV_SHUTDOWN_CLOSED;
}

/* Has what was queued at the verdict been delivered and run? */
static bool is_drained(const struct tv_supervisor *supervisor)
{
    return is_draining(supervisor) && supervisor->stuck_done && supervisor->jobs_open == 0 &&
           supervisor->bus.unquiet == 0;
}

/* How long those who wait for a shutdown on a manual clock have patience; no lock. */
struct patience {
    tv_ns shown; /* what the clock showed */
    tv_ns ends;  /* by tv_now(); TV_NEVER: there is no shutdown, or no manual clock */
};

/*
 * Has nobody set the clock forward for as long as somebody may wait for the shutdown? Where nobody
 * waits it begins anew. Call with the lock held.
 */
static bool is_left_alone(const struct tv_supervisor *supervisor, struct patience *patience)
{
    tv_ns shown, now = tv_now();

    if (!supervisor->clock || tv_core_is_open(&supervisor->core))
        return false;
    shown = tv_clock_now(supervisor->clock);
    if (patience->ends != TV_NEVER && shown == patience->shown &&
        !tv_list_empty(&supervisor->closing))
        return patience->ends <= now;
    patience->shown = shown;
    patience->ends = tv_after(now, tv_clock_patience(supervisor->clock));
    return false;
}

/* Nobody is there to set the clock forward: it goes on by itself, and the grace is over. */
static void end_grace(struct tv_supervisor *supervisor, struct tv_after *after)
{
    tv_rt_drop(supervisor, after);
    tv_clock_release(supervisor->clock);
    tv_rt_shutdown(supervisor, 0, false, TV_DETACHED);
    tv_lock_take(&supervisor->lock);
}

static void tick(struct tv_supervisor *supervisor, struct tv_after *after)
{
    struct tv_input in = {.kind = TV_IN_TICK};
    tv_ns now = tv_now();

    tv_rt_step(supervisor, now, &in, after);
    if (is_drained(supervisor)) {
        in = (struct tv_input){.kind = TV_IN_DRAINED};
        tv_rt_step(supervisor, now, &in, after);
    }
    tv_pool_look(supervisor, now, after);
    tv_pool_notice(supervisor, now, after);
}

static void write_down_stuck(struct tv_supervisor *supervisor, struct tv_after *after)
{
    tv_rt_drop(supervisor, after);
    tv_stuck_write_down(supervisor);
    tv_lock_take(&supervisor->lock);
    supervisor->stuck_done = true;
    if (supervisor->host && supervisor->core.shutdown.verdict == TV_VERDICT_EXCEEDED)
        tv_job_post(supervisor, &supervisor->exceeded, after);
}

/* What the thread sleeps until. In the last hold before it sleeps. */
static tv_ns next_look(const struct tv_supervisor *supervisor)
{
    tv_ns at = tv_rt_deadline(supervisor);

    if (is_closed(supervisor) || is_drained(supervisor))
        return 0;
    return at < supervisor->pool.look_ns ? at : supervisor->pool.look_ns;
}

static void run_until_closed(struct tv_supervisor *supervisor)
{
    struct tv_after after = TV_AFTER(TV_DETACHED);
    struct patience patience = {.ends = TV_NEVER};
    tv_ns until;

    tv_lock_take(&supervisor->lock);
    while (!(is_closed(supervisor) && supervisor->stuck_done) && !supervisor->core.broken) {
        supervisor->timer_until = AWAKE;
        supervisor->timer_wakeups++;
        if (is_left_alone(supervisor, &patience))
            end_grace(supervisor, &after);
        tick(supervisor, &after);
        if (supervisor->core.shutdown.state >= TV_SHUTDOWN_DRAINING && !supervisor->stuck_done) {
            write_down_stuck(supervisor, &after);
            tv_pool_notice(supervisor, tv_now(), &after);
        }
        until = next_look(supervisor);
        until = until < patience.ends ? until : patience.ends;
        supervisor->timer_until = until;
        tv_rt_drop(supervisor, &after);
        tv_sem_wait(&supervisor->timer_sem, until);
        tv_lock_take(&supervisor->lock);
    }
    tv_lock_drop(&supervisor->lock);
}

/* A private loop that is about to get its thread has it counted in before the members close. */
static void await_claim(struct tv_supervisor *supervisor, struct tv_after *after)
{
    while (supervisor->loop.called && !tv_loop_of(supervisor)) {
        supervisor->timer_until = TV_NEVER;
        tv_rt_drop(supervisor, after);
        tv_sem_wait(&supervisor->timer_sem, TV_NEVER);
        tv_lock_take(&supervisor->lock);
    }
    supervisor->timer_until = AWAKE;
}

/*
 * Waits for the members that are not inside somebody's code. Of a private loop nobody knows, so it
 * is not waited for without end.
 */
static void close_threads(struct tv_supervisor *supervisor)
{
    struct tv_after after = TV_AFTER(TV_DETACHED);
    tv_ns until = tv_after(tv_now(), TV_LOOP_PATIENCE);

    tv_lock_take(&supervisor->lock);
    await_claim(supervisor, &after);
    tv_bus_close(&supervisor->bus, &after);
    supervisor->crew.closing = true;
    tv_subscribers_stop(supervisor, &after);
    tv_pool_leave(supervisor, &after);
    tv_loop_leave(supervisor, &after);
    while (supervisor->crew.present > 0 || supervisor->pool.arriving > 0) {
        supervisor->timer_until = TV_NEVER;
        tv_rt_drop(supervisor, &after);
        if (tv_sem_wait(&supervisor->timer_sem, until) == TV_TIMEOUT)
            until = TV_NEVER;
        tv_lock_take(&supervisor->lock);
        if (until == TV_NEVER)
            tv_loop_abandon(supervisor);
    }
    supervisor->timer_until = AWAKE;
    tv_rt_drop(supervisor, &after);
    tv_reap();
}

/* Those who wait for tasks that are still there wait in vain. */
static void complete(struct tv_supervisor *supervisor)
{
    struct tv_list *left = &supervisor->core.in[TV_ACTOR_ABANDONED];
    struct tv_after after = TV_AFTER(TV_DETACHED);

    tv_lock_take(&supervisor->lock);
    supervisor->phase = TV_PHASE_COMPLETE;
    tv_waiters_wake(&supervisor->closing, TV_WAITS_OTHER, false, &after.wake);
    tv_waiters_wake(&supervisor->joining, TV_WAITS_OTHER, true, &after.wake);
    for (struct tv_list *link = left->next; link != left; link = link->next) {
        struct tv_task *task = tv_task_of(TV_CONTAINER(link, struct tv_actor, link));

        tv_waiters_wake(&task->waiters, TV_WAITS_OTHER, true, &after.wake);
    }
    after.any = true;
    tv_rt_drop(supervisor, &after);
    tv_loop_part_end(supervisor);
}

/*
 * The thread hands itself in before it tells anybody, so who is told can join it; and it is among
 * the running supervisors until then, so who waits for the end of the process is told too.
 */
static void *timer_main(void *arg)
{
    struct tv_supervisor *supervisor = arg;
    struct tv_departed *departed;

    tv_thread_prepare("taskvisor-timer");
    run_until_closed(supervisor);
    if (!supervisor->core.broken)
        close_threads(supervisor);
    departed = supervisor->timer_departed;
    supervisor->timer_departed = NULL;
    tv_depart(departed);
    complete(supervisor);
    tv_clock_leave(supervisor->clock, &supervisor->on_clock);
    tv_process_leave(&supervisor->running);
    tv_supervisor_rele(supervisor);
    return NULL;
}

enum tv_err tv_timer_start(struct tv_supervisor *supervisor)
{
    struct tv_thread thread;
    enum tv_err err;

    supervisor->timer_departed = malloc(sizeof *supervisor->timer_departed);
    if (!supervisor->timer_departed)
        return TV_NO_MEMORY;
    tv_supervisor_hold(supervisor);
    tv_process_enter(supervisor, &supervisor->running);
    tv_clock_enter(supervisor->clock, &supervisor->on_clock);
    err = tv_thread_start(&thread, 0, timer_main, supervisor);
    if (err == TV_OK)
        return TV_OK;
    tv_clock_leave(supervisor->clock, &supervisor->on_clock);
    tv_process_leave(&supervisor->running);
    free(supervisor->timer_departed);
    supervisor->timer_departed = NULL;
    tv_supervisor_rele(supervisor);
    return err;
}
