/*
 * subscribers.c: observers, each with a thread of its own.
 *
 * Locking discipline. The receiver is guarded by the supervisor's lock as bus.h tells; the list of
 * subscribers is fixed when tv_serve starts their threads. A thread looks at its queue under the
 * lock, and delivers without it what was there. An event is taken out of the queue only when it is
 * delivered next, so that the queue's capacity is what it says. `hand` says whether the thread is
 * at an event: it takes the hand before it takes one out, and who stops it takes the hand for
 * good. So a thread that is stopped at an event is known to be, and begins with no other. No
 * wake-up is lost: the thread looks at its queue and enters the receiver's waiters in one hold;
 * publishing and stopping wake a waiter in theirs.
 */
#include "rt/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More events than these in one turn, and somebody publishes much. */
#define MANY 8u

enum hand { HAND_FREE, HAND_AT_EVENT, HAND_STOPPED };

struct tv_subscriber_thread {
    struct tv_member member;
    struct tv_receiver receiver;
    struct tv_subscriber_thread *next;
    struct tv_text *(*on_event)(void *arg, const struct tv_event *event);
    void *arg;
    bool started;
    _Atomic uint8_t hand; /* enum hand */
};

/* ---- names --------------------------------------------------------------------------------- */

static bool is_taken(const struct tv_supervisor *supervisor, const struct tv_text *name)
{
    for (const struct tv_subscriber_thread *s = supervisor->subscribers; s; s = s->next)
        if (tv_text_equal(s->receiver.name, name))
            return true;
    return false;
}

/* `name`, or name#2, name#3 … where it is taken; with a reference. NULL: no memory. */
static struct tv_text *unique_name(const struct tv_supervisor *supervisor, struct tv_text *name)
{
    struct tv_text *made = tv_text_hold(name);
    size_t size = (size_t)name->size + 24;
    char *numbered = malloc(size);

    if (!numbered) {
        tv_text_rele(made);
        return NULL;
    }
    memcpy(numbered, name->bytes, name->size);
    for (unsigned n = 2; made && is_taken(supervisor, made); n++) {
        int digits = snprintf(numbered + name->size, size - name->size, "#%u", n);

        tv_text_rele(made);
        made = tv_text_new(numbered, name->size + (size_t)digits);
    }
    free(numbered);
    return made;
}

enum tv_err tv_subscribe(struct tv_supervisor *supervisor, const struct tv_subscriber *subscriber)
{
    struct tv_subscriber_thread *made = calloc(1, sizeof *made), **end = &supervisor->subscribers;
    struct tv_text *name;
    enum tv_err err;

    if (!made)
        return TV_NO_MEMORY;
    if (tv_is_forked(supervisor) || tv_is_serving(supervisor)) {
        free(made);
        return tv_is_forked(supervisor) ? TV_FORKED : TV_ALREADY_RUNNING;
    }
    name = unique_name(supervisor, subscriber->name);
    err = name ? tv_receiver_init(&made->receiver, TV_RECEIVER_SUBSCRIBER, name,
                                  subscriber->capacity)
               : TV_NO_MEMORY;
    tv_text_rele(name);
    if (err != TV_OK) {
        free(made);
        return err;
    }
    made->on_event = subscriber->on_event;
    made->arg = subscriber->arg;
    tv_lock_take(&supervisor->lock);
    tv_bus_add(&supervisor->bus, &made->receiver);
    tv_lock_drop(&supervisor->lock);
    while (*end)
        end = &(*end)->next;
    *end = made;
    supervisor->subscriber_count++;
    return TV_OK;
}

void tv_subscribers_free_all(struct tv_supervisor *supervisor)
{
    while (supervisor->subscribers) {
        struct tv_subscriber_thread *subscriber = supervisor->subscribers;

        supervisor->subscribers = subscriber->next;
        tv_receiver_fini(&subscriber->receiver);
        free(subscriber);
    }
}

/* ---- the thread ---------------------------------------------------------------------------- */

static bool is_stopped(const struct tv_subscriber_thread *subscriber)
{
    return atomic_load_explicit(&subscriber->hand, memory_order_relaxed) == HAND_STOPPED;
}

/* False: it is stopped. */
static bool move_hand(struct tv_subscriber_thread *subscriber, uint8_t from, uint8_t to)
{
    return atomic_compare_exchange_strong(&subscriber->hand, &from, to);
}

/* Sleeps until there is an event. False: it is told to stop. */
static bool await_event(struct tv_subscriber_thread *subscriber)
{
    struct tv_supervisor *supervisor = subscriber->member.supervisor;
    struct tv_waiter waiter;
    bool stop;

    for (;;) {
        tv_lock_take(&supervisor->lock);
        stop = is_stopped(subscriber);
        if (stop || tv_receiver_queued(&subscriber->receiver) > 0)
            break;
        tv_waiter_init(&waiter, TV_WAITS_OTHER);
        tv_waiter_sleep(&waiter, &subscriber->receiver.waiters, &supervisor->lock, TV_NEVER);
        tv_waiter_fini(&waiter);
    }
    tv_lock_drop(&supervisor->lock);
    return !stop;
}

/* A raise on a diagnostic is not reported again, or one bad subscriber would never end. */
static void report(struct tv_subscriber_thread *subscriber, const struct tv_event *on,
                   struct tv_text *reason)
{
    struct tv_supervisor *supervisor = subscriber->member.supervisor;
    struct tv_after after = TV_AFTER(TV_DETACHED);
    struct tv_event event = {
        .kind = TV_EVENT_SUBSCRIBER_PANICKED,
        .task = subscriber->receiver.name,
        .reason = {.kind = TV_REASON_TEXT, .error.text = reason},
    };

    tv_lock_take(&supervisor->lock);
    subscriber->receiver.raised++;
    if (!tv_event_is_diagnostic(on))
        tv_bus_publish(&supervisor->bus, &event, 1, &after);
    tv_rt_drop(supervisor, &after);
    tv_text_rele(reason);
}

/* Delivers the next event. False: it is to stop. */
static bool deliver(struct tv_subscriber_thread *subscriber)
{
    const struct tv_event *event;
    struct tv_text *reason;

    if (!move_hand(subscriber, HAND_FREE, HAND_AT_EVENT))
        return false;
    event = tv_receiver_next(&subscriber->receiver);
    tv_self = (struct tv_self){TV_ROLE_SUBSCRIBER, subscriber->member.supervisor, NULL};
    reason = subscriber->on_event(subscriber->arg, event);
    tv_self = (struct tv_self){TV_ROLE_NONE, NULL, NULL};
    if (reason)
        report(subscriber, event, reason);
    tv_event_release(event);
    return move_hand(subscriber, HAND_AT_EVENT, HAND_FREE);
}

/* Delivers so many events. False: the turn is over, or it is to stop. */
static bool deliver_all(struct tv_subscriber_thread *subscriber, uint64_t queued, tv_ns until)
{
    for (; queued > 0; queued--)
        if (!deliver(subscriber) || (until != TV_NEVER && tv_now() >= until))
            return false;
    return true;
}

/* One hold: what was begun is done; `more`: it goes on with what is there now. */
static uint64_t look(struct tv_subscriber_thread *subscriber, bool more)
{
    struct tv_supervisor *supervisor = subscriber->member.supervisor;
    struct tv_receiver *receiver = &subscriber->receiver;
    struct tv_after after = TV_AFTER(TV_DETACHED);
    uint64_t queued = 0;

    tv_lock_take(&supervisor->lock);
    if (receiver->busy)
        tv_receiver_done(&supervisor->bus, receiver);
    if (supervisor->bus.unquiet == 0 && supervisor->seen == TV_SHUTDOWN_DRAINING)
        tv_timer_by(supervisor, 0, &after);
    if (more && !is_stopped(subscriber))
        queued = tv_receiver_begin(receiver);
    tv_rt_drop(supervisor, &after);
    return queued;
}

/*
 * Attached: delivers until the queue is empty or its turn is over. A turn ends only where others
 * cannot be attached meanwhile. True: the turn is over, or there was much.
 */
static bool take_turn(struct tv_subscriber_thread *subscriber, tv_ns asked)
{
    bool exclusive = tv_is_exclusive(subscriber->member.supervisor), more = true;
    tv_ns until = exclusive ? tv_turn_until(asked, tv_now()) : TV_NEVER;
    uint64_t queued, delivered = 0;

    while ((queued = look(subscriber, more)) > 0) {
        more = deliver_all(subscriber, queued, until);
        delivered += queued;
    }
    return !more || delivered >= MANY;
}

/*
 * It rests after a turn that is over, so that others get theirs, and after much: who publishes much
 * wakes it once for many events then, instead of once for each.
 */
static bool work(struct tv_subscriber_thread *subscriber)
{
    tv_ns asked = tv_now();
    bool rest;

    if (!tv_member_attach(&subscriber->member))
        return false;
    rest = take_turn(subscriber, asked);
    tv_member_detach(&subscriber->member);
    if (rest && !is_stopped(subscriber))
        tv_thread_rest(TV_TURN_REST);
    return true;
}

/* Its memory is the supervisor's: a late on_event may still look at it. */
static void keep(void *arg)
{
    (void)arg;
}

static void *subscriber_main(void *arg)
{
    struct tv_subscriber_thread *subscriber = arg;

    if (tv_member_begin(&subscriber->member))
        while (await_event(subscriber) && work(subscriber))
            continue;
    tv_member_leave(&subscriber->member, keep, NULL);
    return NULL;
}

enum tv_err tv_subscribers_start(struct tv_supervisor *supervisor)
{
    unsigned number = 0;

    for (struct tv_subscriber_thread *s = supervisor->subscribers; s; s = s->next) {
        enum tv_err err;

        snprintf(s->member.name, sizeof s->member.name, "taskvisor-sub-%u", ++number);
        err = tv_member_start(&s->member, supervisor, supervisor->config.stack_size,
                              subscriber_main, s);
        if (err != TV_OK)
            return err;
        s->started = true;
    }
    return TV_OK;
}

void tv_subscribers_give_up(struct tv_supervisor *supervisor)
{
    tv_lock_take(&supervisor->lock);
    for (struct tv_subscriber_thread *s = supervisor->subscribers; s; s = s->next) {
        if (s->started)
            continue;
        tv_bus_remove(&supervisor->bus, &s->receiver);
        if (tv_receiver_queued(&s->receiver) > 0)
            supervisor->bus.unquiet--;
    }
    tv_lock_drop(&supervisor->lock);
}

void tv_subscribers_stop(struct tv_supervisor *supervisor, struct tv_after *after)
{
    for (struct tv_subscriber_thread *s = supervisor->subscribers; s; s = s->next) {
        if (atomic_exchange(&s->hand, HAND_STOPPED) == HAND_AT_EVENT)
            tv_member_write_off(&s->member);
        tv_waiters_wake(&s->receiver.waiters, TV_WAITS_OTHER, false, &after->wake);
    }
    after->any = true;
}

/* ---- looking at them ----------------------------------------------------------------------- */

enum tv_err tv_subscribers(struct tv_supervisor *supervisor, struct tv_subscriber_info **infos,
                           size_t *count)
{
    struct tv_subscriber_info *made;
    size_t n = 0;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    made = malloc((supervisor->subscriber_count + 1) * sizeof *made);
    if (!made)
        return TV_NO_MEMORY;
    tv_lock_take(&supervisor->lock);
    for (struct tv_subscriber_thread *s = supervisor->subscribers; s; s = s->next) {
        const struct tv_receiver *receiver = &s->receiver;
        uint64_t queued = tv_receiver_queued(receiver);

        made[n++] = (struct tv_subscriber_info){
            .name = tv_text_hold(receiver->name),
            .queued = queued,
            .delivered = receiver->put - queued,
            .dropped = receiver->dropped,
            .raised = receiver->raised,
        };
    }
    tv_lock_drop(&supervisor->lock);
    *infos = made;
    *count = n;
    return TV_OK;
}

void tv_subscribers_free(struct tv_subscriber_info *infos, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tv_text_rele(infos[i].name);
    free(infos);
}
