#include "rig.h"

/* The door: a failed check leaves the step, marks the core, and every later step says so. */

static struct rig rig;
static struct task a, b;

static void begin(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_add(&rig, 0, &b, "b", RIG_OPTIONS);
}

static void done(void)
{
    rig_fini(&rig);
    rig_free(&a);
    rig_free(&b);
}

/* A result of a task that is in no body: a host that is wrong. */
static enum tv_step break_it(tv_ns now)
{
    struct tv_input in = {.kind = TV_IN_RESULT, .actor = &a.actor};

    return tv_core_step(&rig.core, now, &in);
}

static void a_failed_check_answers_broken_and_brings_no_effects(void)
{
    begin();
    CHECK_EQ(break_it(3), TV_STEP_BROKEN);
    CHECK_FX(&rig, "");
    CHECK(rig.core.broken && rig.core.door == NULL);
    CHECK(strstr(rig.core.failure, "stimulus"));
    CHECK(!tv_core_is_open(&rig.core));
    CHECK_EQ(tv_core_deadline(&rig.core), TV_NEVER);
    done();
}

static void effects_of_the_same_step_are_withdrawn(void)
{
    begin();
    CHECK(rig_take(&rig, 0) == &a.actor);
    b.options.timeout_ns = 10;
    CHECK(rig_take(&rig, 0) == &b.actor);
    rig_end(&rig, 1, &a, TV_ERROR_NONE, NULL);
    CHECK_EQ(break_it(50), TV_STEP_BROKEN);
    CHECK_FX(&rig, "");
    done();
}

static void a_broken_core_takes_no_input(void)
{
    struct tv_input input = {.actor = &b.actor};

    begin();
    break_it(3);
    for (int kind = TV_IN_TICK; kind <= TV_IN_DRAINED; kind++) {
        input.kind = (enum tv_input_kind)kind;
        CHECK_EQ(tv_core_step(&rig.core, 5, &input), TV_STEP_BROKEN);
        CHECK_FX(&rig, "");
    }
    CHECK_EQ(b.actor.state, TV_ACTOR_READY);
    CHECK_EQ(rig.core.now, 3);
    done();
}

/* ---- the trace ----------------------------------------------------------------------------- */

static struct {
    char line[TV_TRACE + 1][160];
    int count;
} printed;

static void keep(void *arg, const char *line)
{
    CHECK(arg == &printed && printed.count <= TV_TRACE);
    snprintf(printed.line[printed.count++], sizeof printed.line[0], "%s", line);
}

static void print_trace(void)
{
    printed.count = 0;
    tv_core_trace(&rig.core, keep, &printed);
}

#define CHECK_LINE(n, wanted) CHECK_BYTES(printed.line[n], strlen(printed.line[n]), wanted)

static void the_trace_tells_each_input_and_what_became_of_its_task(void)
{
    begin();
    rig_take(&rig, 7);
    rig_input(&rig, 8, TV_IN_TICK);
    print_trace();
    CHECK_EQ(printed.count, rig.core.steps);
    CHECK_LINE(printed.count - 2, "step 4 now 7 TAKE task 1 DONE -> RUNNING");
    CHECK_LINE(printed.count - 1, "step 5 now 8 TICK");
    done();
}

static void the_last_line_is_the_step_that_failed(void)
{
    begin();
    break_it(3);
    break_it(4);
    print_trace();
    CHECK_LINE(printed.count - 1, "step 4 now 3 RESULT task 1 READY -> READY");
    done();
}

static void the_trace_keeps_the_last_inputs(void)
{
    char wanted[64];

    begin();
    for (tv_ns now = 0; now < 200; now++)
        rig_input(&rig, now, TV_IN_TICK);
    print_trace();
    CHECK_EQ(printed.count, TV_TRACE);
    snprintf(wanted, sizeof wanted, "step %" PRIu64 " now %d TICK", rig.core.steps - TV_TRACE,
             200 - TV_TRACE);
    CHECK_LINE(0, wanted);
    snprintf(wanted, sizeof wanted, "step %" PRIu64 " now 199 TICK", rig.core.steps - 1);
    CHECK_LINE(TV_TRACE - 1, wanted);
    done();
}

static void every_kind_of_input_has_a_name_of_its_own(void)
{
    begin();
    for (int kind = TV_IN_TICK; kind <= TV_IN_DRAINED; kind++)
        rig.core.trace[rig.core.steps++ % TV_TRACE].input = (enum tv_input_kind)kind;
    print_trace();
    for (int i = printed.count - TV_IN_DRAINED - 1; i < printed.count; i++) {
        const char *name = strrchr(printed.line[i], ' ');

        CHECK(strlen(name) > 3 && !strchr(name, '?'));
        for (int j = printed.count - TV_IN_DRAINED - 1; j < i; j++)
            CHECK(strcmp(strrchr(printed.line[j], ' '), name) != 0);
    }
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_failed_check_answers_broken_and_brings_no_effects),
        TEST(effects_of_the_same_step_are_withdrawn),
        TEST(a_broken_core_takes_no_input),
        TEST(the_trace_tells_each_input_and_what_became_of_its_task),
        TEST(the_last_line_is_the_step_that_failed),
        TEST(the_trace_keeps_the_last_inputs),
        TEST(every_kind_of_input_has_a_name_of_its_own),
    };

    return CHECK_RUN(tests, argc, argv);
}
