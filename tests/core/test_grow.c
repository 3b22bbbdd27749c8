#include "check.h"
#include "core/grow.h"

static void give(struct tv_grow *grow)
{
    tv_grow_give(grow, malloc(tv_grow_next_size(grow)));
}

static void a_new_array_has_no_room(void)
{
    struct tv_grow grow;

    tv_grow_init(&grow, 8);
    CHECK_EQ(grow.capacity, 0);
    CHECK_EQ(tv_grow_next_size(&grow), 64 * 8);
}

static void each_chunk_is_twice_the_one_before(void)
{
    struct tv_grow grow;

    tv_grow_init(&grow, 24);
    for (uint64_t n = 0; n < 8; n++) {
        CHECK_EQ(tv_grow_next_size(&grow), (64 << n) * 24);
        give(&grow);
        CHECK_EQ(grow.capacity, 64 * ((2 << n) - 1));
    }
    tv_grow_fini(&grow, free);
}

static void every_item_has_a_place_of_its_own(void)
{
    struct tv_grow grow;

    tv_grow_init(&grow, sizeof(uint64_t));
    while (grow.chunks < 6)
        give(&grow);
    for (uint64_t i = 0; i < grow.capacity; i++)
        *(uint64_t *)tv_grow_at(&grow, i) = i;
    for (uint64_t i = 0; i < grow.capacity; i++)
        CHECK_EQ(*(uint64_t *)tv_grow_at(&grow, i), i);
    tv_grow_fini(&grow, free);
}

static void chunks_begin_at_64_192_448(void)
{
    struct tv_grow grow;

    tv_grow_init(&grow, 8);
    while (grow.chunks < 4)
        give(&grow);
    CHECK(tv_grow_at(&grow, 0) == (void *)grow.chunk[0]);
    CHECK(tv_grow_at(&grow, 63) == (void *)(grow.chunk[0] + 63 * 8));
    CHECK(tv_grow_at(&grow, 64) == (void *)grow.chunk[1]);
    CHECK(tv_grow_at(&grow, 192) == (void *)grow.chunk[2]);
    CHECK(tv_grow_at(&grow, 448) == (void *)grow.chunk[3]);
    tv_grow_fini(&grow, free);
}

static void no_item_moves_when_the_array_grows(void)
{
    struct tv_grow grow;
    void *first, *last;

    tv_grow_init(&grow, 8);
    give(&grow);
    first = tv_grow_at(&grow, 0);
    last = tv_grow_at(&grow, 63);
    while (grow.chunks < 8)
        give(&grow);
    CHECK(tv_grow_at(&grow, 0) == first && tv_grow_at(&grow, 63) == last);
    tv_grow_fini(&grow, free);
}

static int released;

static void count_release(void *chunk)
{
    released++;
    free(chunk);
}

static void fini_releases_every_chunk_once_and_leaves_an_empty_array(void)
{
    struct tv_grow grow;

    tv_grow_init(&grow, 16);
    while (grow.chunks < 5)
        give(&grow);
    released = 0;
    tv_grow_fini(&grow, count_release);
    CHECK_EQ(released, 5);
    CHECK_EQ(grow.capacity, 0);
    CHECK_EQ(tv_grow_next_size(&grow), 64 * 16);
}

/* What the header promises, without the memory. */
static void all_chunks_hold_past_4_billion_items(void)
{
    uint64_t capacity = 0;

    for (uint32_t k = 0; k < TV_GROW_CHUNKS; k++)
        capacity += (uint64_t)TV_GROW_FIRST << k;
    CHECK(capacity > UINT64_C(4000000000));
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_new_array_has_no_room),
        TEST(each_chunk_is_twice_the_one_before),
        TEST(every_item_has_a_place_of_its_own),
        TEST(chunks_begin_at_64_192_448),
        TEST(no_item_moves_when_the_array_grows),
        TEST(fini_releases_every_chunk_once_and_leaves_an_empty_array),
        TEST(all_chunks_hold_past_4_billion_items),
    };

    return CHECK_RUN(tests, argc, argv);
}
