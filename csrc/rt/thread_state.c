/*
 * thread_state.c: what the system tells of a thread: the part of thread.h that reads /proc.
 */
#define _GNU_SOURCE
#include "rt/thread.h"

#ifdef __linux__
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

long tv_thread_id(void)
{
    return syscall(SYS_gettid);
}

/* A line of the number, the name in brackets, which may have any character in it, the state, … */
static char state_of(const char *stat)
{
    const char *end = strrchr(stat, ')');

    return end && end[1] == ' ' ? end[2] : '?';
}

bool tv_thread_is_asleep(long number)
{
    char text[128];
    ssize_t size;
    int fd;

    snprintf(text, sizeof text, "/proc/self/task/%ld/stat", number);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return state_of(text) != 'R';
}

#else

long tv_thread_id(void)
{
    return 0;
}

bool tv_thread_is_asleep(long number)
{
    (void)number;
    return true;
}

#endif
