#include "core/shutdown.h"

#include "core/core.h"

void tv_shutdown_init(struct tv_shutdown *shutdown)
{
    *shutdown = (struct tv_shutdown){.state = TV_SHUTDOWN_OPEN,
                                     .timer = {.owner = TV_TIMER_SHUTDOWN}};
}

static void enter(struct tv_core *core, enum tv_shutdown_state state)
{
    tv_timers_disarm(&core->timers, &core->shutdown.timer);
    core->shutdown.state = (uint8_t)state;
}

static void enter_draining(struct tv_core *core)
{
    enter(core, TV_SHUTDOWN_DRAINING);
    tv_timers_arm(&core->timers, &core->shutdown.timer,
                  tv_after(core->now, core->config.subscriber_grace_ns));
}

static void decide(struct tv_core *core, enum tv_verdict verdict)
{
    struct tv_shutdown *shutdown = &core->shutdown;

    if (shutdown->quiet)
        return;
    shutdown->verdict = (uint8_t)verdict;
    tv_core_emit(core,
                 verdict == TV_VERDICT_STOPPED ? TV_EVENT_ALL_STOPPED_WITHIN_GRACE
                                               : TV_EVENT_GRACE_EXCEEDED,
                 NULL);
}

static void start(struct tv_core *core, tv_ns grace_ns, bool quiet)
{
    struct tv_shutdown *shutdown = &core->shutdown;

    tv_core_emit(core, TV_EVENT_SHUTDOWN_REQUESTED, NULL);
    enter(core, TV_SHUTDOWN_CANCELLING);
    shutdown->quiet = quiet;
    shutdown->since_ns = core->now;
    shutdown->grace_ns = grace_ns;
    tv_timers_arm(&core->timers, &shutdown->timer, tv_after(core->now, grace_ns));
}

/* Only an earlier deadline is one that was in force. */
static void shorten(struct tv_core *core, tv_ns grace_ns)
{
    struct tv_shutdown *shutdown = &core->shutdown;
    tv_ns deadline = tv_after(core->now, grace_ns);

    if (deadline >= tv_timers_due(&core->timers, &shutdown->timer))
        return;
    shutdown->grace_ns = grace_ns;
    tv_timers_disarm(&core->timers, &shutdown->timer);
    tv_timers_arm(&core->timers, &shutdown->timer, deadline);
}

void tv_shutdown_request(struct tv_core *core, tv_ns grace_ns, bool quiet)
{
    switch ((enum tv_shutdown_state)core->shutdown.state) {
    case TV_SHUTDOWN_OPEN:
        start(core, grace_ns, quiet);
        break;
    case TV_SHUTDOWN_CANCELLING:
    case TV_SHUTDOWN_WAITING:
        shorten(core, grace_ns);
        break;
    case TV_SHUTDOWN_ABANDONING:
    case TV_SHUTDOWN_DRAINING:
    case TV_SHUTDOWN_CLOSED:
        break;
    }
}

/* The lists of the states that a cancel of the task's own token takes an actor out of. */
static const enum tv_actor_state cancellable[] = {
    TV_ACTOR_PERMIT, TV_ACTOR_READY,   TV_ACTOR_INBOX,   TV_ACTOR_BACKOFF,
    TV_ACTOR_PAUSED, TV_ACTOR_RUNNING, TV_ACTOR_OVERDUE,
};

static struct tv_actor *next_to_cancel(struct tv_core *core)
{
    for (size_t i = 0; i < sizeof cancellable / sizeof *cancellable; i++) {
        struct tv_list *list = &core->in[cancellable[i]];

        if (!tv_list_empty(list))
            return TV_CONTAINER(list->next, struct tv_actor, link);
    }
    return NULL;
}

static struct tv_actor *next_to_abandon(struct tv_core *core)
{
    struct tv_list *list = &core->in[TV_ACTOR_STOPPING];

    return tv_list_empty(list) ? NULL : TV_CONTAINER(list->next, struct tv_actor, link);
}

/* Waiting submissions first, or the end of an owner would start them. */
static void cancel_slice(struct tv_core *core)
{
    const struct tv_stimulus leave = {.kind = TV_LEAVE, .reason = TV_CANCEL_SHUTDOWN};
    struct tv_actor *actor;
    int n = 0;

    while (n < TV_SLICE && tv_core_fx_has_room(core) && tv_controller_reject_one(core))
        n++;
    if (n == TV_SLICE || !tv_core_fx_has_room(core))
        return;
    actor = next_to_cancel(core);
    for (; actor && n < TV_SLICE && tv_core_fx_has_room(core); n++) {
        tv_actor_step(core, actor, &leave);
        actor = next_to_cancel(core);
    }
    if (!actor)
        core->shutdown.state = TV_SHUTDOWN_WAITING;
}

static void abandon_slice(struct tv_core *core)
{
    const struct tv_stimulus verdict = {.kind = TV_VERDICT};
    struct tv_actor *actor = next_to_abandon(core);

    for (int n = 0; actor && n < TV_SLICE && tv_core_fx_has_room(core); n++) {
        tv_actor_step(core, actor, &verdict);
        actor = next_to_abandon(core);
    }
    if (!actor)
        enter_draining(core);
}

void tv_shutdown_slice(struct tv_core *core)
{
    if (core->shutdown.state == TV_SHUTDOWN_CANCELLING)
        cancel_slice(core);
    else
        abandon_slice(core);
}

void tv_shutdown_empty(struct tv_core *core)
{
    switch ((enum tv_shutdown_state)core->shutdown.state) {
    case TV_SHUTDOWN_OPEN:
        if (core->finish)
            enter_draining(core);
        break;
    case TV_SHUTDOWN_WAITING:
        decide(core, TV_VERDICT_STOPPED);
        enter_draining(core);
        break;
    case TV_SHUTDOWN_CANCELLING:
    case TV_SHUTDOWN_ABANDONING:
    case TV_SHUTDOWN_DRAINING:
    case TV_SHUTDOWN_CLOSED:
        break;
    }
}

void tv_shutdown_due(struct tv_core *core)
{
    switch ((enum tv_shutdown_state)core->shutdown.state) {
    case TV_SHUTDOWN_WAITING:
        enter(core, TV_SHUTDOWN_ABANDONING);
        decide(core, TV_VERDICT_EXCEEDED);
        break;
    case TV_SHUTDOWN_DRAINING:
        enter(core, TV_SHUTDOWN_CLOSED);
        break;
    case TV_SHUTDOWN_OPEN:
    case TV_SHUTDOWN_CANCELLING:
    case TV_SHUTDOWN_ABANDONING:
    case TV_SHUTDOWN_CLOSED:
        TV_CHECK(core, !"a shutdown's timer belongs to WAITING or DRAINING");
    }
}

void tv_shutdown_drained(struct tv_core *core)
{
    if (core->shutdown.state == TV_SHUTDOWN_DRAINING)
        enter(core, TV_SHUTDOWN_CLOSED);
}

bool tv_shutdown_is_decided(const struct tv_core *core)
{
    switch ((enum tv_shutdown_state)core->shutdown.state) {
    case TV_SHUTDOWN_ABANDONING:
    case TV_SHUTDOWN_DRAINING:
    case TV_SHUTDOWN_CLOSED:
        return true;
    case TV_SHUTDOWN_OPEN:
    case TV_SHUTDOWN_CANCELLING:
    case TV_SHUTDOWN_WAITING:
        break;
    }
    return false;
}
