#include "scope.h"

#include <stdlib.h>
#include <string.h>

/*
 * The core and its tasks point at each other. They never move: a state is kept as the bytes of
 * these two objects, and putting the bytes back puts every pointer back.
 */
static struct tv_core core;
struct place place;
const struct scope *scope;

static struct place kept_place;
static char kept_core[offsetof(struct tv_core, fx)];

static struct tv_text *names[SCOPE_TASKS + 1], *slot_name;

static void make_names(void)
{
    if (slot_name)
        return;
    for (int i = 0; i <= SCOPE_TASKS; i++)
        names[i] = tv_text_new((char[2]){(char)('a' + i), '\0'}, 1);
    slot_name = tv_text_new("s", 1);
    if (!slot_name)
        abort();
}

struct tv_text *place_name(uint8_t name)
{
    return names[name];
}

struct tv_text *place_slot_name(void)
{
    return slot_name;
}

static void give_memory(void)
{
    struct tv_grow *tables[] = {&core.registry.names.buckets, &core.registry.ids.buckets,
                                &core.controller.slots.buckets};

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        tv_grow_give(tables[i], place.buckets[i]);
}

void place_init(const struct scope *of)
{
    make_names();
    scope = of;
    place = (struct place){.core = &core};
    tv_core_init(&core, &of->config);
    tv_list_init(&place.batch);
    give_memory();
}

void place_keep(void)
{
    kept_place = place;
    memcpy(kept_core, &core, sizeof kept_core);
}

void place_put_back(void)
{
    place = kept_place;
    memcpy(&core, kept_core, sizeof kept_core);
}

int place_task(const struct tv_actor *actor)
{
    return (int)(TV_CONTAINER(actor, struct task, actor) - place.task);
}
