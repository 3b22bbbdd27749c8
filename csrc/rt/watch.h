/*
 * watch.h: a wait of an event loop. It stands in the same lists as a thread that waits, and when
 * what it waits for is there, its loop gets a letter.
 */
#ifndef TV_WATCH_H
#define TV_WATCH_H

#include "rt/loop.h"
#include "rt/waiter.h"

/* The watch that a letter, or a waiter without a semaphore, belongs to. */
struct tv_watch *tv_watch_of(struct tv_letter *letter);

/* What it waits for is there. Call without a lock; `waiter` is in no list any more. */
void tv_watch_post(struct tv_waiter *waiter);

/* The letter of a watch will not be read: its loop is closed. */
void tv_watch_forget(struct tv_watch *watch);

/* Enters a list of a token, guarded by the lock of its tree. */
struct tv_lock *tv_token_watch(struct tv_token *token, struct tv_waiter *waiter);

/* Enters the readers of a stream, guarded by its supervisor's lock. */
struct tv_lock *tv_stream_watch(struct tv_stream *stream, struct tv_waiter *waiter);

#endif
