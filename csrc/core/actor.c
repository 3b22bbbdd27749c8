#include "core/actor.h"

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
    if (state != TV_ACTOR_DONE)
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
    case TV_ACTOR_PERMIT:
    case TV_ACTOR_READY:
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

/* While a timed out body is still there, `error` is that of an attempt before. */
static struct tv_error last_error(const struct tv_actor *actor)
{
    if (actor->timed_out)
        return (struct tv_error){.kind = TV_ERROR_TIMEOUT, .after_ns = actor->timeout_ns};
    return actor->error;
}

struct tv_reason tv_actor_reason(const struct tv_actor *actor)
{
    return (struct tv_reason){.kind = actor->reason,
                              .failures = actor->failures,
                              .max = actor->budget,
                              .error = last_error(actor)};
}

/* ---- what several states do ---------------------------------------------------------------- */

static void arm(struct tv_core *core, struct tv_actor *actor, tv_ns from, tv_ns delay)
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
    tv_actor_enter(core, actor, TV_ACTOR_DONE);
    tv_core_act(core, TV_ACT_FORGET, actor);
}

static void finish(struct tv_core *core, struct tv_actor *actor, enum tv_outcome_kind kind,
                   enum tv_reason_kind reason)
{
    settle(core, actor, kind, reason);
    forget(core, actor, false);
}

/* A cancelled or abandoned task tells why only where its last attempt had timed out. */
static void finish_canceled(struct tv_core *core, struct tv_actor *actor)
{
    finish(core, actor, TV_OUTCOME_CANCELED,
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
    arm(core, actor, from, tv_core_options(core, actor, TV_INHERIT_GRACE)->grace_ns);
}

/* ---- how an attempt ended ------------------------------------------------------------------ */

static bool is_failure(const struct tv_actor *actor, const struct tv_error *error)
{
    return actor->timed_out || error->kind == TV_ERROR_FAIL || error->kind == TV_ERROR_FATAL;
}

/* Makes this error the actor's last one; the text it replaces goes back to who brought it. */
static void record(struct tv_actor *actor, const struct tv_stimulus *end)
{
    actor->failed = is_failure(actor, end->error);
    if (!actor->failed)
        return;
    *end->spare = tv_error_text(&actor->error);
    if (actor->timed_out) {
        actor->error = last_error(actor);
    } else {
        actor->error = *end->error;
        end->error->text = NULL;
    }
}

/* A CancelledError is ours once the task's own token is cancelled, else somebody's mistake. */
static void judge_stray(const struct tv_actor *actor, const struct tv_stimulus *end)
{
    if (!end->stray)
        return;
    if (actor->cancelled)
        *end->error = (struct tv_error){.kind = TV_ERROR_CANCELED};
    else
        *end->error = (struct tv_error){.kind = TV_ERROR_FAIL, .text = &tv_text_not_requested};
}

/* `error` counts where the attempt failed. */
static void emit_attempt(struct tv_core *core, struct tv_actor *actor, bool failed,
                         const struct tv_error *error)
{
    struct tv_event *event =
        tv_core_emit(core, failed ? TV_EVENT_TASK_FAILED : TV_EVENT_TASK_STOPPED, actor);

    event->span_ns = core->now - actor->started_ns;
    if (failed)
        event->reason = (struct tv_reason){.kind = TV_REASON_ERROR, .error = *error};
}

static void emit_terminal(struct tv_core *core, struct tv_actor *actor, enum tv_event_kind kind,
                          enum tv_reason_kind reason)
{
    struct tv_event *event = tv_core_emit(core, kind, actor);

    event->reason = (struct tv_reason){.kind = (uint8_t)reason,
                                       .failures = actor->failures,
                                       .max = actor->budget,
                                       .error = actor->error};
}

static void schedule(struct tv_core *core, struct tv_actor *actor, enum tv_actor_state state,
                     tv_ns delay)
{
    struct tv_event *event = tv_core_emit(core, TV_EVENT_BACKOFF_SCHEDULED, actor);

    event->span_ns = delay;
    event->source = TV_BACKOFF_SUCCESS;
    if (state == TV_ACTOR_BACKOFF) {
        event->source = TV_BACKOFF_FAILURE;
        event->reason = (struct tv_reason){.kind = TV_REASON_ERROR, .error = actor->error};
    }
    tv_actor_enter(core, actor, state);
    arm(core, actor, core->now, delay);
}

static void after_success(struct tv_core *core, struct tv_actor *actor)
{
    const struct tv_options *options = tv_core_options(core, actor, TV_INHERIT_RESTART);

    actor->failures = 0;
    if (options->restart != TV_RESTART_ALWAYS) {
        emit_terminal(core, actor, TV_EVENT_ACTOR_EXHAUSTED, TV_REASON_SUCCESS);
        finish(core, actor, TV_OUTCOME_COMPLETED, TV_REASON_NONE);
    } else if (options->interval_ns == TV_NONE) {
        tv_permit_request(core, actor);
    } else {
        schedule(core, actor, TV_ACTOR_PAUSED, options->interval_ns);
    }
}

static void retry(struct tv_core *core, struct tv_actor *actor)
{
    const struct tv_backoff *backoff =
        &tv_core_options(core, actor, TV_INHERIT_BACKOFF)->backoff;
    tv_ns previous = actor->failures == 0 ? backoff->first_ns : actor->delay_ns;

    actor->delay_ns = tv_backoff_draw(backoff, actor->failures, previous, &actor->prng);
    if (actor->failures < UINT32_MAX)
        actor->failures++;
    schedule(core, actor, TV_ACTOR_BACKOFF, actor->delay_ns);
}

static void give_up(struct tv_core *core, struct tv_actor *actor, enum tv_reason_kind reason)
{
    emit_terminal(core, actor, TV_EVENT_ACTOR_EXHAUSTED, reason);
    finish(core, actor, TV_OUTCOME_FAILED, reason);
}

static void after_failure(struct tv_core *core, struct tv_actor *actor)
{
    tv_ns reset = tv_core_options(core, actor, TV_INHERIT_RESET)->reset_after_ns;
    int64_t max = tv_core_options(core, actor, TV_INHERIT_RETRIES)->max_retries;

    if (reset != TV_NONE && !actor->timed_out && core->now - actor->started_ns >= reset)
        actor->failures = 0;
    if (tv_core_options(core, actor, TV_INHERIT_RESTART)->restart == TV_RESTART_NEVER) {
        give_up(core, actor, TV_REASON_ERROR);
    } else if (max != TV_NONE && actor->failures >= max) {
        actor->budget = (uint32_t)max;
        give_up(core, actor, TV_REASON_RETRIES);
    } else {
        retry(core, actor);
    }
}

static void decide(struct tv_core *core, struct tv_actor *actor, enum tv_error_kind how)
{
    if (actor->timed_out) {
        after_failure(core, actor);
        return;
    }
    switch (how) {
    case TV_ERROR_NONE:
        after_success(core, actor);
        break;
    case TV_ERROR_FAIL:
        after_failure(core, actor);
        break;
    case TV_ERROR_FATAL:
        emit_terminal(core, actor, TV_EVENT_ACTOR_DEAD, TV_REASON_ERROR);
        finish(core, actor, TV_OUTCOME_FATAL, TV_REASON_ERROR);
        break;
    case TV_ERROR_CANCELED:
        finish_canceled(core, actor);
        break;
    case TV_ERROR_TIMEOUT:
        TV_CHECK(core, !"a timeout is the core's to find out");
    }
}

/* The body has ended in RUNNING, OVERDUE or STOPPING. */
static void end(struct tv_core *core, struct tv_actor *actor, const struct tv_stimulus *stimulus)
{
    tv_timers_disarm(&core->timers, &actor->timer);
    judge_stray(actor, stimulus);
    record(actor, stimulus);
    tv_permit_release(core);
    emit_attempt(core, actor, actor->failed, &actor->error);
    if (actor->cancelled)
        finish_canceled(core, actor);
    else
        decide(core, actor, (enum tv_error_kind)stimulus->error->kind);
}

/* ---- the states ---------------------------------------------------------------------------- */

static void unexpected(struct tv_core *core)
{
    TV_CHECK(core, !"a stimulus that the actor's state does not know");
}

static void in_reserved(struct tv_core *core, struct tv_actor *actor,
                        const struct tv_stimulus *stimulus)
{
    if (stimulus->kind != TV_ACCEPT)
        unexpected(core);
    tv_prng_init(&actor->prng, core->config.seed, ++core->accepted);
    core->live++;
    tv_registry_enter(&core->registry, actor);
    tv_core_emit(core, TV_EVENT_TASK_ADD_REQUESTED, actor);
    tv_core_emit(core, TV_EVENT_TASK_ADDED, actor);
    tv_permit_request(core, actor);
}

static void in_permit(struct tv_core *core, struct tv_actor *actor,
                      const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_GRANT) {
        tv_actor_enter(core, actor, TV_ACTOR_READY);
    } else if (stimulus->kind == TV_LEAVE) {
        cancel_token(core, actor, stimulus->reason);
        finish_canceled(core, actor);
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
        arm(core, actor, core->now, timeout);
}

static void in_ready(struct tv_core *core, struct tv_actor *actor,
                     const struct tv_stimulus *stimulus)
{
    if (stimulus->kind == TV_TAKE) {
        start(core, actor);
    } else if (stimulus->kind == TV_LEAVE) {
        cancel_token(core, actor, stimulus->reason);
        tv_permit_release(core);
        finish_canceled(core, actor);
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
        end(core, actor, stimulus);
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
        end(core, actor, stimulus);
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
        end(core, actor, stimulus);
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
        finish_canceled(core, actor);
    } else {
        unexpected(core);
    }
}

/* The outcome stays as it was settled, also where the body has now failed. */
static void in_abandoned(struct tv_core *core, struct tv_actor *actor,
                         const struct tv_stimulus *stimulus)
{
    bool quietly = tv_shutdown_is_decided(core);
    struct tv_error error;

    if (stimulus->kind != TV_END)
        unexpected(core);
    judge_stray(actor, stimulus);
    tv_permit_release(core);
    error = actor->timed_out ? last_error(actor) : *stimulus->error;
    if (!quietly)
        emit_attempt(core, actor, is_failure(actor, &error), &error);
    forget(core, actor, quietly);
}

void tv_actor_step(struct tv_core *core, struct tv_actor *actor, const struct tv_stimulus *stimulus)
{
    switch ((enum tv_actor_state)actor->state) {
    case TV_ACTOR_RESERVED:
        in_reserved(core, actor, stimulus);
        break;
    case TV_ACTOR_PERMIT:
        in_permit(core, actor, stimulus);
        break;
    case TV_ACTOR_READY:
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
