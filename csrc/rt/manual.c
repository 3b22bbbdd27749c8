/*
 * manual.c
 *
 * Locking discipline. A clock's lock guards its lists, and who sets the time holds it; the time is
 * atomic and read without it, also under a supervisor's lock. It is taken with no other lock held,
 * and nothing is taken under it: who is stepped or woken is taken out of a list first, with a
 * reference.
 *
 * No deadline is missed. The time is set, and the supervisors are listed, in one hold; each is
 * stepped after that. A step reads the time under its supervisor's lock: one that comes before the
 * clock's own step has armed its timers when that looks for them, and one that comes after reads
 * the new time. An alarm is set under the clock's lock, and due ones are taken out after the time
 * was set: either it is found, or it counts from the new time.
 */
#include "rt/manual.h"

#include "rt/runtime.h"

#include <stdlib.h>

struct tv_clock {
    _Atomic uint32_t refs;
    unsigned generation;        /* of the process that made it */
    tv_ns epoch_ns;
    tv_ns patience_ns;
    _Atomic tv_ns time_ns;      /* as it was set */
    _Atomic bool released;      /* and since then, by tv_now() */
    tv_ns released_ns;          /* set before that */
    struct tv_lock lock;
    struct tv_list supervisors; /* link `on_clock`, in the order of their start */
    size_t supervisor_count;
    struct tv_list alarms;      /* by (at, setting) */
    size_t alarm_count;
};

struct tv_alarm {
    struct tv_list link;    /* in none: over */
    struct tv_clock *clock; /* held */
    struct tv_token *token; /* held */
    tv_ns at;
};

/* ---- life ---------------------------------------------------------------------------------- */

/* Patience is looked at as often as it ends, so none is shorter. */
#define SHORTEST_PATIENCE TV_MS

struct tv_clock *tv_clock_new(tv_ns patience_ns)
{
    struct tv_clock *clock = calloc(1, sizeof *clock);

    if (!clock)
        return NULL;
    if (tv_lock_init(&clock->lock) != TV_OK) {
        free(clock);
        return NULL;
    }
    atomic_init(&clock->refs, 1);
    clock->generation = tv_generation();
    clock->epoch_ns = tv_wall_clock();
    clock->patience_ns = patience_ns < SHORTEST_PATIENCE ? SHORTEST_PATIENCE : patience_ns;
    tv_list_init(&clock->supervisors);
    tv_list_init(&clock->alarms);
    return clock;
}

struct tv_clock *tv_clock_hold(struct tv_clock *clock)
{
    atomic_fetch_add_explicit(&clock->refs, 1, memory_order_relaxed);
    return clock;
}

/* In a forked child the lock is not to be trusted: the clock stays where it is. */
void tv_clock_rele(struct tv_clock *clock)
{
    if (!clock || atomic_fetch_sub_explicit(&clock->refs, 1, memory_order_acq_rel) != 1 ||
        tv_clock_is_forked(clock))
        return;
    tv_lock_fini(&clock->lock);
    free(clock);
}

bool tv_clock_is_forked(const struct tv_clock *clock)
{
    return tv_forked_since(clock->generation);
}

struct tv_clock *tv_clock_of(const struct tv_supervisor *supervisor)
{
    return supervisor->clock;
}

/* ---- the time ------------------------------------------------------------------------------ */

tv_ns tv_clock_now(const struct tv_clock *clock)
{
    tv_ns now = atomic_load(&clock->time_ns);

    return atomic_load(&clock->released) ? tv_after(now, tv_now() - clock->released_ns) : now;
}

tv_ns tv_clock_real(const struct tv_clock *clock, tv_ns at)
{
    tv_ns now = tv_clock_now(clock);

    if (at <= now)
        return 0;
    if (at == TV_NEVER || !atomic_load(&clock->released))
        return TV_NEVER;
    return tv_after(tv_now(), at - now);
}

tv_ns tv_clock_epoch(const struct tv_clock *clock)
{
    return clock->epoch_ns;
}

tv_ns tv_clock_patience(const struct tv_clock *clock)
{
    return clock->patience_ns;
}

/* Not as far as TV_NEVER, which does not come. Call with the lock held. */
static void set_forward(struct tv_clock *clock, tv_ns ns)
{
    tv_ns time = tv_after(atomic_load(&clock->time_ns), ns);

    atomic_store(&clock->time_ns, time == TV_NEVER ? TV_NEVER - 1 : time);
}

void tv_clock_release(struct tv_clock *clock)
{
    tv_lock_take(&clock->lock);
    if (!atomic_load(&clock->released)) {
        clock->released_ns = tv_now();
        atomic_store(&clock->released, true);
    }
    tv_lock_drop(&clock->lock);
}

/* ---- supervisors --------------------------------------------------------------------------- */

void tv_clock_enter(struct tv_clock *clock, struct tv_list *link)
{
    if (!clock)
        return;
    tv_lock_take(&clock->lock);
    tv_list_append(&clock->supervisors, link);
    clock->supervisor_count++;
    tv_lock_drop(&clock->lock);
}

void tv_clock_leave(struct tv_clock *clock, struct tv_list *link)
{
    if (!clock)
        return;
    tv_lock_take(&clock->lock);
    tv_list_remove(link);
    clock->supervisor_count--;
    tv_lock_drop(&clock->lock);
}

/* The supervisors of a clock, each held. */
struct listed {
    size_t count;
    struct tv_supervisor **each;
};

static void list_all(const struct tv_clock *clock, struct listed *listed)
{
    const struct tv_list *all = &clock->supervisors;

    listed->count = 0;
    for (struct tv_list *link = all->next; link != all; link = link->next)
        listed->each[listed->count++] =
            tv_supervisor_hold(TV_CONTAINER(link, struct tv_supervisor, on_clock));
}

/* Sets the clock forward and lists who is on it, in one hold. NO_MEMORY: neither. */
static enum tv_err set_and_list(struct tv_clock *clock, tv_ns ns, struct listed *listed)
{
    size_t most = 8, count = 0;
    bool done = false;

    while (!done) {
        listed->each = malloc(most * sizeof(struct tv_supervisor *));
        if (!listed->each)
            return TV_NO_MEMORY;
        tv_lock_take(&clock->lock);
        count = clock->supervisor_count;
        done = count <= most;
        if (done) {
            set_forward(clock, ns);
            list_all(clock, listed);
        }
        tv_lock_drop(&clock->lock);
        if (!done)
            free(listed->each);
        most = count;
    }
    return TV_OK;
}

static void unlist(struct listed *listed)
{
    for (size_t i = 0; i < listed->count; i++)
        tv_supervisor_rele(listed->each[i]);
    free(listed->each);
}

/* ---- alarms -------------------------------------------------------------------------------- */

/* Behind those that are due at the same time. */
static void insert(struct tv_clock *clock, struct tv_alarm *alarm)
{
    struct tv_list *before = clock->alarms.prev;

    while (before != &clock->alarms &&
           TV_CONTAINER(before, struct tv_alarm, link)->at > alarm->at)
        before = before->prev;
    tv_list_append(before->next, &alarm->link);
    clock->alarm_count++;
}

static void take_out(struct tv_clock *clock, struct tv_alarm *alarm)
{
    tv_list_remove(&alarm->link);
    clock->alarm_count--;
}

static struct tv_alarm *first_alarm(const struct tv_clock *clock)
{
    if (tv_list_empty(&clock->alarms))
        return NULL;
    return TV_CONTAINER(clock->alarms.next, struct tv_alarm, link);
}

enum tv_err tv_alarm_new(struct tv_clock *clock, struct tv_token *parent, tv_ns delay_ns,
                         struct tv_alarm **alarm)
{
    struct tv_alarm *made;

    if (tv_clock_is_forked(clock))
        return TV_FORKED;
    made = malloc(sizeof *made);
    if (!made)
        return TV_NO_MEMORY;
    *made = (struct tv_alarm){.clock = tv_clock_hold(clock), .token = tv_token_new(parent)};
    if (!made->token) {
        tv_clock_rele(clock);
        free(made);
        return TV_NO_MEMORY;
    }
    tv_lock_take(&clock->lock);
    made->at = tv_after(tv_clock_now(clock), delay_ns);
    insert(clock, made);
    tv_lock_drop(&clock->lock);
    *alarm = made;
    return TV_OK;
}

struct tv_token *tv_alarm_token(const struct tv_alarm *alarm)
{
    return alarm->token;
}

void tv_alarm_free(struct tv_alarm *alarm)
{
    struct tv_clock *clock = alarm->clock;

    if (tv_clock_is_forked(clock))
        return;
    tv_lock_take(&clock->lock);
    if (!tv_list_empty(&alarm->link))
        take_out(clock, alarm);
    tv_lock_drop(&clock->lock);
    tv_token_rele(alarm->token);
    tv_clock_rele(clock);
    free(alarm);
}

/* The token of the next alarm that is due, held; the alarm is over. NULL: none. */
static struct tv_token *take_due(struct tv_clock *clock)
{
    struct tv_token *token = NULL;
    struct tv_alarm *alarm;

    tv_lock_take(&clock->lock);
    alarm = first_alarm(clock);
    if (alarm && alarm->at <= tv_clock_now(clock)) {
        token = tv_token_hold(alarm->token);
        take_out(clock, alarm);
    }
    tv_lock_drop(&clock->lock);
    return token;
}

/* ---- setting it forward -------------------------------------------------------------------- */

enum tv_err tv_clock_advance(struct tv_clock *clock, tv_ns ns)
{
    struct listed listed;
    struct tv_token *token;
    enum tv_err err;

    if (tv_clock_is_forked(clock))
        return TV_FORKED;
    err = set_and_list(clock, ns, &listed);
    if (err != TV_OK)
        return err;
    for (size_t i = 0; i < listed.count; i++)
        tv_rt_bring_time(listed.each[i], TV_ATTACHED);
    unlist(&listed);
    while ((token = take_due(clock))) {
        tv_token_cancel(token);
        tv_token_rele(token);
    }
    return TV_OK;
}

static tv_ns deadline_of(struct tv_supervisor *supervisor)
{
    tv_ns at;

    tv_lock_take(&supervisor->lock);
    at = tv_core_deadline(&supervisor->core);
    tv_lock_drop(&supervisor->lock);
    return at;
}

enum tv_err tv_clock_next(struct tv_clock *clock, tv_ns *at)
{
    struct listed listed;
    struct tv_alarm *alarm;
    enum tv_err err;

    if (tv_clock_is_forked(clock))
        return TV_FORKED;
    err = set_and_list(clock, 0, &listed);
    if (err != TV_OK)
        return err;
    tv_lock_take(&clock->lock);
    alarm = first_alarm(clock);
    *at = alarm ? alarm->at : TV_NEVER;
    tv_lock_drop(&clock->lock);
    for (size_t i = 0; i < listed.count; i++) {
        tv_ns due = deadline_of(listed.each[i]);

        *at = due < *at ? due : *at;
    }
    unlist(&listed);
    return TV_OK;
}

size_t tv_clock_asleep(struct tv_clock *clock)
{
    size_t count;

    if (tv_clock_is_forked(clock))
        return 0;
    tv_lock_take(&clock->lock);
    count = clock->alarm_count;
    tv_lock_drop(&clock->lock);
    return count;
}
