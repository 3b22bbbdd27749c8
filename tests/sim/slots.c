#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a history tells of slots (21): one owner at a time, who starts is the head, a queue changes
 * only as an event says, and every submission that is rejected is told so once.
 */

#define EXPECT(condition, text) \
    SIM_EXPECT(world, condition, text " (submission %" PRIu64 ")", record->actor.id)

/* ---- records ------------------------------------------------------------------------------- */

struct tv_slot *slots_new(struct world *world, struct tv_text *name)
{
    struct tv_slot *slot = malloc(sizeof *slot);

    if (!slot)
        abort();
    tv_slot_init(slot, name);
    world->slots++;
    return slot;
}

void slots_free(struct world *world, struct tv_slot *slot)
{
    tv_text_rele(slot->name);
    memset(slot, 0xA5, sizeof *slot);
    free(slot);
    world->slots--;
}

void slots_fini(struct world *world)
{
    SIM_EXPECT(world, world->slots == 0, "25 %" PRIu64 " records of slots are left", world->slots);
    for (size_t i = 0; i < SIM_SLOTS; i++) {
        SIM_EXPECT(world, !world->slot[i].owner && world->slot[i].length == 0,
                   "21 slot %s is not empty at the end", world->slot[i].name);
        free(world->slot[i].queue);
    }
}

/* ---- one slot ------------------------------------------------------------------------------ */

static struct slot_past *past_of(struct world *world, const char *name)
{
    for (size_t i = 0; i < SIM_SLOTS; i++) {
        struct slot_past *past = &world->slot[i];

        if (!past->name[0])
            strcpy(past->name, name);
        if (strcmp(past->name, name) == 0)
            return past;
    }
    sim_fail(world, "21 slot %s is one too many for the simulator", name);
}

static void insert(struct slot_past *past, size_t at, tv_id id)
{
    if (past->length == past->room) {
        past->room = 2 * past->room + 8;
        past->queue = realloc(past->queue, past->room * sizeof *past->queue);
        if (!past->queue)
            abort();
    }
    memmove(past->queue + at + 1, past->queue + at, (past->length - at) * sizeof *past->queue);
    past->queue[at] = id;
    past->length++;
}

/* Where it waits; the length: nowhere. */
static size_t place_of(const struct slot_past *past, tv_id id)
{
    size_t at = 0;

    while (at < past->length && past->queue[at] != id)
        at++;
    return at;
}

static void take_out(struct slot_past *past, size_t at)
{
    past->length--;
    memmove(past->queue + at, past->queue + at + 1, (past->length - at) * sizeof *past->queue);
}

/* ---- events of the controller -------------------------------------------------------------- */

static void judge_queued(struct world *world, struct record *record, struct slot_past *past,
                         const struct tv_event *event)
{
    EXPECT(past->owner, "21 a submission waits for nobody");
    EXPECT(place_of(past, event->id) == past->length, "21 a submission waits twice");
    EXPECT(event->reason.admission != TV_ADMISSION_DROP_IF_RUNNING,
           "21 what is to be dropped waits");
    insert(past, event->reason.admission == TV_ADMISSION_REPLACE ? 0 : past->length, event->id);
}

static void judge_submitted(struct world *world, struct record *record, struct slot_past *past,
                            const struct tv_event *event)
{
    bool queued = event->reason.kind == TV_REASON_SUBMITTED_DEPTH;

    if (queued) {
        judge_queued(world, record, past, event);
    } else {
        EXPECT(!past->owner, "21 a slot has two owners");
        EXPECT(record->history.phase == PHASE_IDLE, "21 an owner that was not accepted");
        past->owner = event->id;
    }
    if (event->reason.kind == TV_REASON_STARTED_FROM_QUEUE) {
        EXPECT(past->length > 0 && past->queue[0] == event->id, "21 not the head starts");
        take_out(past, 0);
    } else if (!queued) {
        EXPECT(past->length == 0, "21 a submission overtakes the queue");
    }
    EXPECT(event->reason.kind == TV_REASON_SUBMITTED || event->reason.count == past->length,
           "21 a queue is not as long as it is said to be");
}

static bool is_of_queue(enum tv_reason_kind reason)
{
    return reason == TV_REASON_SUPERSEDED || reason == TV_REASON_REMOVED_FROM_QUEUE ||
           reason == TV_REASON_SHUTTING_DOWN || reason == TV_REASON_QUEUE_START_FAILED;
}

static void judge_start_failed(struct world *world, struct record *record,
                               const struct slot_past *past)
{
    EXPECT(!past->owner, "21 a start fails in a slot that has an owner");
    EXPECT(world->refused, "18 a start fails without the events of an add");
    world->refused = false;
}

static void judge_rejected(struct world *world, struct record *record, struct slot_past *past,
                           const struct tv_event *event)
{
    enum tv_reason_kind reason = (enum tv_reason_kind)event->reason.kind;
    size_t at = place_of(past, event->id);

    EXPECT(!record->history.rejected, "17 a submission is rejected twice");
    EXPECT(record->history.phase == PHASE_NEW, "17 an accepted task is rejected");
    EXPECT((at < past->length) == is_of_queue(reason), "21 a rejection is not where it waits");
    if (reason == TV_REASON_ADD_FAILED || reason == TV_REASON_QUEUE_START_FAILED)
        judge_start_failed(world, record, past);
    EXPECT(at == 0 || (reason != TV_REASON_SUPERSEDED && reason != TV_REASON_QUEUE_START_FAILED),
           "21 another one than the head is superseded or started");
    EXPECT(reason != TV_REASON_QUEUE_FULL ||
               (past->owner && past->length >= world->core.config.max_slot_queue &&
                event->reason.count == past->length),
           "21 a queue is full that is not");
    EXPECT(reason != TV_REASON_SLOT_BUSY || past->owner, "21 a slot is busy with nobody");
    EXPECT((reason == TV_REASON_SHUTTING_DOWN) == world->closing,
           "22 a submission is not rejected by the shutdown");
    if (at < past->length)
        take_out(past, at);
    record->history.rejected = true;
    record->history.rejection = reason;
}

void slots_judge(struct world *world, const struct tv_event *event)
{
    struct record *record = world_record(world, event->id);
    struct slot_past *past;

    EXPECT(strcmp(record->slot, event->task->bytes) == 0, "21 an event under another slot");
    past = past_of(world, record->slot);
    if (event->kind == TV_EVENT_CONTROLLER_SUBMITTED) {
        judge_submitted(world, record, past, event);
    } else if (event->kind == TV_EVENT_CONTROLLER_REJECTED) {
        judge_rejected(world, record, past, event);
    } else {
        EXPECT(past->owner == event->id && !record->history.leaving,
               "21 a slot begins to terminate twice");
    }
}

/* ---- its tasks ----------------------------------------------------------------------------- */

void slots_judge_task(struct world *world, struct record *record, const struct tv_event *event)
{
    struct slot_past *past = past_of(world, record->slot);

    if (event->kind == TV_EVENT_TASK_STARTING) {
        EXPECT(past->owner == event->id, "21 a task starts that does not own its slot");
        EXPECT(!past->body, "21 two bodies run in one slot");
        past->body = event->id;
    } else if (event->kind == TV_EVENT_TASK_STOPPED || event->kind == TV_EVENT_TASK_FAILED) {
        EXPECT(past->body == event->id, "21 another body ends in a slot");
        past->body = 0;
    } else if (event->kind == TV_EVENT_TASK_REMOVED) {
        EXPECT(past->owner == event->id, "21 a slot loses another owner");
        past->owner = 0;
    }
}

/* Who stands in line for the same, and came earlier? */
static bool is_overtaken(const struct world *world, const struct record *record)
{
    for (size_t i = 0; i < world->there_count; i++) {
        const struct record *other = world->there[i];

        if (other->in_line && other->actor.id < record->actor.id &&
            other->actor.admission == record->actor.admission &&
            strcmp(other->slot, record->slot) == 0)
            return true;
    }
    return false;
}

void slots_judge_act(struct world *world, const struct tv_act *act)
{
    struct record *record = record_of(act->actor);
    struct slot_past *past = record->slot[0] ? past_of(world, record->slot) : NULL;

    if (act->kind == TV_ACT_DECIDED) {
        EXPECT(record->in_line, "21 a submission is decided twice");
        EXPECT(!is_overtaken(world, record), "21 a caller is served before one that came earlier");
        record->in_line = false;
    } else if (act->kind == TV_ACT_FORGET && past && past->owner == act->actor->id) {
        EXPECT(world->decided, "21 an owner leaves without a word");
        past->owner = past->body = 0;
    }
}

/* ---- what is there ------------------------------------------------------------------------- */

static void compare(struct world *world, const struct slot_past *past, const struct tv_slot *slot)
{
    const struct tv_list *link = slot->queue.next;

    SIM_EXPECT(world, (slot->owner ? slot->owner->id : 0) == past->owner,
               "21 slot %s has another owner than the events say", past->name);
    SIM_EXPECT(world, slot->length == past->length, "21 slot %s has lost a submission",
               past->name);
    for (size_t i = 0; i < past->length; i++, link = link->next)
        SIM_EXPECT(world, TV_CONTAINER(link, struct tv_actor, link)->id == past->queue[i],
                   "21 the queue of slot %s is not first in, first out", past->name);
}

static const struct tv_slot *slot_called(const struct world *world, const char *name)
{
    const struct tv_map *slots = &world->core.controller.slots;

    for (uint64_t i = 0; i < slots->used; i++)
        for (struct tv_map_link *link = tv_map_bucket(slots, i); link; link = link->next) {
            const struct tv_slot *slot = TV_CONTAINER(link, struct tv_slot, by_name);

            if (strcmp(slot->name->bytes, name) == 0)
                return slot;
        }
    return NULL;
}

void slots_judged(struct world *world)
{
    SIM_EXPECT(world, !world->refused, "18 a refusal of nothing");
    for (size_t i = 0; i < SIM_SLOTS; i++) {
        const struct slot_past *past = &world->slot[i];
        const struct tv_slot *slot = past->name[0] ? slot_called(world, past->name) : NULL;

        if (slot)
            compare(world, past, slot);
        else
            SIM_EXPECT(world, !past->owner && past->length == 0,
                       "21 slot %s is gone with all that it had", past->name);
    }
}
