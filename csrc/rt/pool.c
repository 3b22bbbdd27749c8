/*
 * pool.c
 *
 * Locking discipline. Everything in tv_pool and tv_worker is guarded by the supervisor's lock, but
 * the semaphore, on which only the worker sleeps.
 *
 * No wake-up is lost: a worker goes into pool.idle in the same hold in which it has found nothing
 * ready, and whoever makes something ready looks into pool.idle in his. `arriving` counts exactly
 * those that will look; it is raised by who wakes or starts a worker and lowered by the worker in
 * its first hold after attaching, or by who could not start it.
 */
#include "rt/pool.h"

#include "rt/clock.h"
#include "rt/runtime.h"

#include <stdio.h>
#include <stdlib.h>

void tv_pool_init(struct tv_pool *pool)
{
    *pool = (struct tv_pool){.burst = 1, .look_ns = TV_NEVER, .processors = tv_processors()};
    tv_list_init(&pool->idle);
    tv_list_init(&pool->workers);
}

/* ---- when to bring more -------------------------------------------------------------------- */

static bool has_work(const struct tv_supervisor *supervisor)
{
    return supervisor->jobs || tv_core_has_ready(&supervisor->core);
}

static uint64_t ready_count(const struct tv_supervisor *supervisor, uint64_t most)
{
    const struct tv_list *ready = &supervisor->core.in[TV_ACTOR_READY];
    uint64_t count = 0;

    for (const struct tv_list *link = ready->next; link != ready && count < most; link = link->next)
        count++;
    return count;
}

/* Wakes idle workers, or leaves them to be started after the hold: `count` in all. */
static void bring(struct tv_supervisor *supervisor, uint64_t count, struct tv_after *after)
{
    struct tv_pool *pool = &supervisor->pool;

    for (; count > 0 && !pool->leaving; count--) {
        pool->arriving++;
        after->any = true;
        if (tv_list_empty(&pool->idle)) {
            after->start++;
        } else {
            struct tv_worker *worker = TV_CONTAINER(pool->idle.next, struct tv_worker, link);

            tv_list_remove(&worker->link);
            worker->is = TV_WORKER_ARRIVING;
            worker->next_woken = after->workers;
            after->workers = worker;
        }
    }
}

/*
 * Where many threads can be attached at once, a busy pool helps itself for a while: waking one more
 * for each task that comes in would cost more than the tasks.
 */
static bool will_help_itself(const struct tv_supervisor *supervisor, tv_ns now)
{
    const struct tv_worker *last = supervisor->pool.last_taker;

    return (!supervisor->host || !supervisor->host->exclusive) && !supervisor->jobs && last &&
           now - last->took_ns < TV_POOL_LOOK;
}

static void look_by(struct tv_supervisor *supervisor, tv_ns at, struct tv_after *after)
{
    if (at < supervisor->pool.look_ns)
        supervisor->pool.look_ns = at;
    tv_timer_by(supervisor, supervisor->pool.look_ns, after);
}

/* The next instant to look at: not before a thread may be had, where one would be needed. */
static tv_ns next_look(const struct tv_pool *pool, tv_ns now)
{
    tv_ns at = tv_after(now, TV_POOL_LOOK);

    return tv_list_empty(&pool->idle) && at < pool->retry_ns ? pool->retry_ns : at;
}

static bool may_bring(const struct tv_pool *pool, tv_ns now)
{
    return !tv_list_empty(&pool->idle) || now >= pool->retry_ns;
}

void tv_pool_notice(struct tv_supervisor *supervisor, tv_ns now, struct tv_after *after)
{
    struct tv_pool *pool = &supervisor->pool;

    if (pool->arriving > 0 || !has_work(supervisor) || supervisor->phase != TV_PHASE_SERVING)
        return;
    if (will_help_itself(supervisor, now) || !may_bring(pool, now))
        look_by(supervisor, next_look(pool, now), after);
    else
        bring(supervisor, 1, after);
}

/* A worker goes into somebody's code: what is left and has nobody coming for it is looked after. */
static void watch_the_rest(struct tv_supervisor *supervisor, tv_ns now, struct tv_after *after)
{
    if (supervisor->pool.arriving == 0 && has_work(supervisor))
        look_by(supervisor, next_look(&supervisor->pool, now), after);
}

/*
 * Does the processor have time left for another thread? Sampled once per TV_POOL_LOOK at most: it
 * is the one system call that is made under the lock.
 */
static bool processor_is_free(struct tv_pool *pool, tv_ns now)
{
    tv_ns cpu, wall = now - pool->cpu_wall_ns;

    if (wall < TV_POOL_LOOK)
        return pool->cpu_is_free;
    cpu = tv_process_time();
    pool->cpu_is_free = cpu - pool->cpu_ns < wall * pool->processors - wall / 2;
    pool->cpu_ns = cpu;
    pool->cpu_wall_ns = now;
    return pool->cpu_is_free;
}

static bool more_would_help(struct tv_supervisor *supervisor, tv_ns now)
{
    return (supervisor->host && supervisor->host->exclusive) ||
           processor_is_free(&supervisor->pool, now);
}

static void bring_burst(struct tv_supervisor *supervisor, struct tv_after *after)
{
    struct tv_pool *pool = &supervisor->pool;

    bring(supervisor, ready_count(supervisor, pool->burst), after);
    pool->burst = pool->burst * 2 < TV_POOL_BURST ? pool->burst * 2 : TV_POOL_BURST;
}

/* Has `worker`, just attached, found another one in a body that it cannot have finished? */
static bool sees_blocking(struct tv_supervisor *supervisor, const struct tv_worker *worker,
                          tv_ns now)
{
    const struct tv_worker *last = supervisor->pool.last_taker;

    return last && last != worker && now - last->took_ns < TV_POOL_FRESH &&
           more_would_help(supervisor, now);
}

void tv_pool_look(struct tv_supervisor *supervisor, tv_ns now, struct tv_after *after)
{
    struct tv_pool *pool = &supervisor->pool;
    bool stands_still = pool->takes == pool->takes_seen;

    if (now < pool->look_ns)
        return;
    pool->look_ns = TV_NEVER;
    pool->takes_seen = pool->takes;
    if (!has_work(supervisor) || pool->arriving > 0)
        return;
    if (stands_still && may_bring(pool, now) && more_would_help(supervisor, now))
        bring_burst(supervisor, after);
    else
        look_by(supervisor, next_look(pool, now), after);
}

/* ---- one worker ---------------------------------------------------------------------------- */

static void arrive(struct tv_worker *worker, tv_ns now, struct tv_after *after)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    struct tv_pool *pool = &supervisor->pool;
    bool blocking = sees_blocking(supervisor, worker, now);

    pool->arriving--;
    pool->busy++;
    worker->is = TV_WORKER_BUSY;
    if (!blocking)
        pool->burst = 1;
    else if (pool->arriving == 0 && ready_count(supervisor, 2) > 1 && may_bring(pool, now))
        bring_burst(supervisor, after);
}

/*
 * Takes the next ready attempt: NULL, none. The lock is held before and after. Hooks that the step
 * has brought about must not come between the take and the body: another worker gets them.
 */
static struct tv_task *take(struct tv_worker *worker, tv_ns now, struct tv_after *after,
                            struct tv_token **old)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    struct tv_pool *pool = &supervisor->pool;
    struct tv_input in = {.kind = TV_IN_TAKE};
    struct tv_task *task;

    if (tv_is_exiting() || tv_rt_step(supervisor, now, &in, after) != TV_STEP_OK || !in.actor)
        return NULL;
    task = tv_task_of(in.actor);
    *old = tv_task_renew_token(task);
    task->worker = worker;
    worker->task = task;
    worker->took_ns = now;
    pool->last_taker = worker;
    pool->takes++;
    tv_jobs_pass_on(supervisor, after);
    watch_the_rest(supervisor, now, after);
    return task;
}

static void call(struct tv_worker *worker, struct tv_task *task, struct tv_result *result)
{
    struct tv_self outer = tv_self;

    tv_self = (struct tv_self){TV_ROLE_BODY, worker->member.supervisor, task};
    task->spec->call(task, task->spec->arg, result);
    tv_self = outer;
}

/* Hands the result in. The lock is held before and after. */
static void hand_in(struct tv_worker *worker, struct tv_task *task, struct tv_input *in, tv_ns now,
                    struct tv_after *after)
{
    struct tv_pool *pool = &worker->member.supervisor->pool;

    worker->task = NULL;
    task->worker = NULL;
    if (pool->last_taker == worker)
        pool->last_taker = NULL;
    tv_rt_step(worker->member.supervisor, now, in, after);
}

/* From taking to having handed in; returns when the body ended. Lock held before and after. */
static tv_ns run_attempt(struct tv_worker *worker, struct tv_task *task, struct tv_token *old,
                         struct tv_after *after)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    struct tv_input in = {.kind = TV_IN_RESULT, .actor = &task->actor};
    struct tv_result result = {.stray = false};
    tv_ns now;

    tv_rt_drop(supervisor, after);
    tv_token_rele(old);
    call(worker, task, &result);
    in.error = result.error;
    in.stray = result.stray;
    now = tv_now();
    tv_lock_take(&supervisor->lock);
    hand_in(worker, task, &in, now, after);
    if (after->jobs || in.spare || tv_error_text(&in.error)) {
        watch_the_rest(supervisor, now, after);
        tv_rt_drop(supervisor, after);
        tv_text_rele(in.spare);
        tv_text_rele(tv_error_text(&in.error));
        tv_lock_take(&supervisor->lock);
    }
    return now;
}

/* Runs queued jobs, one per hold. True: there was one. Lock held before and after. */
static bool run_job(struct tv_worker *worker, tv_ns now, struct tv_after *after)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    struct tv_job *job = tv_job_take(supervisor);

    if (!job)
        return false;
    watch_the_rest(supervisor, now, after);
    tv_rt_drop(supervisor, after);
    tv_job_run(supervisor, job);
    tv_lock_take(&supervisor->lock);
    tv_job_done(supervisor, 1, after);
    return true;
}

static void become_idle(struct tv_worker *worker)
{
    struct tv_pool *pool = &worker->member.supervisor->pool;

    worker->is = TV_WORKER_IDLE;
    worker->link.next = pool->idle.next;
    worker->link.prev = &pool->idle;
    pool->idle.next->prev = &worker->link;
    pool->idle.next = &worker->link;
}

/* How a turn ends. */
enum turn {
    TURN_AGAIN, /* attached long enough: rest and come again, counted as arriving meanwhile */
    TURN_IDLE,  /* nothing to do */
    TURN_LEAVE,
};

static enum turn end_turn(struct tv_worker *worker, bool again)
{
    struct tv_pool *pool = &worker->member.supervisor->pool;

    pool->busy--;
    if (again) {
        pool->arriving++;
        worker->is = TV_WORKER_ARRIVING;
        return TURN_AGAIN;
    }
    if (pool->leaving)
        return TURN_LEAVE;
    become_idle(worker);
    return TURN_IDLE;
}

/* Attached, from arriving to the end of the turn. */
static enum turn take_turn(struct tv_worker *worker, tv_ns asked)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    bool exclusive = supervisor->host && supervisor->host->exclusive;
    struct tv_after after = TV_AFTER(TV_WORKER);
    tv_ns now = tv_now();
    tv_ns until = tv_turn_until(asked, now);
    bool again = false;
    enum turn turn;

    tv_lock_take(&supervisor->lock);
    arrive(worker, now, &after);
    while (!again) {
        struct tv_token *old = NULL;
        struct tv_task *task;

        if (run_job(worker, now, &after)) {
            now = tv_now();
        } else if ((task = take(worker, now, &after, &old))) {
            now = run_attempt(worker, task, old, &after);
        } else {
            break;
        }
        again = exclusive && now >= until && has_work(supervisor);
    }
    turn = end_turn(worker, again);
    tv_rt_drop(supervisor, &after);
    return turn;
}

/* Sleeps until it is woken. False: it has been idle for long and leaves; it is in no list. */
static bool sleep_idle(struct tv_worker *worker)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    bool leave;

    if (tv_sem_wait(&worker->sem, tv_after(tv_now(), TV_POOL_IDLE)) == TV_OK)
        return true;
    tv_lock_take(&supervisor->lock);
    leave = worker->is == TV_WORKER_IDLE;
    if (leave)
        tv_list_remove(&worker->link);
    tv_lock_drop(&supervisor->lock);
    while (!leave && tv_sem_wait(&worker->sem, TV_NEVER) != TV_OK)
        continue;
    return !leave;
}

/*
 * Threads that cannot be had now delay attempts: the timer thread tries again. `count` of those that
 * were counted as arriving will not come.
 */
static void try_later(struct tv_supervisor *supervisor, uint32_t count)
{
    struct tv_pool *pool = &supervisor->pool;
    struct tv_after after = TV_AFTER(TV_DETACHED);

    tv_lock_take(&supervisor->lock);
    pool->arriving -= count;
    pool->takes_seen = pool->takes;
    pool->retry_ns = tv_after(tv_now(), TV_POOL_RETRY);
    look_by(supervisor, pool->retry_ns, &after);
    tv_rt_drop(supervisor, &after);
}

/* Turns until there is nothing to do: IDLE, or LEAVE. */
static enum turn work(struct tv_worker *worker)
{
    enum turn turn;

    do {
        tv_ns asked = tv_now();

        if (!tv_member_attach(&worker->member))
            return TURN_LEAVE;
        turn = take_turn(worker, asked);
        tv_member_detach(&worker->member);
        if (turn == TURN_AGAIN)
            tv_thread_rest(TV_TURN_REST);
    } while (turn == TURN_AGAIN);
    return turn;
}

static void free_worker(void *arg)
{
    struct tv_worker *worker = arg;

    tv_sem_fini(&worker->sem);
    free(worker);
}

static void *worker_main(void *arg)
{
    struct tv_worker *worker = arg;
    struct tv_supervisor *supervisor = worker->member.supervisor;

    if (tv_member_begin(&worker->member))
        while (work(worker) == TURN_IDLE && sleep_idle(worker))
            continue;
    else
        try_later(supervisor, 0);
    tv_lock_take(&supervisor->lock);
    tv_list_remove(&worker->all);
    if (worker->is == TV_WORKER_ARRIVING)
        supervisor->pool.arriving--;
    tv_lock_drop(&supervisor->lock);
    tv_member_leave(&worker->member, free_worker, worker);
    return NULL;
}

/* ---- starting, waking, leaving ------------------------------------------------------------- */

static enum tv_err start_one(struct tv_supervisor *supervisor)
{
    struct tv_worker *worker = calloc(1, sizeof *worker);
    enum tv_err err;

    if (!worker)
        return TV_NO_MEMORY;
    tv_sem_init(&worker->sem);
    tv_list_init(&worker->link);
    snprintf(worker->member.name, sizeof worker->member.name, "taskvisor-%u",
             atomic_fetch_add(&supervisor->pool.names, 1) + 1);
    tv_lock_take(&supervisor->lock);
    tv_list_append(&supervisor->pool.workers, &worker->all);
    tv_lock_drop(&supervisor->lock);
    err = tv_member_start(&worker->member, supervisor, supervisor->config.stack_size, worker_main,
                          worker);
    if (err == TV_OK)
        return TV_OK;
    tv_lock_take(&supervisor->lock);
    tv_list_remove(&worker->all);
    tv_lock_drop(&supervisor->lock);
    free_worker(worker);
    return err;
}

void tv_pool_start(struct tv_supervisor *supervisor, uint32_t count)
{
    while (count > 0 && start_one(supervisor) == TV_OK)
        count--;
    if (count > 0)
        try_later(supervisor, count);
}

void tv_pool_wake(struct tv_worker *workers)
{
    while (workers) {
        struct tv_worker *next = workers->next_woken;

        tv_sem_post(&workers->sem);
        workers = next;
    }
}

enum tv_err tv_pool_start_first(struct tv_supervisor *supervisor)
{
    enum tv_err err;

    tv_lock_take(&supervisor->lock);
    supervisor->pool.arriving++;
    tv_lock_drop(&supervisor->lock);
    err = start_one(supervisor);
    if (err == TV_OK)
        return TV_OK;
    tv_lock_take(&supervisor->lock);
    supervisor->pool.arriving--;
    tv_lock_drop(&supervisor->lock);
    return err;
}

/*
 * A worker with neither a body nor a job is between two and comes to see that it shall leave. One is
 * brought where no member is left, because somebody has to call host->closed.
 */
void tv_pool_leave(struct tv_supervisor *supervisor, struct tv_after *after)
{
    struct tv_pool *pool = &supervisor->pool;

    while (!tv_list_empty(&pool->idle))
        bring(supervisor, 1, after);
    for (struct tv_list *link = pool->workers.next; link != &pool->workers; link = link->next) {
        struct tv_worker *worker = TV_CONTAINER(link, struct tv_worker, all);

        if (worker->is == TV_WORKER_BUSY && (worker->task || supervisor->jobs_open > 0))
            tv_member_write_off(&worker->member);
    }
    if (supervisor->host && !supervisor->crew.told_closed &&
        supervisor->crew.created == supervisor->crew.leaving)
        bring(supervisor, 1, after);
    pool->leaving = true;
}
