/*
 * registry.h: name and id of every task, one to one.
 *
 * A name is taken from admission (a reserved one too) until the body has really returned.
 */
#ifndef TV_REGISTRY_H
#define TV_REGISTRY_H

#include "core/actor.h"

struct tv_registry {
    struct tv_map names, ids;
};

void tv_registry_init(struct tv_registry *registry);
void tv_registry_fini(struct tv_registry *registry, void (*release)(void *));

/* NULL: no such task. A RESERVED one is found by name and not by id. */
struct tv_actor *tv_registry_by_name(const struct tv_registry *registry,
                                     const struct tv_text *name);
struct tv_actor *tv_registry_by_id(const struct tv_registry *registry, tv_id id);

/* Takes the name: a RESERVED task. Needs room in `names`. */
void tv_registry_reserve(struct tv_registry *registry, struct tv_actor *actor);
void tv_registry_unreserve(struct tv_registry *registry, struct tv_actor *actor);

/* Takes the id. Needs room in `ids`. A waiting submission has an id here and no name. */
void tv_registry_enter(struct tv_registry *registry, struct tv_actor *actor);
void tv_registry_forget_id(struct tv_registry *registry, struct tv_actor *actor);
void tv_registry_leave(struct tv_registry *registry, struct tv_actor *actor);

#endif
