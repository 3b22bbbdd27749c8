/*
 * views.c: copies of what there is, made in one hold of the lock.
 *
 * Memory is made before the lock is taken, for as many as there were a moment ago; where more have
 * come meanwhile, it is made again. Sorting and converting is done outside.
 */
#include "rt/runtime.h"

#include <stdlib.h>
#include <string.h>

/* ---- tasks --------------------------------------------------------------------------------- */

static void describe(const struct tv_supervisor *supervisor, struct tv_actor *actor, tv_ns now,
                     struct tv_task_info *info)
{
    tv_ns due = tv_timers_due(&supervisor->core.timers, &actor->timer);
    bool waits = actor->state == TV_ACTOR_BACKOFF || actor->state == TV_ACTOR_PAUSED;

    *info = (struct tv_task_info){
        .id = actor->id,
        .name = tv_text_hold(actor->name),
        .state = tv_actor_task_state(actor),
        .alive = tv_actor_is_alive(actor),
        .attempt = actor->attempt,
        .failures = actor->failures,
        .last_error = actor->error,
        .next_start_ns = !waits ? TV_NONE : due > now ? due - now : 0,
    };
    tv_text_hold(tv_error_text(&info->last_error));
}

/* All that are registered, into room for `most`. False: there are more. Lock held. */
static bool copy_tasks(struct tv_supervisor *supervisor, struct tv_task_info *infos, size_t most,
                       size_t *count)
{
    tv_ns now = tv_rt_now(supervisor);
    size_t n = 0;

    if (supervisor->core.live > most)
        return false;
    for (int state = TV_ACTOR_PERMIT; state < TV_ACTOR_DONE; state++) {
        struct tv_list *list = &supervisor->core.in[state];

        for (struct tv_list *link = list->next; link != list; link = link->next)
            describe(supervisor, TV_CONTAINER(link, struct tv_actor, link), now, &infos[n++]);
    }
    *count = n;
    return true;
}

static int by_id(const void *a, const void *b)
{
    tv_id x = ((const struct tv_task_info *)a)->id, y = ((const struct tv_task_info *)b)->id;

    return (x > y) - (x < y);
}

static size_t live_count(struct tv_supervisor *supervisor)
{
    size_t live;

    tv_lock_take(&supervisor->lock);
    live = (size_t)supervisor->core.live;
    tv_lock_drop(&supervisor->lock);
    return live;
}

enum tv_err tv_tasks(struct tv_supervisor *supervisor, struct tv_task_info **infos, size_t *count)
{
    struct tv_task_info *made = NULL;
    bool fits = false;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    while (!fits) {
        size_t most = live_count(supervisor) + 16;

        free(made);
        made = malloc(most * sizeof *made);
        if (!made)
            return TV_NO_MEMORY;
        tv_lock_take(&supervisor->lock);
        fits = copy_tasks(supervisor, made, most, count);
        tv_lock_drop(&supervisor->lock);
    }
    qsort(made, *count, sizeof *made, by_id);
    *infos = made;
    return TV_OK;
}

void tv_tasks_free(struct tv_task_info *infos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tv_text_rele(infos[i].name);
        tv_text_rele(tv_error_text(&infos[i].last_error));
    }
    free(infos);
}

bool tv_target_is_alive(struct tv_supervisor *supervisor, struct tv_target target)
{
    struct tv_actor *actor = target.task ? &target.task->actor : NULL;
    bool alive;

    if (tv_is_forked(supervisor))
        return false;
    tv_lock_take(&supervisor->lock);
    if (target.name)
        actor = tv_registry_by_name(&supervisor->core.registry, target.name);
    else if (!actor)
        actor = tv_registry_by_id(&supervisor->core.registry, target.id);
    alive = actor && tv_actor_is_alive(actor);
    tv_lock_drop(&supervisor->lock);
    return alive;
}

/* ---- the verdict's stuck tasks ------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct tv_text *x = ((const struct tv_stuck_task *)a)->name;
    const struct tv_text *y = ((const struct tv_stuck_task *)b)->name;
    size_t shorter = x->size < y->size ? x->size : y->size;
    int order = memcmp(x->bytes, y->bytes, shorter);

    return order ? order : (x->size > y->size) - (x->size < y->size);
}

void tv_stuck_write_down(struct tv_supervisor *supervisor)
{
    struct tv_stuck_task *list = malloc((supervisor->stuck_count + 1) * sizeof *list);
    struct tv_task *task = supervisor->stuck;
    size_t n = 0;

    supervisor->stuck = NULL;
    while (task) {
        struct tv_task *next = task->next_stuck;

        if (list)
            list[n++] = (struct tv_stuck_task){.name = tv_text_hold(task->actor.name)};
        tv_task_rele(task);
        task = next;
    }
    if (list)
        qsort(list, n, sizeof *list, by_name);
    tv_lock_take(&supervisor->lock);
    supervisor->stuck_list = list;
    supervisor->stuck_count = n;
    supervisor->stuck_failed = !list;
    tv_lock_drop(&supervisor->lock);
}

/* Where its body is, looked up now: one that has returned meanwhile is nowhere. */
static unsigned long place_of(struct tv_supervisor *supervisor, const struct tv_text *name,
                              struct tv_task **on_loop)
{
    struct tv_actor *actor = tv_registry_by_name(&supervisor->core.registry, name);
    struct tv_task *task = actor ? tv_task_of(actor) : NULL;
    const struct tv_worker *worker = task && !task->actor.on_loop ? task->worker : NULL;

    if (task && task->on_loop)
        *on_loop = tv_task_hold(task);
    return worker ? tv_thread_number(worker->member.thread) : 0;
}

enum tv_err tv_stuck(struct tv_supervisor *supervisor, struct tv_stuck_task **tasks, size_t *count)
{
    struct tv_stuck_task *made;
    size_t n;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    tv_lock_take(&supervisor->lock);
    n = supervisor->stuck_list ? supervisor->stuck_count : 0; /* both stay as they are */
    tv_lock_drop(&supervisor->lock);
    made = supervisor->stuck_failed ? NULL : malloc((n + 1) * sizeof *made);
    if (!made)
        return TV_NO_MEMORY;
    tv_lock_take(&supervisor->lock);
    for (size_t i = 0; i < n; i++) {
        made[i].name = tv_text_hold(supervisor->stuck_list[i].name);
        made[i].on_loop = NULL;
        made[i].thread = place_of(supervisor, made[i].name, &made[i].on_loop);
    }
    tv_lock_drop(&supervisor->lock);
    *tasks = made;
    *count = n;
    return TV_OK;
}

static void forget_stuck(struct tv_stuck_task *stuck)
{
    tv_text_rele(stuck->name);
    if (stuck->on_loop)
        tv_task_rele(stuck->on_loop);
}

void tv_stuck_free(struct tv_stuck_task *tasks, size_t count)
{
    for (size_t i = 0; tasks && i < count; i++)
        forget_stuck(&tasks[i]);
    free(tasks);
}

/* ---- counters ------------------------------------------------------------------------------ */

void tv_counters(struct tv_supervisor *supervisor, struct tv_counters *counters)
{
    uint64_t idle = 0;

    *counters = (struct tv_counters){.published = 0};
    if (tv_is_forked(supervisor))
        return;
    tv_lock_take(&supervisor->lock);
    for (struct tv_list *link = supervisor->pool.idle.next; link != &supervisor->pool.idle;
         link = link->next)
        idle++;
    *counters = (struct tv_counters){
        .published = supervisor->bus.published,
        .threads_created = supervisor->crew.created,
        .threads_joined = supervisor->crew.left,
        .workers_idle = idle,
        .workers_busy = supervisor->pool.busy,
        .workers_starting = supervisor->pool.arriving,
        .threads_written_off = supervisor->crew.written_off,
        .timer_wakeups = supervisor->timer_wakeups,
    };
    tv_lock_drop(&supervisor->lock);
}
