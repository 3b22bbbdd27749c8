/*
 * member.h: a thread of a supervisor that calls the host's code: a worker or a subscriber.
 *
 * It starts, makes its host state, attaches for turns, and leaves: joined if it can, written off
 * where the supervisor closes while it is still inside somebody's code. The last member to leave a
 * closing supervisor calls host->closed.
 */
#ifndef TV_MEMBER_H
#define TV_MEMBER_H

#include "rt/process.h"
#include "rt/thread.h"

struct tv_after;

/* A supervisor's members in numbers. Guarded by its lock. */
struct tv_crew {
    uint64_t created;
    uint64_t leaving;     /* run nothing any more */
    uint64_t left;        /* and have ended with the host */
    uint64_t present;     /* started, not left, not written off: what a shutdown waits for */
    uint64_t written_off; /* and not left yet */
    bool closing;         /* the last one calls host->closed */
    bool told_closed;     /* somebody does */
    struct tv_sem alone;  /* that one sleeps on it until all others have left */
};

struct tv_member {
    struct tv_supervisor *supervisor; /* held */
    struct tv_departed *departed;
    void *state;      /* the host's; NULL without a host */
    bool written_off; /* guarded by the lock */
    struct tv_thread thread;
    char name[32];
};

/* Starts `run(arg)` as a member. NO_MEMORY, NO_THREAD: nothing is left behind. */
enum tv_err tv_member_start(struct tv_member *member, struct tv_supervisor *supervisor,
                            size_t stack_size, void *(*run)(void *), void *arg);

/* On the thread itself, first of all. False: the host has no state for it; leave. */
bool tv_member_begin(struct tv_member *member);

/* Attaches to the host. False: the process is gone; leave. */
bool tv_member_attach(struct tv_member *member);
void tv_member_detach(struct tv_member *member);

/* The last thing a member does, detached. `free_self(arg)` frees what `member` is part of. */
void tv_member_leave(struct tv_member *member, void (*free_self)(void *), void *arg);

/* Leaves it behind: nobody waits for it. Call with the lock held. */
void tv_member_write_off(struct tv_member *member);

/*
 * How long a member may stay attached that asked for the host at `asked` and got it at `got`: a
 * millisecond, or as long as it had to wait, and then it stays away for TV_TURN_REST, because a
 * released GIL goes to whoever asks first.
 */
#define TV_TURN (1 * TV_MS)
#define TV_TURN_MAX (5 * TV_MS)
#define TV_TURN_REST INT64_C(50000)
tv_ns tv_turn_until(tv_ns asked, tv_ns got);

#endif
