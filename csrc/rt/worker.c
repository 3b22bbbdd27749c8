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

/* From being attached until detaching. */
struct turn {
    struct tv_worker *worker;
    struct tv_after after; /* of the present hold */
    tv_ns now, until;
    struct tv_task *task;  /* taken, and its body not called yet; NULL: none */
    struct tv_token *old;  /* the token of its attempt before, held */
};

/*
 * An attempt has been taken: it is this worker's. Hooks that the step has brought about must not
 * come between the take and the body: another worker gets them. Call with the lock held.
 */
static void accept(struct turn *turn, struct tv_actor *actor)
{
    struct tv_worker *worker = turn->worker;
    struct tv_supervisor *supervisor = worker->member.supervisor;
    struct tv_pool *pool = &supervisor->pool;
    struct tv_task *task = tv_task_of(actor);

    turn->task = worker->task = task;
    turn->old = tv_task_renew_token(task);
    task->worker = worker;
    pool->took_ns = turn->now;
    pool->last_taker = worker;
    pool->takes++;
    tv_jobs_pass_on(supervisor, &turn->after);
    tv_pool_watch(supervisor, turn->now, &turn->after);
}

/* Takes the next ready attempt. False: none. The lock is held before and after. */
static bool take(struct turn *turn)
{
    struct tv_input in = {.kind = TV_IN_TAKE};

    if (tv_is_exiting() || tv_rt_step(turn->worker->member.supervisor, turn->now, &in,
                                      &turn->after) != TV_STEP_OK || !in.actor)
        return false;
    accept(turn, in.actor);
    return true;
}

static void call(struct tv_worker *worker, struct tv_task *task, struct tv_result *result)
{
    *worker->self = (struct tv_self){TV_ROLE_BODY, worker->member.supervisor, task};
    task->spec->call(task, task->spec->arg, result);
    *worker->self = (struct tv_self){TV_ROLE_NONE, NULL, NULL};
}

static bool is_over(const struct turn *turn)
{
    return tv_is_exclusive(turn->worker->member.supervisor) && turn->now >= turn->until;
}

/* Hands the result in, and takes what is next in the same step. Lock held before and after. */
static void hand_in(struct turn *turn, struct tv_task *task, struct tv_result *result)
{
    struct tv_supervisor *supervisor = turn->worker->member.supervisor;
    struct tv_after *after = &turn->after;
    struct tv_input in = {
        .kind = TV_IN_RESULT,
        .actor = &task->actor,
        .error = result->error,
        .stray = result->stray,
        .go_on = !supervisor->jobs && !is_over(turn) && !tv_is_exiting(),
    };

    turn->worker->task = NULL;
    task->worker = NULL;
    if (supervisor->pool.last_taker == turn->worker)
        supervisor->pool.last_taker = NULL;
    tv_rt_step(supervisor, turn->now, &in, after);
    tv_text_retire(in.spare, &after->dead);
    tv_text_retire(tv_error_text(&in.error), &after->dead);
    after->any |= after->dead != NULL;
    if (in.next)
        accept(turn, in.next);
}

/* Runs what this thread has been left by a result. Lock held before and after. */
static void run_own_jobs(struct turn *turn)
{
    struct tv_supervisor *supervisor = turn->worker->member.supervisor;
    struct tv_job *jobs = turn->after.jobs;
    uint64_t count;

    turn->after.jobs = NULL;
    tv_pool_watch(supervisor, turn->now, &turn->after);
    tv_rt_drop(supervisor, &turn->after);
    count = tv_jobs_run(supervisor, jobs);
    tv_lock_take(&supervisor->lock);
    tv_jobs_done(supervisor, count, &turn->after);
}

/* The attempt that has been taken, to its result. Lock held before and after. */
static void run_attempt(struct turn *turn)
{
    struct tv_supervisor *supervisor = turn->worker->member.supervisor;
    struct tv_result result = {.stray = false};
    struct tv_task *task = turn->task;

    turn->task = NULL;
    tv_rt_drop(supervisor, &turn->after);
    tv_token_rele(turn->old);
    call(turn->worker, task, &result);
    turn->now = tv_now();
    tv_lock_take(&supervisor->lock);
    hand_in(turn, task, &result);
    if (turn->after.jobs)
        run_own_jobs(turn);
}

/* Runs one queued job. False: there is none. Lock held before and after. */
static bool run_job(struct turn *turn)
{
    struct tv_supervisor *supervisor = turn->worker->member.supervisor;
    struct tv_job *job = tv_job_take(supervisor);

    if (!job)
        return false;
    tv_pool_watch(supervisor, turn->now, &turn->after);
    tv_rt_drop(supervisor, &turn->after);
    tv_job_run(supervisor, job);
    tv_lock_take(&supervisor->lock);
    tv_jobs_done(supervisor, 1, &turn->after);
    turn->now = tv_now();
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

enum turn_end {
    TURN_AGAIN, /* attached long enough: rest and come again, counted as arriving meanwhile */
    TURN_IDLE,  /* nothing to do */
    TURN_LEAVE,
};

static enum turn_end end_turn(struct tv_worker *worker, bool again)
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
static enum turn_end take_turn(struct tv_worker *worker, tv_ns asked)
{
    struct tv_supervisor *supervisor = worker->member.supervisor;
    struct turn turn = {.worker = worker, .after = TV_AFTER(TV_WORKER), .now = tv_now()};
    enum turn_end end;
    bool again = false;

    turn.until = tv_turn_until(asked, turn.now);
    tv_lock_take(&supervisor->lock);
    tv_pool_arrive(worker, turn.now, &turn.after);
    while (!again) {
        if (!turn.task && !run_job(&turn) && !take(&turn))
            break;
        if (turn.task)
            run_attempt(&turn);
        again = !turn.task && is_over(&turn) && tv_pool_has_work(supervisor);
    }
    end = end_turn(worker, again);
    tv_rt_drop(supervisor, &turn.after);
    return end;
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
static enum turn_end work(struct tv_worker *worker)
{
    enum turn_end end;

    do {
        tv_ns asked = tv_now();

        if (!tv_member_attach(&worker->member))
            return TURN_LEAVE;
        end = take_turn(worker, asked);
        tv_member_detach(&worker->member);
        if (end == TURN_AGAIN)
            tv_thread_rest(TV_TURN_REST);
    } while (end == TURN_AGAIN);
    return end;
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

    worker->self = &tv_self;
    worker->number = tv_thread_id();
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
