/*
 * loop.h: an event loop of the host's, as the runtime knows it: a mailbox that wakes the loop.
 *
 * Who wants something done on the loop's thread sends a letter. The first letter rings the bell, a
 * descriptor that the loop watches; letters that come before the loop has found its mailbox empty
 * ring no more. So a batch costs one wake-up, and no host lock: the timer thread may send.
 *
 * A supervisor that has a loop sends one letter, however many attempts and cancels it has for it:
 * `loop_called` (guarded by its lock) is set by the hold that finds the first, and cleared by the
 * one in which the loop, asking for the next, is told that there is none.
 */
#ifndef TV_LOOP_H
#define TV_LOOP_H

#include "core/list.h"
#include "rt/member.h"
#include "rt/thread.h"

struct tv_after;
struct tv_task;

/* How long a private loop without bodies may take to leave. */
#define TV_LOOP_PATIENCE (5 * TV_SECOND)

enum tv_letter_kind {
    TV_LETTER_ORDERS, /* of a supervisor, which it holds */
    TV_LETTER_WATCH,  /* of a watch: what it waits for is there */
};

struct tv_letter {
    struct tv_letter *next;
    enum tv_letter_kind kind;
};

/* Puts a letter that is in no mailbox into one, and rings if nobody has. Call without a lock. */
void tv_loop_send(struct tv_loop *loop, struct tv_letter *letter);

/* What a supervisor has with its loop. Guarded by its lock, but for `loop`, which is set once. */
struct tv_loop_part {
    _Atomic(struct tv_loop *) loop; /* held; NULL: none yet */
    struct tv_list served; /* in the loop's list; guarded by the loop's lock */
    struct tv_letter letter;
    bool called;           /* the letter is under way, or the loop asks; no loop: one is given */
    bool has_thread;       /* the loop is a private one, on a member of the crew */
    bool told_leave;
    bool running;          /* that thread is in host->run_loop, and may be written off */
    uint64_t bodies;       /* in the loop's hands */
    struct tv_task *orders, **last_order; /* to be cancelled; by next_order, each held */
    struct tv_member member;
};

void tv_loop_part_init(struct tv_loop_part *part);

/* Its body is on the loop and is to be cancelled there. Call with the lock held. */
void tv_loop_order_cancel(struct tv_task *task, struct tv_after *after);

/* Sees to it that the loop comes if there is something for it. Call with the lock held. */
void tv_loop_notice(struct tv_supervisor *supervisor, struct tv_after *after);

/* The supervisor is complete: its loop has nothing to do with it any more. Without a lock. */
void tv_loop_part_end(struct tv_supervisor *supervisor);

/* Sends the supervisor's letter, as a hold has decided. Call without a lock. */
void tv_loop_call(struct tv_supervisor *supervisor);

/* On the loop's thread: what this supervisor wants done next; false: nothing. */
bool tv_loop_next_order(struct tv_supervisor *supervisor, struct tv_errand *errand);

/* Has the private loop's thread leave, and writes it off where it is in a body. Lock held. */
void tv_loop_leave(struct tv_supervisor *supervisor, struct tv_after *after);

/* The private loop's thread has not left in time: it is written off. Lock held. */
void tv_loop_abandon(struct tv_supervisor *supervisor);

#endif
