/*
 * loop.c: the mailbox, and the thread of a private loop.
 *
 * Locking discipline. A mailbox has a lock of its own, taken with no other held; it guards the
 * letters, `awake`, `closed` and the list of those it serves, and its holders wait for nothing.
 * `serving` and `in_a_row` are the loop thread's. No wake-up is lost: a letter is put in and
 * `awake` is looked at in one hold, and `awake` is cleared by the loop in the hold in which it
 * finds the mailbox empty, so either the loop finds the letter or the sender rings.
 * A supervisor gets its loop in two holds: one claims (`called` without a loop), one sets `loop`,
 * for good. In between no letter is under way, and nobody closes until its thread is counted in.
 */
#include "rt/loop.h"

#include "rt/runtime.h"
#include "rt/watch.h"

#include <stdlib.h>

/* Orders of one supervisor in a row, before the next one has its turn. */
#define IN_A_ROW 64

struct tv_loop {
    _Atomic uint32_t refs;
    unsigned generation; /* of the process that made it */
    struct tv_lock lock;
    struct tv_bell bell;
    struct tv_letter *letters, **last;
    bool awake; /* it will look: the bell has been rung, or it is at it */
    bool closed;
    struct tv_list served;         /* struct tv_loop_part: the supervisors it serves */
    struct tv_supervisor *serving; /* whose letter it has opened; held */
    int in_a_row;
};

enum tv_err tv_loop_new(struct tv_loop **loop)
{
    struct tv_loop *made = calloc(1, sizeof *made);

    if (!made || tv_lock_init(&made->lock) != TV_OK) {
        free(made);
        return TV_NO_MEMORY;
    }
    if (!tv_bell_init(&made->bell)) {
        tv_lock_fini(&made->lock);
        free(made);
        return TV_NO_DESCRIPTOR;
    }
    atomic_init(&made->refs, 1);
    made->generation = tv_generation();
    tv_list_init(&made->served);
    made->last = &made->letters;
    *loop = made;
    return TV_OK;
}

struct tv_loop *tv_loop_hold(struct tv_loop *loop)
{
    atomic_fetch_add_explicit(&loop->refs, 1, memory_order_relaxed);
    return loop;
}

/* In a forked child the memory stays: its lock may be held, by a thread that is not there. */
void tv_loop_rele(struct tv_loop *loop)
{
    if (!loop || atomic_fetch_sub_explicit(&loop->refs, 1, memory_order_acq_rel) != 1)
        return;
    tv_bell_fini(&loop->bell);
    if (tv_forked_since(loop->generation))
        return;
    tv_lock_fini(&loop->lock);
    free(loop);
}

int tv_loop_descriptor(const struct tv_loop *loop)
{
    return loop->bell.listen;
}

void tv_loop_hear(struct tv_loop *loop)
{
    tv_bell_silence(&loop->bell);
}

/* ---- letters ------------------------------------------------------------------------------- */

static struct tv_supervisor *owner(struct tv_loop_part *part)
{
    return TV_CONTAINER(part, struct tv_supervisor, loop);
}

static struct tv_supervisor *sender(struct tv_letter *letter)
{
    return owner(TV_CONTAINER(letter, struct tv_loop_part, letter));
}

/* Of a loop that is closed, with the letter's reference. `is_ordered` stays: nobody links them. */
static void drop_orders(struct tv_supervisor *supervisor)
{
    struct tv_loop_part *part = &supervisor->loop;
    struct tv_task *task;

    tv_lock_take(&supervisor->lock);
    task = part->orders;
    part->orders = NULL;
    part->last_order = &part->orders;
    part->called = false;
    tv_lock_drop(&supervisor->lock);
    for (struct tv_task *next; task; task = next) {
        next = task->next_order;
        tv_task_rele(task);
    }
    tv_supervisor_rele(supervisor);
}

static void throw_away(struct tv_letter *letter)
{
    if (letter->kind == TV_LETTER_WATCH)
        tv_watch_forget(tv_watch_of(letter));
    else
        drop_orders(sender(letter));
}

void tv_loop_send(struct tv_loop *loop, struct tv_letter *letter)
{
    bool closed, ring = false;

    letter->next = NULL;
    tv_lock_take(&loop->lock);
    closed = loop->closed;
    if (!closed) {
        *loop->last = letter;
        loop->last = &letter->next;
        ring = !loop->awake;
        loop->awake = true;
    }
    if (ring)
        tv_loop_hold(loop); /* the letter's reference may be gone before the bell is rung */
    tv_lock_drop(&loop->lock);
    if (closed)
        throw_away(letter);
    if (ring) {
        tv_bell_ring(&loop->bell);
        tv_loop_rele(loop);
    }
}

static struct tv_letter *receive(struct tv_loop *loop)
{
    struct tv_letter *letter;

    tv_lock_take(&loop->lock);
    letter = loop->letters;
    if (letter)
        loop->letters = letter->next;
    else
        loop->awake = false;
    if (!loop->letters)
        loop->last = &loop->letters;
    tv_lock_drop(&loop->lock);
    return letter;
}

/* ---- whom it serves ------------------------------------------------------------------------ */

/* False: it is closed. */
static bool serve(struct tv_loop *loop, struct tv_supervisor *supervisor)
{
    bool open;

    tv_lock_take(&loop->lock);
    open = !loop->closed;
    if (open)
        tv_list_append(&loop->served, &supervisor->loop.served);
    tv_lock_drop(&loop->lock);
    return open;
}

static void stop_serving(struct tv_loop *loop, struct tv_supervisor *supervisor)
{
    tv_lock_take(&loop->lock);
    tv_list_remove(&supervisor->loop.served);
    tv_lock_drop(&loop->lock);
}

void tv_loop_part_end(struct tv_supervisor *supervisor)
{
    struct tv_loop *loop = tv_loop_of(supervisor);

    if (loop)
        stop_serving(loop, supervisor);
}

bool tv_loop_is_serving(struct tv_loop *loop)
{
    bool serving;

    if (tv_forked_since(loop->generation))
        return false;
    tv_lock_take(&loop->lock);
    serving = !tv_list_empty(&loop->served);
    tv_lock_drop(&loop->lock);
    return serving;
}

/* False: its last reference is gone, and its end waits for our lock. */
static bool hold_living(struct tv_supervisor *supervisor)
{
    uint32_t refs = atomic_load(&supervisor->refs);

    while (refs > 0 && !atomic_compare_exchange_weak(&supervisor->refs, &refs, refs + 1))
        continue;
    return refs > 0;
}

/* The next of those it served, held, and out of the list; NULL: none. */
static struct tv_supervisor *let_go_of_one(struct tv_loop *loop)
{
    struct tv_supervisor *supervisor = NULL;

    tv_lock_take(&loop->lock);
    while (!supervisor && !tv_list_empty(&loop->served)) {
        supervisor = owner(TV_CONTAINER(loop->served.next, struct tv_loop_part, served));
        tv_list_remove(&supervisor->loop.served);
        if (!hold_living(supervisor))
            supervisor = NULL;
    }
    tv_lock_drop(&loop->lock);
    return supervisor;
}

static struct tv_letter *shut(struct tv_loop *loop)
{
    struct tv_letter *letters;

    tv_lock_take(&loop->lock);
    loop->closed = true;
    letters = loop->letters;
    loop->letters = NULL;
    loop->last = &loop->letters;
    tv_lock_drop(&loop->lock);
    return letters;
}

void tv_loop_close(struct tv_loop *loop)
{
    struct tv_supervisor *supervisor;

    if (tv_forked_since(loop->generation))
        return;
    for (struct tv_letter *next, *letter = shut(loop); letter; letter = next) {
        next = letter->next;
        throw_away(letter);
    }
    if (loop->serving)
        throw_away(&loop->serving->loop.letter);
    loop->serving = NULL;
    while ((supervisor = let_go_of_one(loop))) {
        tv_shutdown(supervisor, TV_NONE, false);
        tv_supervisor_rele(supervisor);
    }
}

/* ---- what the loop does next --------------------------------------------------------------- */

/* False: it has nothing more; or it goes behind the others, and its letter is still due. */
static bool next_of_served(struct tv_loop *loop, struct tv_errand *errand)
{
    struct tv_supervisor *supervisor = loop->serving;
    bool enough = loop->in_a_row++ == IN_A_ROW;

    if (!enough && tv_loop_next_order(supervisor, errand))
        return true;
    loop->serving = NULL;
    if (enough)
        tv_loop_send(loop, &supervisor->loop.letter);
    else
        tv_supervisor_rele(supervisor);
    return false;
}

bool tv_loop_next(struct tv_loop *loop, struct tv_errand *errand)
{
    for (;;) {
        struct tv_letter *letter;

        if (loop->serving && next_of_served(loop, errand))
            return true;
        letter = receive(loop);
        if (!letter)
            return false;
        if (letter->kind == TV_LETTER_WATCH) {
            *errand = (struct tv_errand){.kind = TV_ERRAND_WATCH, .watch = tv_watch_of(letter)};
            return true;
        }
        loop->serving = sender(letter);
        loop->in_a_row = 0;
    }
}

/* ---- a private loop ------------------------------------------------------------------------ */

struct private_loop {
    struct tv_supervisor *supervisor;
    void *arg;
};

static void set_running(struct tv_supervisor *supervisor, bool running)
{
    tv_lock_take(&supervisor->lock);
    supervisor->loop.running = running;
    tv_lock_drop(&supervisor->lock);
}

static void *loop_main(void *arg)
{
    struct private_loop *private = arg;
    struct tv_supervisor *supervisor = private->supervisor;
    struct tv_member *member = &supervisor->loop.member;

    if (tv_member_begin(member) && tv_member_attach(member)) {
        set_running(supervisor, true);
        supervisor->host->run_loop(supervisor->host_arg, private->arg);
        set_running(supervisor, false);
        tv_member_detach(member);
    }
    tv_member_leave(member, free, private);
    return NULL;
}

/* The first hold. FORKED, SHUTTING_DOWN, ALREADY: the supervisor will not have it. */
static enum tv_err claim(struct tv_supervisor *supervisor, struct tv_loop *loop)
{
    enum tv_err err = TV_OK;

    if (tv_is_forked(supervisor) || tv_forked_since(loop->generation))
        return TV_FORKED;
    tv_lock_take(&supervisor->lock);
    if (supervisor->loop.called || tv_loop_of(supervisor))
        err = TV_ALREADY;
    else if (supervisor->phase == TV_PHASE_COMPLETE || !tv_core_is_open(&supervisor->core))
        err = TV_SHUTTING_DOWN;
    else
        supervisor->loop.called = true;
    tv_lock_drop(&supervisor->lock);
    return err;
}

/* The second: `loop` is the supervisor's; NULL: it came to nothing. */
static void settle(struct tv_supervisor *supervisor, struct tv_loop *loop, bool thread)
{
    struct tv_loop_part *part = &supervisor->loop;
    struct tv_after after = TV_AFTER(TV_ATTACHED);

    tv_lock_take(&supervisor->lock);
    part->called = false;
    part->has_thread = loop && thread;
    if (loop)
        atomic_store(&part->loop, tv_loop_hold(loop));
    tv_loop_notice(supervisor, &after);
    tv_timer_by(supervisor, 0, &after);
    tv_rt_drop(supervisor, &after);
}

/* `private` is the new thread's; NULL: the loop runs elsewhere. */
static enum tv_err give(struct tv_supervisor *supervisor, struct tv_loop *loop,
                        struct private_loop *private)
{
    enum tv_err err = claim(supervisor, loop);

    if (err != TV_OK)
        return err;
    if (!serve(loop, supervisor))
        err = TV_SHUTTING_DOWN;
    else if (private)
        err = tv_member_start(&supervisor->loop.member, supervisor,
                              supervisor->config.stack_size, loop_main, private);
    if (err != TV_OK)
        stop_serving(loop, supervisor);
    settle(supervisor, err == TV_OK ? loop : NULL, private);
    return err;
}

enum tv_err tv_loop_give(struct tv_supervisor *supervisor, struct tv_loop *loop)
{
    return give(supervisor, loop, NULL);
}

enum tv_err tv_loop_start(struct tv_supervisor *supervisor, struct tv_loop *loop, void *arg)
{
    struct private_loop *private = malloc(sizeof *private);
    enum tv_err err;

    if (!private)
        return TV_NO_MEMORY;
    *private = (struct private_loop){supervisor, arg};
    err = give(supervisor, loop, private);
    if (err != TV_OK)
        free(private);
    return err;
}
