/*
 * text.h: immutable UTF-8 text, shared by reference.
 *
 * Task names and failure reasons are made by the thread that brings them, before it takes the
 * lock, and travel through the core, outcomes and events by reference. The count is the core's
 * only atomic: a text outlives the lock that it was made visible under, in the queue of a
 * subscriber. A core step takes and passes on references; it never drops one, so it never frees.
 */
#ifndef TV_TEXT_H
#define TV_TEXT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct tv_text {
    _Atomic uint32_t refs; /* 0: static, lives for ever */
    uint32_t size;         /* bytes, without the final NUL */
    uint64_t hash;         /* of the bytes; equal texts have equal hashes */
    const char *bytes;     /* NUL-terminated; behind this header unless static. Dead: next dead */
};

/* The most that a reason holds; what is longer is cut there on a character. */
#define TV_REASON_MAX 4096

/* Text that is used where none can be allocated. */
extern struct tv_text tv_text_out_of_memory;

/* Reason of an asyncio.CancelledError that nobody of ours asked for. */
extern struct tv_text tv_text_not_requested;

/* A copy of `size` bytes with one reference, or NULL: no memory. */
struct tv_text *tv_text_new(const char *bytes, size_t size);

/* As tv_text_new, cut to TV_REASON_MAX on a character. Cannot fail: no memory, a static text. */
struct tv_text *tv_text_new_reason(const char *utf8, size_t size);

/* A reference for each of `count` holders; `text` may be NULL. */
static inline void tv_text_hold_for(struct tv_text *text, uint32_t count)
{
    if (text && atomic_load_explicit(&text->refs, memory_order_relaxed) != 0)
        atomic_fetch_add_explicit(&text->refs, count, memory_order_relaxed);
}

/* One reference more; returns `text`, which may be NULL. */
static inline struct tv_text *tv_text_hold(struct tv_text *text)
{
    tv_text_hold_for(text, 1);
    return text;
}

/* One reference less; the last one frees. `text` may be NULL. Call without a lock. */
void tv_text_rele(struct tv_text *text);

/*
 * One reference less, under a lock: a text that nobody holds any more goes on the list `dead`, to
 * be freed by tv_text_free_dead once the lock is free.
 */
void tv_text_retire(struct tv_text *text, struct tv_text **dead);
void tv_text_free_dead(struct tv_text *dead);

int tv_text_equal(const struct tv_text *a, const struct tv_text *b);

#endif
