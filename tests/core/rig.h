/*
 * rig.h: a core to step by hand.
 *
 * One core, tasks that are plain variables, and what a step brought as one line of text:
 *
 *     static struct rig rig;
 *     rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});
 *     rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
 *     CHECK_FX(&rig, "task_add_requested a, task_added a");
 *
 * An event is its kind, the task, /attempt, (reason), exit=code and its span: `task_failed a/1
 * (execution failed: boom) exit=2 5ns`. Acts follow: `cancel a removed`, `settle a canceled`,
 * `forget a`, `decided a`, `slot s`. Every step is followed by a check of all invariants: a test
 * need not say what always holds.
 */
#ifndef RIG_H
#define RIG_H

#include "check.h"
#include "core/core.h"
#include "names.h"

#include <setjmp.h>

#define RIG_TEXT 16384

struct rig {
    struct tv_core core;
    tv_id ids;
    struct tv_text *spare[2]; /* texts that the last result gave back; its effects borrow them */
    struct tv_slot *gone;     /* records that the last step gave back; its effects borrow them */
    bool on_loop;             /* tasks made from now on are for the loop */
    char text[RIG_TEXT];
};

struct task {
    struct tv_actor actor;
    struct tv_options options;
};

/* Restarts on failure after 10 ns, for ever; a grace of 100 ns; no timeout. */
#define RIG_OPTIONS                                                                      \
    (struct tv_options)                                                                  \
    {                                                                                    \
        .restart = TV_RESTART_ON_FAILURE, .interval_ns = TV_NONE, .reset_after_ns = TV_NONE, \
        .grace_ns = 100, .max_retries = TV_NONE,                                         \
        .backoff = {.first_ns = 10, .max_ns = 10, .factor = 1.0, .jitter = TV_JITTER_NONE} \
    }

static inline void rig_init(struct rig *rig, struct tv_core_config config)
{
    memset(rig, 0, sizeof *rig);
    tv_core_init(&rig->core, &config);
}

static inline void rig_free_slot(struct tv_slot *slot)
{
    tv_text_rele(slot->name);
    free(slot);
}

static inline void rig_free_gone(struct rig *rig)
{
    while (rig->gone) {
        struct tv_slot *slot = rig->gone;

        rig->gone = slot->link.next ? TV_CONTAINER(slot->link.next, struct tv_slot, link) : NULL;
        rig_free_slot(slot);
    }
}

/* Slots that a test has left in place too. */
static inline void rig_free_slots(struct rig *rig)
{
    const struct tv_map *slots = &rig->core.controller.slots;

    rig_free_gone(rig);
    for (uint64_t i = 0; i < slots->used; i++) {
        struct tv_map_link *link = tv_map_bucket(slots, i);

        while (link) {
            struct tv_map_link *next = link->next;

            rig_free_slot(TV_CONTAINER(link, struct tv_slot, by_name));
            link = next;
        }
    }
}

static inline void rig_fini(struct rig *rig)
{
    for (int i = 0; i < 2; i++)
        tv_text_rele(rig->spare[i]);
    rig_free_slots(rig);
    tv_core_fini(&rig->core, free);
}

/* ---- what a step brought ------------------------------------------------------------------- */

static inline size_t rig_put_event(const struct tv_event *event, char *out, size_t room)
{
    size_t at = (size_t)snprintf(out, room, "%s", event_names[event->kind]);
    char text[TV_REASON_MAX + 128], span[TV_DURATION_SIZE];

    if (event->task)
        at += (size_t)snprintf(out + at, room - at, " %s", event->task->bytes);
    if (event->attempt)
        at += (size_t)snprintf(out + at, room - at, "/%" PRIu64, event->attempt);
    if (event->reason.kind != TV_REASON_NONE) {
        size_t size = tv_reason_format(&event->reason, text, sizeof text);

        at += (size_t)snprintf(out + at, room - at, " (%.*s)", (int)size, text);
        if (event->reason.error.has_exit_code)
            at += (size_t)snprintf(out + at, room - at, " exit=%" PRId32,
                                   event->reason.error.exit_code);
    }
    if (event->span_ns) {
        tv_duration_format(event->span_ns, span);
        at += (size_t)snprintf(out + at, room - at, " %s", span);
    }
    return at;
}

static inline size_t rig_put_act(const struct tv_act *act, char *out, size_t room)
{
    static const char *const acts[] = {
        [TV_ACT_CANCEL] = "cancel",   [TV_ACT_TIMEOUT] = "timeout", [TV_ACT_SETTLE] = "settle",
        [TV_ACT_FORGET] = "forget",   [TV_ACT_DECIDED] = "decided", [TV_ACT_SLOT] = "slot",
    };
    const char *more = act->kind == TV_ACT_CANCEL   ? cancel_names[act->actor->cancel_reason]
                       : act->kind == TV_ACT_SETTLE ? outcome_names[act->actor->outcome]
                                                    : "";
    const struct tv_text *name = act->actor ? act->actor->name : act->slot->name;

    return (size_t)snprintf(out, room, "%s %s%s%s", acts[act->kind], name->bytes,
                            *more ? " " : "", more);
}

static inline const char *rig_effects(struct rig *rig)
{
    const struct tv_effects *fx = &rig->core.fx;
    size_t at = 0;

    rig->text[0] = '\0';
    for (uint32_t i = 0; i < fx->events; i++) {
        at += (size_t)snprintf(rig->text + at, RIG_TEXT - at, "%s", at ? ", " : "");
        at += rig_put_event(&fx->event[i], rig->text + at, RIG_TEXT - at);
    }
    for (uint32_t i = 0; i < fx->acts; i++) {
        at += (size_t)snprintf(rig->text + at, RIG_TEXT - at, "%s", at ? ", " : "");
        at += rig_put_act(&fx->act[i], rig->text + at, RIG_TEXT - at);
    }
    return rig->text;
}

/* The effects of the last step against a line of text. */
#define CHECK_FX(rig, wanted)                                                             \
    do {                                                                                  \
        const char *found_ = rig_effects(rig);                                            \
        check_bytes(__FILE__, __LINE__, found_, strlen(found_), (wanted));                \
    } while (0)

/* ---- stepping ------------------------------------------------------------------------------ */

/* Slots that are gone, in the order they went. */
static inline void rig_note_gone(struct rig *rig)
{
    const struct tv_effects *fx = &rig->core.fx;
    struct tv_slot *last = NULL;

    for (uint32_t i = 0; i < fx->acts; i++) {
        struct tv_slot *slot = fx->act[i].slot;

        if (fx->act[i].kind != TV_ACT_SLOT)
            continue;
        slot->link.next = NULL;
        if (last)
            last->link.next = &slot->link;
        else
            rig->gone = slot;
        last = slot;
    }
}

static inline enum tv_step rig_step(struct rig *rig, tv_ns now, struct tv_input *in)
{
    enum tv_step answer;
    const char *wrong;

    rig_free_gone(rig);
    while ((answer = tv_core_step(&rig->core, now, in)) == TV_STEP_SHORT) {
        size_t size = tv_core_shortage(&rig->core);

        CHECK(tv_core_give(&rig->core, malloc(size), size) == NULL);
    }
    rig_note_gone(rig);
    wrong = answer == TV_STEP_BROKEN ? NULL : tv_core_check(&rig->core);
    if (wrong)
        check_failed(__FILE__, __LINE__, wrong);
    return answer;
}

static inline enum tv_step rig_input(struct rig *rig, tv_ns now, enum tv_input_kind kind)
{
    struct tv_input in = {.kind = kind};

    return rig_step(rig, now, &in);
}

/* Time alone, until nothing is pending. The effects are those of the last step. */
static inline void rig_settle(struct rig *rig, tv_ns now)
{
    do
        CHECK(rig_input(rig, now, TV_IN_TICK) != TV_STEP_BROKEN);
    while (tv_core_deadline(&rig->core) <= now);
}

static inline void rig_task(struct rig *rig, struct task *task, const char *name,
                            struct tv_options options)
{
    task->options = options;
    tv_actor_init(&task->actor, ++rig->ids, tv_text_new(name, strlen(name)), &task->options);
    task->actor.on_loop = rig->on_loop;
}

static inline enum tv_step rig_add(struct rig *rig, tv_ns now, struct task *task, const char *name,
                                   struct tv_options options)
{
    struct tv_input in = {.kind = TV_IN_ADD, .actor = &task->actor};

    rig_task(rig, task, name, options);
    return rig_step(rig, now, &in);
}

static inline enum tv_step rig_reserve(struct rig *rig, struct task *task, const char *name,
                                       struct tv_list *batch)
{
    struct tv_input in = {.kind = TV_IN_RESERVE, .actor = &task->actor, .batch = batch};

    rig_task(rig, task, name, RIG_OPTIONS);
    return rig_step(rig, rig->core.now, &in);
}

/* A fresh record, for a SUBMIT to bring. */
static inline struct tv_slot *rig_new_slot(const char *name)
{
    struct tv_slot *slot = malloc(sizeof *slot);

    CHECK(slot);
    tv_slot_init(slot, tv_text_new(name, strlen(name)));
    return slot;
}

/* A task to a slot. The record of the slot is the rig's. */
static inline enum tv_step rig_submit_as(struct rig *rig, tv_ns now, struct task *task,
                                         const char *slot, enum tv_admission admission, bool wait)
{
    struct tv_input in = {.kind = TV_IN_SUBMIT,
                          .actor = &task->actor,
                          .slot = rig_new_slot(slot),
                          .admission = admission,
                          .wait = wait};
    enum tv_step answer;

    answer = rig_step(rig, now, &in);
    if (in.slot)
        rig_free_slot(in.slot);
    return answer;
}

static inline enum tv_step rig_submit(struct rig *rig, tv_ns now, struct task *task,
                                      const char *name, const char *slot,
                                      enum tv_admission admission)
{
    rig_task(rig, task, name, RIG_OPTIONS);
    return rig_submit_as(rig, now, task, slot, admission, false);
}

/* As rig_submit, by a caller that would wait for room. */
static inline enum tv_step rig_submit_waiting(struct rig *rig, tv_ns now, struct task *task,
                                              const char *name, const char *slot,
                                              enum tv_admission admission)
{
    rig_task(rig, task, name, RIG_OPTIONS);
    return rig_submit_as(rig, now, task, slot, admission, true);
}

static inline enum tv_step rig_withdraw(struct rig *rig, tv_ns now, struct task *task)
{
    struct tv_input in = {.kind = TV_IN_WITHDRAW, .actor = &task->actor};

    return rig_step(rig, now, &in);
}

/* How many were asked to leave. */
static inline uint64_t rig_cancel_slot(struct rig *rig, tv_ns now, const char *slot, bool purge)
{
    struct tv_input in = {
        .kind = TV_IN_CANCEL_SLOT, .name = tv_text_new(slot, strlen(slot)), .purge = purge};

    if (rig_step(rig, now, &in) != TV_STEP_OK)
        CHECK_EQ(in.count, 0);
    tv_text_rele(in.name);
    return in.count;
}

/* Which task a worker, or the loop, got; NULL: none. */
static inline struct tv_actor *rig_take_for(struct rig *rig, tv_ns now, bool for_loop)
{
    struct tv_input in = {.kind = TV_IN_TAKE, .for_loop = for_loop};

    CHECK_EQ(rig_step(rig, now, &in), TV_STEP_OK);
    return in.actor;
}

static inline struct tv_actor *rig_take(struct rig *rig, tv_ns now)
{
    return rig_take_for(rig, now, false);
}

/* The body has ended: NONE, FAIL or FATAL with `text`, CANCELED. What is not taken is released. */
static inline enum tv_step rig_end_with(struct rig *rig, tv_ns now, struct task *task,
                                        struct tv_input in)
{
    enum tv_step answer;

    in.kind = TV_IN_RESULT;
    in.actor = &task->actor;
    answer = rig_step(rig, now, &in);
    for (int i = 0; i < 2; i++)
        tv_text_rele(rig->spare[i]);
    rig->spare[0] = in.spare;
    rig->spare[1] = tv_error_text(&in.error);
    return answer;
}

static inline enum tv_step rig_end(struct rig *rig, tv_ns now, struct task *task,
                                   enum tv_error_kind kind, const char *text)
{
    struct tv_input in = {.error = {.kind = (uint8_t)kind}};

    if (text)
        in.error.text = tv_text_new_reason(text, strlen(text));
    return rig_end_with(rig, now, task, in);
}

static inline enum tv_step rig_leave(struct rig *rig, tv_ns now, struct task *task,
                                     enum tv_leave_style style)
{
    struct tv_input in = {.kind = TV_IN_LEAVE, .actor = &task->actor, .style = style};

    return rig_step(rig, now, &in);
}

static inline enum tv_step rig_shutdown(struct rig *rig, tv_ns now, tv_ns grace)
{
    struct tv_input in = {.kind = TV_IN_SHUTDOWN, .grace_ns = grace};

    return rig_step(rig, now, &in);
}

/* Releases what the host of a task owns once it is over. */
static inline void rig_free(struct task *task)
{
    tv_text_rele(task->actor.name);
    tv_text_rele(tv_error_text(&task->actor.error));
}

/* Runs `statement` as a step would: 1 where a check failed in it, else 0. */
#define RIG_BREAKS(rig, broke, statement)      \
    do {                                       \
        jmp_buf door_;                         \
        (rig)->core.door = &door_;             \
        if (setjmp(door_) == 0) {              \
            statement;                         \
        } else {                               \
            (broke) = 1;                       \
        }                                      \
        (rig)->core.door = NULL;               \
    } while (0)

#endif
