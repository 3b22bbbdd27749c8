/*
 * core.h: the only way state changes.
 *
 * tv_core_step(core, now, input) takes one input and leaves its effects in core->fx. It is
 * deterministic: time, random seed and the results of bodies are inputs; events, cancelled tokens
 * and settled outcomes are effects. It has no thread, lock, clock, I/O or Python in it and
 * allocates nothing. Its caller guards it with one lock and applies the effects before it unlocks.
 *
 * One step: first pending slices (a batch being committed, a shutdown being carried out), then the
 * timers due before `now`, by (deadline, arming); then the input; then the timers due at `now`. A
 * step does bounded work: with more to do than one slice it answers TV_STEP_AGAIN without having
 * taken the input, and the caller applies the effects, may unlock, and steps again.
 */
#ifndef TV_CORE_H
#define TV_CORE_H

#include "core/actor.h"
#include "core/check.h"
#include "core/controller.h"
#include "core/event.h"
#include "core/permit.h"
#include "core/registry.h"
#include "core/shutdown.h"

#include <setjmp.h>

#define TV_SLICE 256      /* tasks handled in one step at most */
#define TV_STEP_ROOM 16   /* events and acts that one input or timer needs at most */
#define TV_FX_EVENTS (2 * TV_SLICE + TV_STEP_ROOM)
#define TV_FX_ACTS (2 * TV_SLICE + TV_STEP_ROOM)

enum tv_act_kind {
    TV_ACT_CANCEL,  /* the task's own token is cancelled, actor->cancel_reason says why */
    TV_ACT_TIMEOUT, /* the token of its attempt is cancelled: the timeout */
    TV_ACT_SETTLE,  /* it has its outcome */
    TV_ACT_FORGET,  /* the core has let go of the record (after SETTLE) */
    TV_ACT_DECIDED, /* who waited for room has been decided about; DONE without outcome: closed */
    TV_ACT_SLOT,    /* `slot` is gone, its record its owner's again */
};

struct tv_act {
    enum tv_act_kind kind;
    struct tv_actor *actor;
    struct tv_slot *slot;
};

/* What a step wants done, in order. Valid until the next step. */
struct tv_effects {
    bool mute;       /* set by the caller: nobody listens, count events only */
    uint32_t events; /* how many; with `mute` none has been written */
    uint32_t acts;
    struct tv_act act[TV_FX_ACTS];
    struct tv_event event[TV_FX_EVENTS];
};

enum tv_input_kind {
    TV_IN_TICK,      /* nothing but the time */
    TV_IN_ADD,       /* accept `actor` */
    TV_IN_RESERVE,   /* reserve the name of `actor` for `batch`; publishes nothing */
    TV_IN_UNRESERVE, /* let go of RESERVED `actor` */
    TV_IN_COMMIT,    /* accept all of `batch`, in order, before any starts */
    TV_IN_LEAVE,     /* cancel `actor`, or the task called `name`, or task `id` */
    TV_IN_TAKE,      /* out: `actor` to call now, NULL: none is ready */
    TV_IN_RESULT,    /* the body of `actor` has ended */
    TV_IN_FINISH,    /* a natural end as soon as the registry is empty */
    TV_IN_SHUTDOWN,  /* with `grace_ns` */
    TV_IN_DRAINED,   /* receivers are empty, jobs have run */
    TV_IN_SUBMIT,    /* `actor` to `slot` by `admission` */
    TV_IN_WITHDRAW,  /* `actor` does not wait for room any more */
    TV_IN_CANCEL_SLOT, /* the slot called `name`; out: `count` */
};

/* How a LEAVE is announced: TASK_REMOVE_REQUESTED and its reason. */
enum tv_leave_style { TV_LEAVE_REMOVE, TV_LEAVE_CANCEL };

struct tv_input {
    enum tv_input_kind kind;
    struct tv_actor *actor;
    struct tv_list *batch;       /* RESERVE, COMMIT: RESERVED actors, in order; lent until empty */
    struct tv_text *name;        /* LEAVE by name; borrowed */
    tv_id id;                    /* LEAVE by id */
    enum tv_leave_style style;   /* LEAVE */
    bool for_loop;               /* TAKE: of those that wait for the loop */
    struct tv_error error;       /* RESULT: NONE for a return. What is left here is the caller's */
    bool stray;                  /* RESULT: the body raised a CancelledError */
    bool go_on;                  /* RESULT: and then TAKE, if nothing has to be done in between */
    struct tv_actor *next;       /* out, RESULT: what that took; NULL: nothing was taken */
    struct tv_text *spare;       /* out, RESULT: a replaced text, the caller's to release */
    struct tv_slot *slot;        /* SUBMIT: a fresh one; out: NULL where the core has taken it */
    enum tv_admission admission; /* SUBMIT */
    bool wait;                   /* SUBMIT: enter ROOM where there is none */
    bool purge;                  /* CANCEL_SLOT: the queue too */
    uint64_t count;              /* out, CANCEL_SLOT: how many were asked to leave */
    tv_ns grace_ns;              /* SHUTDOWN */
    bool quiet;                  /* SHUTDOWN: no verdict, nobody waits */
};

enum tv_step {
    TV_STEP_OK,
    TV_STEP_AGAIN,   /* one slice done, input not taken */
    TV_STEP_SHORT,   /* input not taken: give memory (tv_core_shortage) and step again */
    TV_STEP_EXISTS,  /* ADD, RESERVE: the name is taken */
    TV_STEP_CLOSED,  /* ADD, RESERVE, COMMIT: admission is closed */
    TV_STEP_UNKNOWN, /* LEAVE: no such task */
    TV_STEP_ALREADY, /* LEAVE: it is leaving already */
    TV_STEP_FULL,    /* SUBMIT: there is no room, and `wait` is not set */
    TV_STEP_WAIT,    /* SUBMIT: in ROOM; TV_ACT_DECIDED will tell, or WITHDRAW */
    TV_STEP_BROKEN,  /* a check has failed, now or before */
};

struct tv_core_config {
    uint64_t max_concurrent;      /* 0: no limit */
    uint64_t queue_capacity;      /* of all slots' queues together */
    uint64_t max_slot_queue;      /* of one slot's, for QUEUE */
    uint64_t seed;
    tv_ns subscriber_grace_ns;
    struct tv_options defaults;   /* inherits nothing */
};

/* The last inputs, for the report of a failed check. */
#define TV_TRACE 64
struct tv_trace_line {
    tv_ns now;
    tv_id id;
    enum tv_input_kind input;
    uint8_t state_before, state_after;
};

struct tv_core {
    tv_ns now;
    struct tv_core_config config;
    struct tv_registry registry;
    struct tv_controller controller;
    struct tv_timers timers;
    struct tv_list in[TV_ACTOR_STATE_COUNT]; /* actors by state; RESERVED and DONE stay empty */
    struct tv_shutdown shutdown;
    struct tv_list *commit;    /* the batch being accepted, or NULL */
    bool finish;               /* a natural end is wanted */
    bool essential_lost;       /* an essential task has ended badly: a shutdown is to follow */
    bool broken;
    uint64_t live;             /* accepted and not yet out of the registry */
    uint64_t known;            /* records in the core's hands: live, RESERVED, ROOM, QUEUED */
    uint64_t accepted;         /* ever */
    uint64_t running;          /* attempts granted and not yet ended: permits held */
    uint64_t steps;
    jmp_buf *door;             /* inside a step */
    const char *failure;       /* of the check that failed */
    struct tv_trace_line trace[TV_TRACE];
    struct tv_deadline deadlines[TV_GROW_FIRST]; /* the first chunk: a shutdown fits */
    struct tv_effects fx;
};

/* Memory for the tables comes from tv_core_shortage / tv_core_give; init itself takes none. */
void tv_core_init(struct tv_core *core, const struct tv_core_config *config);

/* Frees the tables with `release`, which may be given NULL. The actors are their owners'. */
void tv_core_fini(struct tv_core *core, void (*release)(void *));

enum tv_step tv_core_step(struct tv_core *core, tv_ns now, struct tv_input *input);

/* Is nothing registered and nothing waiting in a slot? */
bool tv_core_is_empty(const struct tv_core *core);

/* Bytes of the chunk that the tables lack to take one task more; 0: none. */
size_t tv_core_shortage(const struct tv_core *core);

/* Takes `memory` of `size` bytes where that is still what is lacking; else returns it. */
void *tv_core_give(struct tv_core *core, void *memory, size_t size);

/* When to step next: TV_NEVER, or an instant that may be past. */
tv_ns tv_core_deadline(const struct tv_core *core);

/* Has the controller work that comes before any other input? */
static inline bool tv_controller_is_busy(const struct tv_core *core)
{
    return core->controller.unsettled || core->controller.purge;
}

/* Are there tasks still to be cancelled or abandoned, before anything else may happen? */
static inline bool tv_shutdown_is_busy(const struct tv_core *core)
{
    return core->shutdown.state == TV_SHUTDOWN_CANCELLING ||
           core->shutdown.state == TV_SHUTDOWN_ABANDONING;
}

static inline bool tv_core_is_open(const struct tv_core *core)
{
    return core->shutdown.state == TV_SHUTDOWN_OPEN && !core->broken;
}

static inline bool tv_core_has_ready(const struct tv_core *core)
{
    return !tv_list_empty(&core->in[TV_ACTOR_READY]);
}

static inline bool tv_core_has_inbox(const struct tv_core *core)
{
    return !tv_list_empty(&core->in[TV_ACTOR_INBOX]);
}

/* The options that hold for `inherit` (one bit of enum tv_inherit): the actor's or the defaults. */
static inline const struct tv_options *tv_core_options(const struct tv_core *core,
                                                       const struct tv_actor *actor,
                                                       enum tv_inherit inherit)
{
    return actor->options->inherits & (uint32_t)inherit ? &core->config.defaults : actor->options;
}

/* Inside a step: the next event, to be filled in; its kind, task, id and attempt are set. */
struct tv_event *tv_core_emit(struct tv_core *core, enum tv_event_kind kind,
                              const struct tv_actor *actor);

/* Inside a step: one act more. */
void tv_core_act(struct tv_core *core, enum tv_act_kind kind, struct tv_actor *actor);

void tv_core_act_slot(struct tv_core *core, struct tv_slot *slot);

/* Inside a step: the events of an add that is refused because the name is taken. */
void tv_core_emit_refused(struct tv_core *core, const struct tv_actor *actor);

/* Inside a step: asks `actor`, which is not leaving yet, to leave. */
void tv_core_leave(struct tv_core *core, struct tv_actor *actor, enum tv_leave_style style);

/* Inside a step: `actor` is DONE and in no list of the core's. */
void tv_core_let_go(struct tv_core *core, struct tv_actor *actor);

/* Inside a step: is there room for the effects of one more input or timer? */
bool tv_core_fx_has_room(const struct tv_core *core);

/*
 * Every invariant of docs/design/architecture.md that can be seen from here, O(everything). NULL:
 * all hold; else the text of the one that does not, beginning with its number.
 */
const char *tv_core_check(struct tv_core *core);

/* Hands the last inputs, oldest first, to `print`, a line each. */
void tv_core_trace(const struct tv_core *core, void (*print)(void *arg, const char *line),
                   void *arg);

#endif
