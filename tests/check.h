/*
 * check.h: what a test program in C needs, and no more.
 *
 *     static void one_is_one(void) { CHECK(1 == 1); }
 *     int main(int argc, char **argv)
 *     {
 *         static const struct check_test tests[] = {TEST(one_is_one)};
 *         return CHECK_RUN(tests, argc, argv);
 *     }
 *
 * A failed check prints file, line, test and what did not hold, and ends the process with 1: a
 * test that goes on after a broken promise shows less, not more. Usable from any thread. An
 * argument runs only the tests whose names contain it.
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_test {
    const char *name;
    void (*run)(void);
};

#define TEST(function) {#function, function}

static const char *check_running = "";

_Noreturn static inline void check_failed(const char *file, int line, const char *what)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, check_running, what);
    exit(1);
}

#define CHECK(condition)                                  \
    do {                                                  \
        if (!(condition))                                 \
            check_failed(__FILE__, __LINE__, #condition); \
    } while (0)

static inline void check_equal(const char *file, int line, const char *what, int64_t found,
                               int64_t wanted)
{
    char text[256];

    if (found == wanted)
        return;
    snprintf(text, sizeof text, "%s is %" PRId64 ", not %" PRId64, what, found, wanted);
    check_failed(file, line, text);
}

/* Two integers of any type that 64 bits hold. */
#define CHECK_EQ(found, wanted) \
    check_equal(__FILE__, __LINE__, #found, (int64_t)(found), (int64_t)(wanted))

static inline void check_bytes(const char *file, int line, const char *found, size_t size,
                               const char *wanted)
{
    if (size == strlen(wanted) && memcmp(found, wanted, size) == 0)
        return;
    fflush(stdout);
    fprintf(stderr, "%s:%d: %s: found \"%.*s\", wanted \"%s\"\n", file, line, check_running,
            (int)size, found, wanted);
    exit(1);
}

/* `size` bytes against a literal. */
#define CHECK_BYTES(found, size, wanted) check_bytes(__FILE__, __LINE__, (found), (size), (wanted))

static inline int check_run(const char *file, const struct check_test *tests, size_t count,
                            int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "";
    size_t ran = 0;

    for (size_t i = 0; i < count; i++) {
        if (!strstr(tests[i].name, wanted))
            continue;
        check_running = tests[i].name;
        tests[i].run();
        ran++;
    }
    printf("%s: %zu tests\n", file, ran);
    return ran ? 0 : 2;
}

#define CHECK_RUN(tests, argc, argv) \
    check_run(__FILE__, (tests), sizeof(tests) / sizeof *(tests), (argc), (argv))

#endif
