#include "core/core.h"

/*
 * The numbers are those of docs/design/architecture.md. What only a history can tell (1, 5, 7, 10
 * to 13, 18) is the simulator's; what the runtime alone owns (19, 20, 24) is seen there.
 */

#define EXPECT(condition, text) \
    do {                        \
        if (!(condition))       \
            return (text);      \
    } while (0)

#define FIRST_OF(check)            \
    do {                           \
        const char *text = (check); \
        if (text)                  \
            return text;           \
    } while (0)

static struct tv_actor *actor_of(struct tv_list *link)
{
    return TV_CONTAINER(link, struct tv_actor, link);
}

/* The `n` actors of a list in the order they came, as long as the list is sound. */
static uint64_t length(const struct tv_list *list)
{
    uint64_t n = 0;

    for (const struct tv_list *link = list->next; link != list; link = link->next)
        n++;
    return n;
}

/* ---- the actor by itself ------------------------------------------------------------------- */

static bool holds_permit(enum tv_actor_state state)
{
    return state == TV_ACTOR_READY || state == TV_ACTOR_INBOX || state == TV_ACTOR_RUNNING ||
           state == TV_ACTOR_OVERDUE || state == TV_ACTOR_STOPPING || state == TV_ACTOR_ABANDONED;
}

static bool wants_timer(const struct tv_core *core, const struct tv_actor *actor)
{
    if (actor->state == TV_ACTOR_RUNNING)
        return tv_core_options(core, actor, TV_INHERIT_TIMEOUT)->timeout_ns > 0;
    return actor->state == TV_ACTOR_STOPPING || actor->state == TV_ACTOR_BACKOFF ||
           actor->state == TV_ACTOR_PAUSED;
}

static const char *check_attempts(const struct tv_core *core, const struct tv_actor *actor)
{
    int64_t max = tv_core_options(core, actor, TV_INHERIT_RETRIES)->max_retries;
    bool delayed = actor->state == TV_ACTOR_BACKOFF || actor->state == TV_ACTOR_PAUSED;

    EXPECT(actor->attempt > 0 || !(tv_actor_is_alive(actor) || delayed),
           "6 a task is past its start without an attempt");
    EXPECT(actor->state != TV_ACTOR_OVERDUE || actor->timed_out,
           "6 an attempt is overdue without a timeout");
    EXPECT(actor->state != TV_ACTOR_RUNNING || !actor->timed_out,
           "6 an attempt has timed out and is not overdue");
    EXPECT(max == TV_NONE || actor->failures <= max, "14 failures exceed max_retries");
    EXPECT(actor->state != TV_ACTOR_BACKOFF || actor->failures > 0,
           "14 a task waits for a retry that was not counted");
    EXPECT(actor->state != TV_ACTOR_PAUSED || actor->failures == 0,
           "14 failures were not forgotten by a success");
    return NULL;
}

static const char *check_token(const struct tv_actor *actor)
{
    bool leaving = actor->state == TV_ACTOR_STOPPING || actor->state == TV_ACTOR_ABANDONED;

    EXPECT(!actor->cancelled || leaving, "15 a cancelled task has not left its state");
    EXPECT(actor->cancelled || !leaving, "15 a task is leaving with its token live");
    EXPECT(actor->settled == (actor->state == TV_ACTOR_ABANDONED),
           "17 only an abandoned task has its outcome while it is registered");
    EXPECT(!actor->settled || actor->outcome == TV_OUTCOME_ABANDONED,
           "17 an abandoned task has another outcome");
    return NULL;
}

static const char *check_timer(const struct tv_core *core, const struct tv_actor *actor)
{
    tv_ns due = tv_timers_due(&core->timers, &actor->timer), timeout;

    EXPECT(actor->timer.owner == TV_TIMER_ACTOR, "16 an actor's timer has another owner");
    EXPECT(!actor->timer.place == !wants_timer(core, actor),
           "16 an actor's timer is not what its state prescribes");
    timeout = tv_core_options(core, actor, TV_INHERIT_TIMEOUT)->timeout_ns;
    EXPECT(actor->state != TV_ACTOR_RUNNING || !actor->timer.place ||
               due == tv_after(actor->started_ns, timeout),
           "16 a timeout does not count from the start of its attempt");
    return NULL;
}

static const char *check_live(const struct tv_core *core, struct tv_actor *actor)
{
    EXPECT(tv_registry_by_name(&core->registry, actor->name) == actor,
           "2 a live task is not the one of its name");
    EXPECT(tv_registry_by_id(&core->registry, actor->id) == actor,
           "2 a live task is not the one of its id");
    FIRST_OF(check_attempts(core, actor));
    FIRST_OF(check_token(actor));
    return check_timer(core, actor);
}

/* ---- lists and permits --------------------------------------------------------------------- */

static const char *check_list(const struct tv_core *core, enum tv_actor_state state,
                              uint64_t *live)
{
    const struct tv_list *list = &core->in[state];

    for (struct tv_list *link = list->next; link != list; link = link->next) {
        EXPECT(link->next->prev == link && link->prev->next == link, "3 a list is torn");
        EXPECT(actor_of(link)->state == state, "3 a task sits in the list of another state");
        EXPECT(state != TV_ACTOR_READY || !actor_of(link)->on_loop,
               "3 a task for the loop waits for a worker");
        EXPECT(state != TV_ACTOR_INBOX || actor_of(link)->on_loop,
               "3 a task for a worker waits for the loop");
        EXPECT(++*live <= core->live, "3 there are more tasks in the lists than live ones");
        FIRST_OF(check_live(core, actor_of(link)));
    }
    return NULL;
}

static const char *check_lists(const struct tv_core *core)
{
    uint64_t live = 0;

    for (int state = TV_ACTOR_PERMIT; state < TV_ACTOR_STATE_COUNT; state++)
        FIRST_OF(check_list(core, (enum tv_actor_state)state, &live));
    EXPECT(tv_list_empty(&core->in[TV_ACTOR_RESERVED]) &&
               tv_list_empty(&core->in[TV_ACTOR_QUEUED]) && tv_list_empty(&core->in[TV_ACTOR_DONE]),
           "3 a list that stays empty is not");
    EXPECT(live == core->live, "3 a live task is in no list");
    EXPECT(core->live <= core->accepted, "4 more tasks are live than were accepted");
    return NULL;
}

static const char *check_permits(const struct tv_core *core)
{
    uint64_t max = core->config.max_concurrent, held = 0;

    for (int state = 0; state < TV_ACTOR_STATE_COUNT; state++)
        if (holds_permit((enum tv_actor_state)state))
            held += length(&core->in[state]);
    EXPECT(max == 0 || core->running <= max, "8 more permits are held than there are");
    EXPECT(core->running >= held, "8 an attempt was granted without a permit");
    EXPECT(core->running <= held, "9 a permit is held by no attempt");
    EXPECT(tv_list_empty(&core->in[TV_ACTOR_PERMIT]) || (max > 0 && core->running == max),
           "8 a task waits while a permit is free");
    return NULL;
}

/* ---- names --------------------------------------------------------------------------------- */

static const char *check_name(const struct tv_core *core, struct tv_actor *actor,
                              uint64_t *reserved)
{
    EXPECT(actor->state != TV_ACTOR_DONE, "2 a name is taken by a task that has ended");
    EXPECT(tv_registry_by_name(&core->registry, actor->name) == actor, "2 a name has two tasks");
    if (actor->state != TV_ACTOR_RESERVED)
        return NULL;
    ++*reserved;
    EXPECT(!tv_registry_by_id(&core->registry, actor->id), "2 a reserved task has its id already");
    EXPECT(!tv_list_empty(&actor->link), "3 a reserved task is in no batch");
    EXPECT(!actor->timer.place, "16 a reserved task has a timer");
    EXPECT(!actor->cancelled && !actor->settled, "17 a reserved task has begun to end");
    return NULL;
}

static const char *check_names(const struct tv_core *core)
{
    const struct tv_map *names = &core->registry.names;
    uint64_t found = 0, reserved = 0;

    for (uint64_t i = 0; i < names->used; i++)
        for (struct tv_map_link *link = tv_map_bucket(names, i); link; link = link->next) {
            struct tv_actor *actor = TV_CONTAINER(link, struct tv_actor, by_name);

            EXPECT(++found <= names->count, "2 there are more names than were taken");
            EXPECT(link->hash == actor->name->hash, "2 a name is filed under another one's hash");
            FIRST_OF(check_name(core, actor, &reserved));
        }
    EXPECT(found == names->count, "2 a name is lost");
    EXPECT(core->registry.ids.count == core->live + core->controller.waiting,
           "2 there are not as many ids as live and waiting tasks");
    EXPECT(found == core->live + reserved, "2 there are not as many names as tasks");
    EXPECT(core->known == core->live + reserved + core->controller.waiting +
                              length(&core->in[TV_ACTOR_ROOM]),
           "4 a submission is neither accepted, rejected nor waiting");
    return NULL;
}

/* ---- slots --------------------------------------------------------------------------------- */

static const char *check_queue(const struct tv_core *core, const struct tv_slot *slot)
{
    for (struct tv_list *link = slot->queue.next; link != &slot->queue; link = link->next) {
        const struct tv_actor *actor = actor_of(link);

        EXPECT(link->next->prev == link && link->prev->next == link, "3 a slot's queue is torn");
        EXPECT(actor->state == TV_ACTOR_QUEUED, "21 a slot's queue holds a task that runs");
        EXPECT(actor->slot == slot, "21 a submission waits in another slot's queue");
        EXPECT(tv_registry_by_id(&core->registry, actor->id) == actor,
               "21 a waiting submission is not the one of its id");
        EXPECT(!actor->timer.place && !actor->settled && actor->attempt == 0,
               "21 a waiting submission has begun");
    }
    EXPECT(length(&slot->queue) == slot->length, "21 a slot's queue is not as long as it says");
    return NULL;
}

static const char *check_slot(const struct tv_core *core, struct tv_slot *slot)
{
    bool settled = !tv_controller_is_busy(core);

    EXPECT(tv_controller_find(&core->controller, slot->name) == slot, "21 a slot's name has two");
    EXPECT(slot->owner || !settled, "21 a slot without owner was left behind");
    EXPECT(tv_list_empty(&slot->link) == (slot->owner && slot->length == 0),
           "21 a slot is in the wrong list");
    if (slot->owner) {
        EXPECT(slot->owner->slot == slot, "21 a slot's owner owns another");
        EXPECT(tv_registry_by_id(&core->registry, slot->owner->id) == slot->owner &&
                   slot->owner->state != TV_ACTOR_QUEUED,
               "21 a slot's owner is not a live task");
    }
    return check_queue(core, slot);
}

/* The owner's end frees the slot: no live task believes to own one that has another owner. */
static const char *check_owners(const struct tv_core *core)
{
    for (int state = TV_ACTOR_PERMIT; state < TV_ACTOR_DONE; state++)
        for (struct tv_list *link = core->in[state].next; link != &core->in[state];
             link = link->next)
            EXPECT(!actor_of(link)->slot || actor_of(link)->slot->owner == actor_of(link),
                   "21 a slot has two owners");
    return NULL;
}

static const char *check_room(const struct tv_core *core)
{
    const struct tv_list *room = &core->in[TV_ACTOR_ROOM];

    EXPECT(core->controller.waiting <= core->config.queue_capacity,
           "21 more submissions wait than there is room for");
    if (tv_controller_is_busy(core) || !tv_core_is_open(core))
        return NULL;
    for (struct tv_list *link = room->next; link != room; link = link->next) {
        const struct tv_actor *actor = actor_of(link);

        EXPECT(!tv_controller_has_room(core) &&
                   tv_slot_needs_room(actor->slot, (enum tv_admission)actor->admission),
               "21 a caller waits for room that it has or does not need");
    }
    return NULL;
}

static const char *check_slots(const struct tv_core *core)
{
    const struct tv_map *slots = &core->controller.slots;
    uint64_t found = 0, waiting = 0;

    for (uint64_t i = 0; i < slots->used; i++)
        for (struct tv_map_link *link = tv_map_bucket(slots, i); link; link = link->next) {
            struct tv_slot *slot = TV_CONTAINER(link, struct tv_slot, by_name);

            EXPECT(++found <= slots->count, "21 there are more slots than were made");
            FIRST_OF(check_slot(core, slot));
            waiting += slot->length;
        }
    EXPECT(found == slots->count, "21 a slot is lost");
    EXPECT(waiting == core->controller.waiting, "21 a waiting submission is in no queue");
    FIRST_OF(check_owners(core));
    return check_room(core);
}

/* ---- timers -------------------------------------------------------------------------------- */

static bool is_before(const struct tv_deadline *a, const struct tv_deadline *b)
{
    return a->at < b->at || (a->at == b->at && a->arming < b->arming);
}

static const char *check_deadline(const struct tv_core *core, const struct tv_deadline *deadline)
{
    struct tv_timer *timer = deadline->timer;
    const struct tv_actor *actor;

    EXPECT(deadline->arming > 0 && deadline->arming <= core->timers.armings,
           "16 a timer was armed before the first or after the last");
    if (timer->owner == TV_TIMER_SHUTDOWN) {
        EXPECT(timer == &core->shutdown.timer, "16 the shutdown's timer is not the shutdown's");
        return NULL;
    }
    actor = TV_CONTAINER(timer, struct tv_actor, timer);
    EXPECT(tv_registry_by_id(&core->registry, actor->id) == actor,
           "16 a timer's owner is not live");
    return NULL;
}

static const char *check_timers(const struct tv_core *core)
{
    const struct tv_deadline *first = tv_timers_first(&core->timers);

    EXPECT(core->timers.count <= core->timers.heap.capacity, "16 more timers are armed than fit");
    for (uint64_t i = 0; i < core->timers.count; i++) {
        const struct tv_deadline *deadline = tv_grow_at(&core->timers.heap, i);

        EXPECT(deadline->timer->place == i + 1, "16 a timer does not know its place");
        EXPECT(deadline == first || is_before(first, deadline),
               "16 the next deadline is not the first");
        FIRST_OF(check_deadline(core, deadline));
    }
    return NULL;
}

/* ---- shutdown ------------------------------------------------------------------------------ */

/* How many tasks are in the states that a cancelled task has left. */
static uint64_t uncancelled(const struct tv_core *core)
{
    return core->live - length(&core->in[TV_ACTOR_STOPPING]) -
           length(&core->in[TV_ACTOR_ABANDONED]);
}

static const char *check_verdict(const struct tv_core *core)
{
    const struct tv_shutdown *shutdown = &core->shutdown;

    EXPECT(!shutdown->quiet || shutdown->verdict == TV_VERDICT_NONE,
           "23 a shutdown nobody waits for has a verdict");
    EXPECT(shutdown->verdict != TV_VERDICT_STOPPED || core->live == 0,
           "23 all is said to have stopped, and a task is live");
    EXPECT(shutdown->verdict != TV_VERDICT_EXCEEDED || core->live > 0 ||
               shutdown->state != TV_SHUTDOWN_ABANDONING,
           "23 the grace is said to be exceeded, and nobody is stuck");
    return NULL;
}

static const char *check_shutdown(const struct tv_core *core)
{
    const struct tv_shutdown *shutdown = &core->shutdown;
    bool armed = shutdown->timer.place != 0;

    EXPECT(shutdown->timer.owner == TV_TIMER_SHUTDOWN, "16 the shutdown's timer has another owner");
    switch ((enum tv_shutdown_state)shutdown->state) {
    case TV_SHUTDOWN_OPEN:
        EXPECT(!armed, "16 a timer runs for a shutdown that nobody asked for");
        EXPECT(!(core->finish && tv_core_is_empty(core) && !core->commit),
               "23 a natural end was missed");
        return NULL;
    case TV_SHUTDOWN_CANCELLING:
        EXPECT(armed, "16 the shutdown's grace has no timer");
        break;
    case TV_SHUTDOWN_WAITING:
        EXPECT(armed, "16 the shutdown's grace has no timer");
        EXPECT(uncancelled(core) == 0, "15 a shutdown has left a token live");
        EXPECT(!tv_core_is_empty(core), "23 a shutdown waits for nobody");
        break;
    case TV_SHUTDOWN_ABANDONING:
        EXPECT(!armed, "16 the shutdown's grace is over and has a timer");
        EXPECT(uncancelled(core) == 0, "15 a shutdown has left a token live");
        break;
    case TV_SHUTDOWN_DRAINING:
    case TV_SHUTDOWN_CLOSED:
        EXPECT(armed == (shutdown->state == TV_SHUTDOWN_DRAINING),
               "16 the subscribers' grace has no timer, or one too long");
        EXPECT(length(&core->in[TV_ACTOR_ABANDONED]) == core->live,
               "23 a task is neither ended nor abandoned after the verdict");
        break;
    }
    EXPECT(!core->commit, "22 a batch is being accepted after admission closed");
    return check_verdict(core);
}

const char *tv_core_check(struct tv_core *core)
{
    FIRST_OF(check_lists(core));
    FIRST_OF(check_permits(core));
    FIRST_OF(check_names(core));
    FIRST_OF(check_slots(core));
    FIRST_OF(check_timers(core));
    return check_shutdown(core);
}
