/*
 * sim.h: the simulator. It runs the real core in a world of its own: time is a number, workers are
 * random choices, and the host (who owns tasks, texts and memory) is played by world.c.
 *
 *     main.c      what the command line asks for
 *     chance.c    draws the next move from a seed                     -> struct move
 *     move.c      reads and writes a move as one line of text
 *     world.c     plays a move: steps the core, applies the effects as a runtime would
 *     history.c   judges the effects: the invariants that only a history can tell
 *     slots.c     the same of slots, and their records, which the host owns
 *     show.c      writes effects and visible state as JSON
 *
 * A move is an input of the core that names tasks by their ids and batches by their numbers, so
 * that the same moves can be played in two worlds, written down and replayed. Ids count up from 1
 * with every ADD, RESERVE and SUBMIT, refused ones too.
 */
#ifndef SIM_H
#define SIM_H

#include "core/core.h"

#include <setjmp.h>
#include <stdio.h>

/* ---- moves --------------------------------------------------------------------------------- */

#define SIM_NAME 24
#define SIM_BATCHES 4

enum sim_target { SIM_BY_NAME, SIM_BY_ID, SIM_BY_HANDLE };

struct move {
    enum tv_input_kind kind;
    tv_ns now;
    tv_id id;              /* UNRESERVE, RESULT, WITHDRAW, LEAVE by id or handle */
    char name[SIM_NAME];   /* ADD, RESERVE, SUBMIT, LEAVE by name */
    char slot[SIM_NAME];   /* SUBMIT, CANCEL_SLOT */
    enum tv_admission admission; /* SUBMIT */
    bool wait;                   /* SUBMIT */
    bool purge;                  /* CANCEL_SLOT */
    enum sim_target target;
    enum tv_leave_style style;
    struct tv_options options; /* ADD, RESERVE, SUBMIT */
    uint32_t batch;            /* RESERVE, COMMIT */
    enum tv_error_kind error;  /* RESULT */
    bool stray, has_exit_code, quiet;
    int32_t exit_code;
    const char *text; /* RESULT: FAIL, FATAL; borrowed */
    tv_ns grace_ns;   /* SHUTDOWN */
};

/* Writes the move as one line without its end. */
void move_write(const struct move *move, FILE *out);

/*
 * Reads a line, which it changes and of which the move borrows the text of a failure. What stands
 * behind a # is a comment. NULL: done, *empty says that there was no move in it. Else what is
 * wrong.
 */
const char *move_read(char *line, struct move *move, bool *empty);

/* The same for the core's configuration, a line that begins with `config`. */
void config_write(const struct tv_core_config *config, FILE *out);
const char *config_read(char *line, struct tv_core_config *config);

/* ---- the world ----------------------------------------------------------------------------- */

/* Where a task's events stand: history.c has the automaton. */
enum phase {
    PHASE_NEW,
    PHASE_ASKED,
    PHASE_IDLE,
    PHASE_RUNNING,
    PHASE_OVERDUE,
    PHASE_STUCK,
    PHASE_LATE,
    PHASE_ENDED,
    PHASE_DELAYED,
    PHASE_TERMINAL,
    PHASE_GONE,
    PHASES,
};

/* What has been seen of one task. */
struct history {
    enum phase phase;
    uint64_t attempts;
    uint64_t failures;  /* consecutive retries scheduled, counted here again */
    tv_ns started_ns, not_before_ns, leaving_ns, delay_ns;
    struct tv_prng prng;  /* the draws, made here again */
    bool leaving;         /* its removal was requested */
    bool token_cancelled; /* the act */
    bool attempt_failed, timed_out;
    bool body_canceled, body_fatal, body_returned; /* how the last body ended, by itself */
    bool settled, forgotten;
    bool rejected;                  /* by the controller, for this reason */
    enum tv_reason_kind rejection;
    enum tv_event_kind terminal; /* ACTOR_EXHAUSTED, ACTOR_DEAD; TASK_REMOVED: none */
    enum tv_reason_kind terminal_reason;
};

/* A task as its host keeps it. */
struct record {
    struct tv_actor actor;
    struct tv_options options;
    struct history history;
    size_t place;      /* in world->there */
    uint32_t handles;  /* who else looks at it */
    bool in_flight;    /* a worker is in its body */
    bool returning;    /* the worker has left it and brings the result */
    bool forgotten;    /* the core has let go of it */
    bool in_line;      /* its submitter waits for room */
    char slot[SIM_NAME]; /* that it was submitted to; empty: none */
    uint32_t batch;    /* the one it was reserved for, + 1; 0: none */
};

/* A slot as its events tell. It stays when the slot is gone, empty. */
struct slot_past {
    char name[SIM_NAME];
    tv_id owner; /* 0: none */
    tv_id body;  /* whose body runs */
    tv_id *queue;
    size_t length, room;
};

#define SIM_SLOTS 8
#define SIM_RECEIVER 32

struct world {
    struct tv_core core;
    struct record **by_id; /* by_id[id], NULL: not any more */
    size_t ids, ids_room;
    struct record **there; /* the same without gaps */
    size_t there_count;
    struct tv_list batch[SIM_BATCHES];
    struct tv_text **ledger; /* every text ever made: the ledger holds one reference of each */
    size_t texts, texts_room;
    struct tv_event receiver[SIM_RECEIVER]; /* copies that outlive their step */
    uint64_t received;
    uint64_t in_flight;
    uint64_t hash;        /* of every effect */
    uint64_t steps;
    const struct move *move; /* the one being played */
    tv_ns closing_ns;     /* when the shutdown was requested */
    uint64_t accepted;    /* tasks, counted here again */
    bool closing, decided, judged;
    struct slot_past slot[SIM_SLOTS];
    uint64_t slots;       /* records in the core's hands */
    bool refused;         /* an add, and the submission it was for is not rejected yet */
    FILE *events, *acts;  /* NULL: nobody wants to see them */
    uint64_t chunks;      /* of memory given to the core */
    jmp_buf *door;        /* where sim_fail leaves to */
};

/* What a move brought. */
struct played {
    enum tv_step answer;
    tv_id id; /* TAKE, LEAVE: which task; ADD, RESERVE, SUBMIT: its id; 0: none */
    uint64_t count; /* CANCEL_SLOT */
};

/* `judged` worlds tell the history of their tasks; a mute one hears of no event and is not. */
void world_init(struct world *world, const struct tv_core_config *config, bool judged);

/* Checks that nothing was lost. Every body has returned, the shutdown is complete. */
void world_fini(struct world *world);

/* Plays one move: until the core has taken it. */
struct played world_play(struct world *world, const struct move *move);

/* Steps on at the same instant until nothing is pending any more. */
void world_pump(struct world *world);

/* Somebody begins, or stops, to look at a task. */
void world_hold(struct world *world, tv_id id);
void world_drop(struct world *world, tv_id id);

/* The task with this id that somebody still has, or NULL. */
struct record *world_record(const struct world *world, tv_id id);

static inline struct record *record_of(struct tv_actor *actor)
{
    return TV_CONTAINER(actor, struct record, actor);
}

/* Fails unless both worlds have reached the same state: the bus decides nothing. */
void world_compare(struct world *world, struct world *mute);

/* Leaves for world->door; sim_failure begins with the number of the invariant that is broken. */
extern char sim_failure[256];
_Noreturn void sim_fail(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define SIM_EXPECT(world, condition, ...)       \
    do {                                        \
        if (!(condition))                       \
            sim_fail((world), __VA_ARGS__);     \
    } while (0)

/* ---- judging ------------------------------------------------------------------------------- */

/* All effects of one step of the core, before anything is freed. */
void history_judge(struct world *world);

/* After the answer to a move: nothing that was due earlier is left. */
void history_answered(struct world *world, enum tv_step answer);

/* A fresh record for a slot; the name's reference is given away. And its end, overwritten. */
struct tv_slot *slots_new(struct world *world, struct tv_text *name);
void slots_free(struct world *world, struct tv_slot *slot);

/* An event of the controller; any event of a task that was submitted; any act of one. */
void slots_judge(struct world *world, const struct tv_event *event);
void slots_judge_task(struct world *world, struct record *record, const struct tv_event *event);
void slots_judge_act(struct world *world, const struct tv_act *act);

/* After a step: what waits is what the events say, in the order they say. */
void slots_judged(struct world *world);

/* Nothing is left. */
void slots_fini(struct world *world);

/* ---- showing ------------------------------------------------------------------------------- */

/* From now on effects are collected; show_line writes and forgets them. */
void show_begin(struct world *world);
void show_line(struct world *world, struct played played, bool with_state, FILE *out);
void show_end(struct world *world);

/* world.c hands in what it applies. */
void show_event(FILE *out, const struct tv_event *event);
void show_act(FILE *out, const struct tv_act *act);

/* ---- chance -------------------------------------------------------------------------------- */

struct chance; /* one seed's temper and what it has drawn so far */

struct chance *chance_new(uint64_t seed);
void chance_free(struct chance *chance);

const struct tv_core_config *chance_config(const struct chance *chance);

/* Has this seed a mute twin? Not where slices may differ. */
bool chance_has_twin(const struct chance *chance);

/* The next move in `world`; false: that was the last one. */
bool chance_next(struct chance *chance, const struct world *world, struct move *move);

/* What the move brought. */
void chance_played(struct chance *chance, const struct move *move, struct played played);

/* Whether the task is looked at: for the caller to hold, or drop, now and then. */
tv_id chance_look(struct chance *chance, const struct world *world, bool *hold);

#endif
