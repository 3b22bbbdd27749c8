/*
 * worker.c: what a worker does from its start to its end.
 *
 * Locking discipline: pool.c's. A worker attaches first and takes the lock then; from the hold in
 * which it hands in a result it goes on to the next attempt without dropping the lock, unless there
 * is something to be done in between.
 */
#include "rt/pool.h"
#include "rt/runtime.h"

#include <stdlib.h>

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
    tv_pool_watch(supervisor, now, after);
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
    tv_text_retire(in.spare, &after->dead);
    tv_text_retire(tv_error_text(&in.error), &after->dead);
    after->any |= after->dead != NULL;
    if (after->jobs) {
        tv_pool_watch(supervisor, now, after);
        tv_rt_drop(supervisor, after);
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
    tv_pool_watch(supervisor, now, after);
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
    tv_pool_arrive(worker, now, &after);
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
        again = exclusive && now >= until && tv_pool_has_work(supervisor);
    }
    turn = end_turn(worker, again);
    tv_rt_drop(supervisor, &after);
    return turn;
}

/*
 * Work that follows work at once is seen without a system call on either side. One worker of a pool
 * looks out for it, for a moment.
 */
static bool look_out(struct tv_worker *worker)
{
    struct tv_pool *pool = &worker->member.supervisor->pool;
    bool woken;

    if (atomic_exchange(&pool->has_lookout, true))
        return false;
    woken = tv_sem_spin(&worker->sem, TV_NEVER) == TV_OK;
    atomic_store(&pool->has_lookout, false);
    return woken;
}

/* Sleeps until it is woken. False: it has been idle for long and leaves; it is in no list. */
static bool sleep_idle(struct tv_worker *worker)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    bool leave;

    if (look_out(worker))
        return true;
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

void tv_worker_free(void *arg)
{
    struct tv_worker *worker = arg;

    tv_sem_fini(&worker->sem);
    free(worker);
}

void *tv_worker_main(void *arg)
{
    struct tv_worker *worker = arg;
    struct tv_supervisor *supervisor = worker->member.supervisor;

    if (tv_member_begin(&worker->member))
        while (work(worker) == TURN_IDLE && sleep_idle(worker))
            continue;
    else
        tv_pool_try_later(supervisor, 0);
    tv_lock_take(&supervisor->lock);
    tv_list_remove(&worker->all);
    if (worker->is == TV_WORKER_ARRIVING)
        supervisor->pool.arriving--;
    tv_lock_drop(&supervisor->lock);
    tv_member_leave(&worker->member, tv_worker_free, worker);
    return NULL;
}
