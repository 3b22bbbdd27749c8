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

/* The higher digits are added for numbers of which only every 64th is there. */
static uint64_t spread(uint64_t hash)
{
    return hash + (hash >> 6) + (hash >> 12);
}

static uint64_t bucket_of(const struct tv_map *map, uint64_t hash)
{
    uint64_t place = spread(hash), index = place & (map->level - 1);

    return index < map->used - map->level ? place & (2 * map->level - 1) : index;
}

static void open_first(struct tv_map *map)
{
    map->used = map->level = TV_GROW_FIRST;
    for (uint64_t i = 0; i < map->used; i++)
        *bucket(map, i) = NULL;
}

/*
 * One bucket more: what its hash says moves over from the bucket it is split from. The entries of
 * the next one to be split are all over the memory, and asked for now.
 */
static void split(struct tv_map *map)
{
    uint64_t from = map->used - map->level, to = map->used;
    struct tv_map_link **keep = bucket(map, from), **move = bucket(map, to);
    struct tv_map_link *link = *keep;

    *move = NULL;
    if (from + 1 < map->level)
        __builtin_prefetch(*bucket(map, from + 1));
    while (link) {
        if (spread(link->hash) & map->level) {
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

/* At the end of its chain: what comes first mostly goes first, and is found at once then. */
void tv_map_insert(struct tv_map *map, struct tv_map_link *link, uint64_t hash)
{
    struct tv_map_link **end;

    if (map->used == 0)
        open_first(map);
    if (map->count >= map->used)
        split(map);
    end = bucket(map, bucket_of(map, hash));
    while (*end)
        end = &(*end)->next;
    link->hash = hash;
    link->next = NULL;
    *end = link;
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
