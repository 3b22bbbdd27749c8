/*
 * map.h: an intrusive hash map that grows by one bucket per insertion (linear hashing).
 *
 * There is never a rehash of everything: when an entry comes in, one bucket is split. The chains
 * run through the entries, the buckets lie in a tv_grow, whose memory the caller brings.
 */
#ifndef TV_MAP_H
#define TV_MAP_H

#include "core/grow.h"

struct tv_map_link {
    struct tv_map_link *next;
    uint64_t hash; /* a number in a row will do: neighbours stay neighbours in memory */
};

struct tv_map {
    struct tv_grow buckets; /* of struct tv_map_link * */
    uint64_t count;         /* entries */
    uint64_t used;          /* buckets in use: level + split, never less than one chunk */
    uint64_t level;         /* a power of two: buckets before this round of splits */
};

void tv_map_init(struct tv_map *map);

/* Does `more` entries fit the buckets there are? If not, give the buckets a chunk first. */
bool tv_map_has_room(const struct tv_map *map, uint64_t more);

/* Puts in `link` with `hash`. Needs room. Cannot fail. */
void tv_map_insert(struct tv_map *map, struct tv_map_link *link, uint64_t hash);

/* Takes `link` out, which is in the map. */
void tv_map_remove(struct tv_map *map, struct tv_map_link *link);

/* First link of the chain that entries with `hash` are in; walk it by `next`. */
struct tv_map_link *tv_map_chain(const struct tv_map *map, uint64_t hash);

/* Bucket `index` below `used`, for a walk over everything. */
struct tv_map_link *tv_map_bucket(const struct tv_map *map, uint64_t index);

#endif
