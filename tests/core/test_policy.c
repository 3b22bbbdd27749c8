#include "check.h"
#include "core/policy.h"

#include <math.h>

#define S TV_SECOND

static struct tv_backoff backoff(tv_ns first, tv_ns max, double factor, enum tv_jitter jitter)
{
    return (struct tv_backoff){
        .first_ns = first, .max_ns = max, .factor = factor, .jitter = jitter};
}

static void check_range(int line, struct tv_backoff policy, uint64_t n, tv_ns previous, tv_ns low,
                        tv_ns high)
{
    struct tv_delay_range range = tv_backoff_range(&policy, n, previous);

    check_equal(__FILE__, line, "low", range.low_ns, low);
    check_equal(__FILE__, line, "high", range.high_ns, high);
}

#define CHECK_RANGE(...) check_range(__LINE__, __VA_ARGS__)

/* rule: R3.1 R3.3 */
static void the_base_grows_by_its_factor_up_to_max(void)
{
    struct tv_backoff none = backoff(200 * TV_MS, 30 * S, 2.0, TV_JITTER_NONE);

    CHECK_RANGE(none, 0, TV_NONE, 200 * TV_MS, 200 * TV_MS);
    CHECK_RANGE(none, 1, TV_NONE, 400 * TV_MS, 400 * TV_MS);
    CHECK_RANGE(none, 7, TV_NONE, 25600 * TV_MS, 25600 * TV_MS);
    CHECK_RANGE(none, 8, TV_NONE, 30 * S, 30 * S);
    CHECK_RANGE(none, UINT64_MAX, TV_NONE, 30 * S, 30 * S);
}

/* rule: R3.1 */
static void a_base_that_is_no_whole_number_is_rounded_to_nearest(void)
{
    CHECK_RANGE(backoff(S / 10, S, 1.15, TV_JITTER_NONE), 1, TV_NONE, 115 * TV_MS, 115 * TV_MS);
    CHECK_RANGE(backoff(1, 10, 1.4, TV_JITTER_NONE), 1, TV_NONE, 1, 1);
    CHECK_RANGE(backoff(1, 10, 1.6, TV_JITTER_NONE), 1, TV_NONE, 2, 2);
    CHECK_RANGE(backoff(9, 10, 1.1, TV_JITTER_NONE), 1, TV_NONE, 10, 10);
}

/* rule: R3.2 */
static void a_base_that_is_not_finite_is_max(void)
{
    CHECK_RANGE(backoff(S, 30 * S, 1e300, TV_JITTER_NONE), 2, TV_NONE, 30 * S, 30 * S);
    CHECK_RANGE(backoff(1, 30 * S, 2.0, TV_JITTER_NONE), UINT32_MAX, TV_NONE, 30 * S, 30 * S);
}

/* rule: R3.1 */
static void a_first_delay_of_zero_stays_zero(void)
{
    CHECK_RANGE(backoff(0, 30 * S, 1e300, TV_JITTER_NONE), 1, TV_NONE, 0, 0);
    CHECK_RANGE(backoff(0, 30 * S, 1e300, TV_JITTER_NONE), 2, TV_NONE, 0, 0);
    CHECK_RANGE(backoff(0, 30 * S, 2.0, TV_JITTER_DECORRELATED), 9, 0, 0, 0);
}

/* rule: R3.1 */
static void a_factor_of_one_never_grows(void)
{
    CHECK_RANGE(backoff(S, 30 * S, 1.0, TV_JITTER_NONE), UINT32_MAX, TV_NONE, S, S);
}

static void the_largest_delays_fit(void)
{
    tv_ns most = TV_NS_MAX;

    CHECK_RANGE(backoff(most, most, 2.0, TV_JITTER_NONE), 5, TV_NONE, most, most);
    CHECK_RANGE(backoff(1, most, 2.0, TV_JITTER_NONE), 62, TV_NONE, INT64_C(1) << 62,
                INT64_C(1) << 62);
    CHECK_RANGE(backoff(1, most, 2.0, TV_JITTER_NONE), 63, TV_NONE, most, most);
    CHECK_RANGE(backoff(5, most, 2.0, TV_JITTER_DECORRELATED), 0, most, 5, most);
    CHECK_RANGE(backoff(0, most, 1.0, TV_JITTER_DECORRELATED), 0, most / 3, 0, most / 3 * 3);
}

/* rule: R3.4 R3.5 */
static void full_and_equal_draw_below_the_base(void)
{
    CHECK_RANGE(backoff(2 * S, 30 * S, 2.0, TV_JITTER_FULL), 1, TV_NONE, 0, 4 * S);
    CHECK_RANGE(backoff(2 * S, 30 * S, 2.0, TV_JITTER_EQUAL), 1, TV_NONE, 2 * S, 4 * S);
    CHECK_RANGE(backoff(2 * S, 30 * S, 2.0, TV_JITTER_EQUAL), 9, TV_NONE, 15 * S, 30 * S);
}

/* rule: R3.6 R3.11 */
static void decorrelated_draws_up_to_three_times_the_last_delay(void)
{
    struct tv_backoff policy = backoff(2 * S, 30 * S, 2.0, TV_JITTER_DECORRELATED);

    CHECK_RANGE(policy, 0, 4 * S, 2 * S, 12 * S);
    CHECK_RANGE(policy, 9, 4 * S, 2 * S, 12 * S);
    CHECK_RANGE(policy, 0, 10 * S, 2 * S, 30 * S);
    CHECK_RANGE(policy, 0, 11 * S, 2 * S, 30 * S);
    CHECK_RANGE(policy, 0, TV_NONE, 2 * S, 6 * S);
    CHECK_RANGE(policy, 0, 0, 2 * S, 2 * S);
}

/* rule: R3.11 */
static void only_decorrelated_looks_at_the_last_delay(void)
{
    CHECK_RANGE(backoff(2 * S, 30 * S, 2.0, TV_JITTER_NONE), 0, 9 * S, 2 * S, 2 * S);
    CHECK_RANGE(backoff(2 * S, 30 * S, 2.0, TV_JITTER_FULL), 0, 9 * S, 0, 2 * S);
    CHECK_RANGE(backoff(2 * S, 30 * S, 2.0, TV_JITTER_EQUAL), 0, 9 * S, S, 2 * S);
}

/* rule: R3.7 */
static void draws_are_uniform_over_the_whole_range(void)
{
    const int draws = 50000, buckets = 20;

    for (int jitter = TV_JITTER_FULL; jitter <= TV_JITTER_DECORRELATED; jitter++) {
        struct tv_backoff policy = backoff(S, 30 * S, 2.0, (enum tv_jitter)jitter);
        struct tv_delay_range range = tv_backoff_range(&policy, 2, 5 * S);
        int count[20] = {0};
        struct tv_prng prng;

        tv_prng_init(&prng, 7, 1);
        for (int i = 0; i < draws; i++) {
            tv_ns delay = tv_backoff_draw(&policy, 2, 5 * S, &prng);

            CHECK(delay >= range.low_ns && delay <= range.high_ns);
            count[(delay - range.low_ns) * buckets / (range.high_ns - range.low_ns + 1)]++;
        }
        for (int i = 0; i < buckets; i++)
            CHECK(count[i] > 2300 && count[i] < 2700);
    }
}

/* rule: R3.7 */
static void both_ends_of_a_small_range_are_drawn(void)
{
    struct tv_backoff policy = backoff(3, 3, 1.0, TV_JITTER_FULL);
    uint32_t seen = 0;
    struct tv_prng prng;

    tv_prng_init(&prng, 7, 1);
    for (int i = 0; i < 1000; i++)
        seen |= 1u << tv_backoff_draw(&policy, 0, TV_NONE, &prng);
    CHECK_EQ(seen, 0xf);
}

static void the_largest_range_does_not_overflow(void)
{
    struct tv_backoff policy = backoff(500, TV_NS_MAX, 2.0, TV_JITTER_DECORRELATED);
    struct tv_prng prng = {.state = 0};

    for (int i = 0; i < 100000; i++)
        CHECK(tv_backoff_draw(&policy, 0, TV_NS_MAX, &prng) >= 500);
}

/* rule: R3.8 */
static void equal_seed_and_place_draw_equal_delays(void)
{
    struct tv_backoff policy = backoff(S, 30 * S, 2.0, TV_JITTER_EQUAL);
    struct tv_prng a, b;

    tv_prng_init(&a, 42, 3);
    tv_prng_init(&b, 42, 3);
    for (uint64_t n = 0; n < 100; n++) {
        tv_ns delay = tv_backoff_draw(&policy, n, TV_NONE, &a);

        CHECK_EQ(tv_backoff_draw(&policy, n, TV_NONE, &b), delay);
    }
}

/* rule: R3.9 */
static void other_seeds_and_other_places_draw_other_delays(void)
{
    struct tv_backoff policy = backoff(S, 30 * S, 1.0, TV_JITTER_FULL);
    tv_ns drawn[400];
    size_t count = 0;

    for (uint64_t seed = 0; seed < 20; seed++)
        for (uint64_t place = 1; place <= 20; place++) {
            struct tv_prng prng;

            tv_prng_init(&prng, seed, place);
            drawn[count++] = tv_backoff_draw(&policy, 0, TV_NONE, &prng);
        }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            CHECK(drawn[i] != drawn[j]);
}

/* The published first outputs of splitmix64 from state 0. */
static void the_generator_is_splitmix64(void)
{
    struct tv_prng prng = {.state = 0};

    CHECK(tv_prng_next(&prng) == UINT64_C(0xe220a8397b1dcdaf));
    CHECK(tv_prng_next(&prng) == UINT64_C(0x6e789e6aa1b965f4));
    CHECK(tv_prng_next(&prng) == UINT64_C(0x06c45d188009454f));
}

static void a_range_of_one_takes_nothing_from_the_generator(void)
{
    struct tv_backoff policy = backoff(S, 30 * S, 2.0, TV_JITTER_NONE);
    struct tv_prng prng = {.state = 5};

    CHECK_EQ(tv_backoff_draw(&policy, 3, TV_NONE, &prng), 8 * S);
    CHECK_EQ(prng.state, 5);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(the_base_grows_by_its_factor_up_to_max),
        TEST(a_base_that_is_no_whole_number_is_rounded_to_nearest),
        TEST(a_base_that_is_not_finite_is_max),
        TEST(a_first_delay_of_zero_stays_zero),
        TEST(a_factor_of_one_never_grows),
        TEST(the_largest_delays_fit),
        TEST(full_and_equal_draw_below_the_base),
        TEST(decorrelated_draws_up_to_three_times_the_last_delay),
        TEST(only_decorrelated_looks_at_the_last_delay),
        TEST(draws_are_uniform_over_the_whole_range),
        TEST(both_ends_of_a_small_range_are_drawn),
        TEST(the_largest_range_does_not_overflow),
        TEST(equal_seed_and_place_draw_equal_delays),
        TEST(other_seeds_and_other_places_draw_other_delays),
        TEST(the_generator_is_splitmix64),
        TEST(a_range_of_one_takes_nothing_from_the_generator),
    };

    return CHECK_RUN(tests, argc, argv);
}
