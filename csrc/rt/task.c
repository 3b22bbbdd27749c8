/*
 * task.c: a task's record and what may be asked of it.
 *
 * Locking discipline. The actor inside is the core's and is read under the lock, but for what does
 * not change: name, id; and, once `done` has been seen set, the outcome. `cancel` is written under
 * the lock and read by the body without it. `attempt` is read by the body it belongs to, which was
 * handed over under the lock. The two tokens are made and read under the lock.
 */
#include "rt/runtime.h"

#include <stdlib.h>

struct tv_task *tv_task_new(struct tv_supervisor *supervisor, const struct tv_spec *spec,
                            struct tv_text *name, void *user)
{
    struct tv_task *task = malloc(sizeof *task);

    if (!task)
        return NULL;
    *task = (struct tv_task){
        .supervisor = tv_supervisor_hold(supervisor),
        .spec = spec,
        .user = user,
    };
    tv_actor_init(&task->actor, tv_id_next(), tv_text_hold(name), &spec->options);
    task->actor.on_loop = spec->on_loop;
    task->actor.essential = spec->essential;
    tv_list_init(&task->waiters);
    atomic_init(&task->refs, 1);
    atomic_init(&task->done, false);
    atomic_init(&task->notify, false);
    atomic_init(&task->cancel, -1);
    return task;
}

struct tv_task *tv_task_hold(struct tv_task *task)
{
    atomic_fetch_add_explicit(&task->refs, 1, memory_order_relaxed);
    return task;
}

void tv_task_rele(struct tv_task *task)
{
    struct tv_supervisor *supervisor = task->supervisor;

    if (atomic_fetch_sub_explicit(&task->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (tv_is_forked(supervisor))
        return;
    if (task->attempt_token)
        tv_token_rele(task->attempt_token);
    if (task->token)
        tv_token_rele(task->token);
    tv_text_rele(tv_error_text(&task->actor.error));
    tv_text_rele(task->actor.name);
    free(task);
    tv_supervisor_rele(supervisor);
}

tv_id tv_task_id(const struct tv_task *task)
{
    return task->actor.id;
}

struct tv_text *tv_task_name(const struct tv_task *task)
{
    return task->actor.name;
}

void *tv_task_user(const struct tv_task *task)
{
    return task->user;
}

struct tv_supervisor *tv_task_supervisor(const struct tv_task *task)
{
    return task->supervisor;
}

void *tv_task_host_arg(const struct tv_task *task)
{
    return task->supervisor->host_arg;
}

uint64_t tv_task_attempt(const struct tv_task *task)
{
    return task->actor.attempt;
}

/* The spec is borrowed until the task is DONE. */
tv_ns tv_task_grace(struct tv_task *task)
{
    struct tv_supervisor *supervisor = task->supervisor;
    tv_ns grace = 0;

    if (tv_is_forked(supervisor))
        return 0;
    tv_lock_take(&supervisor->lock);
    if (task->actor.state != TV_ACTOR_DONE)
        grace = tv_core_options(&supervisor->core, &task->actor, TV_INHERIT_GRACE)->grace_ns;
    tv_lock_drop(&supervisor->lock);
    return grace;
}

enum tv_task_state tv_task_state(struct tv_task *task)
{
    struct tv_supervisor *supervisor = task->supervisor;
    enum tv_task_state state;

    if (tv_is_forked(supervisor))
        return tv_actor_task_state(&task->actor);
    tv_lock_take(&supervisor->lock);
    state = tv_actor_task_state(&task->actor);
    tv_lock_drop(&supervisor->lock);
    return state;
}

bool tv_task_done(const struct tv_task *task)
{
    return atomic_load(&task->done);
}

bool tv_task_notify(struct tv_task *task)
{
    atomic_store(&task->notify, true);
    return !tv_task_done(task);
}

enum tv_outcome_kind tv_task_outcome_kind(const struct tv_task *task)
{
    TV_MUST(tv_task_done(task));
    return (enum tv_outcome_kind)task->actor.outcome;
}

void tv_task_outcome(const struct tv_task *task, struct tv_outcome *outcome)
{
    const struct tv_actor *actor = &task->actor;

    TV_MUST(tv_task_done(task));
    *outcome = (struct tv_outcome){
        .kind = (enum tv_outcome_kind)actor->outcome,
        .reason = tv_actor_reason(actor),
        .attempts = actor->attempt,
        .timed_out = actor->timed_out,
        .rejection = (enum tv_rejection)actor->rejection,
    };
    if (actor->failed && !actor->timed_out && actor->error.has_exit_code) {
        outcome->has_exit_code = true;
        outcome->exit_code = actor->error.exit_code;
    }
}

/* ---- cancellation -------------------------------------------------------------------------- */

bool tv_task_is_cancelled(const struct tv_task *task)
{
    return atomic_load(&task->cancel) >= 0;
}

int tv_task_cancel_reason(const struct tv_task *task)
{
    return atomic_load(&task->cancel);
}

static void note_reason(struct tv_task *task, int reason)
{
    if (atomic_load(&task->cancel) < 0)
        atomic_store(&task->cancel, (int8_t)reason);
}

void tv_task_set_canceled(struct tv_task *task, struct tv_after *after)
{
    note_reason(task, task->actor.cancel_reason);
    tv_token_set_later(task->token, task->actor.cancel_reason, &after->tokens);
    tv_loop_order_cancel(task, after);
    after->any = true;
}

void tv_task_set_timed_out(struct tv_task *task, struct tv_after *after)
{
    note_reason(task, TV_CANCEL_TIMEOUT);
    tv_token_set_later(task->attempt_token, TV_CANCEL_TIMEOUT, &after->tokens);
    tv_loop_order_cancel(task, after);
    after->any = true;
}

struct tv_token *tv_task_renew_token(struct tv_task *task)
{
    struct tv_token *old = task->attempt_token;

    task->attempt_token = NULL;
    atomic_store_explicit(&task->cancel, -1, memory_order_relaxed);
    return old;
}

/*
 * Tokens are made outside the lock and put where none was; one that came second is given back. The
 * task's own token comes first, then the attempt's as its child.
 */
static struct tv_token *own_token(struct tv_task *task)
{
    struct tv_lock *lock = &task->supervisor->lock;
    struct tv_token *made = tv_token_new(NULL), *own;

    if (!made)
        return NULL;
    tv_lock_take(lock);
    if (!task->token) {
        task->token = made;
        made = NULL;
        if (task->actor.cancelled)
            tv_token_set(task->token, task->actor.cancel_reason);
    }
    own = tv_token_hold(task->token);
    tv_lock_drop(lock);
    tv_token_rele(made);
    return own;
}

static struct tv_token *attempt_token(struct tv_task *task, struct tv_token *own)
{
    struct tv_lock *lock = &task->supervisor->lock;
    struct tv_token *made = tv_token_new(own), *token;

    if (!made)
        return NULL;
    tv_lock_take(lock);
    if (!task->attempt_token) {
        task->attempt_token = made;
        made = NULL;
        if (tv_task_is_cancelled(task))
            tv_token_set(task->attempt_token, tv_task_cancel_reason(task));
    }
    token = tv_token_hold(task->attempt_token);
    tv_lock_drop(lock);
    tv_token_rele(made);
    return token;
}

struct tv_token *tv_task_token(struct tv_task *task)
{
    struct tv_token *own = NULL, *token = NULL;

    if (tv_is_forked(task->supervisor))
        return NULL;
    tv_lock_take(&task->supervisor->lock);
    if (task->attempt_token)
        token = tv_token_hold(task->attempt_token);
    else if (task->token)
        own = tv_token_hold(task->token);
    tv_lock_drop(&task->supervisor->lock);
    if (token)
        return token;
    if (!own)
        own = own_token(task);
    if (own)
        token = attempt_token(task, own);
    tv_token_rele(own);
    return token;
}

struct tv_task *tv_current_task(void)
{
    return tv_self.role == TV_ROLE_BODY ? tv_self.task : NULL;
}
