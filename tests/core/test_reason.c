#include "check.h"
#include "core/reason.h"

#define TEXT(literal) \
    &(struct tv_text) { .size = sizeof literal - 1, .bytes = literal }

static void check_error(int line, const struct tv_error *error, const char *wanted)
{
    char out[256];

    check_bytes(__FILE__, line, out, tv_error_format(error, out, sizeof out), wanted);
}

static void check_reason(int line, const struct tv_reason *reason, const char *wanted)
{
    char out[256];

    check_bytes(__FILE__, line, out, tv_reason_format(reason, out, sizeof out), wanted);
}

#define CHECK_ERROR(wanted, ...) check_error(__LINE__, &(struct tv_error){__VA_ARGS__}, wanted)
#define CHECK_REASON(wanted, ...) check_reason(__LINE__, &(struct tv_reason){__VA_ARGS__}, wanted)

/* rule: R1.60 R1.61 R1.62 R1.63 */
static void each_error_has_its_text(void)
{
    CHECK_ERROR("execution failed: boom", .kind = TV_ERROR_FAIL, .text = TEXT("boom"));
    CHECK_ERROR("fatal error (no retry): boom", .kind = TV_ERROR_FATAL, .text = TEXT("boom"));
    CHECK_ERROR("context canceled", .kind = TV_ERROR_CANCELED);
    CHECK_ERROR("timed out after 1.5s", .kind = TV_ERROR_TIMEOUT, .after_ns = 1500 * TV_MS);
    CHECK_ERROR("", .kind = TV_ERROR_NONE);
}

/* rule: R1.30 R1.36 R4.2 R4.22 R4.26 R6.12 */
static void each_reason_has_its_text(void)
{
    const struct tv_error fail = {.kind = TV_ERROR_FAIL, .text = TEXT("boom")};
    const struct tv_error text = {.text = TEXT("slow")};

    CHECK_REASON("", .kind = TV_REASON_NONE);
    CHECK_REASON("execution failed: boom", .kind = TV_REASON_ERROR, .error = fail);
    CHECK_REASON("max_retries_exceeded(2/3): execution failed: boom", .kind = TV_REASON_RETRIES,
                 .count = 2, .limit = 3, .error = fail);
    CHECK_REASON("policy_exhausted_success", .kind = TV_REASON_SUCCESS);
    CHECK_REASON("already_exists", .kind = TV_REASON_ALREADY_EXISTS);
    CHECK_REASON("task_not_found", .kind = TV_REASON_NOT_FOUND);
    CHECK_REASON("manual_cancel", .kind = TV_REASON_MANUAL_CANCEL);
    CHECK_REASON("slow", .kind = TV_REASON_TEXT, .error = text);
    CHECK_REASON("subscriber=slow reason=full", .kind = TV_REASON_SUBSCRIBER_FULL, .error = text);
}

static void the_numbers_of_a_reason_may_be_the_largest(void)
{
    CHECK_REASON("max_retries_exceeded(4294967295/4294967295): context canceled",
                 .kind = TV_REASON_RETRIES, .count = UINT32_MAX, .limit = UINT32_MAX,
                 .error = {.kind = TV_ERROR_CANCELED});
}

static void a_text_with_nul_bytes_is_formatted_whole(void)
{
    const struct tv_error error = {.kind = TV_ERROR_FAIL, .text = TEXT("a\0b")};
    char out[64];

    CHECK_EQ(tv_error_format(&error, out, sizeof out), 21);
    CHECK(memcmp(out, "execution failed: a\0b", 21) == 0);
}

static void formatting_writes_no_more_than_there_is_room_and_tells_the_whole_length(void)
{
    const struct tv_error error = {.kind = TV_ERROR_FAIL, .text = TEXT("boom")};
    const struct tv_reason reason = {.kind = TV_REASON_ERROR, .error = error};
    char out[24];

    memset(out, '#', sizeof out);
    CHECK_EQ(tv_error_format(&error, out, 20), 22);
    CHECK(memcmp(out, "execution failed: bo####", 24) == 0);
    memset(out, '#', sizeof out);
    CHECK_EQ(tv_reason_format(&reason, out, 5), 22);
    CHECK(memcmp(out, "execu###", 8) == 0);
    CHECK_EQ(tv_reason_format(&reason, NULL, 0), 22);
}

/* What a copy of an event has to hold is what its reason refers to, and nothing else. */
static void an_error_borrows_a_text_only_where_it_has_one(void)
{
    struct tv_text text = {.bytes = ""};
    const struct tv_error fail = {.kind = TV_ERROR_FAIL, .text = &text};
    const struct tv_error fatal = {.kind = TV_ERROR_FATAL, .text = &text};
    const struct tv_error timeout = {.kind = TV_ERROR_TIMEOUT, .after_ns = 1};
    const struct tv_error plain = {.text = &text};

    CHECK(tv_error_text(&fail) == &text && tv_error_text(&fatal) == &text);
    CHECK(!tv_error_text(&timeout) && !tv_error_text(&plain));
    for (uint8_t kind = TV_REASON_NONE; kind <= TV_REASON_SUBSCRIBER_FULL; kind++) {
        bool of_error = kind == TV_REASON_ERROR || kind == TV_REASON_RETRIES;
        bool of_text = kind == TV_REASON_TEXT || kind == TV_REASON_SUBSCRIBER_FULL;
        const struct tv_reason failed = {.kind = kind, .error = fail};
        const struct tv_reason late = {.kind = kind, .error = timeout};
        const struct tv_reason said = {.kind = kind, .error = plain};

        CHECK(tv_reason_text(&failed) == (of_error || of_text ? &text : NULL));
        CHECK(of_text || tv_reason_text(&late) == NULL);
        CHECK(tv_reason_text(&said) == (of_text ? &text : NULL));
    }
}

/* rule: R0.6 */
static void a_duration_is_printed_by_its_largest_whole_unit(void)
{
    static const struct {
        tv_ns duration;
        const char *text;
    } cases[] = {
        {0, "0ns"},
        {1, "1ns"},
        {999, "999ns"},
        {1000, "1µs"},
        {1001, "1.001µs"},
        {250000, "250µs"},
        {999999, "999.999µs"},
        {50 * TV_MS, "50ms"},
        {TV_MS + 500000, "1.5ms"},
        {TV_MS + 1, "1.000001ms"},
        {999 * TV_MS + 999999, "999.999999ms"},
        {TV_SECOND, "1s"},
        {1500 * TV_MS, "1.5s"},
        {10 * TV_SECOND + 20 * TV_MS, "10.02s"},
        {60 * TV_SECOND, "60s"},
        {100 * TV_SECOND, "100s"},
        {TV_SECOND + 1, "1.000000001s"},
        {TV_NS_MAX, "9223372036.854775807s"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[TV_DURATION_SIZE];

        tv_duration_format(cases[i].duration, out);
        CHECK_BYTES(out, strlen(out), cases[i].text);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(each_error_has_its_text),
        TEST(each_reason_has_its_text),
        TEST(the_numbers_of_a_reason_may_be_the_largest),
        TEST(a_text_with_nul_bytes_is_formatted_whole),
        TEST(formatting_writes_no_more_than_there_is_room_and_tells_the_whole_length),
        TEST(an_error_borrows_a_text_only_where_it_has_one),
        TEST(a_duration_is_printed_by_its_largest_whole_unit),
    };

    return CHECK_RUN(tests, argc, argv);
}
