#include "core/attempt.h"

#include "core/core.h"

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
        actor->error = tv_actor_last_error(actor);
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
                                       .count = actor->failures,
                                       .limit = actor->budget,
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
    tv_actor_arm(core, actor, core->now, delay);
}

static void after_success(struct tv_core *core, struct tv_actor *actor)
{
    const struct tv_options *options = tv_core_options(core, actor, TV_INHERIT_RESTART);

    actor->failures = 0;
    if (options->restart != TV_RESTART_ALWAYS) {
        emit_terminal(core, actor, TV_EVENT_ACTOR_EXHAUSTED, TV_REASON_SUCCESS);
        tv_actor_finish(core, actor, TV_OUTCOME_COMPLETED, TV_REASON_NONE);
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
    tv_actor_finish(core, actor, TV_OUTCOME_FAILED, reason);
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
        tv_actor_finish(core, actor, TV_OUTCOME_FATAL, TV_REASON_ERROR);
        break;
    case TV_ERROR_CANCELED:
        tv_actor_finish_canceled(core, actor);
        break;
    case TV_ERROR_TIMEOUT:
        TV_CHECK(core, !"a timeout is the core's to find out");
    }
}

void tv_attempt_end(struct tv_core *core, struct tv_actor *actor,
                    const struct tv_stimulus *stimulus)
{
    tv_timers_disarm(&core->timers, &actor->timer);
    judge_stray(actor, stimulus);
    record(actor, stimulus);
    tv_permit_release(core);
    emit_attempt(core, actor, actor->failed, &actor->error);
    if (actor->cancelled)
        tv_actor_finish_canceled(core, actor);
    else
        decide(core, actor, (enum tv_error_kind)stimulus->error->kind);
}

void tv_attempt_end_late(struct tv_core *core, struct tv_actor *actor,
                         const struct tv_stimulus *stimulus, bool quietly)
{
    struct tv_error error;

    judge_stray(actor, stimulus);
    tv_permit_release(core);
    error = actor->timed_out ? tv_actor_last_error(actor) : *stimulus->error;
    if (!quietly)
        emit_attempt(core, actor, is_failure(actor, &error), &error);
}
