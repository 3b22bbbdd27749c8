/*
 * slots.h: what the tests of slots share: submissions, and what a slot looks like.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include "fixture.h"

#define CONFIG(room, queue)                                                         \
    (&(const struct tv_config){.defaults = TV_OPTIONS_DEFAULT,                      \
                               .subscriber_grace_ns = 5 * TV_SECOND,                \
                               .bus_capacity = 1024,                                \
                               .queue_capacity = (room),                            \
                               .max_slot_queue = (queue)})

static inline enum tv_err submit(struct tv_supervisor *s, const char *slot, const char *name,
                                 const struct tv_spec *spec, enum tv_admission admission, bool wait,
                                 struct tv_task **task)
{
    struct tv_request request = {.spec = spec, .name = text(name)};
    struct tv_text *key = text(slot);
    enum tv_err err = tv_submit(s, &request, key, admission, wait, task);

    tv_text_rele(request.name);
    tv_text_rele(key);
    return err;
}

static inline struct tv_task *queue(struct tv_supervisor *s, const char *slot, const char *name,
                                    const struct tv_spec *spec)
{
    struct tv_task *task = NULL;

    CHECK_EQ(submit(s, slot, name, spec, TV_ADMISSION_QUEUE, false, &task), TV_OK);
    return task;
}

static inline uint64_t cancel_slot(struct tv_supervisor *s, const char *slot, bool purge)
{
    struct tv_text *key = text(slot);
    uint64_t count;

    CHECK_EQ(tv_cancel_slot(s, key, purge, &count), TV_OK);
    tv_text_rele(key);
    return count;
}

static inline struct tv_outcome outcome_of(struct tv_task *task)
{
    struct tv_outcome outcome;

    CHECK_EQ(tv_task_wait(task, tv_now() + PATIENCE), TV_OK);
    tv_task_outcome(task, &outcome);
    return outcome;
}

static inline void check_rejected(struct tv_task *task, enum tv_rejection why, const char *reason)
{
    struct tv_outcome outcome;

    CHECK(tv_task_done(task));
    tv_task_outcome(task, &outcome);
    CHECK_EQ(outcome.kind, TV_OUTCOME_REJECTED);
    CHECK_EQ(outcome.rejection, why);
    CHECK_EQ(outcome.attempts, 0);
    check_reason(&outcome.reason, reason);
    tv_task_rele(task);
}

/* The slots as one line: `s running o: a b, t …`, by name of one letter. */
static inline void check_slots(struct tv_supervisor *s, const char *wanted)
{
    static const char *const statuses[] = {"running", "terminating"};
    struct tv_slots slots;
    char found[256] = "";
    size_t at = 0;

    CHECK_EQ(tv_slots(s, &slots), TV_OK);
    for (size_t i = 0; i < slots.slot_count; i++) {
        const struct tv_slot_info *info = &slots.slots[i];

        at += (size_t)snprintf(found + at, sizeof found - at, "%s%s %s %s", i ? ", " : "",
                               info->name->bytes, statuses[info->status], info->owner->bytes);
        for (size_t k = 0; k < info->waiting; k++)
            at += (size_t)snprintf(found + at, sizeof found - at, "%s%s", k ? " " : ": ",
                                   slots.names[info->first + k]->bytes);
    }
    tv_slots_free(&slots);
    CHECK_BYTES(found, at, wanted);
}

#endif
