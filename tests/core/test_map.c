#include "check.h"
#include "core/map.h"

#define MANY 5000

struct entry {
    struct tv_map_link link;
    bool in;
};

static struct entry entries[MANY];

/* What the core does: memory first, then the entry. */
static void insert(struct tv_map *map, struct entry *entry, uint64_t hash)
{
    while (!tv_map_has_room(map, 1))
        tv_grow_give(&map->buckets, malloc(tv_grow_next_size(&map->buckets)));
    tv_map_insert(map, &entry->link, hash);
    entry->in = true;
}

static void take_out(struct tv_map *map, struct entry *entry)
{
    tv_map_remove(map, &entry->link);
    entry->in = false;
}

static bool finds(const struct tv_map *map, const struct entry *entry, uint64_t hash)
{
    struct tv_map_link *link = tv_map_chain(map, hash);

    while (link && link != &entry->link)
        link = link->next;
    return link != NULL;
}

/* Entries are exactly where their hashes say, and nowhere twice. */
static void check_all(const struct tv_map *map, uint64_t (*hash)(uint64_t))
{
    uint64_t walked = 0, in = 0;

    for (uint64_t i = 0; i < MANY; i++) {
        in += entries[i].in;
        CHECK(finds(map, &entries[i], hash(i)) == entries[i].in);
    }
    for (uint64_t i = 0; i < map->used; i++)
        for (struct tv_map_link *link = tv_map_bucket(map, i); link; link = link->next)
            walked++;
    CHECK_EQ(map->count, in);
    CHECK_EQ(walked, in);
}

static uint64_t spread(uint64_t i)
{
    return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t counting(uint64_t i)
{
    return i;
}

static uint64_t all_alike(uint64_t i)
{
    return i % 3;
}

static void an_empty_map_has_no_chain(void)
{
    struct tv_map map;

    tv_map_init(&map);
    CHECK(tv_map_chain(&map, 7) == NULL);
    CHECK_EQ(map.used, 0);
    CHECK(!tv_map_has_room(&map, 1));
}

static void fill_and_empty(uint64_t (*hash)(uint64_t))
{
    struct tv_map map;

    tv_map_init(&map);
    for (uint64_t i = 0; i < MANY; i++) {
        insert(&map, &entries[i], hash(i));
        if ((i & (i - 1)) == 0 || i % 500 == 0)
            check_all(&map, hash);
    }
    check_all(&map, hash);
    for (uint64_t i = 0; i < MANY; i++)
        if (i % 3)
            take_out(&map, &entries[i]);
    check_all(&map, hash);
    for (uint64_t i = 0; i < MANY; i++)
        if (!entries[i].in)
            insert(&map, &entries[i], hash(i));
    check_all(&map, hash);
    for (uint64_t i = MANY; i-- > 0;)
        take_out(&map, &entries[i]);
    check_all(&map, hash);
    tv_grow_fini(&map.buckets, free);
}

static void entries_are_found_however_their_hashes_fall(void)
{
    fill_and_empty(spread);
    fill_and_empty(counting);
}

static void entries_of_equal_hash_share_a_chain(void)
{
    fill_and_empty(all_alike);
}

static void one_insertion_opens_one_bucket_at_most(void)
{
    struct tv_map map;
    uint64_t used = 0;

    tv_map_init(&map);
    for (uint64_t i = 0; i < MANY; i++) {
        insert(&map, &entries[i], spread(i));
        CHECK(i == 0 ? map.used == TV_GROW_FIRST : map.used - used <= 1);
        CHECK(map.used >= map.count && map.used <= map.buckets.capacity);
        used = map.used;
    }
    for (uint64_t i = 0; i < MANY; i++)
        take_out(&map, &entries[i]);
    tv_grow_fini(&map.buckets, free);
}

static void chains_stay_short(void)
{
    struct tv_map map;
    uint64_t longest = 0;

    tv_map_init(&map);
    for (uint64_t i = 0; i < MANY; i++)
        insert(&map, &entries[i], spread(i));
    for (uint64_t i = 0; i < map.used; i++) {
        uint64_t length = 0;

        for (struct tv_map_link *link = tv_map_bucket(&map, i); link; link = link->next)
            length++;
        longest = length > longest ? length : longest;
    }
    CHECK(longest <= 12);
    for (uint64_t i = 0; i < MANY; i++)
        take_out(&map, &entries[i]);
    tv_grow_fini(&map.buckets, free);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(an_empty_map_has_no_chain),
        TEST(entries_are_found_however_their_hashes_fall),
        TEST(entries_of_equal_hash_share_a_chain),
        TEST(one_insertion_opens_one_bucket_at_most),
        TEST(chains_stay_short),
    };

    return CHECK_RUN(tests, argc, argv);
}
