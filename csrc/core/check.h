/*
 * check.h: what the core does about its own bugs.
 *
 * TV_CHECK stays on in release builds. A failed one leaves the running step through the door that
 * tv_core_step opened, which marks the core broken: every later step answers TV_STEP_BROKEN. A
 * step holds nothing but its caller's lock, so nothing is lost by leaving it half way. Memory,
 * threads and bad input are never a matter for TV_CHECK.
 */
#ifndef TV_CHECK_H
#define TV_CHECK_H

struct tv_core;

/* Leaves the step. Does not return. */
_Noreturn void tv_core_fail(struct tv_core *core, const char *file, int line, const char *what);

#define TV_CHECK(core, condition)                                        \
    do {                                                                 \
        if (__builtin_expect(!(condition), 0))                           \
            tv_core_fail((core), __FILE__, __LINE__, #condition);        \
    } while (0)

#endif
