#include "core/actor.h"

#include "core/attempt.h"
#include "core/core.h"

void tv_actor_init(struct tv_actor *actor, tv_id id, struct tv_text *name,
                   const struct tv_options *options)
{
    *actor = (struct tv_actor){
        .state = TV_ACTOR_RESERVED,
        .timer = {.owner = TV_TIMER_ACTOR},
        .name = name,
        .options = options,
        .id = id,
    };
    tv_list_init(&actor->link);
}

void tv_actor_enter(struct tv_core *core, struct tv_actor *actor, enum tv_actor_state state)
{
    tv_list_remove(&actor->link);
    actor->state = (uint8_t)state;
    if (state != TV_ACTOR_DONE && state != TV_ACTOR_QUEUED)
        tv_list_append(&core->in[state], &actor->link);
}

bool tv_actor_is_alive(const struct tv_actor *actor)
{
    switch ((enum tv_actor_state)actor->state) {
    case TV_ACTOR_RUNNING:
    case TV_ACTOR_OVERDUE:
    case TV_ACTOR_STOPPING:
    case TV_ACTOR_ABANDONED:
        return true;
    case TV_ACTOR_RESERVED:
    case TV_ACTOR_ROOM:
    case TV_ACTOR_QUEUED:
    case TV_ACTOR_PERMIT:
    case TV_ACTOR_READY:
    case TV_ACTOR_INBOX:
    case TV_ACTOR_BACKOFF:
    case TV_ACTOR_PAUSED:
    case TV_ACTOR_DONE:
        break;
    }
    return false;
}

enum tv_task_state tv_actor_task_state(const struct tv_actor *actor)
{
    static const uint8_t of[] = {
#define X(name, task) [TV_ACTOR_##name] = TV_TASK_##task,
        TV_ACTOR_STATES(X)
#undef X
    };

    return (enum tv_task_state)of[actor->state];
}

struct tv_error tv_actor_last_error(const struct tv_actor *actor)
{
    if (actor->timed_out)
        return (struct tv_error){.kind = TV_ERROR_TIMEOUT, .after_ns = actor->timeout_ns};
    return actor->error;
}

struct tv_reason tv_actor_reason(const struct tv_actor *actor)
{
    if (actor->outcome == TV_OUTCOME_REJECTED)
        return (struct tv_reason){.kind = actor->reason,
                                  .admission = actor->admission,
                                  .status = actor->slot_status,
                                  .count = actor->failures,
                                  .limit = actor->budget,
                                  .error = {.text = actor->name}};
    return (struct tv_reason){.kind = actor->reason,
                              .count = actor->failures,
                              .limit = actor->budget,
                              .error = tv_actor_last_error(actor)};
}

/* ---- what several states do ---------------------------------------------------------------- */

void tv_actor_arm(struct tv_core *core, struct tv_actor *actor, tv_ns from, tv_ns delay)
{
    tv_timers_arm(&core->timers, &actor->timer, tv_after(from, delay));
}

static void settle(struct tv_core *core, struct tv_actor *actor, enum tv_outcome_kind kind,
                   enum tv_reason_kind reason)
{
    TV_CHECK(core, !actor->settled);
    actor->settled = true;
    actor->outcome = (uint8_t)kind;
    actor->reason = (uint8_t)reason;
    tv_core_act(core, TV_ACT_SETTLE, actor);
}

/* Out of the registry; `quietly` where the shutdown has given its verdict. */
static void forget(struct tv_core *core, struct tv_actor *actor, bool quietly)
{
    tv_registry_leave(&core->registry, actor);
    core->live--;
    if (!quietly)
        tv_core_emit(core, TV_EVENT_TASK_REMOVED, actor)->attempt = 0;
    if (actor->slot)
        tv_slot_owner_gone(core, actor);
    tv_core_let_go(core, actor);
    tv_core_act(core, TV_ACT_FORGET, actor);
}

void tv_actor_reject(struct tv_core *core, struct tv_actor *actor, enum tv_reason_kind reason)
{
    settle(core, actor, TV_OUTCOME_REJECTED, reason);
    if (actor->state == TV_ACTOR_QUEUED)
        tv_registry_forget_id(&core->registry, actor);
    tv_core_let_go(core, actor);
    tv_core_act(core, TV_ACT_FORGET, actor);
}

void tv_actor_finish(struct tv_core *core, struct tv_actor *actor, enum tv_outcome_kind kind,
                     enum tv_reason_kind reason)
{
    settle(core, actor, kind, reason);
    forget(core, actor, false);
    if (actor->essential && (kind == TV_OUTCOME_FAILED || kind == TV_OUTCOME_FATAL))
        core->essential_lost = true;
}

void tv_actor_finish_canceled(struct tv_core *core, struct tv_actor *actor)
{
    tv_actor_finish(core, actor, TV_OUTCOME_CANCELED,
                    actor->timed_out ? TV_REASON_ERROR : TV_REASON_NONE);
}

static void cancel_token(struct tv_core *core, struct tv_actor *actor, enum tv_cancel_reason reason)
{
    actor->cancelled = true;
    actor->cancel_reason = (uint8_t)reason;
    tv_core_act(core, TV_ACT_CANCEL, actor);
}

/* The grace runs from the cancel; a shutdown cancels all at the instant it was requested. */
static void enter_stopping(struct tv_core *core, struct tv_actor *actor,
                           enum tv_cancel_reason reason)
{
    tv_ns from = reason == TV_CANCEL_SHUTDOWN ? core->shutdown.since_ns : core->now;

    tv_timers_disarm(&core->timers, &actor->timer);
    cancel_token(core, actor, reason);
    tv_actor_enter(core, actor, TV_ACTOR_STOPPING);
    tv_actor_arm(core, actor, from, tv_core_options(core, actor, TV_INHERIT_GRACE)->grace_ns);
}

/* ---- the states ---------------------------------------------------------------------------- */

static void unexpected(struct tv_core *core)
{
    TV_CHECK(core, !"a stimulus that the actor's state does not know");
}

/* Its name has been reserved; one that was QUEUED has its id in the registry already. */
static void accept(struct tv_core *core, struct tv_actor *actor)
{
    tv_prng_init(&actor->prng, core->config.seed, ++core->accepted);
    core->live++;
    if (actor->state != TV_ACTOR_QUEUED)
        tv_registry_enter(&core->registry, actor);
    tv_core_emit(core, TV_EVENT_TASK_ADD_REQUESTED, actor);
    tv_core_emit(core, TV_EVENT_TASK_ADDED, actor);
    tv_permit_request(core, actor);
}

static void in_reserved(struct tv_core *core, struct tv_actor *actor,
                        const struct tv_stimulus *stimulus)
{
    if (stimulus->kind != TV_ACCEPT)
        unexpected(core);
    accept(core, actor);
}

static void in_queued(struct tv_core *core, struct tv_actor *actor,
                      const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_ACCEPT)
        accept(core, actor);
    else if (stimulus->kind == TV_LEAVE)
        tv_slot_reject_queued(core, actor, TV_REJECTION_REMOVED_FROM_QUEUE);
    else
        unexpected(core);
}

static void in_permit(struct tv_core *core, struct tv_actor *actor,
                      const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_GRANT) {
        tv_actor_enter(core, actor, actor->on_loop ? TV_ACTOR_INBOX : TV_ACTOR_READY);
    } else if (stimulus->kind == TV_LEAVE) {
        cancel_token(core, actor, stimulus->reason);
        tv_actor_finish_canceled(core, actor);
    } else {
        unexpected(core);
    }
}

static void start(struct tv_core *core, struct tv_actor *actor)
{
    tv_ns timeout = tv_core_options(core, actor, TV_INHERIT_TIMEOUT)->timeout_ns;

    if (actor->attempt < UINT64_MAX)
        actor->attempt++;
    actor->started_ns = core->now;
    actor->timed_out = actor->failed = false;
    tv_core_emit(core, TV_EVENT_TASK_STARTING, actor);
    tv_actor_enter(core, actor, TV_ACTOR_RUNNING);
    if (timeout > 0)
        tv_actor_arm(core, actor, core->now, timeout);
}

static void in_ready(struct tv_core *core, struct tv_actor *actor,
                     const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_TAKE) {
        start(core, actor);
    } else if (stimulus->kind == TV_LEAVE) {
        cancel_token(core, actor, stimulus->reason);
        tv_permit_release(core);
        tv_actor_finish_canceled(core, actor);
    } else {
        unexpected(core);
    }
}

static void time_out(struct tv_core *core, struct tv_actor *actor)
{
    tv_ns timeout = tv_core_options(core, actor, TV_INHERIT_TIMEOUT)->timeout_ns;

    actor->timed_out = true;
    actor->timeout_ns = timeout;
    tv_core_emit(core, TV_EVENT_TIMEOUT_HIT, actor)->span_ns = timeout;
    tv_core_act(core, TV_ACT_TIMEOUT, actor);
    tv_actor_enter(core, actor, TV_ACTOR_OVERDUE);
}

static void in_running(struct tv_core *core, struct tv_actor *actor,
                       const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_END)
        tv_attempt_end(core, actor, stimulus);
    else if (stimulus->kind == TV_LEAVE)
        enter_stopping(core, actor, stimulus->reason);
    else if (stimulus->kind == TV_DUE)
        time_out(core, actor);
    else
        unexpected(core);
}

static void in_overdue(struct tv_core *core, struct tv_actor *actor,
                       const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_END)
        tv_attempt_end(core, actor, stimulus);
    else if (stimulus->kind == TV_LEAVE)
        enter_stopping(core, actor, stimulus->reason);
    else
        unexpected(core);
}

/* GRACE_EXCEEDED speaks for one task; the shutdown's verdict has spoken for all. */
static void abandon(struct tv_core *core, struct tv_actor *actor, bool verdict)
{
    tv_timers_disarm(&core->timers, &actor->timer);
    tv_actor_enter(core, actor, TV_ACTOR_ABANDONED);
    if (!verdict)
        tv_core_emit(core, TV_EVENT_GRACE_EXCEEDED, actor);
    settle(core, actor, TV_OUTCOME_ABANDONED,
           actor->timed_out ? TV_REASON_ERROR : TV_REASON_NONE);
}

static void in_stopping(struct tv_core *core, struct tv_actor *actor,
                        const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_END)
        tv_attempt_end(core, actor, stimulus);
    else if (stimulus->kind == TV_DUE || stimulus->kind == TV_VERDICT)
        abandon(core, actor, stimulus->kind == TV_VERDICT);
    else
        unexpected(core);
}

static void in_delay(struct tv_core *core, struct tv_actor *actor,
                     const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_DUE) {
        tv_permit_request(core, actor);
    } else if (stimulus->kind == TV_LEAVE) {
        tv_timers_disarm(&core->timers, &actor->timer);
        cancel_token(core, actor, stimulus->reason);
        tv_actor_finish_canceled(core, actor);
    } else {
        unexpected(core);
    }
}

/* The outcome stays as it was settled, also where the body has now failed. */
static void in_abandoned(struct tv_core *core, struct tv_actor *actor,
                         const struct tv_stimulus *stimulus)
{
    bool quietly = tv_shutdown_is_decided(core);

    if (stimulus->kind != TV_END)
        unexpected(core);
    tv_attempt_end_late(core, actor, stimulus, quietly);
    forget(core, actor, quietly);
}

void tv_actor_step(struct tv_core *core, struct tv_actor *actor, const struct tv_stimulus *stimulus)
{
    switch ((enum tv_actor_state)actor->state) {
    case TV_ACTOR_RESERVED:
    case TV_ACTOR_ROOM:
        in_reserved(core, actor, stimulus);
        break;
    case TV_ACTOR_QUEUED:
        in_queued(core, actor, stimulus);
        break;
    case TV_ACTOR_PERMIT:
        in_permit(core, actor, stimulus);
        break;
    case TV_ACTOR_READY:
    case TV_ACTOR_INBOX:
        in_ready(core, actor, stimulus);
        break;
    case TV_ACTOR_RUNNING:
        in_running(core, actor, stimulus);
        break;
    case TV_ACTOR_OVERDUE:
        in_overdue(core, actor, stimulus);
        break;
    case TV_ACTOR_STOPPING:
        in_stopping(core, actor, stimulus);
        break;
    case TV_ACTOR_BACKOFF:
    case TV_ACTOR_PAUSED:
        in_delay(core, actor, stimulus);
        break;
    case TV_ACTOR_ABANDONED:
        in_abandoned(core, actor, stimulus);
        break;
    case TV_ACTOR_DONE:
        unexpected(core);
    }
}
