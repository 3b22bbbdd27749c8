#include "core/registry.h"

void tv_registry_init(struct tv_registry *registry)
{
    tv_map_init(&registry->names);
    tv_map_init(&registry->ids);
}

void tv_registry_fini(struct tv_registry *registry, void (*release)(void *))
{
    tv_grow_fini(&registry->names.buckets, release);
    tv_grow_fini(&registry->ids.buckets, release);
}

struct tv_actor *tv_registry_by_name(const struct tv_registry *registry, const struct tv_text *name)
{
    struct tv_map_link *link = tv_map_chain(&registry->names, name->hash);

    for (; link; link = link->next) {
        struct tv_actor *actor = TV_CONTAINER(link, struct tv_actor, by_name);

        if (link->hash == name->hash && tv_text_equal(actor->name, name))
            return actor;
    }
    return NULL;
}

struct tv_actor *tv_registry_by_id(const struct tv_registry *registry, tv_id id)
{
    struct tv_map_link *link = tv_map_chain(&registry->ids, id);

    for (; link; link = link->next) {
        struct tv_actor *actor = TV_CONTAINER(link, struct tv_actor, by_id);

        if (actor->id == id)
            return actor;
    }
    return NULL;
}

void tv_registry_reserve(struct tv_registry *registry, struct tv_actor *actor)
{
    tv_map_insert(&registry->names, &actor->by_name, actor->name->hash);
}

void tv_registry_unreserve(struct tv_registry *registry, struct tv_actor *actor)
{
    tv_map_remove(&registry->names, &actor->by_name);
}

void tv_registry_enter(struct tv_registry *registry, struct tv_actor *actor)
{
    tv_map_insert(&registry->ids, &actor->by_id, actor->id);
}

void tv_registry_forget_id(struct tv_registry *registry, struct tv_actor *actor)
{
    tv_map_remove(&registry->ids, &actor->by_id);
}

void tv_registry_leave(struct tv_registry *registry, struct tv_actor *actor)
{
    tv_map_remove(&registry->ids, &actor->by_id);
    tv_map_remove(&registry->names, &actor->by_name);
}
