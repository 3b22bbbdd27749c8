/*
 * actor.h: one task, from its acceptance to its end.
 *
 * The states, the list each one sits in (core->in[state]), and what holds there:
 *
 *   RESERVED   the batch's list      its name is taken, nobody has accepted it yet
 *   ROOM       in[ROOM], FIFO        its submitter waits for room in the controller's queues
 *   QUEUED     its slot's queue      a waiting submission; has an id, takes no name
 *   PERMIT     in[PERMIT], FIFO      waits for one of max_concurrent permits
 *   READY      in[READY], FIFO       holds a permit, waits for a worker
 *   INBOX      in[INBOX], FIFO       the same of one that is `on_loop`: waits for the loop
 *   RUNNING    in[RUNNING]           body called; timer: the attempt's timeout, if any
 *   OVERDUE    in[OVERDUE]           timed out, body still there; no timer
 *   STOPPING   in[STOPPING]          own token cancelled, body still there; timer: its grace
 *   BACKOFF    in[BACKOFF]           waits for a retry; timer: the delay
 *   PAUSED     in[PAUSED]            waits for its interval; timer: the interval
 *   ABANDONED  in[ABANDONED]         outcome settled, body still there; no timer
 *   DONE       none                  forgotten by the core
 *
 * Only tv_actor_enter() moves an actor. Everything that can happen to it is a stimulus, which comes
 * through tv_actor_step(); a stimulus a state does not know is a bug.
 */
#ifndef TV_ACTOR_H
#define TV_ACTOR_H

#include "core/list.h"
#include "core/map.h"
#include "core/policy.h"
#include "core/reason.h"
#include "core/tables.h"
#include "core/timers.h"

struct tv_core;
struct tv_slot;

struct tv_actor {
    struct tv_list link;              /* in the list of its state */
    struct tv_map_link by_name;
    union {
        struct tv_map_link by_id; /* whose hash is the id */
        struct {
            struct tv_map_link *next_by_id;
            tv_id id;
        };
    };
    struct tv_timer timer;
    uint8_t state;         /* enum tv_actor_state */
    uint8_t outcome;       /* enum tv_outcome_kind; once settled */
    uint8_t reason;        /* enum tv_reason_kind of the outcome; once settled */
    uint8_t cancel_reason; /* enum tv_cancel_reason; once cancelled */
    uint8_t admission;     /* enum tv_admission; in ROOM and QUEUED */
    uint8_t rejection;     /* enum tv_rejection; of outcome REJECTED */
    uint8_t slot_status;   /* enum tv_slot_status that it was rejected by; then */
    bool cancelled : 1;    /* its own token: set once, never cleared */
    bool timed_out : 1;    /* its last attempt */
    bool failed : 1;       /* its last attempt: `error` is that attempt's */
    bool settled : 1;      /* has an outcome; nothing of this byte changes after that */
    bool on_loop : 1;      /* its body runs on the loop, not on a worker */
    bool essential : 1;    /* ending FAILED or FATAL it takes everybody with it */
    struct tv_slot *slot;              /* that it waits for or owns; NULL: none */
    struct tv_text *name;              /* one reference, the record's */
    const struct tv_options *options;  /* borrowed from the spec until DONE */
    uint64_t attempt;  /* attempts started; saturates */
    uint32_t failures; /* consecutive retries scheduled; saturates */
    uint32_t budget;   /* max_retries, where they ended the task */
    tv_ns started_ns;  /* when the last attempt did */
    tv_ns timeout_ns;  /* the one that the last attempt hit, where `timed_out` */
    tv_ns delay_ns;    /* the last delay drawn */
    struct tv_prng prng;
    struct tv_error error; /* the last failure; owns one reference of its text */
};

enum tv_stimulus_kind {
    TV_ACCEPT,  /* RESERVED, QUEUED: the registry took it */
    TV_GRANT,   /* PERMIT: here is your permit */
    TV_TAKE,    /* READY, INBOX: a worker, or the loop, calls the body now */
    TV_END,     /* the body has ended: `error` says how, NONE for a return */
    TV_LEAVE,   /* cancel the task's own token, with `reason` */
    TV_DUE,     /* its timer */
    TV_VERDICT, /* the shutdown's grace is over */
};

struct tv_stimulus {
    enum tv_stimulus_kind kind;
    enum tv_cancel_reason reason; /* LEAVE */
    /* END: takes the text, or leaves it in place; `spare` gets the text that was replaced. */
    struct tv_error *error;
    bool stray; /* END: a CancelledError; whose it was the actor decides */
    struct tv_text **spare;
};

/* Makes a RESERVED actor in no list. Takes one reference of `name`; borrows `options`. */
void tv_actor_init(struct tv_actor *actor, tv_id id, struct tv_text *name,
                   const struct tv_options *options);

void tv_actor_step(struct tv_core *core, struct tv_actor *actor,
                   const struct tv_stimulus *stimulus);

/* Moves the actor into the list of `state`. */
void tv_actor_enter(struct tv_core *core, struct tv_actor *actor, enum tv_actor_state state);

/* For the files that move an actor on (attempt.c): arms its timer; settles and forgets it. */
void tv_actor_arm(struct tv_core *core, struct tv_actor *actor, tv_ns from, tv_ns delay);
void tv_actor_finish(struct tv_core *core, struct tv_actor *actor, enum tv_outcome_kind kind,
                     enum tv_reason_kind reason);

/* As CANCELED, with a reason only where the last attempt had timed out. */
void tv_actor_finish_canceled(struct tv_core *core, struct tv_actor *actor);

/* While a timed out body is still there, `actor->error` is that of an attempt before. */
struct tv_error tv_actor_last_error(const struct tv_actor *actor);

/* Ends a submission that has never been accepted: outcome REJECTED. */
void tv_actor_reject(struct tv_core *core, struct tv_actor *actor, enum tv_reason_kind reason);

/* Is a body running, from its TASK_STARTING to its TASK_STOPPED or TASK_FAILED? */
bool tv_actor_is_alive(const struct tv_actor *actor);

enum tv_task_state tv_actor_task_state(const struct tv_actor *actor);

/* The outcome's reason. Call once settled. Borrows the actor's text. */
struct tv_reason tv_actor_reason(const struct tv_actor *actor);

#endif
