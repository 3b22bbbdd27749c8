#include "rig.h"

static struct rig rig;
static struct task a, b, c;
static struct tv_list batch;

static void begin(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS});
    tv_list_init(&batch);
}

static void done(void)
{
    rig_fini(&rig);
    rig_free(&a);
    rig_free(&b);
    rig_free(&c);
    a = b = c = (struct task){.actor = {.id = 0}};
}

static struct tv_actor *named(const char *name)
{
    struct tv_text *text = tv_text_new(name, strlen(name));
    struct tv_actor *actor = tv_registry_by_name(&rig.core.registry, text);

    tv_text_rele(text);
    return actor;
}

static struct tv_actor *numbered(tv_id id)
{
    return tv_registry_by_id(&rig.core.registry, id);
}

static void nobody_is_found_in_an_empty_registry(void)
{
    begin();
    CHECK(!named("a") && !numbered(1) && !numbered(0));
    done();
}

/* rule: R4.20 */
static void name_and_id_reach_the_same_task(void)
{
    begin();
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_add(&rig, 0, &b, "b", RIG_OPTIONS);
    CHECK(named("a") == &a.actor && numbered(a.actor.id) == &a.actor);
    CHECK(named("b") == &b.actor && numbered(b.actor.id) == &b.actor);
    CHECK(!named("c") && !numbered(99));
    done();
}

static void names_that_differ_in_case_or_end_are_different(void)
{
    begin();
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    CHECK(!named("A") && !named("a ") && !named("") && named("a"));
    done();
}

/* rule: R4.6 */
static void a_reserved_task_has_its_name_and_not_its_id(void)
{
    begin();
    CHECK_EQ(rig_reserve(&rig, &a, "a", &batch), TV_STEP_OK);
    CHECK(named("a") == &a.actor);
    CHECK(!numbered(a.actor.id));
    done();
}

static void names_of_equal_hash_are_told_apart(void)
{
    struct tv_registry registry;
    struct tv_text *x = tv_text_new("x", 1), *y = tv_text_new("y", 1);
    struct tv_options options = RIG_OPTIONS;

    y->hash = x->hash;
    tv_registry_init(&registry);
    tv_grow_give(&registry.names.buckets, malloc(tv_grow_next_size(&registry.names.buckets)));
    tv_actor_init(&a.actor, 1, x, &options);
    tv_actor_init(&b.actor, 2, y, &options);
    tv_registry_reserve(&registry, &a.actor);
    CHECK(!tv_registry_by_name(&registry, y));
    tv_registry_reserve(&registry, &b.actor);
    CHECK(tv_registry_by_name(&registry, x) == &a.actor);
    CHECK(tv_registry_by_name(&registry, y) == &b.actor);
    tv_registry_unreserve(&registry, &a.actor);
    CHECK(!tv_registry_by_name(&registry, x));
    CHECK(tv_registry_by_name(&registry, y) == &b.actor);
    tv_registry_fini(&registry, free);
    rig_free(&a);
    rig_free(&b);
    a = b = (struct task){.actor = {.id = 0}};
}

/* rule: R4.31 */
static void name_and_id_are_free_once_a_task_has_ended(void)
{
    begin();
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_take(&rig, 0);
    CHECK(named("a"));
    rig_end(&rig, 0, &a, TV_ERROR_NONE, NULL);
    CHECK(!named("a") && !numbered(a.actor.id));
    CHECK_EQ(rig_add(&rig, 0, &b, "a", RIG_OPTIONS), TV_STEP_OK);
    CHECK(named("a") == &b.actor && numbered(b.actor.id) == &b.actor);
    CHECK(!numbered(a.actor.id));
    done();
}

/* rule: R4.9 R4.43 */
static void a_name_stays_taken_until_the_body_has_returned(void)
{
    begin();
    rig_add(&rig, 0, &a, "a", RIG_OPTIONS);
    rig_take(&rig, 0);
    rig_leave(&rig, 0, &a, TV_LEAVE_REMOVE);
    rig_settle(&rig, 100);
    CHECK_EQ(a.actor.outcome, TV_OUTCOME_ABANDONED);
    CHECK(named("a") == &a.actor && numbered(a.actor.id) == &a.actor);
    CHECK_EQ(rig_add(&rig, 100, &b, "a", RIG_OPTIONS), TV_STEP_EXISTS);
    rig_end(&rig, 100, &a, TV_ERROR_NONE, NULL);
    CHECK(!named("a"));
    CHECK_EQ(rig_add(&rig, 100, &c, "a", RIG_OPTIONS), TV_STEP_OK);
    done();
}

#define MANY 2000

static void thousands_of_tasks_are_found_while_they_come_and_go(void)
{
    static struct task many[MANY];
    char name[32];

    begin();
    for (int i = 0; i < MANY; i++) {
        struct tv_input in = {.kind = TV_IN_ADD, .actor = &many[i].actor};

        snprintf(name, sizeof name, "task %d", i);
        rig_task(&rig, &many[i], name, RIG_OPTIONS);
        while (tv_core_step(&rig.core, 0, &in) == TV_STEP_SHORT) {
            size_t size = tv_core_shortage(&rig.core);

            CHECK(!tv_core_give(&rig.core, malloc(size), size));
        }
    }
    for (int i = 0; i < MANY; i += 2) {
        struct tv_input in = {.kind = TV_IN_LEAVE, .actor = &many[i].actor};

        CHECK_EQ(tv_core_step(&rig.core, 0, &in), TV_STEP_OK);
    }
    CHECK(!tv_core_check(&rig.core));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "task %d", i);
        CHECK(named(name) == (i % 2 ? &many[i].actor : NULL));
        CHECK(numbered(many[i].actor.id) == (i % 2 ? &many[i].actor : NULL));
        rig_free(&many[i]);
    }
    done();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(nobody_is_found_in_an_empty_registry),
        TEST(name_and_id_reach_the_same_task),
        TEST(names_that_differ_in_case_or_end_are_different),
        TEST(a_reserved_task_has_its_name_and_not_its_id),
        TEST(names_of_equal_hash_are_told_apart),
        TEST(name_and_id_are_free_once_a_task_has_ended),
        TEST(a_name_stays_taken_until_the_body_has_returned),
        TEST(thousands_of_tasks_are_found_while_they_come_and_go),
    };

    return CHECK_RUN(tests, argc, argv);
}
