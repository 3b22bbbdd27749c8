#include "oom.h"
#include "slots.h"

/* Calls about slots, each of whose allocations fails once: the slot is as it was. */

/* Static, so that no allocation is theirs. */
static struct tv_text slot_name = {.size = 1, .bytes = "s", .hash = 5};
static struct tv_text owner_name = {.size = 1, .bytes = "o", .hash = 6};
static struct tv_text task_name = {.size = 1, .bytes = "a", .hash = 7};
static const struct tv_request owning = {.spec = &waiting_for_cancel, .name = &owner_name};
static const struct tv_request brief = {.spec = &returning, .name = &task_name};
static const struct tv_request request = {.spec = &waiting_for_cancel, .name = &task_name};

static struct tv_task *owner, *got;

static enum tv_err submit_as(struct tv_supervisor *s, enum tv_admission admission)
{
    return tv_submit(s, &request, &slot_name, admission, false, &got);
}

static enum tv_err queue_one(struct tv_supervisor *s)
{
    return submit_as(s, TV_ADMISSION_QUEUE);
}

static enum tv_err replace(struct tv_supervisor *s)
{
    return submit_as(s, TV_ADMISSION_REPLACE);
}

static enum tv_err drop_if_running(struct tv_supervisor *s)
{
    return submit_as(s, TV_ADMISSION_DROP_IF_RUNNING);
}

/* There is no room: it stands in line for some, and leaves the line again. */
static enum tv_err stand_in_line(struct tv_supervisor *s)
{
    enum tv_err err = tv_submit(s, &request, &slot_name, TV_ADMISSION_QUEUE, true, &got);

    if (err != TV_WAITS)
        return err;
    CHECK_EQ(tv_submit_withdraw(got), TV_OK);
    return TV_OK;
}

static void own(struct tv_supervisor *s)
{
    CHECK_EQ(tv_submit(s, &owning, &slot_name, TV_ADMISSION_QUEUE, false, &owner), TV_OK);
    EVENTUALLY(!tv_is_serving(s) || tv_task_state(owner) == TV_TASK_RUNNING);
}

static struct tv_task *waiting;

static void own_and_fill(struct tv_supervisor *s)
{
    own(s);
    CHECK_EQ(tv_submit(s, &brief, &slot_name, TV_ADMISSION_QUEUE, false, &waiting), TV_OK);
}

static void end_full(void)
{
    finish(owner, TV_OUTCOME_CANCELED);
    finish(waiting, TV_OUTCOME_REJECTED);
}

/* More slots than a table has room for at first. */
static struct tv_task *owners[66];

static void own_many(struct tv_supervisor *s)
{
    own(s);
    for (size_t i = 0; i < 66; i++) {
        char name[16];

        snprintf(name, sizeof name, "o%zu", i);
        owners[i] = queue(s, name, name, &failing);
    }
}

static void end_many(void)
{
    tv_task_rele(owner);
    for (size_t i = 0; i < 66; i++)
        finish(owners[i], TV_OUTCOME_CANCELED);
}

static void end_owner(void)
{
    finish(owner, TV_OUTCOME_CANCELED);
}

static void forget_got(struct tv_supervisor *s)
{
    (void)s;
    tv_task_rele(got);
}

static void see_rejected(struct tv_supervisor *s)
{
    (void)s;
    check_rejected(got, TV_REJECTION_SLOT_BUSY, "dropped: slot busy (status=running)");
}

/* ---- submitting ----------------------------------------------------------------------------- */

/* rule: R7.1 */
static void a_submission_without_memory_makes_no_slot(void)
{
    const struct call first = {
        .run = queue_one, .undo = forget_got, .config = CONFIG(5, 5)};
    const struct call served = {
        .run = queue_one, .undo = forget_got, .config = CONFIG(5, 5), .serving = true};

    CHECK_EQ(fail_each(&first), 5); /* slot, record; the first names, ids, slots */
    CHECK(fail_each(&served) >= 5);
}

static void a_submission_without_memory_leaves_a_busy_slot_as_it_was(void)
{
    const struct call waits = {.prepare = own, .run = queue_one, .undo = forget_got,
                               .end = end_owner, .config = CONFIG(5, 5), .serving = true,
                               .bodies = 1};
    const struct call full = {.prepare = own_and_fill, .run = stand_in_line, .end = end_full,
                              .config = CONFIG(1, 5), .serving = true, .bodies = 1};
    const struct call dropped = {.prepare = own, .run = drop_if_running, .undo = see_rejected,
                                 .end = end_owner, .config = CONFIG(5, 5), .serving = true,
                                 .bodies = 1};

    CHECK(fail_each(&waits) >= 2);
    CHECK(fail_each(&full) >= 2);
    CHECK(fail_each(&dropped) >= 2);
}

/* Its owner is not asked to leave either. */
static void a_replacement_without_memory_leaves_the_owner_alone(void)
{
    const struct call call = {.prepare = own, .run = replace, .undo = forget_got,
                              .end = end_owner, .config = CONFIG(5, 5), .serving = true,
                              .bodies = 1};

    CHECK(fail_each(&call) >= 2);
}

/* ---- the rest ------------------------------------------------------------------------------- */

static struct tv_slots seen;

static enum tv_err look(struct tv_supervisor *s)
{
    return tv_slots(s, &seen);
}

static void free_seen(struct tv_supervisor *s)
{
    (void)s;
    CHECK_EQ(seen.slot_count, 67);
    tv_slots_free(&seen);
}

static void slots_that_cannot_be_copied_without_memory_can_be_later(void)
{
    const struct call call = {.prepare = own_many, .run = look, .undo = free_seen,
                              .end = end_many, .config = CONFIG(5, 5)};

    CHECK_EQ(fail_each(&call), 2);
}

/* Nor does the start of what waits. */
static void cancelling_a_slot_needs_no_memory(void)
{
    struct tv_supervisor *s = serve(CONFIG(5, 5));
    uint64_t count;

    own(s);
    CHECK_EQ(tv_submit(s, &brief, &slot_name, TV_ADMISSION_QUEUE, false, &got), TV_OK);
    atomic_store(&no_memory, true);
    CHECK_EQ(tv_cancel_slot(s, &slot_name, false, &count), TV_OK);
    CHECK_EQ(count, 1);
    finish(owner, TV_OUTCOME_CANCELED);
    finish(got, TV_OUTCOME_COMPLETED);
    atomic_store(&no_memory, false);
    own(s);
    CHECK_EQ(queue_one(s), TV_OK);
    atomic_store(&no_memory, true);
    CHECK_EQ(tv_cancel_slot(s, &slot_name, true, &count), TV_OK);
    atomic_store(&no_memory, false);
    CHECK_EQ(count, 2);
    check_rejected(got, TV_REJECTION_REMOVED_FROM_QUEUE, "removed_from_queue");
    finish(owner, TV_OUTCOME_CANCELED);
    close_down(s);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_submission_without_memory_makes_no_slot),
        TEST(a_submission_without_memory_leaves_a_busy_slot_as_it_was),
        TEST(a_replacement_without_memory_leaves_the_owner_alone),
        TEST(slots_that_cannot_be_copied_without_memory_can_be_later),
        TEST(cancelling_a_slot_needs_no_memory),
    };

    return CHECK_RUN(tests, argc, argv);
}
