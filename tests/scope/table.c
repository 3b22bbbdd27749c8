#include "scope.h"

#include "names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * What each machine did, whenever it was given something. The linker puts the functions below
 * between the core's files and the machines' doors (--wrap), so a row is seen where it happens and
 * not made up from what a step as a whole has brought.
 */

enum machine { MACHINE_TASK, MACHINE_SLOT, MACHINE_SHUTDOWN, MACHINES };

#define WHAT_MAX 8
#define ROWS 512

/* An event or an act, and what tells it from others of its kind. */
#define EVENT(kind, more) ((uint16_t)((kind) << 8 | (more)))
#define ACT(kind, more) ((uint16_t)(0x8000 | (kind) << 8 | (more)))

struct row {
    uint8_t machine, state, stimulus, after, count;
    uint16_t what[WHAT_MAX];
};

static struct row rows[ROWS];
static size_t row_count;

/* Rows are few, and mostly the one that was last met with the same state and stimulus. */
static void note(const struct row *row)
{
    static size_t last[MACHINES][32][32];
    size_t *likely = &last[row->machine][row->state][row->stimulus];

    if (*likely < row_count && memcmp(&rows[*likely], row, sizeof *row) == 0)
        return;
    for (*likely = 0; *likely < row_count; ++*likely)
        if (memcmp(&rows[*likely], row, sizeof *row) == 0)
            return;
    if (row_count == ROWS)
        abort();
    rows[row_count++] = *row;
}

/* ---- what was brought ---------------------------------------------------------------------- */

static uint8_t more_of(const struct tv_event *event)
{
    if (event->kind == TV_EVENT_BACKOFF_SCHEDULED)
        return event->source;
    if (event->kind == TV_EVENT_ACTOR_EXHAUSTED || event->kind >= TV_EVENT_CONTROLLER_REJECTED ||
        event->kind == TV_EVENT_TASK_REMOVE_REQUESTED)
        return event->reason.kind;
    return 0;
}

static void add(struct row *row, uint16_t what)
{
    if (row->count == WHAT_MAX)
        abort();
    row->what[row->count++] = what;
}

/* Events since `from` that are of task `id`, of no task (0), or the controller's (`slots`). */
static void add_events(struct row *row, uint32_t from, tv_id id, bool slots)
{
    const struct tv_effects *fx = &place.core->fx;

    for (uint32_t i = from; i < fx->events; i++) {
        const struct tv_event *event = &fx->event[i];
        bool of_slot = event->kind >= TV_EVENT_CONTROLLER_REJECTED;

        if (slots ? of_slot || event->kind == TV_EVENT_TASK_REMOVE_REQUESTED : event->id == id)
            add(row, EVENT(event->kind, more_of(event)));
    }
}

static void add_acts(struct row *row, uint32_t from, const struct tv_actor *actor)
{
    const struct tv_effects *fx = &place.core->fx;

    for (uint32_t i = from; i < fx->acts; i++) {
        const struct tv_act *act = &fx->act[i];

        if (act->actor != actor || act->kind == TV_ACT_FORGET || act->kind == TV_ACT_DECIDED)
            continue;
        add(row, ACT(act->kind, act->kind == TV_ACT_CANCEL   ? actor->cancel_reason
                                : act->kind == TV_ACT_SETTLE ? actor->outcome
                                                             : 0));
    }
}

/* ---- one task ------------------------------------------------------------------------------ */

/* In the order of the table. */
enum task_stimulus {
    GOT_ACCEPT, GOT_GRANT, GOT_TAKE, GOT_RETURN, GOT_FAIL, GOT_FATAL, GOT_CANCELED, GOT_STRAY,
    GOT_DUE, GOT_REMOVED, GOT_REPLACED, GOT_SHUTDOWN, GOT_VERDICT,
};

static const char *const task_stimuli[] = {
    "accepted", "permit granted", "taken", "body returned", "body failed", "body failed for good",
    "body canceled itself", "body let a CancelledError out", "its timer", "asked to leave",
    "replaced in its slot", "shutdown", "the shutdown's grace is over",
};

static uint8_t stimulus_of(const struct tv_stimulus *stimulus)
{
    static const uint8_t leaves[] = {[TV_CANCEL_SHUTDOWN] = GOT_SHUTDOWN,
                                     [TV_CANCEL_REMOVED] = GOT_REMOVED,
                                     [TV_CANCEL_REPLACED] = GOT_REPLACED};
    static const uint8_t ends[] = {[TV_ERROR_NONE] = GOT_RETURN, [TV_ERROR_FAIL] = GOT_FAIL,
                                   [TV_ERROR_FATAL] = GOT_FATAL,
                                   [TV_ERROR_CANCELED] = GOT_CANCELED};

    switch (stimulus->kind) {
    case TV_ACCEPT:
        return GOT_ACCEPT;
    case TV_GRANT:
        return GOT_GRANT;
    case TV_TAKE:
        return GOT_TAKE;
    case TV_END:
        return stimulus->stray ? GOT_STRAY : ends[stimulus->error->kind];
    case TV_LEAVE:
        return leaves[stimulus->reason];
    case TV_DUE:
        return GOT_DUE;
    case TV_VERDICT:
        break;
    }
    return GOT_VERDICT;
}

void __real_tv_actor_step(struct tv_core *core, struct tv_actor *actor,
                          const struct tv_stimulus *stimulus);
void __wrap_tv_actor_step(struct tv_core *core, struct tv_actor *actor,
                          const struct tv_stimulus *stimulus);

void __wrap_tv_actor_step(struct tv_core *core, struct tv_actor *actor,
                          const struct tv_stimulus *stimulus)
{
    struct row row = {.machine = MACHINE_TASK, .state = actor->state};
    uint32_t events = core->fx.events, acts = core->fx.acts;

    row.stimulus = stimulus_of(stimulus);
    __real_tv_actor_step(core, actor, stimulus);
    row.after = actor->state;
    add_events(&row, events, actor->id, false);
    add_acts(&row, acts, actor);
    note(&row);
}

/* ---- one slot ------------------------------------------------------------------------------ */

/* A slot's states, as somebody sees them who submits; and what becomes of the submission. */
enum slot_seen { SLOT_IDLE, SLOT_BUSY, SLOT_LEAVING };
enum slot_after { BECAME_OWNER, BECAME_QUEUED, BECAME_NOTHING };

static const char *const slot_states[] = {"idle", "running", "terminating"};
static const char *const slot_afters[] = {"owner", "waits", "rejected"};
static const char *const slot_stimuli[] = {"QUEUE", "REPLACE", "DROP_IF_RUNNING",
                                           "its head may start"};
#define HEAD_STARTS 3

static uint8_t seen(const struct tv_slot *slot)
{
    if (!slot->owner)
        return SLOT_IDLE;
    return tv_slot_status(slot) == TV_SLOT_RUNNING ? SLOT_BUSY : SLOT_LEAVING;
}

static void note_slot(struct row *row, const struct tv_actor *actor, uint32_t events)
{
    row->after = actor->state == TV_ACTOR_QUEUED ? BECAME_QUEUED
                 : actor->settled                ? BECAME_NOTHING
                                                 : BECAME_OWNER;
    add_events(row, events, 0, true);
    note(row);
}

void __real_tv_slot_admit(struct tv_core *core, struct tv_actor *actor);
void __wrap_tv_slot_admit(struct tv_core *core, struct tv_actor *actor);

void __wrap_tv_slot_admit(struct tv_core *core, struct tv_actor *actor)
{
    struct row row = {.machine = MACHINE_SLOT,
                      .state = seen(actor->slot),
                      .stimulus = actor->admission};
    uint32_t events = core->fx.events;

    __real_tv_slot_admit(core, actor);
    note_slot(&row, actor, events);
}

void __real_tv_slot_start_head(struct tv_core *core, struct tv_slot *slot);
void __wrap_tv_slot_start_head(struct tv_core *core, struct tv_slot *slot);

void __wrap_tv_slot_start_head(struct tv_core *core, struct tv_slot *slot)
{
    struct row row = {.machine = MACHINE_SLOT, .state = seen(slot), .stimulus = HEAD_STARTS};
    struct tv_actor *head = TV_CONTAINER(slot->queue.next, struct tv_actor, link);
    uint32_t events = core->fx.events;

    __real_tv_slot_start_head(core, slot);
    note_slot(&row, head, events);
}

/* ---- the shutdown -------------------------------------------------------------------------- */

enum { ASKED, ASKED_QUIETLY, SLICED, EMPTIED, WAS_DUE, DRAINED };

static const char *const shutdown_stimuli[] = {"requested", "requested quietly",
                                               "a slice of its work", "nothing is left",
                                               "its timer", "drained"};

static struct row shutdown_before(uint8_t stimulus)
{
    return (struct row){.machine = MACHINE_SHUTDOWN,
                        .state = place.core->shutdown.state,
                        .stimulus = stimulus};
}

static void note_shutdown(struct row *row, uint32_t events)
{
    row->after = place.core->shutdown.state;
    add_events(row, events, 0, false);
    note(row);
}

#define WRAP(name, got)                                   \
    void __real_##name(struct tv_core *core);             \
    void __wrap_##name(struct tv_core *core);             \
    void __wrap_##name(struct tv_core *core)              \
    {                                                     \
        struct row row = shutdown_before(got);            \
        uint32_t events = core->fx.events;                \
                                                          \
        __real_##name(core);                              \
        note_shutdown(&row, events);                      \
    }

WRAP(tv_shutdown_slice, SLICED)
WRAP(tv_shutdown_empty, EMPTIED)
WRAP(tv_shutdown_due, WAS_DUE)
WRAP(tv_shutdown_drained, DRAINED)

void __real_tv_shutdown_request(struct tv_core *core, tv_ns grace_ns, bool quiet);
void __wrap_tv_shutdown_request(struct tv_core *core, tv_ns grace_ns, bool quiet);

void __wrap_tv_shutdown_request(struct tv_core *core, tv_ns grace_ns, bool quiet)
{
    struct row row = shutdown_before(quiet ? ASKED_QUIETLY : ASKED);
    uint32_t events = core->fx.events;

    __real_tv_shutdown_request(core, grace_ns, quiet);
    note_shutdown(&row, events);
}

/* ---- writing ------------------------------------------------------------------------------- */

static const char *const reasons[] = {
    [TV_REASON_ERROR] = "the error",
    [TV_REASON_RETRIES] = "retries used up",
    [TV_REASON_SUCCESS] = "success",
    [TV_REASON_MANUAL_CANCEL] = "manual cancel",
    [TV_REASON_SUBMITTED] = "runs",
    [TV_REASON_SUBMITTED_DEPTH] = "waits",
    [TV_REASON_STARTED_FROM_QUEUE] = "from the queue",
    [TV_REASON_REPLACED] = "replace",
    [TV_REASON_ADD_FAILED] = "name taken",
    [TV_REASON_QUEUE_START_FAILED] = "name taken, from the queue",
    [TV_REASON_QUEUE_FULL] = "queue full",
    [TV_REASON_SUPERSEDED] = "the old head, superseded",
    [TV_REASON_SLOT_BUSY] = "slot busy",
    [TV_REASON_REMOVED_FROM_QUEUE] = "removed from the queue",
    [TV_REASON_SHUTTING_DOWN] = "shutting down",
};

static const struct {
    const char *title, *first, *last;
    const char *const *states, *const *stimuli, *const *afters;
} machines[MACHINES] = {
    {"A task", "state", "next", actor_names, task_stimuli, actor_names},
    {"A slot", "slot", "the submission", slot_states, slot_stimuli, slot_afters},
    {"The shutdown", "state", "next", shutdown_names, shutdown_stimuli, shutdown_names},
};

static void write_what(uint16_t what, FILE *out)
{
    uint8_t kind = what >> 8 & 0x7f, more = what & 0xff;

    if (what & 0x8000) {
        if (kind == TV_ACT_CANCEL)
            fprintf(out, "*token: %s*", cancel_names[more]);
        else if (kind == TV_ACT_SETTLE)
            fprintf(out, "*outcome: %s*", outcome_names[more]);
        else
            fputs("*attempt's token: timeout*", out);
        return;
    }
    fputs(event_names[kind], out);
    if (kind == TV_EVENT_BACKOFF_SCHEDULED)
        fprintf(out, " (%s)", source_names[more]);
    else if (more)
        fprintf(out, " (%s)", reasons[more]);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct row));
}

static void write_row(const struct row *row, FILE *out)
{
    fprintf(out, "| %s | %s | %s | ", machines[row->machine].states[row->state],
            machines[row->machine].stimuli[row->stimulus],
            machines[row->machine].afters[row->after]);
    for (int i = 0; i < row->count; i++) {
        fputs(i ? ", " : "", out);
        write_what(row->what[i], out);
    }
    fputs(row->count ? " |\n" : "|\n", out);
}

void table_write(FILE *out)
{
    qsort(rows, row_count, sizeof *rows, compare);
    for (size_t i = 0; i < row_count; i++) {
        uint8_t machine = rows[i].machine;

        if (i == 0 || rows[i - 1].machine != machine)
            fprintf(out, "\n## %s\n\n| %s | is given | %s | brings |\n|---|---|---|---|\n",
                    machines[machine].title, machines[machine].first, machines[machine].last);
        write_row(&rows[i], out);
    }
}
