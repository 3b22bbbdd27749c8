/*
 * move.h: what is done to a world, as plain data.
 *
 * A move is an input of the core that names tasks by their ids and batches by their numbers, or
 * somebody who begins or stops to look at a task. So the same moves can be played in two worlds,
 * written down, shortened and replayed. Ids count up from 1 with every ADD, RESERVE and SUBMIT,
 * refused ones too.
 */
#ifndef SIM_MOVE_H
#define SIM_MOVE_H

#include "core/core.h"

#include <stdio.h>

#define SIM_NAME 24
#define SIM_TEXT 48
#define SIM_BATCHES 4

enum sim_target { SIM_BY_NAME, SIM_BY_ID, SIM_BY_HANDLE };

enum move_what {
    MOVE_INPUT, /* of the core: `kind` */
    MOVE_HOLD,  /* somebody has a handle of task `id` from now on */
    MOVE_DROP,  /* and gives it up */
};

struct move {
    enum move_what what;
    enum tv_input_kind kind;
    tv_ns now;
    tv_id id;              /* UNRESERVE, RESULT, WITHDRAW, LEAVE by id or handle; HOLD, DROP */
    char name[SIM_NAME];   /* ADD, RESERVE, SUBMIT, LEAVE by name */
    char slot[SIM_NAME];   /* SUBMIT, CANCEL_SLOT */
    enum tv_admission admission; /* SUBMIT */
    bool wait;                   /* SUBMIT */
    bool purge;                  /* CANCEL_SLOT */
    enum sim_target target;
    enum tv_leave_style style;
    struct tv_options options; /* ADD, RESERVE, SUBMIT */
    bool on_loop;              /* the same, and TAKE: where the body runs */
    bool essential;            /* ADD, RESERVE, SUBMIT: its failure is everybody's end */
    uint32_t batch;            /* RESERVE, COMMIT */
    enum tv_error_kind error;  /* RESULT */
    bool stray, has_exit_code, quiet;
    int32_t exit_code;
    char text[SIM_TEXT]; /* RESULT: FAIL, FATAL */
    tv_ns grace_ns;      /* SHUTDOWN */
};

/* Does it make a task, and so count up the ids? */
bool move_brings_task(const struct move *move);

/* Does it mean the task `move->id`, so that it means nothing without it? */
bool move_needs_task(const struct move *move);

/* Writes the move as one line without its end. */
void move_write(const struct move *move, FILE *out);

/*
 * Reads a line, which it changes. What stands behind a # is a comment. NULL: done, *empty says that
 * there was no move in it. Else what is wrong.
 */
const char *move_read(char *line, struct move *move, bool *empty);

/* The same for the core's configuration, a line that begins with `config`. */
void config_write(const struct tv_core_config *config, FILE *out);
const char *config_read(char *line, struct tv_core_config *config);

/* ---- lists --------------------------------------------------------------------------------- */

/* A configuration and the moves to be played with it. Zeroed: empty. */
struct list {
    struct tv_core_config config;
    struct move *move;
    size_t count, room;
};

void list_append(struct list *list, const struct move *move);
void list_free(struct list *list);

/*
 * All moves but those from `from` to before `to`, into an empty list. The ids behind them count
 * anew; what means a task that is not made any more is left out.
 */
void list_without(const struct list *list, size_t from, size_t to, struct list *out);

void list_write(const struct list *list, FILE *out);

/* NULL: done. Else what is wrong, in line *number. */
const char *list_read(FILE *in, struct list *list, unsigned long *number);

/*
 * The list that a byte string means: every string means one, and a byte more or less changes it
 * from there on only. For fuzzing, and for whoever wants to store moves in few bytes.
 */
void list_decode(const uint8_t *bytes, size_t size, struct list *out);

#endif
