#define _POSIX_C_SOURCE 200809L /* open_memstream */

#include "sim.h"

#include "names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char *events_text, *acts_text;
static size_t events_size, acts_size;

static const char *const answers[] = {
    [TV_STEP_OK] = "ok",           [TV_STEP_AGAIN] = "again",
    [TV_STEP_SHORT] = "short",     [TV_STEP_EXISTS] = "exists",
    [TV_STEP_CLOSED] = "closed",   [TV_STEP_UNKNOWN] = "unknown",
    [TV_STEP_ALREADY] = "already", [TV_STEP_BROKEN] = "broken",
    [TV_STEP_FULL] = "full",       [TV_STEP_WAIT] = "wait",
};

static const char *const verdicts[] = {"none", "stopped", "exceeded"};

/* Each element of a list but the first comes after a comma. */
static void comma(FILE *out)
{
    if (ftell(out) > 0)
        fputs(", ", out);
}

static void put_bytes(FILE *out, const char *bytes, size_t size)
{
    fputc('"', out);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < ' ')
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

static void put_reason(FILE *out, const struct tv_reason *reason)
{
    char text[TV_REASON_MAX + 128];
    size_t size = tv_reason_format(reason, text, sizeof text);

    put_bytes(out, text, size < sizeof text ? size : sizeof text);
}

static const char *span_name(const struct tv_event *event)
{
    if (event->kind == TV_EVENT_TASK_STOPPED || event->kind == TV_EVENT_TASK_FAILED)
        return "duration";
    if (event->kind == TV_EVENT_TIMEOUT_HIT)
        return "timeout";
    return event->kind == TV_EVENT_BACKOFF_SCHEDULED ? "delay" : NULL;
}

/* An error stands in a reason as a whole; the code is told by the events that have the field. */
static bool tells_exit_code(const struct tv_event *event)
{
    bool of_error =
        event->reason.kind == TV_REASON_ERROR || event->reason.kind == TV_REASON_RETRIES;

    return of_error && event->kind != TV_EVENT_BACKOFF_SCHEDULED &&
           event->reason.error.has_exit_code;
}

void show_event(FILE *out, const struct tv_event *event)
{
    const char *span = span_name(event);

    comma(out);
    fprintf(out, "{\"kind\": \"%s\"", event_names[event->kind]);
    if (event->task) {
        fputs(", \"task\": ", out);
        put_bytes(out, event->task->bytes, event->task->size);
    }
    if (event->id)
        fprintf(out, ", \"id\": %" PRIu64, event->id);
    if (event->attempt)
        fprintf(out, ", \"attempt\": %" PRIu64, event->attempt);
    if (event->reason.kind != TV_REASON_NONE) {
        fputs(", \"reason\": ", out);
        put_reason(out, &event->reason);
        if (tells_exit_code(event))
            fprintf(out, ", \"exit_code\": %" PRId32, event->reason.error.exit_code);
    }
    if (span)
        fprintf(out, ", \"%s\": %" PRId64, span, event->span_ns);
    if (event->kind == TV_EVENT_BACKOFF_SCHEDULED)
        fprintf(out, ", \"source\": \"%s\"", source_names[event->source]);
    fputc('}', out);
}

static void put_outcome(FILE *out, const struct tv_actor *actor)
{
    struct tv_reason reason = tv_actor_reason(actor);

    fprintf(out, ", \"outcome\": \"%s\", \"attempts\": %" PRIu64, outcome_names[actor->outcome],
            actor->attempt);
    if (reason.kind != TV_REASON_NONE && reason.kind != TV_REASON_SUCCESS) {
        fputs(", \"reason\": ", out);
        put_reason(out, &reason);
    }
}

void show_act(FILE *out, const struct tv_act *act)
{
    static const char *const names[] = {
        [TV_ACT_CANCEL] = "cancel",
        [TV_ACT_TIMEOUT] = "timeout",
        [TV_ACT_SETTLE] = "settle",
        [TV_ACT_FORGET] = "forget",
        [TV_ACT_DECIDED] = "decided",
        [TV_ACT_SLOT] = "slot",
    };

    comma(out);
    fprintf(out, "{\"kind\": \"%s\", ", names[act->kind]);
    if (act->kind == TV_ACT_SLOT) {
        fprintf(out, "\"slot\": \"%s\"}", act->slot->name->bytes);
        return;
    }
    fprintf(out, "\"id\": %" PRIu64, act->actor->id);
    if (act->kind == TV_ACT_CANCEL)
        fprintf(out, ", \"why\": \"%s\"", cancel_names[act->actor->cancel_reason]);
    if (act->kind == TV_ACT_SETTLE)
        put_outcome(out, act->actor);
    fputc('}', out);
}

/* ---- visible state ------------------------------------------------------------------------- */

static void put_ids(FILE *out, const char *name, const struct tv_list *list)
{
    fprintf(out, ", \"%s\": [", name);
    for (const struct tv_list *link = list->next; link != list; link = link->next)
        fprintf(out, "%s%" PRIu64, link == list->next ? "" : ", ",
                TV_CONTAINER(link, struct tv_actor, link)->id);
    fputc(']', out);
}

static void put_instant(FILE *out, const char *name, tv_ns at)
{
    if (at != TV_NEVER)
        fprintf(out, ", \"%s\": %" PRId64, name, at);
}

static void put_task(FILE *out, const struct world *world, const struct tv_actor *actor)
{
    fprintf(out, "{\"id\": %" PRIu64 ", \"name\": ", actor->id);
    put_bytes(out, actor->name->bytes, actor->name->size);
    fprintf(out, ", \"state\": \"%s\", \"attempt\": %" PRIu64 ", \"failures\": %" PRIu32,
            actor_names[actor->state], actor->attempt, actor->failures);
    fprintf(out, ", \"alive\": %s", tv_actor_is_alive(actor) ? "true" : "false");
    if (actor->error.kind != TV_ERROR_NONE) {
        fputs(", \"error\": ", out);
        put_reason(out, &(struct tv_reason){.kind = TV_REASON_ERROR, .error = actor->error});
    }
    if (actor->cancelled)
        fprintf(out, ", \"cancelled\": \"%s\"", cancel_names[actor->cancel_reason]);
    put_instant(out, "due", tv_timers_due(&world->core.timers, &actor->timer));
    fputc('}', out);
}

static void put_tasks(FILE *out, const struct world *world)
{
    bool first = true;

    fputs("\"tasks\": [", out);
    for (tv_id id = 1; id <= world->ids; id++) {
        struct record *record = world_record(world, id);

        if (!record || record->forgotten)
            continue;
        if (!first)
            fputs(", ", out);
        first = false;
        put_task(out, world, &record->actor);
    }
    fputc(']', out);
}

static int by_name(const void *a, const void *b)
{
    const struct tv_slot *x = *(const struct tv_slot *const *)a;
    const struct tv_slot *y = *(const struct tv_slot *const *)b;

    return strcmp(x->name->bytes, y->name->bytes);
}

static void put_slot(FILE *out, const struct tv_slot *slot)
{
    fprintf(out, "{\"name\": \"%s\", \"status\": \"%s\", \"owner\": %" PRIu64
                 ", \"since\": %" PRId64,
            slot->name->bytes, status_names[tv_slot_status(slot)], slot->owner->id,
            slot->since_ns);
    put_ids(out, "waiting", &slot->queue);
    fputc('}', out);
}

/* Settled ones, in the order of their names. */
static void put_slots(FILE *out, const struct tv_map *slots)
{
    const struct tv_slot *sorted[SIM_SLOTS];
    size_t count = 0;

    for (uint64_t i = 0; i < slots->used; i++)
        for (struct tv_map_link *link = tv_map_bucket(slots, i); link && count < SIM_SLOTS;
             link = link->next)
            sorted[count++] = TV_CONTAINER(link, struct tv_slot, by_name);
    qsort(sorted, count, sizeof *sorted, by_name);
    fputs(", \"slots\": [", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", out);
        put_slot(out, sorted[i]);
    }
    fputc(']', out);
}

static void put_state(FILE *out, const struct world *world)
{
    const struct tv_core *core = &world->core;

    fputc('{', out);
    put_tasks(out, world);
    put_ids(out, "permit", &core->in[TV_ACTOR_PERMIT]);
    put_ids(out, "ready", &core->in[TV_ACTOR_READY]);
    put_ids(out, "inbox", &core->in[TV_ACTOR_INBOX]);
    put_ids(out, "room", &core->in[TV_ACTOR_ROOM]);
    put_slots(out, &core->controller.slots);
    fprintf(out, ", \"now\": %" PRId64 ", \"live\": %" PRIu64 ", \"running\": %" PRIu64, core->now,
            core->live, core->running);
    fprintf(out, ", \"shutdown\": \"%s\", \"verdict\": \"%s\", \"grace\": %" PRId64,
            shutdown_names[core->shutdown.state], verdicts[core->shutdown.verdict],
            core->shutdown.grace_ns);
    put_instant(out, "deadline", tv_core_deadline(core));
    fputc('}', out);
}

/* ---- collecting ---------------------------------------------------------------------------- */

void show_begin(struct world *world)
{
    world->events = open_memstream(&events_text, &events_size);
    world->acts = open_memstream(&acts_text, &acts_size);
    if (world->events && world->acts)
        return;
    perror("sim");
    exit(2);
}

void show_line(struct world *world, struct played played, bool with_state, FILE *out)
{
    fflush(world->events);
    fflush(world->acts);
    fprintf(out, "{\"answer\": \"%s\"", answers[played.answer]);
    if (played.id)
        fprintf(out, ", \"task\": %" PRIu64, played.id);
    if (played.count)
        fprintf(out, ", \"count\": %" PRIu64, played.count);
    fputs(", \"events\": [", out);
    fwrite(events_text, 1, events_size, out);
    fputs("], \"acts\": [", out);
    fwrite(acts_text, 1, acts_size, out);
    fputc(']', out);
    if (with_state) {
        fputs(", \"state\": ", out);
        put_state(out, world);
    }
    fputs("}\n", out);
    rewind(world->events);
    rewind(world->acts);
}

void show_end(struct world *world)
{
    fclose(world->events);
    fclose(world->acts);
    free(events_text);
    free(acts_text);
    world->events = world->acts = NULL;
}
