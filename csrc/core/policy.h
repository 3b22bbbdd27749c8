/*
 * policy.h: when a task is started again, and after which delay.
 *
 * tv_options is one task's set of policies. What a spec leaves out carries a bit in `inherits` and
 * is read from the supervisor's defaults instead; tv_core_options() in core.h does that.
 */
#ifndef TV_POLICY_H
#define TV_POLICY_H

#include "core/prng.h"
#include "core/tables.h"
#include "core/types.h"

#include <stdint.h>

/* delay n = min(first * factor^n, max), then jitter. 0 <= first <= max, factor >= 1 and finite. */
struct tv_backoff {
    tv_ns first_ns, max_ns;
    double factor;
    enum tv_jitter jitter;
};

enum tv_inherit {
    TV_INHERIT_RESTART = 1,
    TV_INHERIT_BACKOFF = 2,
    TV_INHERIT_TIMEOUT = 4,
    TV_INHERIT_RETRIES = 8,
    TV_INHERIT_RESET = 16,
    TV_INHERIT_GRACE = 32,
    TV_INHERIT_ALL = 63,
};

struct tv_options {
    uint32_t inherits; /* bits of enum tv_inherit */
    enum tv_restart_kind restart;
    tv_ns interval_ns;    /* ALWAYS: pause after a success; TV_NONE: none, back into the queue */
    tv_ns timeout_ns;     /* of an attempt; 0: none */
    tv_ns reset_after_ns; /* a failure after this long starts a new budget; TV_NONE: never */
    tv_ns grace_ns;       /* from the cancel of the task's token to ABANDONED */
    int64_t max_retries;  /* TV_NONE: no limit */
    struct tv_backoff backoff;
};

/* The interval a delay is drawn from. */
struct tv_delay_range {
    tv_ns low_ns, high_ns;
};

/*
 * The range of retry `n`, counted from 0. `previous_ns` is the delay drawn before (DECORRELATED
 * only); TV_NONE takes `first`. Pure: same arguments, same range, under every compiler.
 */
struct tv_delay_range tv_backoff_range(const struct tv_backoff *backoff, uint64_t n,
                                       tv_ns previous_ns);

/* One uniform draw from the range. NONE draws nothing from the generator. */
tv_ns tv_backoff_draw(const struct tv_backoff *backoff, uint64_t n, tv_ns previous_ns,
                      struct tv_prng *prng);

#endif
