/*
 * headers.c: every inline function of the core's headers, compiled: for mutants.py, which asks
 * whether a changed header makes another program.
 */
#include "core/core.h"

#define KEEP __attribute__((used))

KEEP static tv_ns (*const after)(tv_ns, tv_ns) = tv_after;
KEEP static void (*const list_init)(struct tv_list *) = tv_list_init;
KEEP static bool (*const list_empty)(const struct tv_list *) = tv_list_empty;
KEEP static void (*const list_append)(struct tv_list *, struct tv_list *) = tv_list_append;
KEEP static void (*const list_remove)(struct tv_list *) = tv_list_remove;
KEEP static void (*const grow_init)(struct tv_grow *, uint32_t) = tv_grow_init;
KEEP static void (*const grow_fini)(struct tv_grow *, void (*)(void *)) = tv_grow_fini;
KEEP static size_t (*const grow_next)(const struct tv_grow *) = tv_grow_next_size;
KEEP static void (*const grow_give)(struct tv_grow *, void *) = tv_grow_give;
KEEP static void *(*const grow_at)(const struct tv_grow *, uint64_t) = tv_grow_at;
KEEP static uint64_t (*const mix)(uint64_t) = tv_mix;
KEEP static void (*const prng_init)(struct tv_prng *, uint64_t, uint64_t) = tv_prng_init;
KEEP static uint64_t (*const prng_next)(struct tv_prng *) = tv_prng_next;
KEEP static double (*const prng_unit)(struct tv_prng *) = tv_prng_unit;
KEEP static struct tv_text *(*const text_hold)(struct tv_text *) = tv_text_hold;
KEEP static bool (*const is_diagnostic)(const struct tv_event *) = tv_event_is_diagnostic;
KEEP static bool (*const is_open)(const struct tv_core *) = tv_core_is_open;
KEEP static bool (*const has_ready)(const struct tv_core *) = tv_core_has_ready;
KEEP static bool (*const has_inbox)(const struct tv_core *) = tv_core_has_inbox;
KEEP static const struct tv_options *(*const options)(const struct tv_core *,
                                                      const struct tv_actor *,
                                                      enum tv_inherit) = tv_core_options;

/* The figures of #define lines. */
KEEP static const uint64_t figures[] = {
    TV_GROW_FIRST, TV_GROW_CHUNKS, TV_SLICE, TV_STEP_ROOM, TV_FX_EVENTS, TV_FX_ACTS,
    TV_TRACE, TV_REASON_MAX, TV_DURATION_SIZE,
};
