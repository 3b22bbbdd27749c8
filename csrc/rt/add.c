/*
 * add.c: how tasks come in.
 *
 * Memory is made before the lock is taken: the record here, and where the core's tables are short
 * of a chunk, the chunk between two tries.
 */
#include "rt/runtime.h"

#include <stdlib.h>

tv_id tv_id_next(void)
{
    static _Atomic uint64_t next = 1;

    return atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
}

enum tv_err tv_rt_error(enum tv_step answer)
{
    switch (answer) {
    case TV_STEP_OK:
        return TV_OK;
    case TV_STEP_EXISTS:
        return TV_EXISTS;
    case TV_STEP_CLOSED:
        return TV_SHUTTING_DOWN;
    case TV_STEP_UNKNOWN:
        return TV_UNKNOWN;
    case TV_STEP_ALREADY:
        return TV_ALREADY;
    case TV_STEP_SHORT:
        return TV_NO_MEMORY;
    case TV_STEP_FULL:
        return TV_FULL;
    case TV_STEP_WAIT:
        return TV_WAITS;
    case TV_STEP_AGAIN:
    case TV_STEP_BROKEN:
        break;
    }
    return TV_BROKEN;
}

/* One chunk for the table that is short of it. Call without the lock. */
static enum tv_err grow(struct tv_supervisor *supervisor)
{
    void *memory;
    size_t size;

    tv_lock_take(&supervisor->lock);
    size = tv_core_shortage(&supervisor->core);
    tv_lock_drop(&supervisor->lock);
    if (!size)
        return TV_OK;
    memory = malloc(size);
    if (!memory)
        return TV_NO_MEMORY;
    tv_lock_take(&supervisor->lock);
    memory = tv_core_give(&supervisor->core, memory, size);
    tv_lock_drop(&supervisor->lock);
    free(memory);
    return TV_OK;
}

enum tv_err tv_rt_input_growing(struct tv_supervisor *supervisor, struct tv_input *in)
{
    enum tv_step answer;

    while ((answer = tv_rt_input(supervisor, in, TV_ATTACHED)) == TV_STEP_SHORT)
        if (grow(supervisor) != TV_OK)
            return TV_NO_MEMORY;
    return tv_rt_error(answer);
}

enum tv_err tv_rt_may_add(const struct tv_supervisor *supervisor)
{
    if (tv_is_forked(supervisor))
        return TV_FORKED;
    return tv_is_exiting() ? TV_SHUTTING_DOWN : TV_OK;
}

/* The second reference is the core's, let go of when the task is forgotten. */
enum tv_err tv_add(struct tv_supervisor *supervisor, const struct tv_spec *spec,
                   struct tv_text *name, void *user, struct tv_task **task)
{
    struct tv_input in = {.kind = TV_IN_ADD};
    enum tv_err err = tv_rt_may_add(supervisor);
    struct tv_task *made;

    if (err != TV_OK)
        return err;
    made = tv_task_new(supervisor, spec, name, user);
    if (!made)
        return TV_NO_MEMORY;
    atomic_store_explicit(&made->refs, 2, memory_order_relaxed);
    in.actor = &made->actor;
    err = tv_rt_input_growing(supervisor, &in);
    if (err != TV_OK) {
        atomic_store_explicit(&made->refs, 1, memory_order_relaxed);
        tv_task_rele(made);
        return err;
    }
    *task = made;
    return TV_OK;
}

/* ---- batches ------------------------------------------------------------------------------- */

struct tv_batch {
    struct tv_supervisor *supervisor;
    struct tv_list actors; /* RESERVED ones; guarded by the supervisor's lock */
};

/* Two references each, as in tv_add: the caller's, and the core's. */
static void discard(struct tv_task *task)
{
    tv_task_rele(task);
    tv_task_rele(task);
}

static void discard_all(struct tv_task **tasks, size_t count)
{
    while (count > 0)
        discard(tasks[--count]);
}

static enum tv_err make_tasks(struct tv_supervisor *supervisor, const struct tv_request *requests,
                              size_t count, struct tv_task **tasks)
{
    for (size_t i = 0; i < count; i++) {
        const struct tv_request *request = &requests[i];

        tasks[i] = tv_task_new(supervisor, request->spec, request->name, request->user);
        if (!tasks[i]) {
            discard_all(tasks, i);
            return TV_NO_MEMORY;
        }
        atomic_store_explicit(&tasks[i]->refs, 2, memory_order_relaxed);
    }
    return TV_OK;
}

/* One hold of the lock: names of tasks from *next on, until all, a slice, or a refusal. */
static enum tv_step reserve_slice(struct tv_batch *batch, struct tv_task **tasks, size_t count,
                                  size_t *next)
{
    struct tv_supervisor *supervisor = batch->supervisor;
    struct tv_after after = TV_AFTER(TV_ATTACHED);
    enum tv_step answer = TV_STEP_OK;
    size_t end = count - *next > TV_SLICE ? *next + TV_SLICE : count;
    tv_ns now;

    tv_lock_take(&supervisor->lock);
    now = tv_now();
    while (*next < end && answer == TV_STEP_OK) {
        struct tv_input in = {
            .kind = TV_IN_RESERVE, .actor = &tasks[*next]->actor, .batch = &batch->actors};

        answer = tv_rt_step(supervisor, now, &in, &after);
        *next += answer == TV_STEP_OK;
    }
    tv_rt_drop(supervisor, &after);
    return answer;
}

static enum tv_err reserve(struct tv_batch *batch, struct tv_task **tasks, size_t count,
                           size_t *next)
{
    while (*next < count) {
        enum tv_step answer = reserve_slice(batch, tasks, count, next);

        if (answer == TV_STEP_SHORT) {
            if (grow(batch->supervisor) != TV_OK)
                return TV_NO_MEMORY;
        } else if (answer != TV_STEP_OK) {
            return tv_rt_error(answer);
        }
    }
    return TV_OK;
}

/* Lets go of the last `count` names. False: the core is broken, and keeps them. */
static bool unreserve(struct tv_batch *batch, size_t count)
{
    for (; count > 0 && !tv_list_empty(&batch->actors); count--) {
        struct tv_input in = {
            .kind = TV_IN_UNRESERVE,
            .actor = TV_CONTAINER(batch->actors.prev, struct tv_actor, link),
        };

        if (tv_rt_input(batch->supervisor, &in, TV_ATTACHED) != TV_STEP_OK)
            return false;
    }
    return true;
}

enum tv_err tv_reserve_more(struct tv_batch *batch, const struct tv_request *requests,
                            size_t count, struct tv_task **tasks, size_t *failed)
{
    enum tv_err err = tv_rt_may_add(batch->supervisor);
    size_t next = 0;

    *failed = 0;
    if (err == TV_OK)
        err = make_tasks(batch->supervisor, requests, count, tasks);
    if (err != TV_OK)
        return err;
    err = reserve(batch, tasks, count, &next);
    if (err == TV_OK)
        return TV_OK;
    *failed = next;
    discard_all(tasks + next, count - next);
    if (unreserve(batch, next))
        discard_all(tasks, next);
    return err;
}

static void free_batch(struct tv_batch *batch)
{
    tv_supervisor_rele(batch->supervisor);
    free(batch);
}

enum tv_err tv_reserve(struct tv_supervisor *supervisor, const struct tv_request *requests,
                       size_t count, struct tv_task **tasks, struct tv_batch **batch,
                       size_t *failed)
{
    enum tv_err err = tv_rt_may_add(supervisor);
    struct tv_batch *made;

    *failed = 0;
    if (err != TV_OK)
        return err;
    made = malloc(sizeof *made);
    if (!made)
        return TV_NO_MEMORY;
    made->supervisor = tv_supervisor_hold(supervisor);
    tv_list_init(&made->actors);
    err = tv_reserve_more(made, requests, count, tasks, failed);
    if (err == TV_OK)
        *batch = made;
    else
        free_batch(made);
    return err;
}

/* All that has not been accepted, and both references of each. */
static void drop_all(struct tv_batch *batch)
{
    while (!tv_list_empty(&batch->actors)) {
        struct tv_actor *last = TV_CONTAINER(batch->actors.prev, struct tv_actor, link);

        if (!unreserve(batch, 1))
            return;
        discard(tv_task_of(last));
    }
}

enum tv_err tv_commit(struct tv_batch *batch)
{
    struct tv_supervisor *supervisor = batch->supervisor;
    struct tv_input in = {.kind = TV_IN_COMMIT, .batch = &batch->actors};
    struct tv_input tick = {.kind = TV_IN_TICK};
    enum tv_step answer;

    if (tv_is_forked(supervisor))
        return TV_FORKED;
    answer = tv_rt_input(supervisor, &in, TV_ATTACHED);
    if (answer == TV_STEP_OK)
        tv_rt_input(supervisor, &tick, TV_ATTACHED);
    else
        drop_all(batch);
    free_batch(batch);
    return answer == TV_STEP_OK ? TV_OK : tv_rt_error(answer);
}

void tv_unreserve(struct tv_batch *batch)
{
    if (tv_is_forked(batch->supervisor))
        return;
    drop_all(batch);
    free_batch(batch);
}
