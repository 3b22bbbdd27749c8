/*
 * loops.h: event loops for tests. One is worked by hand, on the test's own thread:
 *
 *     struct tv_loop *loop = loop_given(s);
 *     struct tv_task *task = add(s, "a", &on_loop);
 *     expect_errand(loop, TV_ERRAND_START, task);
 *     end_body(task, TV_ERROR_NONE);
 *     expect_nothing_to_do(loop);
 *
 * The other has a thread that polls the mailbox's descriptor, as asyncio's would:
 *
 *     struct fake fake;
 *     struct body body = BODY;                          // until told, or cancelled
 *     fake_start(&fake, NULL);
 *     tv_loop_give(s, fake.mailbox);
 *     task = add(s, "a", ON_LOOP(&body));
 *     fake_tell(&fake, &body);
 *     fake_stop(&fake);                                 // closes the loop
 *
 * With a host whatever it does it does with the host's big lock, which it leaves to poll. A private
 * loop is a fake that fake_run_private, as host->run_loop, runs on the runtime's thread.
 */
#ifndef LOOPS_H
#define LOOPS_H

#include "host.h"

#include <poll.h>

#define ON_LOOP(argument)                                                                \
    (&(const struct tv_spec){                                                            \
        .options = TV_OPTIONS_INHERIT, .arg = (argument), .on_loop = true})

static const struct tv_spec on_loop = {.options = TV_OPTIONS_INHERIT, .on_loop = true};

/* ---- by hand -------------------------------------------------------------------------------- */

static inline struct tv_loop *loop_new(void)
{
    struct tv_loop *loop;

    CHECK_EQ(tv_loop_new(&loop), TV_OK);
    return loop;
}

static inline struct tv_loop *loop_given(struct tv_supervisor *supervisor)
{
    struct tv_loop *loop = loop_new();

    CHECK_EQ(tv_loop_give(supervisor, loop), TV_OK);
    return loop;
}

/* Is its descriptor readable now? */
static inline bool rings(const struct tv_loop *loop)
{
    struct pollfd bell = {.fd = tv_loop_descriptor(loop), .events = POLLIN};

    return poll(&bell, 1, 0) == 1;
}

static inline bool has_errand(struct tv_loop *loop)
{
    struct tv_errand errand;

    return tv_loop_next(loop, &errand);
}

static inline void expect_nothing_to_do(struct tv_loop *loop)
{
    CHECK(!has_errand(loop));
}

/* What the loop is to do next is `kind`, and about `task` where there is one. */
static inline struct tv_errand expect_errand(struct tv_loop *loop, enum tv_errand_kind kind,
                                             const struct tv_task *task)
{
    struct tv_errand errand;

    CHECK(tv_loop_next(loop, &errand));
    CHECK_EQ(errand.kind, kind);
    CHECK(errand.task == task);
    return errand;
}

/* The body of `task` has ended on the loop: `kind`, of which FAIL says "no". */
static inline void end_body(struct tv_task *task, enum tv_error_kind kind)
{
    struct tv_result result = {.stray = false};

    end_with(&result, kind, kind == TV_ERROR_FAIL ? "no" : NULL);
    tv_loop_end(task, &result);
}

/* The same, by a cancellation, as a coroutine's CancelledError. */
static inline void end_cancelled(struct tv_task *task)
{
    struct tv_result result = {.stray = true};

    tv_loop_end(task, &result);
}

/* Nobody waits for this loop any more. */
static inline void loop_end(struct tv_loop *loop)
{
    tv_loop_close(loop);
    tv_loop_rele(loop);
}

/* ---- on a thread ---------------------------------------------------------------------------- */

/* The argument of one task: what its coroutine does. */
struct body {
    bool at_once;         /* ends in its first step */
    bool stubborn;        /* swallows each cancel */
    _Atomic bool told;    /* to end: fake_tell */
    _Atomic int begun, cancelled, ended;
    struct tv_task *task; /* the rest is the loop's */
    struct body *next;
};
#define BODY {.at_once = false}

struct fake {
    struct tv_loop *mailbox;
    struct tv_bell nudge; /* rung to be looked at */
    struct host *host;    /* in whose big lock it works; NULL: none */
    int most;             /* errands in a turn; 0: all */
    void (*each_turn)(struct fake *fake);
    void *arg;
    struct helper helper;
    struct body *running; /* its thread's */
    _Atomic bool stop;
    _Atomic int starts, cancels, leaves, watches, turns;
};

static inline void body_end(struct fake *fake, struct body *body, bool cancelled)
{
    struct body **at = &fake->running;
    struct tv_task *task = body->task;
    struct tv_result result = {.stray = cancelled};

    while (*at != body)
        at = &(*at)->next;
    *at = body->next;
    atomic_fetch_add(&body->ended, 1);
    tv_loop_end(task, &result);
}

static inline void body_begin(struct fake *fake, struct tv_task *task)
{
    struct body *body = task->spec->arg;

    CHECK_EQ(atomic_load(&body->begun), atomic_load(&body->ended));
    atomic_fetch_add(&body->begun, 1);
    body->task = task;
    body->next = fake->running;
    fake->running = body;
    if (body->at_once)
        body_end(fake, body, false);
}

/* The errand is about an attempt that runs. */
static inline void body_cancel(struct fake *fake, struct tv_task *task)
{
    struct body *body = fake->running;

    while (body && body->task != task)
        body = body->next;
    CHECK(body && tv_task_is_cancelled(task));
    atomic_fetch_add(&body->cancelled, 1);
    if (!body->stubborn)
        body_end(fake, body, true);
}

/* A watch's `user` is a _Atomic int. */
static inline void fake_do(struct fake *fake, const struct tv_errand *errand)
{
    _Atomic int *told;

    switch (errand->kind) {
    case TV_ERRAND_START:
        atomic_fetch_add(&fake->starts, 1);
        body_begin(fake, errand->task);
        break;
    case TV_ERRAND_CANCEL:
        atomic_fetch_add(&fake->cancels, 1);
        body_cancel(fake, errand->task);
        break;
    case TV_ERRAND_WATCH:
        atomic_fetch_add(&fake->watches, 1);
        told = tv_watch_end(errand->watch);
        if (told)
            atomic_fetch_add(told, 1);
        break;
    case TV_ERRAND_LEAVE:
        atomic_fetch_add(&fake->leaves, 1);
        atomic_store(&fake->stop, true);
        break;
    case TV_ERRAND_NONE:
        CHECK(!"an errand");
    }
}

static inline void fake_end_told(struct fake *fake)
{
    struct body *body = fake->running;

    while (body) {
        struct body *next = body->next;

        if (atomic_load(&body->told))
            body_end(fake, body, false);
        body = next;
    }
}

/* True: there is more. */
static inline bool fake_turn(struct fake *fake)
{
    struct tv_errand errand;
    bool more = true;

    atomic_fetch_add(&fake->turns, 1);
    for (int n = 0; more && (!fake->most || n < fake->most); n++) {
        more = tv_loop_next(fake->mailbox, &errand);
        if (more)
            fake_do(fake, &errand);
    }
    fake_end_told(fake);
    if (fake->each_turn)
        fake->each_turn(fake);
    return more;
}

static inline void fake_poll(struct fake *fake)
{
    struct pollfd bells[] = {
        {.fd = tv_loop_descriptor(fake->mailbox), .events = POLLIN},
        {.fd = fake->nudge.listen, .events = POLLIN},
    };

    if (fake->host)
        host_give(fake->host);
    CHECK(poll(bells, 2, (int)(PATIENCE / TV_MS)) > 0);
    if (fake->host)
        host_take(fake->host);
    tv_bell_silence(&fake->nudge);
    if (bells[0].revents)
        tv_loop_hear(fake->mailbox);
}

/* Until it is to stop; then it is closed, and the bodies that it leaves behind end. */
static inline void fake_run(struct fake *fake)
{
    for (;;) {
        while (fake_turn(fake))
            continue;
        if (atomic_load(&fake->stop))
            break;
        fake_poll(fake);
    }
    tv_loop_close(fake->mailbox);
    while (fake->running)
        body_end(fake, fake->running, true);
}

static inline void fake_init(struct fake *fake, struct host *host)
{
    *fake = (struct fake){.mailbox = loop_new(), .host = host};
    CHECK(tv_bell_init(&fake->nudge));
}

static inline void fake_fini(struct fake *fake)
{
    CHECK(!fake->running);
    tv_bell_fini(&fake->nudge);
    tv_loop_rele(fake->mailbox);
}

static inline void *fake_main(void *arg)
{
    struct fake *fake = arg;

    if (fake->host)
        host_take(fake->host);
    fake_run(fake);
    if (fake->host)
        host_give(fake->host);
    return NULL;
}

static inline void fake_start(struct fake *fake, struct host *host)
{
    fake_init(fake, host);
    fake->helper = helper_start(fake_main, fake);
}

static inline void fake_nudge(struct fake *fake)
{
    tv_bell_ring(&fake->nudge);
}

static inline void fake_tell(struct fake *fake, struct body *body)
{
    atomic_store(&body->told, true);
    fake_nudge(fake);
}

static inline void fake_stop(struct fake *fake)
{
    atomic_store(&fake->stop, true);
    fake_nudge(fake);
    helper_join(fake->helper);
    fake_fini(fake);
}

/* ---- a private one -------------------------------------------------------------------------- */

static inline void fake_run_private(void *arg, void *loop_arg)
{
    struct host *host = arg;
    struct fake *fake = loop_arg;

    CHECK(host_is_mine(host) && host_self);
    fake_run(fake);
    CHECK(atomic_load(&fake->leaves) <= 1);
}

/* Served, with a host that `fake` is a private loop of, which has not been started. */
static inline struct tv_supervisor *serve_private(struct fake *fake, struct host *host,
                                                  const struct tv_config *config)
{
    struct tv_supervisor *supervisor;

    host_init(host);
    host->hooks.run_loop = fake_run_private;
    supervisor = host_serve(host, config);
    fake_init(fake, host);
    return supervisor;
}

static inline enum tv_err start_private(struct fake *fake)
{
    enum tv_err err;

    host_take(fake->host);
    err = tv_loop_start(fake->host->supervisor, fake->mailbox, fake);
    host_give(fake->host);
    return err;
}

#endif
