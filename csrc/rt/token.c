/*
 * token.c: one bit, a parent, children, waiters.
 *
 * Locking discipline. The bit is atomic and is set without a lock; a token is cancelled when its
 * own bit or that of a token above it is set, so setting one bit cancels a whole tree at once.
 * Children and waiters of all tokens of one tree are guarded by the lock of its root, which lives
 * as long as any of them, because a child holds its parent. The holder waits for nothing and calls
 * nobody.
 *
 * No wake-up is lost: a waiter enters its list under the tree's lock and then looks at the bits; a
 * canceller sets its bit and then takes the tree's lock to wake what is in the lists. Either the
 * canceller finds the waiter, or the waiter finds the bit.
 */
#include "rt/token.h"

#include "core/list.h"
#include "rt/process.h"
#include "rt/waiter.h"
#include "rt/watch.h"

#include <stdlib.h>

struct tv_token {
    _Atomic uint32_t refs;
    _Atomic int cancelled; /* 0: not; 1: by a user; 2 + reason: by the runtime */
    unsigned generation;   /* of the process that made it */
    struct tv_token *parent, *root;
    struct tv_token *later; /* in the list of one lock hold */
    struct tv_list children, siblings, waiters; /* guarded by the root's lock */
    struct tv_lock lock;                        /* of a root */
};

enum { NOT, BY_USER, BY_RUNTIME };

struct tv_token *tv_token_new(struct tv_token *parent)
{
    struct tv_token *token = calloc(1, sizeof *token);

    if (!token)
        return NULL;
    atomic_init(&token->refs, 1);
    token->generation = tv_generation();
    tv_list_init(&token->children);
    tv_list_init(&token->siblings);
    tv_list_init(&token->waiters);
    token->parent = parent ? tv_token_hold(parent) : NULL;
    token->root = parent ? parent->root : token;
    if (parent) {
        tv_lock_take(&token->root->lock);
        tv_list_append(&parent->children, &token->siblings);
        tv_lock_drop(&token->root->lock);
    } else if (tv_lock_init(&token->lock) != TV_OK) {
        free(token);
        return NULL;
    }
    return token;
}

struct tv_token *tv_token_hold(struct tv_token *token)
{
    atomic_fetch_add_explicit(&token->refs, 1, memory_order_relaxed);
    return token;
}

/* In a forked child the parent's locks are not to be trusted: its tokens stay where they are. */
void tv_token_rele(struct tv_token *token)
{
    while (token && atomic_fetch_sub_explicit(&token->refs, 1, memory_order_acq_rel) == 1) {
        struct tv_token *parent = token->parent;

        if (token->generation != tv_generation())
            return;
        if (parent) {
            tv_lock_take(&token->root->lock);
            tv_list_remove(&token->siblings);
            tv_lock_drop(&token->root->lock);
        } else {
            tv_lock_fini(&token->lock);
        }
        free(token);
        token = parent;
    }
}

bool tv_token_set(struct tv_token *token, int reason)
{
    int expected = NOT;

    return atomic_compare_exchange_strong(&token->cancelled, &expected,
                                          reason < 0 ? BY_USER : BY_RUNTIME + reason);
}

bool tv_token_is_cancelled(const struct tv_token *token)
{
    for (; token; token = token->parent)
        if (atomic_load(&token->cancelled) != NOT)
            return true;
    return false;
}

int tv_token_reason(const struct tv_token *token)
{
    for (; token; token = token->parent) {
        int cancelled = atomic_load(&token->cancelled);

        if (cancelled >= BY_RUNTIME)
            return cancelled - BY_RUNTIME;
    }
    return -1;
}

/* The token after `token` in a walk over the tree below `top`, parents first; NULL: none. */
static struct tv_token *next_below(struct tv_token *top, struct tv_token *token)
{
    if (!tv_list_empty(&token->children))
        return TV_CONTAINER(token->children.next, struct tv_token, siblings);
    while (token != top) {
        if (token->siblings.next != &token->parent->children)
            return TV_CONTAINER(token->siblings.next, struct tv_token, siblings);
        token = token->parent;
    }
    return NULL;
}

void tv_token_wake(struct tv_token *token)
{
    struct tv_waiter *wake = NULL;

    if (token->generation != tv_generation())
        return;
    tv_lock_take(&token->root->lock);
    for (struct tv_token *at = token; at; at = next_below(token, at))
        tv_waiters_wake(&at->waiters, TV_WAITS_OTHER, false, &wake);
    tv_lock_drop(&token->root->lock);
    tv_waiters_post(wake);
}

void tv_token_cancel(struct tv_token *token)
{
    if (tv_token_set(token, -1))
        tv_token_wake(token);
}

void tv_token_set_later(struct tv_token *token, int reason, struct tv_token **later)
{
    if (!token || !tv_token_set(token, reason))
        return;
    token->later = *later;
    *later = tv_token_hold(token);
}

void tv_tokens_wake(struct tv_token *later)
{
    while (later) {
        struct tv_token *next = later->later;

        tv_token_wake(later);
        tv_token_rele(later);
        later = next;
    }
}

enum tv_err tv_token_wait(struct tv_token *token, tv_ns deadline)
{
    struct tv_waiter waiter;
    enum tv_err err;

    if (tv_token_is_cancelled(token))
        return TV_OK;
    if (token->generation != tv_generation())
        return TV_FORKED;
    if (tv_is_gone())
        return TV_SHUTTING_DOWN;
    tv_waiter_init(&waiter, TV_WAITS_OTHER);
    tv_lock_take(&token->root->lock);
    if (tv_token_is_cancelled(token)) {
        tv_lock_drop(&token->root->lock);
        err = TV_OK;
    } else {
        err = tv_waiter_sleep(&waiter, &token->waiters, &token->root->lock, deadline);
    }
    tv_waiter_fini(&waiter);
    return tv_token_is_cancelled(token) ? TV_OK : err;
}

struct tv_lock *tv_token_watch(struct tv_token *token, struct tv_waiter *waiter)
{
    struct tv_lock *lock = &token->root->lock;

    tv_lock_take(lock);
    tv_list_append(&token->waiters, &waiter->link);
    tv_lock_drop(lock);
    return lock;
}
