/*
 * token.h: what the runtime does with cancellation tokens; the rest is in taskvisor.h.
 */
#ifndef TV_TOKEN_H
#define TV_TOKEN_H

#include "rt/thread.h"

/*
 * Sets the bit, with the reason if it is the first; never blocks, wakes nobody. The caller wakes
 * with tv_token_wake once its locks are free. False: it was set before.
 */
bool tv_token_set(struct tv_token *token, int reason);

/* Wakes who waits for this token or one below it. Call without a lock. */
void tv_token_wake(struct tv_token *token);

/* Tokens set under one lock hold and woken after it; each holds a reference. */
void tv_token_set_later(struct tv_token *token, int reason, struct tv_token **later);
void tv_tokens_wake(struct tv_token *later);

#endif
