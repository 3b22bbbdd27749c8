#include "sim.h"

/* What is open: a reservation, a body. NULL: nothing. */
static struct record *open_one(const struct world *world)
{
    for (size_t i = 0; i < world->there_count; i++) {
        struct record *record = world->there[i];

        if (record->in_flight || record->actor.state == TV_ACTOR_RESERVED)
            return record;
    }
    return NULL;
}

bool ending_next(const struct world *world, struct move *move)
{
    tv_ns due = tv_core_deadline(&world->core), now = world->core.now;
    struct record *record = open_one(world);

    *move = (struct move){.kind = TV_IN_TICK, .now = now - world->epoch_ns};
    if (due <= now)
        return true;
    if (record && record->actor.state == TV_ACTOR_RESERVED) {
        move->kind = TV_IN_UNRESERVE;
        move->id = record->actor.id;
    } else if (world->core.shutdown.state < TV_SHUTDOWN_DRAINING) {
        move->kind = TV_IN_SHUTDOWN;
    } else if (record) {
        move->kind = TV_IN_RESULT;
        move->id = record->actor.id;
    } else if (world->core.shutdown.state != TV_SHUTDOWN_CLOSED) {
        move->kind = due == TV_NEVER || world->ids % 2 ? TV_IN_DRAINED : TV_IN_TICK;
        move->now = (due == TV_NEVER ? now : due) - world->epoch_ns;
    } else {
        return false;
    }
    return true;
}
