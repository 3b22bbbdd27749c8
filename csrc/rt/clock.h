/*
 * clock.h: the only readers of a clock; tv_now() and tv_wall_clock() are in taskvisor.h.
 */
#ifndef TV_CLOCK_H
#define TV_CLOCK_H

#include "taskvisor.h"

/* Processor time that the whole process has used. */
tv_ns tv_process_time(void);

#endif
