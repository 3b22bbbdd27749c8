#define _GNU_SOURCE
#include "taskvisor.h"

#include <time.h>

static tv_ns read_clock(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * TV_SECOND + time.tv_nsec;
}

tv_ns tv_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

tv_ns tv_wall_clock(void)
{
    return read_clock(CLOCK_REALTIME);
}
