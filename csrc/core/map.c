#include "core/map.h"

void tv_map_init(struct tv_map *map)
{
    *map = (struct tv_map){.count = 0};
    tv_grow_init(&map->buckets, sizeof(struct tv_map_link *));
}

bool tv_map_has_room(const struct tv_map *map, uint64_t more)
{
    return map->count + more <= map->buckets.capacity;
}

static struct tv_map_link **bucket(const struct tv_map *map, uint64_t index)
{
    return tv_grow_at(&map->buckets, index);
}

static uint64_t bucket_of(const struct tv_map *map, uint64_t hash)
{
    uint64_t index = hash & (map->level - 1);

    return index < map->used - map->level ? hash & (2 * map->level - 1) : index;
}

static void open_first(struct tv_map *map)
{
    map->used = map->level = TV_GROW_FIRST;
    for (uint64_t i = 0; i < map->used; i++)
        *bucket(map, i) = NULL;
}

/* One bucket more: what its hash says moves over from the bucket it is split from. */
static void split(struct tv_map *map)
{
    uint64_t from = map->used - map->level, to = map->used;
    struct tv_map_link **keep = bucket(map, from), **move = bucket(map, to);
    struct tv_map_link *link = *keep;

    *move = NULL;
    while (link) {
        if (link->hash & map->level) {
            *keep = link->next;
            link->next = *move;
            *move = link;
        } else {
            keep = &link->next;
        }
        link = *keep;
    }
    map->used++;
    if (map->used == 2 * map->level)
        map->level = map->used;
}

void tv_map_insert(struct tv_map *map, struct tv_map_link *link, uint64_t hash)
{
    struct tv_map_link **head;

    if (map->used == 0)
        open_first(map);
    if (map->count >= map->used)
        split(map);
    head = bucket(map, bucket_of(map, hash));
    link->hash = hash;
    link->next = *head;
    *head = link;
    map->count++;
}

void tv_map_remove(struct tv_map *map, struct tv_map_link *link)
{
    struct tv_map_link **place = bucket(map, bucket_of(map, link->hash));

    while (*place != link)
        place = &(*place)->next;
    *place = link->next;
    map->count--;
}

struct tv_map_link *tv_map_chain(const struct tv_map *map, uint64_t hash)
{
    return map->used ? *bucket(map, bucket_of(map, hash)) : NULL;
}

struct tv_map_link *tv_map_bucket(const struct tv_map *map, uint64_t index)
{
    return *bucket(map, index);
}
