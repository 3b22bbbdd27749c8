#include "core/timers.h"

#define WAYS 4u

void tv_timers_init(struct tv_timers *timers)
{
    *timers = (struct tv_timers){.count = 0};
    tv_grow_init(&timers->heap, sizeof(struct tv_deadline));
}

bool tv_timers_has_room(const struct tv_timers *timers, uint64_t more)
{
    return timers->count + more <= timers->heap.capacity;
}

static struct tv_deadline *entry(const struct tv_timers *timers, uint64_t index)
{
    return tv_grow_at(&timers->heap, index);
}

static bool before(const struct tv_deadline *a, const struct tv_deadline *b)
{
    return a->at < b->at || (a->at == b->at && a->arming < b->arming);
}

static void put(struct tv_timers *timers, uint64_t index, struct tv_deadline deadline)
{
    *entry(timers, index) = deadline;
    deadline.timer->place = (uint32_t)index + 1;
}

static void sift_up(struct tv_timers *timers, uint64_t index, struct tv_deadline deadline)
{
    while (index > 0) {
        uint64_t parent = (index - 1) / WAYS;
        struct tv_deadline *above = entry(timers, parent);

        if (!before(&deadline, above))
            break;
        put(timers, index, *above);
        index = parent;
    }
    put(timers, index, deadline);
}

/* The earliest child of `index`, or the count where it has none. */
static uint64_t first_child(const struct tv_timers *timers, uint64_t index)
{
    uint64_t child = index * WAYS + 1, best = child;

    if (child >= timers->count)
        return timers->count;
    for (uint64_t i = child + 1; i < child + WAYS && i < timers->count; i++)
        if (before(entry(timers, i), entry(timers, best)))
            best = i;
    return best;
}

static void sift_down(struct tv_timers *timers, uint64_t index, struct tv_deadline deadline)
{
    for (;;) {
        uint64_t child = first_child(timers, index);

        if (child >= timers->count || !before(entry(timers, child), &deadline))
            break;
        put(timers, index, *entry(timers, child));
        index = child;
    }
    put(timers, index, deadline);
}

void tv_timers_arm(struct tv_timers *timers, struct tv_timer *timer, tv_ns at)
{
    struct tv_deadline deadline = {.at = at, .arming = ++timers->armings, .timer = timer};

    sift_up(timers, timers->count++, deadline);
}

void tv_timers_disarm(struct tv_timers *timers, struct tv_timer *timer)
{
    struct tv_deadline last;
    uint64_t index;

    if (!timer->place)
        return;
    index = timer->place - 1;
    timer->place = 0;
    last = *entry(timers, --timers->count);
    if (last.timer == timer)
        return;
    if (index > 0 && before(&last, entry(timers, (index - 1) / WAYS)))
        sift_up(timers, index, last);
    else
        sift_down(timers, index, last);
}

tv_ns tv_timers_due(const struct tv_timers *timers, const struct tv_timer *timer)
{
    return timer->place ? entry(timers, timer->place - 1)->at : TV_NEVER;
}
