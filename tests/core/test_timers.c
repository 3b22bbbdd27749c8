#include "check.h"
#include "core/prng.h"
#include "core/timers.h"

#define MANY 700

/* The same queue with no cleverness: a list of what is armed, searched whole. */
struct plain {
    tv_ns at;
    uint64_t arming;
    bool armed;
};

static struct tv_timers timers;
static struct tv_timer timer[MANY];
static struct plain plain[MANY];

static void begin(void)
{
    tv_timers_init(&timers);
    memset(timer, 0, sizeof timer);
    memset(plain, 0, sizeof plain);
}

static void done(void)
{
    tv_grow_fini(&timers.heap, free);
}

static void arm(size_t i, tv_ns at)
{
    while (!tv_timers_has_room(&timers, 1))
        tv_grow_give(&timers.heap, malloc(tv_grow_next_size(&timers.heap)));
    tv_timers_arm(&timers, &timer[i], at);
    plain[i] = (struct plain){.at = at, .arming = timers.armings, .armed = true};
}

static void disarm(size_t i)
{
    tv_timers_disarm(&timers, &timer[i]);
    plain[i].armed = false;
}

/* Which is next by (deadline, arming), or MANY. */
static size_t plain_first(void)
{
    size_t first = MANY;

    for (size_t i = 0; i < MANY; i++)
        if (plain[i].armed &&
            (first == MANY || plain[i].at < plain[first].at ||
             (plain[i].at == plain[first].at && plain[i].arming < plain[first].arming)))
            first = i;
    return first;
}

static void check_first(void)
{
    const struct tv_deadline *first = tv_timers_first(&timers);
    size_t wanted = plain_first();

    CHECK((first == NULL) == (wanted == MANY));
    if (!first)
        return;
    CHECK(first->timer == &timer[wanted]);
    CHECK_EQ(first->at, plain[wanted].at);
}

static void no_timer_is_no_deadline(void)
{
    begin();
    CHECK(tv_timers_first(&timers) == NULL);
    CHECK_EQ(tv_timers_due(&timers, &timer[0]), TV_NEVER);
    CHECK(!tv_timers_has_room(&timers, 1));
    done();
}

static void disarming_what_is_not_armed_does_nothing(void)
{
    begin();
    disarm(0);
    arm(1, 5);
    disarm(0);
    disarm(0);
    check_first();
    CHECK_EQ(timers.count, 1);
    done();
}

static void a_timer_tells_when_it_is_due(void)
{
    begin();
    for (size_t i = 0; i < 100; i++)
        arm(i, (tv_ns)(i * 37 % 100));
    for (size_t i = 0; i < 100; i++)
        CHECK_EQ(tv_timers_due(&timers, &timer[i]), i * 37 % 100);
    disarm(50);
    CHECK_EQ(tv_timers_due(&timers, &timer[50]), TV_NEVER);
    done();
}

/* rule: R0.61 */
static void timers_come_by_deadline(void)
{
    begin();
    for (size_t i = 0; i < MANY; i++)
        arm(i, (tv_ns)(i * 389 % MANY));
    for (tv_ns at = 0; at < MANY; at++) {
        CHECK_EQ(tv_timers_first(&timers)->at, at);
        check_first();
        disarm(plain_first());
    }
    CHECK_EQ(timers.count, 0);
    done();
}

/* rule: R0.61 */
static void of_equal_deadlines_the_one_armed_first_comes_first(void)
{
    begin();
    for (size_t i = 0; i < MANY; i++)
        arm(i * 389 % MANY, 7);
    for (size_t i = 0; i < MANY; i++) {
        CHECK(tv_timers_first(&timers)->timer == &timer[i * 389 % MANY]);
        disarm(i * 389 % MANY);
    }
    done();
}

/* rule: R0.61 */
static void a_timer_armed_again_goes_behind_its_equals(void)
{
    begin();
    arm(0, 5);
    arm(1, 5);
    disarm(0);
    arm(0, 5);
    CHECK(tv_timers_first(&timers)->timer == &timer[1]);
    done();
}

static void deadlines_may_be_as_late_as_there_is_a_number(void)
{
    begin();
    arm(0, TV_NEVER);
    arm(1, TV_NEVER - 1);
    arm(2, 0);
    check_first();
    disarm(2);
    check_first();
    disarm(1);
    check_first();
    done();
}

/* rule: R0.61 */
static void any_order_of_arming_and_disarming_keeps_the_next_one_first(void)
{
    struct tv_prng prng;

    begin();
    tv_prng_init(&prng, 1, 2);
    for (int n = 0; n < 20000; n++) {
        size_t i = tv_prng_next(&prng) % MANY;

        if (tv_prng_next(&prng) % 3 == 0 && plain_first() != MANY)
            i = plain_first();
        if (plain[i].armed)
            disarm(i);
        else
            arm(i, (tv_ns)(tv_prng_next(&prng) % 50));
        check_first();
    }
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(no_timer_is_no_deadline),
        TEST(disarming_what_is_not_armed_does_nothing),
        TEST(a_timer_tells_when_it_is_due),
        TEST(timers_come_by_deadline),
        TEST(of_equal_deadlines_the_one_armed_first_comes_first),
        TEST(a_timer_armed_again_goes_behind_its_equals),
        TEST(deadlines_may_be_as_late_as_there_is_a_number),
        TEST(any_order_of_arming_and_disarming_keeps_the_next_one_first),
    };

    return CHECK_RUN(tests, argc, argv);
}
