/*
 * by_clock.h: supervisors on a clock that the test sets forward, and what goes by it.
 */
#ifndef BY_CLOCK_H
#define BY_CLOCK_H

#include "fixture.h"

static inline struct tv_clock *new_clock(void)
{
    struct tv_clock *clock = tv_clock_new(TV_NEVER);

    CHECK(clock);
    return clock;
}

static inline struct tv_supervisor *serve_on(struct tv_clock *clock, struct tv_config config)
{
    config.clock = clock;
    return serve(&config);
}

static inline struct tv_config retries_after(tv_ns delay)
{
    struct tv_config config = TV_CONFIG_DEFAULT;

    config.defaults.backoff = (struct tv_backoff){delay, delay, 1.0, TV_JITTER_NONE};
    return config;
}

static inline struct tv_config once_within(tv_ns timeout)
{
    struct tv_config config = TV_CONFIG_DEFAULT;

    config.defaults.timeout_ns = timeout;
    config.defaults.restart = TV_RESTART_NEVER;
    return config;
}

static inline void advance(struct tv_clock *clock, tv_ns ns)
{
    CHECK_EQ(tv_clock_advance(clock, ns), TV_OK);
}

static inline tv_ns next_of(struct tv_clock *clock)
{
    tv_ns at;

    CHECK_EQ(tv_clock_next(clock, &at), TV_OK);
    return at;
}

static inline struct tv_alarm *alarm_in(struct tv_clock *clock, struct tv_token *parent,
                                        tv_ns delay)
{
    struct tv_alarm *alarm = NULL;

    CHECK_EQ(tv_alarm_new(clock, parent, delay, &alarm), TV_OK);
    return alarm;
}

static inline bool is_over(const struct tv_alarm *alarm)
{
    return tv_token_is_cancelled(tv_alarm_token(alarm));
}

/* Fails at first and then returns. */
static inline void fail_once(struct tv_task *task, void *arg, struct tv_result *result)
{
    (void)arg;
    if (tv_task_attempt(task) == 1)
        end_with(result, TV_ERROR_FAIL, "once");
}

static const struct tv_spec failing_once = {.options = TV_OPTIONS_INHERIT, .call = fail_once};

#endif
