/*
 * grow.h: an array that grows without moving.
 *
 * Chunk k holds 64 << k items, so 26 pointers reach past 4 billion items, no item ever moves and
 * growing copies nothing: a table of a million entries grows under the lock as cheaply as one of a
 * hundred. The memory of a chunk is made outside the lock by whoever brings the input that needs
 * it, and given.
 */
#ifndef TV_GROW_H
#define TV_GROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TV_GROW_FIRST 64u
#define TV_GROW_CHUNKS 26

struct tv_grow {
    uint32_t item_size;
    uint32_t chunks;
    uint64_t capacity; /* items in all chunks */
    char *chunk[TV_GROW_CHUNKS];
};

static inline void tv_grow_init(struct tv_grow *grow, uint32_t item_size)
{
    *grow = (struct tv_grow){.item_size = item_size};
}

/* Frees the chunks with `release`. */
static inline void tv_grow_fini(struct tv_grow *grow, void (*release)(void *))
{
    for (uint32_t k = 0; k < grow->chunks; k++)
        release(grow->chunk[k]);
    *grow = (struct tv_grow){.item_size = grow->item_size};
}

/* Bytes of the chunk that comes next. */
static inline size_t tv_grow_next_size(const struct tv_grow *grow)
{
    return ((size_t)TV_GROW_FIRST << grow->chunks) * grow->item_size;
}

/* Takes `memory` of tv_grow_next_size() bytes. */
static inline void tv_grow_give(struct tv_grow *grow, void *memory)
{
    grow->capacity += (uint64_t)TV_GROW_FIRST << grow->chunks;
    grow->chunk[grow->chunks++] = memory;
}

/* Item `index`, which is below the capacity. */
static inline void *tv_grow_at(const struct tv_grow *grow, uint64_t index)
{
    uint64_t place = index + TV_GROW_FIRST;
    uint32_t k = 63u - (uint32_t)__builtin_clzll(place) - 6u;
    uint64_t offset = place - ((uint64_t)TV_GROW_FIRST << k);
    return grow->chunk[k] + offset * grow->item_size;
}

#endif
