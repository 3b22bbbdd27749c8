/*
 * sim.h: the simulator. It runs the real core in a world of its own: time is a number, workers are
 * random choices, and the host (who owns tasks, texts and memory) is played by world.c.
 *
 *     main.c      what the command line asks for
 *     seeds.c     plays many seeds in a process of their own, and reports a failure, made short
 *     shrink.c    makes a failing list of moves as short as it gets
 *     relations.c worlds that differ in what must not matter, and have to agree
 *     replay.c    plays a list for the comparison with the model in Python
 *     play.c      plays moves in a world and in its mute twin, to the end
 *     chance.c    a seed's temper, and the next move that it draws; swarm.c: which features it has
 *     draw.c      what a drawn move is about
 *     ending.c    the moves that bring everything to its end
 *     move.c parse.c list.c bytes.c
 *                 moves as lines of text, as lists, as bytes                     -> move.h
 *     world.c     plays a move: steps the core as a runtime would
 *     effects.c   what is done about the effects of a step: copied, hashed, applied
 *     history.c   judges the effects: the invariants that only a history can tell
 *     slots.c     the same of slots, and their records, which the host owns
 *     show.c      writes effects and visible state as JSON
 */
#ifndef SIM_H
#define SIM_H

#include "move.h"

#include <setjmp.h>

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
#define SIM_QUEUE 32 /* copies of events that are kept, where nothing else is said */

struct world {
    struct tv_core core;
    struct record **by_id; /* by_id[id], NULL: not any more */
    size_t ids, ids_room;
    struct record **there; /* the same without gaps */
    size_t there_count;
    struct tv_list batch[SIM_BATCHES];
    struct tv_text **ledger; /* every text ever made: the ledger holds one reference of each */
    size_t texts, texts_room;
    struct tv_event *receiver; /* a ring of copies, which outlive their step */
    uint64_t queue;            /* how long it is; 0: nobody listens */
    uint64_t received;
    uint64_t in_flight;
    tv_ns epoch_ns;       /* what the instant 0 is in this world */
    uint64_t hash;        /* of every effect; instants count from the epoch */
    uint64_t told;        /* of the effects alone, whatever steps they came in */
    bool goes_on;         /* a result takes the next attempt in the same step, if it can */
    uint64_t steps;
    const struct move *move; /* the one being played */
    tv_ns closing_ns;     /* when the shutdown was requested */
    uint64_t accepted;    /* tasks, counted here again */
    bool closing, decided;
    struct slot_past slot[SIM_SLOTS];
    uint64_t slots;       /* records in the core's hands */
    bool lost;            /* an essential task, while admission was open */
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
    tv_id next;     /* RESULT: what was taken in the same step; 0: nothing */
};

/*
 * A receiver keeps the last `queue` events. Such a world is judged; where nobody listens (0) no
 * event is written and there is no history to judge.
 */
void world_init(struct world *world, const struct tv_core_config *config, uint64_t queue);

/* Checks that nothing was lost. Every body has returned, the shutdown is complete. */
void world_fini(struct world *world);

/* Could a host do that now? What only a broken host does is not checked. NULL: yes. */
const char *world_objects(const struct world *world, const struct move *move);

/* Plays one move that it could do: until the core has taken it. */
struct played world_play(struct world *world, const struct move *move);

/* Instead of one that it could not do: a task that would have come counts as come and gone. */
void world_skip(struct world *world, const struct move *move);

/* Steps on at the same instant until nothing is pending any more. */
void world_pump(struct world *world);

/* The task with this id that somebody still has, or NULL. */
struct record *world_record(const struct world *world, tv_id id);

/* The core has let go of it; and freed, where nobody looks at it either. */
void world_put_away(struct record *record);
void world_free(struct world *world, struct record *record);

static inline struct record *record_of(struct tv_actor *actor)
{
    return TV_CONTAINER(actor, struct record, actor);
}

/* Fails unless both worlds have reached the same state, each counted from its epoch. */
void world_compare(struct world *world, const struct world *other);

/* The simulator itself does not go on without memory. */
void *sim_memory(void *old, size_t size);

/* Leaves for world->door; sim_failure begins with the number of the invariant that is broken. */
extern char sim_failure[256];
_Noreturn void sim_fail(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define SIM_EXPECT(world, condition, ...)       \
    do {                                        \
        if (!(condition))                       \
            sim_fail((world), __VA_ARGS__);     \
    } while (0)

/* ---- effects ------------------------------------------------------------------------------- */

/* All effects of a step, and its answer, into world->hash; then copied, shown, and acted upon. */
void effects_hash(struct world *world, enum tv_step answer);
void effects_apply(struct world *world);

/* After that nobody looks at the effects any more: what they let go of is freed. */
void effects_free(struct world *world);

/* The receiver's copies, given up. */
void effects_fini(struct world *world);

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

/* ---- playing ------------------------------------------------------------------------------- */

/* A world and, where slices cannot differ, the same one with nobody to listen. */
struct play {
    struct world world, mute;
    bool twin;
    FILE *trace;         /* NULL: none. A line for each move, with what it brought */
    FILE *journal;       /* NULL: none. The moves alone, each before it is played */
    uint64_t moves;
};

/* Where moves come from. */
struct source {
    bool (*next)(void *arg, const struct world *world, struct move *move);
    void (*played)(void *arg, const struct move *move, struct played played); /* NULL: no matter */
    void *arg;
};

/* To the last move and the end of all. False: an invariant is broken; sim_failure says which. */
bool play_source(struct play *play, const struct tv_core_config *config, struct source source);
bool play_list(struct play *play, const struct list *list);
bool play_seed(struct play *play, uint64_t seed);

/* The next move that brings the world to its end; false: it is there. */
bool ending_next(const struct world *world, struct move *move);

/* ---- what the command line asks for -------------------------------------------------------- */

/* Each returns the process's exit code: 0, or 1 where an invariant is broken, or 2. */
int seeds_one(uint64_t seed);
int seeds_many(uint64_t from, uint64_t count, bool hashes);
int seeds_list(const struct list *list);
int seeds_shrink(struct list *list);
int relations_many(uint64_t from, uint64_t count);
int replay_lines(FILE *in);

/* Prints sim_failure, of the play that has just ended with it. */
void seeds_report(const struct world *world);

/* ---- shrinking ----------------------------------------------------------------------------- */

/* What a process of its own has come to. */
struct verdict {
    uint64_t seed; /* that was being played */
    bool failed;
    char failure[256]; /* as sim_failure; empty: it has crashed, or was stuck */
};

/* Runs `work` in a process of its own, where sim_failure may be set and 1 returned. */
struct verdict shrink_apart(int (*work)(void *arg, struct verdict *shared), void *arg, bool quiet);

/* Makes the list as short as it gets with the same invariant broken. How many were tried. */
unsigned shrink(struct list *list, const struct verdict *verdict);

#endif
