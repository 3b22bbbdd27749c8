#include "scope.h"

#include <string.h>

/*
 * `how` of a doing: LEAVE: its style, + 2 by name; RESULT: an index of `results`; SHUTDOWN: the
 * grace, + 4 quiet; SUBMIT: the admission, + 4 waits; CANCEL_SLOT: 1 purges; TAKE: 1 for the loop.
 */
#define BY_NAME 2
#define QUIET 4
#define WAITS 4

static const struct {
    enum tv_error_kind error;
    bool stray;
} results[] = {
    {TV_ERROR_NONE, false},     {TV_ERROR_FAIL, false}, {TV_ERROR_FATAL, false},
    {TV_ERROR_CANCELED, false}, {TV_ERROR_NONE, true},
};

static struct tv_text boom = {.refs = 0, .size = 4, .hash = 1, .bytes = "boom"};

/* ---- which there are ----------------------------------------------------------------------- */

struct found {
    struct doing *out;
    size_t count;
};

/* At every instant that there is. */
static void put(struct found *found, struct doing doing)
{
    for (uint8_t later = 0; later <= scope->instants; later++) {
        doing.later = later & 3;
        found->out[found->count++] = doing;
    }
}

static int free_task(void)
{
    for (int i = 0; i < scope->tasks; i++)
        if (!place.task[i].used)
            return i;
    return -1;
}

static bool name_is_used(uint8_t name)
{
    for (int i = 0; i < SCOPE_TASKS; i++)
        if (place.task[i].used && place.task[i].name == name)
            return true;
    return false;
}

/* Under a name that nobody has, and under those that somebody has. */
static void put_task(struct found *found, struct doing doing)
{
    bool fresh = false;

    if (free_task() < 0)
        return;
    for (uint8_t name = 0; name < SCOPE_TASKS; name++) {
        if (!name_is_used(name) && fresh)
            continue;
        fresh |= !name_is_used(name);
        doing.name = name & 7;
        for (doing.kind = 0; doing.kind < scope->kind_count; doing.kind++)
            put(found, doing);
    }
}

static void put_of_task(struct found *found, int index)
{
    const struct task *task = &place.task[index];
    struct doing doing = {.task = (uint8_t)index & 7, .name = task->name & 7};
    uint8_t ways = scope->errors ? sizeof results / sizeof *results : 2;

    if (!task->used)
        return;
    doing.input = TV_IN_LEAVE;
    for (doing.how = TV_LEAVE_REMOVE; doing.how <= TV_LEAVE_CANCEL; doing.how++)
        put(found, doing);
    doing.how = BY_NAME | TV_LEAVE_REMOVE;
    put(found, doing);
    doing.input = TV_IN_RESULT;
    for (doing.how = 0; doing.how < ways && task->in_flight; doing.how++)
        put(found, doing);
    doing.how = 0;
    doing.input = TV_IN_UNRESERVE;
    if (task->actor.state == TV_ACTOR_RESERVED)
        put(found, doing);
    doing.input = TV_IN_WITHDRAW;
    if (task->actor.slot && task->in_line)
        put(found, doing);
}

static void put_of_slot(struct found *found)
{
    struct doing doing = {.input = TV_IN_CANCEL_SLOT};

    if (!scope->slots)
        return;
    for (doing.how = 0; doing.how < 2; doing.how++)
        put(found, doing);
    doing.input = TV_IN_SUBMIT;
    for (uint8_t admission = 0; admission <= TV_ADMISSION_DROP_IF_RUNNING; admission++) {
        doing.how = admission;
        put_task(found, doing);
        doing.how = admission | WAITS;
        if (scope->waits)
            put_task(found, doing);
    }
}

static void put_of_shutdown(struct found *found)
{
    put(found, (struct doing){.input = TV_IN_FINISH});
    put(found, (struct doing){.input = TV_IN_DRAINED});
    for (uint8_t grace = 0; grace <= 2; grace++) {
        put(found, (struct doing){.input = TV_IN_SHUTDOWN, .how = grace});
        put(found, (struct doing){.input = TV_IN_SHUTDOWN, .how = grace | QUIET});
    }
}

size_t doings(struct doing out[DOINGS])
{
    struct found found = {.out = out};

    put(&found, (struct doing){.input = TV_IN_TICK});
    put(&found, (struct doing){.input = TV_IN_TAKE});
    put(&found, (struct doing){.input = TV_IN_TAKE, .how = 1});
    put(&found, (struct doing){.input = TV_IN_LEAVE, .task = SCOPE_TASKS, .name = SCOPE_TASKS,
                               .how = BY_NAME | TV_LEAVE_REMOVE});
    put(&found, (struct doing){.input = TV_IN_LEAVE, .task = SCOPE_TASKS, .name = SCOPE_TASKS,
                               .how = BY_NAME | TV_LEAVE_CANCEL});
    put_of_shutdown(&found);
    for (int i = 0; i < SCOPE_TASKS; i++)
        put_of_task(&found, i);
    if (scope->adds)
        put_task(&found, (struct doing){.input = TV_IN_ADD});
    if (scope->batches) {
        put_task(&found, (struct doing){.input = TV_IN_RESERVE});
        put(&found, (struct doing){.input = TV_IN_COMMIT});
    }
    put_of_slot(&found);
    return found.count;
}

/* ---- doing it ------------------------------------------------------------------------------ */

#define EXPECT(condition, text) \
    do {                        \
        if (!(condition))       \
            return (text);      \
    } while (0)

static void free_over(void)
{
    for (int i = 0; i < SCOPE_TASKS; i++)
        if (place.task[i].over)
            place.task[i] = (struct task){.used = false};
}

static const char *apply_act(const struct tv_act *act)
{
    struct task *task = act->actor ? TV_CONTAINER(act->actor, struct task, actor) : NULL;

    switch (act->kind) {
    case TV_ACT_SLOT:
        place.slot_used[act->slot - place.slot] = false;
        break;
    case TV_ACT_SETTLE:
        EXPECT(!task->settled, "17 a second outcome");
        EXPECT(!task->in_flight || act->actor->outcome == TV_OUTCOME_ABANDONED,
               "17 an outcome while the body runs");
        task->settled = true;
        break;
    case TV_ACT_FORGET:
        EXPECT(task->settled, "17 a task is forgotten without an outcome");
        task->over = true;
        break;
    case TV_ACT_DECIDED:
        EXPECT(task->in_line, "21 a submission is decided twice");
        task->in_line = false;
        task->over = act->actor->state == TV_ACTOR_DONE && !act->actor->settled;
        break;
    case TV_ACT_CANCEL:
    case TV_ACT_TIMEOUT:
        break;
    }
    return NULL;
}

static const char *apply(enum tv_step answer)
{
    const struct tv_core *core = place.core;

    EXPECT(answer != TV_STEP_BROKEN, core->failure);
    EXPECT(answer != TV_STEP_SHORT, "25 the memory of a small scope is short");
    EXPECT(core->fx.events == 0 || !place.decided, "23 an event after the verdict");
    place.decided = tv_shutdown_is_decided(core);
    for (uint32_t i = 0; i < core->fx.acts; i++) {
        const char *wrong = apply_act(&core->fx.act[i]);

        if (wrong)
            return wrong;
    }
    return tv_core_check(place.core);
}

/* A task of its own for the input; the slot's record too, where it brings one. */
static void bring(const struct doing *doing, struct tv_input *in)
{
    const struct kind *kind = &scope->kinds[doing->kind];
    struct task *task = &place.task[free_task()];
    int slot = place.slot_used[0];

    *task = (struct task){.used = true,
                          .kind = doing->kind,
                          .name = doing->name,
                          .move_id = place.ids + 1,
                          .in_line = doing->input == TV_IN_SUBMIT && (doing->how & WAITS)};
    tv_actor_init(&task->actor, ++place.ids, place_name(doing->name), &kind->options);
    task->actor.on_loop = kind->on_loop;
    task->actor.essential = kind->essential;
    in->actor = &task->actor;
    if (doing->input == TV_IN_SUBMIT) {
        in->slot = &place.slot[slot];
        tv_slot_init(in->slot, place_slot_name());
    }
}

static void fill(const struct doing *doing, struct tv_input *in)
{
    bool brings = doing->input == TV_IN_ADD || doing->input == TV_IN_RESERVE ||
                  doing->input == TV_IN_SUBMIT;

    if (brings)
        bring(doing, in);
    else if (doing->input == TV_IN_LEAVE && (doing->how & BY_NAME))
        in->name = place_name(doing->name);
    else if (doing->input == TV_IN_LEAVE || doing->input == TV_IN_RESULT ||
             doing->input == TV_IN_UNRESERVE || doing->input == TV_IN_WITHDRAW)
        in->actor = &place.task[doing->task].actor;
    if (doing->input == TV_IN_CANCEL_SLOT)
        in->name = place_slot_name();
    if (doing->input == TV_IN_RESULT) {
        in->error.kind = (uint8_t)results[doing->how].error;
        in->stray = results[doing->how].stray;
        if (in->error.kind == TV_ERROR_FAIL || in->error.kind == TV_ERROR_FATAL)
            in->error.text = &boom;
        place.task[doing->task].in_flight = false;
    }
}

/* What the host does with the answer. */
static const char *take_answer(const struct doing *doing, const struct tv_input *in,
                               struct task *brought, enum tv_step answer)
{
    if (doing->input == TV_IN_TAKE && in->actor) {
        struct task *task = TV_CONTAINER(in->actor, struct task, actor);

        EXPECT(!task->in_flight, "6 two attempts of a task overlap");
        task->in_flight = true;
    }
    if (doing->input == TV_IN_UNRESERVE)
        place.task[doing->task].over = true;
    if (doing->input == TV_IN_WITHDRAW && answer == TV_STEP_OK)
        place.task[doing->task].over = true;
    if (doing->input == TV_IN_SUBMIT) {
        int slot = place.slot_used[0];

        place.slot_used[slot] = in->slot == NULL;
        if (answer != TV_STEP_WAIT)
            brought->in_line = false;
    }
    if (brought && answer != TV_STEP_OK && answer != TV_STEP_WAIT)
        brought->over = true;
    return NULL;
}

/* What is left to do at once, in slices, before the next input. */
static const char *finish_slices(void)
{
    const char *wrong = NULL;

    for (int n = 0; !wrong && tv_core_deadline(place.core) <= place.core->now; n++) {
        struct tv_input tick = {.kind = TV_IN_TICK};

        EXPECT(n < 2 * SCOPE_TASKS, "16 what is to be done at once never ends");
        wrong = apply(tv_core_step(place.core, place.core->now, &tick));
        free_over();
    }
    return wrong;
}

const char *do_it(const struct doing *doing)
{
    struct tv_input in = {.kind = (enum tv_input_kind)doing->input,
                          .style = (enum tv_leave_style)(doing->how & 1),
                          .batch = &place.batch,
                          .admission = (enum tv_admission)(doing->how & 3),
                          .wait = doing->how & WAITS,
                          .purge = doing->how,
                          .grace_ns = doing->how & 3,
                          .quiet = doing->how & QUIET,
                          .for_loop = doing->how};
    tv_ns now = place.core->now + doing->later;
    struct task *brought;
    const char *wrong;
    enum tv_step answer;

    fill(doing, &in);
    brought = doing->input == TV_IN_ADD || doing->input == TV_IN_RESERVE ||
                      doing->input == TV_IN_SUBMIT
                  ? TV_CONTAINER(in.actor, struct task, actor)
                  : NULL;
    do {
        answer = tv_core_step(place.core, now, &in);
        if (answer != TV_STEP_AGAIN)
            wrong = take_answer(doing, &in, brought, answer);
        else
            wrong = NULL;
        if (!wrong)
            wrong = apply(answer);
    } while (!wrong && answer == TV_STEP_AGAIN);
    if (wrong)
        return wrong;
    free_over();
    return finish_slices();
}

/* ---- as a move ----------------------------------------------------------------------------- */

void doing_move(const struct doing *doing, struct move *move)
{
    *move = (struct move){.kind = (enum tv_input_kind)doing->input,
                          .now = place.core->now + doing->later,
                          .name = {(char)('a' + doing->name)},
                          .slot = "s",
                          .admission = (enum tv_admission)(doing->how & 3),
                          .wait = doing->how & WAITS,
                          .purge = doing->how,
                          .target = doing->how & BY_NAME ? SIM_BY_NAME : SIM_BY_HANDLE,
                          .style = (enum tv_leave_style)(doing->how & 1),
                          .quiet = doing->how & QUIET,
                          .grace_ns = doing->how & 3};
    if (doing->task < SCOPE_TASKS)
        move->id = place.task[doing->task].move_id;
    move->on_loop = doing->input == TV_IN_TAKE && doing->how;
    if (move_brings_task(move)) {
        move->options = scope->kinds[doing->kind].options;
        move->on_loop = scope->kinds[doing->kind].on_loop;
        move->essential = scope->kinds[doing->kind].essential;
    }
    if (doing->input == TV_IN_RESULT) {
        move->error = results[doing->how].error;
        move->stray = results[doing->how].stray;
        strcpy(move->text, "boom");
    }
}
