#include "core/permit.h"

#include "core/core.h"

static bool is_free(const struct tv_core *core)
{
    return core->config.max_concurrent == 0 || core->running < core->config.max_concurrent;
}

static void grant(struct tv_core *core, struct tv_actor *actor)
{
    core->running++;
    tv_actor_step(core, actor, &(struct tv_stimulus){.kind = TV_GRANT});
}

void tv_permit_request(struct tv_core *core, struct tv_actor *actor)
{
    bool first = tv_list_empty(&core->in[TV_ACTOR_PERMIT]);

    tv_actor_enter(core, actor, TV_ACTOR_PERMIT);
    if (first && is_free(core))
        grant(core, actor);
}

void tv_permit_release(struct tv_core *core)
{
    struct tv_list *waiting = &core->in[TV_ACTOR_PERMIT];

    TV_CHECK(core, core->running > 0);
    core->running--;
    if (!tv_list_empty(waiting) && is_free(core))
        grant(core, TV_CONTAINER(waiting->next, struct tv_actor, link));
}
