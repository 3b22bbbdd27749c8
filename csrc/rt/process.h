/*
 * process.h: what all supervisors of one process share: their list, threads that have left and are
 * to be joined, the end of the process, forks.
 */
#ifndef TV_PROCESS_H
#define TV_PROCESS_H

#include "core/list.h"
#include "rt/thread.h"

/* A thread that leaves hands this in as its last act; the memory is then the process's. */
struct tv_departed {
    struct tv_departed *next;
    struct tv_thread thread;
};

/* Hands in the calling thread, which takes no lock and touches no supervisor from now on. */
void tv_depart(struct tv_departed *departed);

/*
 * Joins every thread that has been handed in, and frees what it handed in. Waits a moment at most.
 */
void tv_reap(void);

/* The supervisors that run. `link` is a supervisor's, guarded by the process's lock. */
void tv_process_enter(struct tv_supervisor *supervisor, struct tv_list *link);
void tv_process_leave(struct tv_list *link);

#endif
