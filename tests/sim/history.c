#include "sim.h"

#include <inttypes.h>

/*
 * A task's events, as an automaton. What is not here may not happen: 18.
 *
 *   NEW -add requested-> ASKED -added-> IDLE
 *   IDLE, DELAYED -starting-> RUNNING;  -removed-> GONE
 *   RUNNING -stopped, failed-> ENDED;  -timeout hit-> OVERDUE -failed-> ENDED
 *   RUNNING, OVERDUE -grace exceeded-> STUCK -stopped, failed-> LATE -removed-> GONE
 *   ENDED -backoff scheduled-> DELAYED;  -exhausted, dead-> TERMINAL -removed-> GONE
 *   ENDED -starting-> RUNNING;  -removed-> GONE
 *
 * A removal may be requested wherever the task has not gone.
 */
static enum phase next_phase(enum phase phase, enum tv_event_kind kind)
{
#define TO(name) (PHASE_##name + 1)
    static const uint8_t next[PHASES][TV_EVENT_CONTROLLER_SLOT_TRANSITION + 1] = {
        [PHASE_NEW] = {[TV_EVENT_TASK_ADD_REQUESTED] = TO(ASKED)},
        [PHASE_ASKED] = {[TV_EVENT_TASK_ADDED] = TO(IDLE)},
        [PHASE_IDLE] = {[TV_EVENT_TASK_STARTING] = TO(RUNNING),
                        [TV_EVENT_TASK_REMOVE_REQUESTED] = TO(IDLE),
                        [TV_EVENT_TASK_REMOVED] = TO(GONE)},
        [PHASE_RUNNING] = {[TV_EVENT_TASK_STOPPED] = TO(ENDED),
                           [TV_EVENT_TASK_FAILED] = TO(ENDED),
                           [TV_EVENT_TIMEOUT_HIT] = TO(OVERDUE),
                           [TV_EVENT_TASK_REMOVE_REQUESTED] = TO(RUNNING),
                           [TV_EVENT_GRACE_EXCEEDED] = TO(STUCK)},
        [PHASE_OVERDUE] = {[TV_EVENT_TASK_FAILED] = TO(ENDED),
                           [TV_EVENT_TASK_REMOVE_REQUESTED] = TO(OVERDUE),
                           [TV_EVENT_GRACE_EXCEEDED] = TO(STUCK)},
        [PHASE_STUCK] = {[TV_EVENT_TASK_STOPPED] = TO(LATE), [TV_EVENT_TASK_FAILED] = TO(LATE)},
        [PHASE_LATE] = {[TV_EVENT_TASK_REMOVED] = TO(GONE)},
        [PHASE_ENDED] = {[TV_EVENT_BACKOFF_SCHEDULED] = TO(DELAYED),
                         [TV_EVENT_ACTOR_EXHAUSTED] = TO(TERMINAL),
                         [TV_EVENT_ACTOR_DEAD] = TO(TERMINAL),
                         [TV_EVENT_TASK_STARTING] = TO(RUNNING),
                         [TV_EVENT_TASK_REMOVE_REQUESTED] = TO(ENDED),
                         [TV_EVENT_TASK_REMOVED] = TO(GONE)},
        [PHASE_DELAYED] = {[TV_EVENT_TASK_STARTING] = TO(RUNNING),
                           [TV_EVENT_TASK_REMOVE_REQUESTED] = TO(DELAYED),
                           [TV_EVENT_TASK_REMOVED] = TO(GONE)},
        [PHASE_TERMINAL] = {[TV_EVENT_TASK_REMOVED] = TO(GONE)},
        [PHASE_GONE] = {0},
    };
#undef TO
    return next[phase][kind] ? (enum phase)(next[phase][kind] - 1) : PHASES;
}

#define EXPECT(condition, text) \
    SIM_EXPECT(world, condition, text " (task %" PRIu64 ")", record->actor.id)

static const struct tv_options *options_of(const struct world *world, const struct record *record,
                                           enum tv_inherit what)
{
    return tv_core_options(&world->core, &record->actor, what);
}

/* Nothing new may begin for a task whose token is cancelled, or is going to be in this shutdown. */
static bool is_leaving(const struct world *world, const struct record *record)
{
    return record->history.leaving || world->closing;
}

/* ---- an attempt ---------------------------------------------------------------------------- */

static void judge_start(struct world *world, struct record *record, const struct tv_event *event)
{
    struct history *past = &record->history;
    const struct tv_options *restart = options_of(world, record, TV_INHERIT_RESTART);
    tv_ns now = world->core.now;

    EXPECT(event->attempt == past->attempts + 1, "7 attempts are not numbered 1, 2, 3");
    EXPECT(!is_leaving(world, record), "10 an attempt starts after the cancel");
    EXPECT(now >= past->not_before_ns, "10 an attempt starts before its time");
    EXPECT(past->attempts == 0 || restart->restart != TV_RESTART_NEVER, "12 NEVER ran twice");
    EXPECT(past->attempts == 0 || restart->restart != TV_RESTART_ON_FAILURE || past->attempt_failed,
           "12 ON_FAILURE runs after a success");
    EXPECT(past->phase != PHASE_ENDED || (restart->restart == TV_RESTART_ALWAYS &&
                                          restart->interval_ns == TV_NONE && past->body_returned),
           "10 an attempt starts without its pause");
    past->attempts = event->attempt;
    past->started_ns = now;
    past->timed_out = past->attempt_failed = false;
}

static void judge_timeout(struct world *world, struct record *record, const struct tv_event *event)
{
    struct history *past = &record->history;
    tv_ns timeout = options_of(world, record, TV_INHERIT_TIMEOUT)->timeout_ns;

    EXPECT(!is_leaving(world, record), "18 a timeout is hit after the cancel");
    EXPECT(timeout > 0 && event->span_ns == timeout, "16 a timeout nobody asked for");
    EXPECT(world->core.now - past->started_ns >= timeout, "16 a timeout comes early");
    EXPECT(event->attempt == past->attempts, "7 a timeout of another attempt");
    past->timed_out = true;
}

/* How the body ended by itself, from the move that brought it. */
static void note_body(struct world *world, struct record *record)
{
    const struct move *move = world->move;
    struct history *past = &record->history;

    EXPECT(move && move->kind == TV_IN_RESULT && move->id == record->actor.id,
           "7 an attempt ends before its body does");
    past->body_canceled = (move->error == TV_ERROR_CANCELED && !move->stray) ||
                          (move->stray && is_leaving(world, record));
    past->body_fatal = move->error == TV_ERROR_FATAL && !move->stray;
    past->body_returned = move->error == TV_ERROR_NONE && !move->stray;
}

static void judge_end(struct world *world, struct record *record, const struct tv_event *event)
{
    struct history *past = &record->history;
    tv_ns reset = options_of(world, record, TV_INHERIT_RESET)->reset_after_ns;
    bool failed = event->kind == TV_EVENT_TASK_FAILED;

    note_body(world, record);
    EXPECT(event->attempt == past->attempts, "7 another attempt ends");
    EXPECT(event->span_ns == world->core.now - past->started_ns, "7 a wrong duration");
    EXPECT(failed == (past->timed_out || !(past->body_returned || past->body_canceled)),
           "18 an attempt is not what its body did");
    EXPECT(!past->timed_out || event->reason.error.kind == TV_ERROR_TIMEOUT,
           "18 an attempt that timed out has another reason");
    past->attempt_failed = failed;
    if (failed && !past->timed_out && reset != TV_NONE && event->span_ns >= reset)
        past->failures = 0;
    if (!failed && past->body_returned)
        past->failures = 0;
}

/* ---- between attempts ---------------------------------------------------------------------- */

/* The draw, made again by the same policy from a generator of our own: nothing else decides it. */
static tv_ns draw(struct world *world, struct record *record)
{
    struct history *past = &record->history;
    const struct tv_backoff *backoff = &options_of(world, record, TV_INHERIT_BACKOFF)->backoff;
    tv_ns previous = past->failures == 0 ? backoff->first_ns : past->delay_ns;
    struct tv_delay_range range = tv_backoff_range(backoff, past->failures, previous);
    tv_ns delay = tv_backoff_draw(backoff, past->failures, previous, &past->prng);

    EXPECT(range.low_ns <= delay && delay <= range.high_ns && delay <= backoff->max_ns,
           "13 a delay is out of its range");
    past->delay_ns = delay;
    past->failures++;
    return delay;
}

static void judge_delay(struct world *world, struct record *record, const struct tv_event *event)
{
    struct history *past = &record->history;
    const struct tv_options *restart = options_of(world, record, TV_INHERIT_RESTART);
    int64_t max = options_of(world, record, TV_INHERIT_RETRIES)->max_retries;

    EXPECT(!is_leaving(world, record), "18 a delay is scheduled after the cancel");
    if (event->source == TV_BACKOFF_SUCCESS) {
        EXPECT(!past->attempt_failed && restart->restart == TV_RESTART_ALWAYS &&
                   event->span_ns == restart->interval_ns,
               "13 a pause is not the interval");
    } else {
        EXPECT(past->attempt_failed && (past->timed_out || !past->body_fatal),
               "12 a retry after what was no failure");
        EXPECT(restart->restart != TV_RESTART_NEVER, "12 NEVER retries");
        EXPECT(max == TV_NONE || past->failures < (uint64_t)max, "14 a retry beyond the budget");
        EXPECT(event->span_ns == draw(world, record), "13 a delay is not seed and history");
    }
    past->not_before_ns = tv_after(world->core.now, event->span_ns);
}

static void judge_terminal(struct world *world, struct record *record,
                           const struct tv_event *event)
{
    struct history *past = &record->history;
    int64_t max = options_of(world, record, TV_INHERIT_RETRIES)->max_retries;
    bool dead = event->kind == TV_EVENT_ACTOR_DEAD;

    EXPECT(!is_leaving(world, record), "18 a terminal event after the cancel");
    EXPECT(dead == (past->body_fatal && !past->timed_out), "18 FATAL and only FATAL is dead");
    EXPECT(event->reason.kind != TV_REASON_RETRIES ||
               (past->attempt_failed && (int64_t)past->failures >= max && max != TV_NONE),
           "14 a budget is used up that is not");
    past->terminal = (enum tv_event_kind)event->kind;
    past->terminal_reason = (enum tv_reason_kind)event->reason.kind;
}

/* ---- leaving ------------------------------------------------------------------------------- */

static void judge_grace(struct world *world, struct record *record)
{
    struct history *past = &record->history;
    tv_ns grace = options_of(world, record, TV_INHERIT_GRACE)->grace_ns;
    tv_ns from = past->leaving ? past->leaving_ns : world->closing_ns;

    EXPECT(is_leaving(world, record), "18 a grace is exceeded that nobody set");
    EXPECT(world->core.now >= tv_after(from, grace), "16 a grace is exceeded early");
    EXPECT(record->in_flight, "17 a task is abandoned that has no body");
}

static void judge_removed(struct world *world, struct record *record, enum phase from)
{
    const struct history *past = &record->history;

    EXPECT(from == PHASE_TERMINAL || from == PHASE_LATE || is_leaving(world, record) ||
               (from == PHASE_ENDED && past->body_canceled && !past->timed_out),
           "18 a task is removed for no reason");
    EXPECT(!record->in_flight || record->returning, "17 a task is removed with its body running");
}

static void judge_request(struct world *world, struct record *record)
{
    struct history *past = &record->history;

    EXPECT(!past->leaving && !world->closing, "18 a removal is requested twice");
    past->leaving = true;
    past->leaving_ns = world->core.now;
}

/* ---- events -------------------------------------------------------------------------------- */

static void judge_task(struct world *world, struct record *record, const struct tv_event *event)
{
    enum tv_event_kind kind = (enum tv_event_kind)event->kind;
    enum phase from = record->history.phase, to = next_phase(from, kind);

    EXPECT(to != PHASES, "18 an event that may not come here");
    EXPECT(tv_text_equal(event->task, record->actor.name), "2 an event under another name");
    if (kind == TV_EVENT_TASK_ADD_REQUESTED)
        EXPECT(!world->closing, "22 a task is accepted after admission closed");
    else if (kind == TV_EVENT_TASK_STARTING)
        judge_start(world, record, event);
    else if (kind == TV_EVENT_TIMEOUT_HIT)
        judge_timeout(world, record, event);
    else if (kind == TV_EVENT_TASK_STOPPED || kind == TV_EVENT_TASK_FAILED)
        judge_end(world, record, event);
    else if (kind == TV_EVENT_BACKOFF_SCHEDULED)
        judge_delay(world, record, event);
    else if (kind == TV_EVENT_ACTOR_EXHAUSTED || kind == TV_EVENT_ACTOR_DEAD)
        judge_terminal(world, record, event);
    else if (kind == TV_EVENT_GRACE_EXCEEDED)
        judge_grace(world, record);
    else if (kind == TV_EVENT_TASK_REMOVE_REQUESTED)
        judge_request(world, record);
    else if (kind == TV_EVENT_TASK_REMOVED)
        judge_removed(world, record, from);
    record->history.phase = to;
}

/* The place in the order of acceptance decides what a task draws. */
static void note_acceptance(struct world *world, struct record *record)
{
    tv_prng_init(&record->history.prng, world->core.config.seed, ++world->accepted);
}

/* Events of no task: the shutdown's, and those of requests that were refused. */
static void judge_other(struct world *world, const struct tv_event *event)
{
    enum tv_event_kind kind = (enum tv_event_kind)event->kind;
    bool verdict = kind == TV_EVENT_ALL_STOPPED_WITHIN_GRACE || kind == TV_EVENT_GRACE_EXCEEDED;
    bool removal = kind == TV_EVENT_TASK_REMOVE_REQUESTED || kind == TV_EVENT_TASK_REMOVED;
    bool addition = kind == TV_EVENT_TASK_ADD_REQUESTED || kind == TV_EVENT_TASK_ADDED;

    if (kind == TV_EVENT_SHUTDOWN_REQUESTED) {
        SIM_EXPECT(world, !world->closing, "23 a shutdown begins twice");
        world->closing = true;
        world->closing_ns = world->core.now;
    } else if (verdict) {
        SIM_EXPECT(world, world->closing, "23 a verdict without a shutdown");
        SIM_EXPECT(world, (kind == TV_EVENT_GRACE_EXCEEDED) == (world->core.live > 0),
                   "23 a verdict that is not true");
        world->decided = true;
    } else {
        SIM_EXPECT(world, removal || addition, "18 an event of no task");
        if (addition && !(world->move && world->move->kind == TV_IN_ADD))
            world->refused = true;
        else
            SIM_EXPECT(world,
                       world->move && world->move->kind == (addition ? TV_IN_ADD : TV_IN_LEAVE),
                       "18 a refusal of nothing");
    }
}

/* ---- acts ---------------------------------------------------------------------------------- */

static void judge_cancel(struct world *world, struct record *record)
{
    struct history *past = &record->history;
    bool shutdown = record->actor.cancel_reason == TV_CANCEL_SHUTDOWN;

    EXPECT(!past->token_cancelled, "15 a token is cancelled twice");
    EXPECT(shutdown ? world->closing : past->leaving, "15 a token is cancelled by nobody");
    past->token_cancelled = true;
}

static bool is_true_outcome(const struct record *record)
{
    const struct history *past = &record->history;
    const struct tv_actor *actor = &record->actor;
    bool exhausted = past->terminal == TV_EVENT_ACTOR_EXHAUSTED;

    switch ((enum tv_outcome_kind)actor->outcome) {
    case TV_OUTCOME_COMPLETED:
        return exhausted && past->terminal_reason == TV_REASON_SUCCESS;
    case TV_OUTCOME_FAILED:
        return exhausted && past->terminal_reason == actor->reason &&
               past->terminal_reason != TV_REASON_SUCCESS;
    case TV_OUTCOME_FATAL:
        return past->terminal == TV_EVENT_ACTOR_DEAD;
    case TV_OUTCOME_CANCELED:
        return past->terminal == TV_EVENT_TASK_REMOVED && past->phase == PHASE_GONE;
    case TV_OUTCOME_ABANDONED:
        return past->token_cancelled && record->in_flight;
    case TV_OUTCOME_REJECTED:
        return past->rejected && past->rejection == actor->reason;
    }
    return false;
}

static void judge_settle(struct world *world, struct record *record)
{
    struct history *past = &record->history;
    bool abandoned = record->actor.outcome == TV_OUTCOME_ABANDONED;

    EXPECT(!past->settled, "17 a second outcome");
    EXPECT(is_true_outcome(record), "17 an outcome that did not happen");
    EXPECT(record->actor.attempt == past->attempts, "7 an outcome of other attempts");
    EXPECT(abandoned || past->phase == (past->rejected ? PHASE_NEW : PHASE_GONE),
           "17 an outcome before the end");
    EXPECT(abandoned || tv_registry_by_name(&world->core.registry, record->actor.name) !=
                            &record->actor,
           "17 an outcome while its name is taken");
    past->settled = true;
    world->lost |= record->actor.essential && (record->actor.outcome == TV_OUTCOME_FAILED ||
                                               record->actor.outcome == TV_OUTCOME_FATAL);
}

static void judge_act(struct world *world, const struct tv_act *act)
{
    struct record *record;

    if (act->kind == TV_ACT_SLOT)
        return;
    slots_judge_act(world, act);
    record = record_of(act->actor);
    switch (act->kind) {
    case TV_ACT_CANCEL:
        judge_cancel(world, record);
        break;
    case TV_ACT_TIMEOUT:
        EXPECT(record->history.timed_out, "15 an attempt's token is cancelled without a timeout");
        break;
    case TV_ACT_SETTLE:
        judge_settle(world, record);
        break;
    case TV_ACT_FORGET:
        EXPECT(record->history.settled, "17 a task is forgotten without an outcome");
        EXPECT(!record->history.forgotten, "17 a task is forgotten twice");
        record->history.forgotten = true;
        break;
    case TV_ACT_DECIDED:
    case TV_ACT_SLOT:
        break;
    }
}

/* ---- a step -------------------------------------------------------------------------------- */

void history_judge(struct world *world)
{
    const struct tv_effects *fx = &world->core.fx;
    uint64_t max = world->core.config.max_concurrent;

    for (uint32_t i = 0; i < fx->events; i++) {
        const struct tv_event *event = &fx->event[i];

        SIM_EXPECT(world, !world->decided, "23 event %u after the verdict", event->kind);
        if (!event->id) {
            judge_other(world, event);
            continue;
        }
        SIM_EXPECT(world, world_record(world, event->id), "1 an event of an unknown task");
        if (event->kind >= TV_EVENT_CONTROLLER_REJECTED) {
            slots_judge(world, event);
            continue;
        }
        if (event->kind == TV_EVENT_TASK_ADDED)
            note_acceptance(world, world_record(world, event->id));
        judge_task(world, world_record(world, event->id), event);
        if (world_record(world, event->id)->slot[0])
            slots_judge_task(world, world_record(world, event->id), event);
    }
    for (uint32_t i = 0; i < fx->acts; i++)
        judge_act(world, &fx->act[i]);
    world->decided |= tv_shutdown_is_decided(&world->core);
    SIM_EXPECT(world, !world->lost || world->closing || world->decided,
               "23 an essential task is lost and nothing shuts down");
    slots_judged(world);
    SIM_EXPECT(world, max == 0 || world->in_flight <= max, "8 too many bodies at a time");
}

void history_answered(struct world *world, enum tv_step answer)
{
    const struct tv_deadline *first = tv_timers_first(&world->core.timers);

    SIM_EXPECT(world, !first || first->at >= world->core.now,
               "16 an input was taken while an earlier timer was left");
    SIM_EXPECT(world,
               answer != TV_STEP_OK || world->move->kind != TV_IN_ADD ||
                   tv_core_is_open(&world->core),
               "22 a task was accepted after admission closed");
}
