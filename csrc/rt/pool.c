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

#include "rt/runtime.h"

#include <stdio.h>
#include <stdlib.h>

void tv_pool_init(struct tv_pool *pool)
{
    *pool = (struct tv_pool){
        .burst = 1,
        .look_ns = TV_NEVER,
        .asleep_at = UINT64_MAX,
        .processors = tv_processors(),
    };
    tv_list_init(&pool->idle);
    tv_list_init(&pool->workers);
}

/* ---- when to bring more -------------------------------------------------------------------- */

bool tv_pool_has_work(const struct tv_supervisor *supervisor)
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
    const struct tv_pool *pool = &supervisor->pool;

    return !tv_is_exclusive(supervisor) && !supervisor->jobs && pool->busy > 0 &&
           now - pool->took_ns < TV_POOL_LOOK;
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

    if (supervisor->phase != TV_PHASE_SERVING || pool->arriving > 0 ||
        !tv_pool_has_work(supervisor))
        return;
    if (will_help_itself(supervisor, now) || !may_bring(pool, now))
        look_by(supervisor, next_look(pool, now), after);
    else
        bring(supervisor, 1, after);
}

void tv_pool_watch(struct tv_supervisor *supervisor, tv_ns now, struct tv_after *after)
{
    if (supervisor->pool.arriving == 0 && tv_pool_has_work(supervisor))
        look_by(supervisor, next_look(&supervisor->pool, now), after);
}

/*
 * Without a GIL: does the body that was taken last wait for something? One that computes is awake,
 * and so is one that others keep from the processor; a worker more would help neither. Asked twice,
 * a look apart, as its worker may be asleep because this thread has the lock. It is the one system
 * call that is made under the lock, and only where bodies are long.
 */
static bool seems_blocked(struct tv_pool *pool)
{
    const struct tv_worker *last = pool->last_taker;
    bool was_asleep = pool->asleep_at == pool->takes;
    bool is_asleep = !last || tv_thread_is_asleep(last->number);

    pool->asleep_at = is_asleep ? pool->takes : UINT64_MAX;
    return was_asleep && is_asleep;
}

static void bring_burst(struct tv_supervisor *supervisor, struct tv_after *after)
{
    struct tv_pool *pool = &supervisor->pool;

    bring(supervisor, ready_count(supervisor, pool->burst), after);
    pool->burst = pool->burst * 2 < TV_POOL_BURST ? pool->burst * 2 : TV_POOL_BURST;
}

/* Has `worker`, just attached, found another one in a body, which has given the GIL away? */
static bool sees_blocking(const struct tv_supervisor *supervisor, const struct tv_worker *worker,
                          tv_ns now)
{
    const struct tv_worker *last = supervisor->pool.last_taker;

    return tv_is_exclusive(supervisor) && last && last != worker &&
           now - supervisor->pool.took_ns < TV_POOL_FRESH;
}

/* What a look has found of the attempts since the last one. */
enum pace { PACE_GOOD, PACE_SLOW, PACE_BLOCKED };

/* What has just been brought has taken one each: that alone is not much. */
static enum pace pace_of(struct tv_supervisor *supervisor, uint64_t takes)
{
    struct tv_pool *pool = &supervisor->pool;

    if (tv_is_exclusive(supervisor))
        return takes == 0 ? PACE_BLOCKED : PACE_GOOD;
    if (takes >= TV_POOL_FEW + pool->burst)
        return PACE_GOOD;
    return seems_blocked(pool) && takes == 0 ? PACE_BLOCKED : PACE_SLOW;
}

/* Long bodies had better run side by side, but not more than a few on a processor. */
static bool is_one_wanted(const struct tv_pool *pool, tv_ns now)
{
    return pool->busy < (uint64_t)TV_POOL_ABREAST * pool->processors ||
           now - pool->moved_ns >= TV_POOL_STILL;
}

void tv_pool_look(struct tv_supervisor *supervisor, tv_ns now, struct tv_after *after)
{
    struct tv_pool *pool = &supervisor->pool;
    uint64_t takes = pool->takes - pool->takes_seen;
    enum pace pace;

    if (now < pool->look_ns)
        return;
    pool->look_ns = TV_NEVER;
    pool->takes_seen = pool->takes;
    if (takes > 0)
        pool->moved_ns = now;
    if (!tv_pool_has_work(supervisor) || pool->arriving > 0)
        return;
    pace = pace_of(supervisor, takes);
    if (pace == PACE_BLOCKED && may_bring(pool, now))
        bring_burst(supervisor, after);
    else if (pace == PACE_SLOW && may_bring(pool, now) && is_one_wanted(pool, now))
        bring(supervisor, 1, after);
    else
        look_by(supervisor, next_look(pool, now), after);
    if (pace == PACE_GOOD)
        pool->burst = 1;
}

void tv_pool_arrive(struct tv_worker *worker, tv_ns now, struct tv_after *after)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    struct tv_pool *pool = &supervisor->pool;
    bool blocking = sees_blocking(supervisor, worker, now);

    pool->arriving--;
    pool->busy++;
    worker->is = TV_WORKER_BUSY;
    if (!blocking && tv_is_exclusive(supervisor))
        pool->burst = 1;
    if (blocking && pool->arriving == 0 && ready_count(supervisor, 2) > 1 && may_bring(pool, now))
        bring_burst(supervisor, after);
}

void tv_pool_try_later(struct tv_supervisor *supervisor, uint32_t count)
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
    err = tv_member_start(&worker->member, supervisor, supervisor->config.stack_size,
                          tv_worker_main, worker);
    if (err == TV_OK)
        return TV_OK;
    tv_lock_take(&supervisor->lock);
    tv_list_remove(&worker->all);
    tv_lock_drop(&supervisor->lock);
    tv_worker_free(worker);
    return err;
}

void tv_pool_start(struct tv_supervisor *supervisor, uint32_t count)
{
    while (count > 0 && start_one(supervisor) == TV_OK)
        count--;
    if (count > 0)
        tv_pool_try_later(supervisor, count);
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
 * A worker with neither a body nor a job is between two and comes to see that it shall leave. One
 * is brought where no member is left, because somebody has to call host->closed.
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
