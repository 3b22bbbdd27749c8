/*
 * list.h: an intrusive, circular, doubly linked list.
 *
 * A link is in one list at a time; a link in none points at itself. Every operation is O(1) and
 * cannot fail.
 */
#ifndef TV_LIST_H
#define TV_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct tv_list {
    struct tv_list *next, *prev;
};

#define TV_CONTAINER(pointer, type, member) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

static inline void tv_list_init(struct tv_list *list)
{
    list->next = list->prev = list;
}

static inline bool tv_list_empty(const struct tv_list *list)
{
    return list->next == list;
}

static inline void tv_list_append(struct tv_list *list, struct tv_list *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static inline void tv_list_remove(struct tv_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

#endif
