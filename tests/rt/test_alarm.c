#include "by_clock.h"

#include "chance.h"

/* Alarms: tokens that are cancelled when their time comes, on a clock set by hand. */

/* rule: R11.5 */
static void an_alarm_goes_off_at_its_time_and_leaves_its_parent_alone(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_token *parent = tv_token_new(NULL);
    struct tv_alarm *alarm = alarm_in(clock, parent, 5);

    CHECK_EQ(tv_clock_asleep(clock), 1);
    CHECK_EQ(next_of(clock), 5);
    advance(clock, 4);
    CHECK(!is_over(alarm));
    advance(clock, 1);
    CHECK(is_over(alarm) && !tv_token_is_cancelled(parent));
    CHECK_EQ(tv_clock_asleep(clock), 0);
    CHECK_EQ(next_of(clock), TV_NEVER);
    tv_alarm_free(alarm);
    tv_token_rele(parent);
    tv_clock_rele(clock);
}

/* rule: R11.5 */
static void an_alarm_ends_with_its_parent_and_can_be_taken_back(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_token *parent = tv_token_new(NULL);
    struct tv_alarm *first = alarm_in(clock, parent, 5), *second = alarm_in(clock, parent, 3);

    tv_token_cancel(parent);
    CHECK(is_over(first) && is_over(second));
    tv_alarm_free(second);
    CHECK_EQ(tv_clock_asleep(clock), 1);
    CHECK_EQ(next_of(clock), 5);
    tv_token_rele(parent);
    tv_clock_rele(clock);
    tv_alarm_free(first);
}

static void alarms_stand_in_the_order_of_their_times(void)
{
    static const tv_ns delays[] = {5, 1, 3, 3, 9, 0, 2};
    enum { COUNT = sizeof delays / sizeof *delays };
    struct tv_clock *clock = new_clock();
    struct tv_token *parent = tv_token_new(NULL);
    struct tv_alarm *alarms[COUNT];

    for (int i = 0; i < COUNT; i++)
        alarms[i] = alarm_in(clock, parent, delays[i]);
    for (tv_ns now = 0; now < 10; now++) {
        advance(clock, now > 0);
        for (int i = 0; i < COUNT; i++)
            CHECK_EQ(is_over(alarms[i]), delays[i] <= now);
    }
    for (int i = 0; i < COUNT; i++)
        tv_alarm_free(alarms[i]);
    tv_token_rele(parent);
    tv_clock_rele(clock);
}

/* Sleeps for an hour of its supervisor's clock. */
static void sleep_an_hour(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_clock *clock = tv_clock_of(tv_task_supervisor(task));
    struct tv_token *token = tv_task_token(task);
    struct tv_alarm *alarm = alarm_in(clock, token, 3600 * TV_SECOND);

    (void)arg;
    CHECK_EQ(tv_token_wait(tv_alarm_token(alarm), TV_NEVER), TV_OK);
    if (tv_token_is_cancelled(token))
        end_with(result, TV_ERROR_CANCELED, NULL);
    tv_alarm_free(alarm);
    tv_token_rele(token);
}

static void timers_come_before_alarms(void)
{
    struct tv_clock *clock = new_clock();
    struct tv_supervisor *s = serve_on(clock, once_within(3600 * TV_SECOND));
    struct tv_task *task = add(s, "a", SPEC(sleep_an_hour, NULL));

    EVENTUALLY(tv_clock_asleep(clock) == 1);
    advance(clock, 3600 * TV_SECOND);
    finish(task, TV_OUTCOME_FAILED);
    close_down(s);
    tv_clock_rele(clock);
}

/* ---- all at once ---------------------------------------------------------------------------- */

#define SLEEPERS 40
#define ADVANCERS 3

struct storm {
    struct tv_clock *clock;
    _Atomic bool over;
    _Atomic uint64_t threads;
};

/* Sleeps and fails by the clock, again and again, and returns in the end. */
static void sleep_and_fail(struct tv_task *task, void *arg, struct tv_result *result)
{
    struct tv_clock *clock = tv_clock_of(tv_task_supervisor(task));
    tv_ns delay = (tv_ns)(tv_task_id(task) % 7 + 1) * TV_MS;
    struct tv_token *token = tv_task_token(task);
    struct tv_alarm *alarm = alarm_in(clock, token, delay);
    tv_ns begin = tv_clock_now(clock);

    (void)arg;
    CHECK_EQ(tv_token_wait(tv_alarm_token(alarm), TV_NEVER), TV_OK);
    CHECK(tv_token_is_cancelled(token) || tv_clock_now(clock) >= begin);
    tv_alarm_free(alarm);
    tv_token_rele(token);
    if (tv_task_attempt(task) < 20)
        end_with(result, TV_ERROR_FAIL, "again");
}

static const struct tv_spec sleeping = {.options = TV_OPTIONS_INHERIT, .call = sleep_and_fail};

static void *advance_on_and_on(void *arg)
{
    struct storm *storm = arg;
    struct tv_prng chance = chance_of(atomic_fetch_add(&storm->threads, 1));

    while (!atomic_load(&storm->over)) {
        tv_ns until = tv_clock_now(storm->clock), delay = draw(&chance, 3) * TV_MS;

        advance(storm->clock, delay);
        CHECK(next_of(storm->clock) >= until + delay);
    }
    return NULL;
}

/* What this wants to see broken: a deadline that is armed while the clock is set, and missed. */
static void nothing_is_overdue_after_an_advance_whatever_others_do(void)
{
    struct storm storm = {.clock = new_clock()};
    struct tv_config config = retries_after(3 * TV_MS);
    struct helper helpers[ADVANCERS];
    struct tv_supervisor *s[2];
    struct tv_task *tasks[2][SLEEPERS];

    for (int i = 0; i < ADVANCERS; i++)
        helpers[i] = helper_start(advance_on_and_on, &storm);
    for (int i = 0; i < 2; i++) {
        s[i] = serve_on(storm.clock, config);
        for (size_t n = 0; n < SLEEPERS; n++) {
            char name[16];

            snprintf(name, sizeof name, "t%zu", n);
            tasks[i][n] = add(s[i], name, &sleeping);
        }
    }
    for (int i = 0; i < 2; i++) {
        for (size_t n = 0; n < SLEEPERS; n++)
            finish(tasks[i][n], TV_OUTCOME_COMPLETED);
        close_down(s[i]);
    }
    atomic_store(&storm.over, true);
    for (int i = 0; i < ADVANCERS; i++)
        helper_join(helpers[i]);
    CHECK_EQ(next_of(storm.clock), TV_NEVER);
    tv_clock_rele(storm.clock);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(an_alarm_goes_off_at_its_time_and_leaves_its_parent_alone),
        TEST(an_alarm_ends_with_its_parent_and_can_be_taken_back),
        TEST(alarms_stand_in_the_order_of_their_times),
        TEST(timers_come_before_alarms),
        TEST(nothing_is_overdue_after_an_advance_whatever_others_do),
    };

    return CHECK_RUN(tests, argc, argv);
}
