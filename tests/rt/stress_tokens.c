/*
 * Six threads grow one tree of tokens, cut it, cancel in it, wait in it. What this wants to see
 * broken: that a wait sleeps through a cancel above it, that a token below a cancelled one is live,
 * that a cancel goes upwards or aside, that a walk meets a token which is being freed.
 */
#include "fixture.h"

#include "chance.h"
#include "rt/token.h"

#define THREADS 6
#define MOVES 15000
#define PLACES 64

/* Where the threads leave tokens for each other. A place owns one reference. */
static struct tv_token *places[PLACES];
static struct tv_lock places_lock;
static _Atomic int waits_ended;

static struct tv_token *borrow(size_t place)
{
    struct tv_token *token;

    tv_lock_take(&places_lock);
    token = tv_token_hold(places[place]);
    tv_lock_drop(&places_lock);
    return token;
}

/* Takes the reference. */
static void put(size_t place, struct tv_token *token)
{
    struct tv_token *old;

    tv_lock_take(&places_lock);
    old = places[place];
    places[place] = token;
    tv_lock_drop(&places_lock);
    tv_token_rele(old);
}

static void grow_child(struct tv_prng *chance, struct tv_token *parent)
{
    bool was = tv_token_is_cancelled(parent);
    struct tv_token *child = tv_token_new(parent);

    CHECK(child);
    CHECK(!was || tv_token_is_cancelled(child));
    put((size_t)draw(chance, PLACES), child);
}

static void cancel(struct tv_prng *chance, struct tv_token *token)
{
    struct tv_token *child = tv_token_new(token), *later = NULL;
    int way = draw(chance, 3);

    if (way == 0)
        tv_token_cancel(token);
    else if (way == 1 && tv_token_set(token, TV_CANCEL_REMOVED))
        tv_token_wake(token);
    else
        tv_token_set_later(token, TV_CANCEL_SHUTDOWN, &later);
    tv_tokens_wake(later);
    CHECK(tv_token_is_cancelled(token) && tv_token_is_cancelled(child));
    CHECK_EQ(tv_token_wait(child, 0), TV_OK);
    tv_token_rele(child);
}

static void wait_for(struct tv_prng *chance, struct tv_token *token)
{
    enum tv_err err = tv_token_wait(token, tv_now() + draw(chance, 60) * 1000);

    CHECK(err == TV_OK || err == TV_TIMEOUT);
    CHECK(err != TV_OK || tv_token_is_cancelled(token));
}

static void *live(void *arg)
{
    struct tv_prng chance = chance_of((uintptr_t)arg);

    for (int i = 0; i < MOVES; i++) {
        struct tv_token *token = borrow((size_t)draw(&chance, PLACES));

        switch (draw(&chance, 8)) {
        case 0:
            put((size_t)draw(&chance, PLACES), tv_token_new(NULL));
            break;
        case 1:
        case 2:
        case 3:
            grow_child(&chance, token);
            break;
        case 4:
            cancel(&chance, token);
            break;
        default:
            wait_for(&chance, token);
        }
        tv_token_rele(token);
    }
    return NULL;
}

static void a_tree_that_grows_and_is_cut_cancels_what_is_below_and_wakes_it(void)
{
    struct helper helpers[THREADS];

    CHECK_EQ(tv_lock_init(&places_lock), TV_OK);
    for (size_t i = 0; i < PLACES; i++)
        places[i] = tv_token_new(NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        helpers[i] = helper_start(live, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        helper_join(helpers[i]);
    for (size_t i = 0; i < PLACES; i++)
        put(i, NULL);
    tv_lock_fini(&places_lock);
}

/* ---- nobody sleeps through it --------------------------------------------------------------- */

#define DEPTH 5
#define ROUNDS 400

static void *wait_below(void *arg)
{
    CHECK_EQ(tv_token_wait(arg, tv_now() + PATIENCE), TV_OK);
    atomic_fetch_add(&waits_ended, 1);
    tv_token_rele(arg);
    return NULL;
}

/* One waits at each depth without end, and the root is cancelled at some moment. */
static void nobody_below_sleeps_through_the_cancel_of_a_root(void)
{
    struct tv_prng chance = chance_of(0);

    for (int round = 0; round < ROUNDS; round++) {
        struct tv_token *root = tv_token_new(NULL), *parent = tv_token_hold(root);
        struct helper helpers[DEPTH];

        for (int i = 0; i < DEPTH; i++) {
            struct tv_token *child = tv_token_new(parent);

            tv_token_rele(parent);
            parent = tv_token_hold(child);
            helpers[i] = helper_start(wait_below, child);
        }
        for (volatile int spin = draw(&chance, 20000); spin > 0; spin--)
            continue;
        tv_token_cancel(root);
        tv_token_rele(root);
        for (int i = 0; i < DEPTH; i++)
            helper_join(helpers[i]);
        tv_token_rele(parent);
    }
    CHECK_EQ(atomic_load(&waits_ended), ROUNDS * DEPTH);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_tree_that_grows_and_is_cut_cancels_what_is_below_and_wakes_it),
        TEST(nobody_below_sleeps_through_the_cancel_of_a_root),
    };

    return CHECK_RUN(tests, argc, argv);
}
