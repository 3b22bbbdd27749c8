#include "check.h"
#include "core/text.h"

static void a_text_is_a_copy_with_one_reference(void)
{
    char bytes[] = "abc";
    struct tv_text *text = tv_text_new(bytes, 3);

    memset(bytes, 'x', sizeof bytes);
    CHECK_BYTES(text->bytes, text->size, "abc");
    CHECK(text->bytes[3] == '\0');
    CHECK_EQ(text->refs, 1);
    tv_text_rele(text);
}

static void a_text_counts_its_references(void)
{
    struct tv_text *text = tv_text_new("abc", 3);

    CHECK(tv_text_hold(text) == text);
    CHECK_EQ(text->refs, 2);
    tv_text_rele(text);
    CHECK_EQ(text->refs, 1);
    CHECK_BYTES(text->bytes, text->size, "abc");
    tv_text_rele(text);
}

static void no_text_is_held_and_released_without_effect(void)
{
    CHECK(tv_text_hold(NULL) == NULL);
    tv_text_rele(NULL);
}

static void a_static_text_is_never_counted(void)
{
    tv_text_rele(tv_text_hold(&tv_text_out_of_memory));
    tv_text_rele(&tv_text_out_of_memory);
    CHECK_EQ(tv_text_out_of_memory.refs, 0);
    CHECK_BYTES(tv_text_out_of_memory.bytes, tv_text_out_of_memory.size, "out of memory");
}

/* rule: R1.46 */
static void the_reason_of_a_cancellation_that_nobody_requested(void)
{
    CHECK_BYTES(tv_text_not_requested.bytes, tv_text_not_requested.size,
                "CancelledError: not requested");
}

static void texts_are_equal_by_their_bytes(void)
{
    struct tv_text *a = tv_text_new("a\0b", 3), *same = tv_text_new("a\0b", 3);
    struct tv_text *shorter = tv_text_new("a", 1), *other = tv_text_new("a\0c", 3);

    CHECK(tv_text_equal(a, a) && tv_text_equal(a, same) && a->hash == same->hash);
    CHECK(!tv_text_equal(a, shorter) && !tv_text_equal(a, other));
    tv_text_rele(a);
    tv_text_rele(same);
    tv_text_rele(shorter);
    tv_text_rele(other);
}

static void texts_of_equal_hash_and_other_bytes_are_not_equal(void)
{
    struct tv_text *a = tv_text_new("ab", 2), *b = tv_text_new("ac", 2);

    b->hash = a->hash;
    CHECK(!tv_text_equal(a, b));
    tv_text_rele(a);
    tv_text_rele(b);
}

static void hashes_of_similar_names_fill_the_low_bits(void)
{
    uint64_t seen = 0;
    char name[32];

    for (int i = 0; i < 1000; i++) {
        struct tv_text *text;

        snprintf(name, sizeof name, "worker-%d", i);
        text = tv_text_new(name, strlen(name));
        seen |= UINT64_C(1) << (text->hash & 63);
        tv_text_rele(text);
    }
    CHECK(seen == UINT64_MAX);
}

static void an_empty_text_is_a_text(void)
{
    struct tv_text *text = tv_text_new("", 0);

    CHECK_BYTES(text->bytes, text->size, "");
    CHECK(text->bytes[0] == '\0');
    tv_text_rele(text);
}

static void a_text_that_no_size_field_holds_is_refused(void)
{
    CHECK(tv_text_new("", UINT32_MAX) == NULL);
    CHECK(tv_text_new("", SIZE_MAX) == NULL);
}

/* rule: R1.68 */
static void a_reason_is_cut_at_4_kib(void)
{
    static char bytes[3 * TV_REASON_MAX];
    struct tv_text *text;

    memset(bytes, 'x', sizeof bytes);
    text = tv_text_new_reason(bytes, TV_REASON_MAX);
    CHECK_EQ(text->size, 4096);
    tv_text_rele(text);
    text = tv_text_new_reason(bytes, sizeof bytes);
    CHECK_EQ(text->size, 4096);
    CHECK(text->bytes[4096] == '\0');
    tv_text_rele(text);
}

/* A reason of `before` plain bytes and then many of `character`: cut in the last whole one. */
static uint32_t cut_size(size_t before, const char *character)
{
    static char bytes[2 * TV_REASON_MAX];
    size_t length = strlen(character), size = before;
    struct tv_text *text;
    uint32_t cut;

    memset(bytes, 'x', before);
    for (; size + length <= sizeof bytes; size += length)
        memcpy(bytes + size, character, length);
    text = tv_text_new_reason(bytes, size);
    cut = text->size;
    CHECK(memcmp(text->bytes, bytes, cut) == 0);
    tv_text_rele(text);
    return cut;
}

/* rule: R1.68 */
static void a_reason_is_cut_between_characters(void)
{
    CHECK_EQ(cut_size(0, "µ"), 4096);
    CHECK_EQ(cut_size(1, "µ"), 4095);
    CHECK_EQ(cut_size(0, "€"), 4095);
    CHECK_EQ(cut_size(1, "€"), 4096);
    CHECK_EQ(cut_size(2, "€"), 4094);
    CHECK_EQ(cut_size(3, "𝄞"), 4095);
    CHECK_EQ(cut_size(2, "𝄞"), 4094);
    CHECK_EQ(cut_size(1, "𝄞"), 4093);
    CHECK_EQ(cut_size(0, "𝄞"), 4096);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(a_text_is_a_copy_with_one_reference),
        TEST(a_text_counts_its_references),
        TEST(no_text_is_held_and_released_without_effect),
        TEST(a_static_text_is_never_counted),
        TEST(the_reason_of_a_cancellation_that_nobody_requested),
        TEST(texts_are_equal_by_their_bytes),
        TEST(texts_of_equal_hash_and_other_bytes_are_not_equal),
        TEST(hashes_of_similar_names_fill_the_low_bits),
        TEST(an_empty_text_is_a_text),
        TEST(a_text_that_no_size_field_holds_is_refused),
        TEST(a_reason_is_cut_at_4_kib),
        TEST(a_reason_is_cut_between_characters),
    };

    return CHECK_RUN(tests, argc, argv);
}
