/*
 * oom.h: every allocation of a call fails once: the first one, the second … until the call
 * succeeds; alone, and with all that follow. After each: the error, nothing changed, nothing
 * leaked. Blocks are counted, so a leak is seen at the call that made it.
 *
 *     const struct call call = {.run = add_one, .undo = take_back_task};
 *     CHECK_EQ(fail_each(&call), 3);
 */
#ifndef OOM_H
#define OOM_H

#include "failures.h"

/* ---- what a failed call must not have changed ----------------------------------------------- */

struct snapshot {
    size_t tasks, subscribers, slots, waiting;
    uint64_t published;
    bool serving, open;
};

static inline void look_at_slots(struct tv_supervisor *s, struct snapshot *seen)
{
    struct tv_slots slots;

    CHECK_EQ(tv_slots(s, &slots), TV_OK);
    seen->slots = slots.slot_count;
    seen->waiting = slots.name_count;
    tv_slots_free(&slots);
}

static inline struct snapshot look_at(struct tv_supervisor *s)
{
    struct tv_task_info *tasks;
    struct tv_subscriber_info *subscribers;
    struct snapshot seen = {.serving = tv_is_serving(s), .open = tv_is_open(s)};

    CHECK_EQ(tv_tasks(s, &tasks, &seen.tasks), TV_OK);
    tv_tasks_free(tasks, seen.tasks);
    CHECK_EQ(tv_subscribers(s, &subscribers, &seen.subscribers), TV_OK);
    tv_subscribers_free(subscribers, seen.subscribers);
    look_at_slots(s, &seen);
    seen.published = counters(s).published;
    return seen;
}

static inline void check_same(const struct snapshot *a, const struct snapshot *b)
{
    CHECK_EQ(a->tasks, b->tasks);
    CHECK_EQ(a->subscribers, b->subscribers);
    CHECK_EQ(a->slots, b->slots);
    CHECK_EQ(a->waiting, b->waiting);
    CHECK_EQ(a->published, b->published);
    CHECK_EQ(a->serving, b->serving);
    CHECK_EQ(a->open, b->open);
}

/*
 * One public call; `s` is fresh each time. `undo` gives back what a success has brought, `end` what
 * `prepare` has, once `s` has shut down. What is not there is not called.
 */
struct call {
    void (*prepare)(struct tv_supervisor *s);
    enum tv_err (*run)(struct tv_supervisor *s);
    void (*undo)(struct tv_supervisor *s);
    void (*end)(void);
    const struct tv_config *config;
    bool serving;
    uint64_t bodies; /* that are running when the call is made */
};

/* As many bodies run as are to, and no worker is on its way. */
static inline bool settled(struct tv_supervisor *s, uint64_t bodies)
{
    struct tv_counters found = counters(s);

    return found.workers_busy == bodies && found.workers_starting == 0;
}

/*
 * The `at`-th allocation fails. True: the call has succeeded all the same. Tables that have grown
 * stay so until the supervisor goes, so the blocks are counted after that.
 */
static inline bool try_call(const struct call *call, long at, bool sticky)
{
    long blocks_before = atomic_load(&blocks);
    struct tv_supervisor *s = make(call->config, NULL, NULL);
    struct snapshot before, after;
    enum tv_err err;

    CHECK_EQ(call->serving ? tv_serve(s) : TV_OK, TV_OK);
    if (call->prepare)
        call->prepare(s);
    EVENTUALLY(!call->serving || settled(s, call->bodies));
    before = look_at(s);
    memory = (struct order){.at = at, .sticky = sticky};
    err = call->run(s);
    forget_orders();
    if (err != TV_OK) {
        CHECK_EQ(err, TV_NO_MEMORY);
        after = look_at(s);
        check_same(&before, &after);
    } else if (call->undo) {
        call->undo(s);
    }
    CHECK_EQ(tv_shutdown(s, TV_NONE, true), TV_OK);
    CHECK_EQ(call->serving ? tv_wait_closed(s, TV_NEVER) : TV_OK, TV_OK);
    if (call->end)
        call->end();
    tv_supervisor_rele(s);
    EVENTUALLY(atomic_load(&blocks) == blocks_before);
    return err == TV_OK;
}

/* Returns how many allocations the call needs. */
static inline long fail_each(const struct call *call)
{
    long need = 0;

    for (int sticky = 0; sticky < 2; sticky++) {
        long at = 1;

        while (!try_call(call, at, sticky))
            at++;
        need = at - 1;
    }
    return need;
}

#endif
