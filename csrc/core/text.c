#include "core/text.h"

#include <stdlib.h>
#include <string.h>

#define STATIC_TEXT(literal) \
    {.refs = 0, .size = sizeof literal - 1, .hash = 0, .bytes = literal}

struct tv_text tv_text_out_of_memory = STATIC_TEXT("out of memory");
struct tv_text tv_text_not_requested = STATIC_TEXT("CancelledError: not requested");

/* FNV-1a over the bytes, then mixed, because the map takes the low bits. */
static uint64_t hash_of(const char *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ (hash >> 32);
}

struct tv_text *tv_text_new(const char *bytes, size_t size)
{
    struct tv_text *text;
    char *copy;

    if (size >= UINT32_MAX)
        return NULL;
    text = malloc(sizeof *text + size + 1);
    if (!text)
        return NULL;
    copy = (char *)(text + 1);
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    atomic_init(&text->refs, 1);
    text->size = (uint32_t)size;
    text->hash = hash_of(copy, size);
    text->bytes = copy;
    return text;
}

struct tv_text *tv_text_new_reason(const char *utf8, size_t size)
{
    struct tv_text *text;

    if (size > TV_REASON_MAX) {
        size = TV_REASON_MAX;
        while (size > 0 && ((unsigned char)utf8[size] & 0xC0) == 0x80)
            size--;
    }
    text = tv_text_new(utf8, size);
    return text ? text : &tv_text_out_of_memory;
}

void tv_text_rele(struct tv_text *text)
{
    if (!text || atomic_load_explicit(&text->refs, memory_order_relaxed) == 0)
        return;
    if (atomic_fetch_sub_explicit(&text->refs, 1, memory_order_acq_rel) == 1)
        free(text);
}

void tv_text_retire(struct tv_text *text, struct tv_text **dead)
{
    if (!text || atomic_load_explicit(&text->refs, memory_order_relaxed) == 0)
        return;
    if (atomic_fetch_sub_explicit(&text->refs, 1, memory_order_acq_rel) == 1) {
        text->bytes = (const char *)*dead;
        *dead = text;
    }
}

void tv_text_free_dead(struct tv_text *dead)
{
    while (dead) {
        struct tv_text *next = (struct tv_text *)(void *)(uintptr_t)dead->bytes;

        free(dead);
        dead = next;
    }
}

int tv_text_equal(const struct tv_text *a, const struct tv_text *b)
{
    return a == b || (a->hash == b->hash && a->size == b->size &&
                      memcmp(a->bytes, b->bytes, a->size) == 0);
}
