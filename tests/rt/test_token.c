#include "fixture.h"

#include "rt/token.h"

#include <signal.h>

/* ---- the tree ------------------------------------------------------------------------------- */

/* rule: R2.27 */
static void a_child_is_cancelled_with_its_parent_and_never_the_other_way(void)
{
    struct tv_token *root = tv_token_new(NULL);
    struct tv_token *left = tv_token_new(root), *right = tv_token_new(root);
    struct tv_token *leaf = tv_token_new(left);

    tv_token_cancel(left);
    CHECK(tv_token_is_cancelled(left) && tv_token_is_cancelled(leaf));
    CHECK(!tv_token_is_cancelled(root) && !tv_token_is_cancelled(right));
    tv_token_cancel(root);
    CHECK(tv_token_is_cancelled(root) && tv_token_is_cancelled(right));
    tv_token_rele(leaf);
    tv_token_rele(right);
    tv_token_rele(left);
    tv_token_rele(root);
}

static void a_child_of_a_cancelled_token_is_cancelled_from_the_start(void)
{
    struct tv_token *root = tv_token_new(NULL);
    struct tv_token *child;

    tv_token_cancel(root);
    child = tv_token_new(root);
    CHECK(tv_token_is_cancelled(child));
    CHECK_EQ(tv_token_wait(child, TV_NEVER), TV_OK);
    tv_token_rele(child);
    tv_token_rele(root);
}

static void parents_live_as_long_as_their_children(void)
{
    struct tv_token *root = tv_token_new(NULL);
    struct tv_token *child = tv_token_new(root);
    struct tv_token *leaf = tv_token_new(child);

    tv_token_set(root, TV_CANCEL_REMOVED);
    tv_token_rele(root);
    tv_token_rele(child);
    CHECK_EQ(tv_token_reason(leaf), TV_CANCEL_REMOVED);
    tv_token_cancel(leaf);
    tv_token_rele(leaf);
}

static void releasing_nothing_is_nothing(void)
{
    tv_token_rele(NULL);
}

/* ---- reasons -------------------------------------------------------------------------------- */

/* rule: R2.22 */
static void the_first_reason_stays(void)
{
    struct tv_token *token = tv_token_new(NULL);

    CHECK_EQ(tv_token_reason(token), -1);
    CHECK(tv_token_set(token, TV_CANCEL_TIMEOUT));
    CHECK(!tv_token_set(token, TV_CANCEL_SHUTDOWN));
    tv_token_cancel(token);
    CHECK_EQ(tv_token_reason(token), TV_CANCEL_TIMEOUT);
    tv_token_rele(token);
}

/* rule: R2.26 */
static void a_cancel_by_hand_has_no_reason(void)
{
    struct tv_token *token = tv_token_new(NULL);

    tv_token_cancel(token);
    CHECK(tv_token_is_cancelled(token));
    CHECK_EQ(tv_token_reason(token), -1);
    CHECK(!tv_token_set(token, TV_CANCEL_REMOVED));
    CHECK_EQ(tv_token_reason(token), -1);
    tv_token_rele(token);
}

static void a_child_has_the_reason_of_its_parent(void)
{
    struct tv_token *root = tv_token_new(NULL);
    struct tv_token *child = tv_token_new(root);

    tv_token_set(root, TV_CANCEL_SHUTDOWN);
    CHECK_EQ(tv_token_reason(child), TV_CANCEL_SHUTDOWN);
    tv_token_rele(child);
    tv_token_rele(root);
}

static void a_token_set_later_lives_until_it_has_been_woken(void)
{
    struct tv_token *first = tv_token_new(NULL), *second = tv_token_new(NULL);
    struct tv_token *later = NULL;

    tv_token_set_later(first, TV_CANCEL_REMOVED, &later);
    tv_token_set_later(second, TV_CANCEL_REMOVED, &later);
    tv_token_set_later(second, TV_CANCEL_REMOVED, &later);
    tv_token_set_later(NULL, TV_CANCEL_REMOVED, &later);
    tv_token_rele(first);
    tv_token_rele(second);
    tv_tokens_wake(later);
}

/* ---- waiting -------------------------------------------------------------------------------- */

struct waiting {
    struct helper helper;
    struct tv_token *token;
    enum tv_err waited;
    _Atomic int thread;
    _Atomic bool back;
};

static void *wait_here(void *arg)
{
    struct waiting *waiting = arg;

    atomic_store(&waiting->thread, thread_id());
    waiting->waited = tv_token_wait(waiting->token, TV_NEVER);
    atomic_store(&waiting->back, true);
    return NULL;
}

static void start_waiting(struct waiting *waiting, struct tv_token *token)
{
    *waiting = (struct waiting){.token = token};
    waiting->helper = helper_start(wait_here, waiting);
}

static void start_sleeping(struct waiting *waiting, struct tv_token *token)
{
    start_waiting(waiting, token);
    EVENTUALLY(is_asleep(atomic_load(&waiting->thread)));
}

static void a_wait_ends_at_its_deadline(void)
{
    struct tv_token *token = tv_token_new(NULL);
    tv_ns deadline = tv_now() + 3 * TV_MS;

    CHECK_EQ(tv_token_wait(token, deadline), TV_TIMEOUT);
    CHECK(tv_now() >= deadline);
    CHECK_EQ(tv_token_wait(token, 0), TV_TIMEOUT);
    tv_token_rele(token);
}

static void a_cancel_wakes_who_waits_for_a_token_below(void)
{
    struct tv_token *root = tv_token_new(NULL);
    struct tv_token *child = tv_token_new(root), *leaf = tv_token_new(child);
    struct tv_token *aside = tv_token_new(root);
    struct waiting at_leaf, at_child, at_aside;

    start_sleeping(&at_leaf, leaf);
    start_sleeping(&at_child, child);
    start_sleeping(&at_aside, aside);
    tv_token_cancel(child);
    helper_join(at_leaf.helper);
    helper_join(at_child.helper);
    CHECK_EQ(at_leaf.waited, TV_OK);
    CHECK_EQ(at_child.waited, TV_OK);
    CHECK(!atomic_load(&at_aside.back));
    tv_token_cancel(root);
    helper_join(at_aside.helper);
    CHECK_EQ(at_aside.waited, TV_OK);
    tv_token_rele(aside);
    tv_token_rele(leaf);
    tv_token_rele(child);
    tv_token_rele(root);
}

static void do_nothing(int number)
{
    (void)number;
}

static void a_signal_ends_a_wait(void)
{
    struct sigaction action = {.sa_handler = do_nothing};
    struct tv_token *token = tv_token_new(NULL);
    struct waiting waiting;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    start_waiting(&waiting, token);
    while (!atomic_load(&waiting.back)) {
        pthread_kill(waiting.helper.thread, SIGUSR1);
        tv_thread_rest(TV_MS / 10);
    }
    helper_join(waiting.helper);
    CHECK_EQ(waiting.waited, TV_INTERRUPTED);
    tv_token_rele(token);
}

/* ---- races ---------------------------------------------------------------------------------- */

static void no_cancel_slips_between_a_look_and_the_sleep(void)
{
    for (int i = 0; i < 300; i++) {
        struct tv_token *root = tv_token_new(NULL);
        struct tv_token *leaf = tv_token_new(root);
        struct waiting waiting;

        start_waiting(&waiting, leaf);
        EVENTUALLY(atomic_load(&waiting.thread));
        for (volatile int spin = 0; spin < i * 20; spin++)
            continue;
        tv_token_cancel(root);
        helper_join(waiting.helper);
        CHECK_EQ(waiting.waited, TV_OK);
        tv_token_rele(leaf);
        tv_token_rele(root);
    }
}

#define CANCELLERS 4
static _Atomic int firsts;

static void *cancel_once(void *arg)
{
    if (tv_token_set(arg, TV_CANCEL_REMOVED))
        atomic_fetch_add(&firsts, 1);
    tv_token_wake(arg);
    return NULL;
}

static void one_of_many_cancellers_is_the_first(void)
{
    for (int i = 0; i < 100; i++) {
        struct tv_token *token = tv_token_new(NULL);
        struct helper helpers[CANCELLERS];
        struct waiting waiting;

        atomic_store(&firsts, 0);
        start_waiting(&waiting, token);
        for (int k = 0; k < CANCELLERS; k++)
            helpers[k] = helper_start(cancel_once, token);
        for (int k = 0; k < CANCELLERS; k++)
            helper_join(helpers[k]);
        helper_join(waiting.helper);
        CHECK_EQ(atomic_load(&firsts), 1);
        tv_token_rele(token);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_child_is_cancelled_with_its_parent_and_never_the_other_way),
        TEST(a_child_of_a_cancelled_token_is_cancelled_from_the_start),
        TEST(parents_live_as_long_as_their_children),
        TEST(releasing_nothing_is_nothing),
        TEST(the_first_reason_stays),
        TEST(a_cancel_by_hand_has_no_reason),
        TEST(a_child_has_the_reason_of_its_parent),
        TEST(a_token_set_later_lives_until_it_has_been_woken),
        TEST(a_wait_ends_at_its_deadline),
        TEST(a_cancel_wakes_who_waits_for_a_token_below),
        TEST(a_signal_ends_a_wait),
        TEST(no_cancel_slips_between_a_look_and_the_sleep),
        TEST(one_of_many_cancellers_is_the_first),
    };

    return CHECK_RUN(tests, argc, argv);
}
