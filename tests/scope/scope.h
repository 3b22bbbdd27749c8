/*
 * scope.h: every input in every state that a small scope can reach.
 *
 * A scope is at most three tasks at a time, one slot, instants that are 0, 1 or 2 apart, and a few
 * kinds of tasks. All that it can come to is finite once instants count from now, ids and names
 * from those that are there, and attempts as none or some; so it is walked from state to state,
 * breadth first, and the first list of inputs that breaks an invariant is one of the shortest.
 *
 *     main.c      the scopes; what is printed
 *     place.c     one core with everything it points to, at fixed addresses: kept and put back
 *     doing.c     which inputs there are in a state, and how one is done
 *     state.c     a state as bytes that leave out what makes no difference
 *     walk.c      breadth first
 *     table.c     what the machines did in all that: docs/design/transitions.md
 */
#ifndef SCOPE_H
#define SCOPE_H

#include "sim/move.h"

/* ---- the place ----------------------------------------------------------------------------- */

#define SCOPE_TASKS 3
#define SCOPE_SLOTS 2 /* the one there is, and the record that a submission brings */

struct kind {
    const char *about;
    struct tv_options options;
    bool on_loop, essential;
};

struct scope {
    const char *about;
    struct tv_core_config config;
    const struct kind *kinds;
    uint8_t kind_count;
    uint8_t tasks;    /* at a time */
    uint8_t instants; /* how far time goes in one input, at most */
    bool adds, batches, slots, waits; /* which inputs there are; the others always are */
    bool errors;      /* bodies end in every way, not only well or by failing */
};

/* A task as its host keeps it. */
struct task {
    struct tv_actor actor;
    uint8_t kind, name; /* which */
    bool used, in_flight, in_line, settled, over;
    tv_id move_id;      /* in the list of moves that is printed */
};

/* All that changes but the effects of the last step. */
struct place {
    struct tv_core *core;
    struct task task[SCOPE_TASKS];
    struct tv_slot slot[SCOPE_SLOTS];
    bool slot_used[SCOPE_SLOTS];
    struct tv_list batch;
    void *buckets[3][TV_GROW_FIRST];
    tv_id ids;
    bool decided;
};

extern struct place place;
extern const struct scope *scope;

void place_init(const struct scope *of);

/* Everything as it is now, to be put back any number of times. One at a time. */
void place_keep(void);
void place_put_back(void);

struct tv_text *place_name(uint8_t name);
struct tv_text *place_slot_name(void);

/* A task's or slot's index. */
int place_task(const struct tv_actor *actor);

/* ---- inputs -------------------------------------------------------------------------------- */

/* One input, in 32 bits. */
struct doing {
    uint8_t input;     /* enum tv_input_kind */
    uint8_t later : 2; /* than now */
    uint8_t task : 3;  /* that it means; SCOPE_TASKS: none that there is */
    uint8_t name : 3;  /* of a task that it brings, or by which it means one */
    uint8_t kind;      /* of a task that it brings */
    uint8_t how;       /* what else there is to it, see doing.c */
};

#define DOINGS 1024

/* Those that there are now. */
size_t doings(struct doing out[DOINGS]);

/* Does it; NULL: well. Else the invariant that is broken. */
const char *do_it(const struct doing *doing);

/* As a move of the simulator's, for `sim --play`. Call before it is done. */
void doing_move(const struct doing *doing, struct move *move);

/* ---- states -------------------------------------------------------------------------------- */

#define STATE_SIZE 96

/* Returns how many bytes. */
size_t state_write(uint8_t out[STATE_SIZE]);

/* ---- the walk ------------------------------------------------------------------------------ */

struct walked {
    uint32_t states;
    uint64_t inputs;
    uint32_t depth;
};

/* False: an invariant is broken; the list of inputs has been printed. */
bool walk(const struct scope *scope, struct walked *walked);

/* ---- the table ----------------------------------------------------------------------------- */

void table_write(FILE *out);

#endif
