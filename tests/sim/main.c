#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: sim --seed=N          play one seed, a line per step\n"
    "       sim --seeds=N [--from=M] [--hashes]\n"
    "                             play N seeds, from M (1), in one process; prints a hash of all\n"
    "                             effects, with --hashes one for each seed too. A seed that fails\n"
    "                             is made as short a list of moves as it gets\n"
    "       sim --relations=N [--from=M]\n"
    "                             play N seeds in worlds that have to agree: queues of any\n"
    "                             length, all times shifted, once more, other tasks first\n"
    "       sim --play=FILE       play a list of moves, a line per step\n"
    "       sim --shrink=FILE     make a list that fails as short as it gets\n"
    "       sim --bytes=FILE      write the list of moves that a file of bytes means\n"
    "       sim --replay[=FILE]   play the moves of a file (or of standard input): a line of JSON\n"
    "                             for each, with its outputs and the visible state after it\n"
    "       sim --help            this text\n"
    "\n"
    "The lines of --seed can be played and replayed. Ends with 0, with 1 where an invariant is\n"
    "broken, with 2 where the command line or the file is wrong.\n";

/* ---- what is done with a file -------------------------------------------------------------- */

static int with_list(FILE *in, int (*act)(struct list *list))
{
    struct list list = {.move = NULL};
    unsigned long number = 0;
    const char *wrong = list_read(in, &list, &number);
    int code = 2;

    if (wrong)
        fprintf(stderr, "sim: line %lu: %s\n", number, wrong);
    else
        code = act(&list);
    list_free(&list);
    return code;
}

static int show(struct list *list)
{
    return seeds_list(list);
}

static int play_file(FILE *in)
{
    return with_list(in, show);
}

static int shrink_file(FILE *in)
{
    return with_list(in, seeds_shrink);
}

static int decode_file(FILE *in)
{
    uint8_t bytes[65536];
    size_t size = fread(bytes, 1, sizeof bytes, in);
    struct list list = {.move = NULL};

    list_decode(bytes, size, &list);
    list_write(&list, stdout);
    list_free(&list);
    return 0;
}

static const struct {
    const char *option;
    int (*act)(FILE *in);
} files[] = {
    {"--play=", play_file},
    {"--shrink=", shrink_file},
    {"--bytes=", decode_file},
    {"--replay=", replay_lines},
};

static int with_file(const char *path, int (*act)(FILE *in))
{
    FILE *in = fopen(path, "r");
    int code;

    if (!in) {
        fprintf(stderr, "sim: %s: %s\n", path, strerror(errno));
        return 2;
    }
    code = act(in);
    fclose(in);
    return code;
}

/* ---- command line -------------------------------------------------------------------------- */

/* The number behind `option`, where `arg` begins with it. */
static bool has_number(const char *arg, const char *option, uint64_t *value)
{
    size_t length = strlen(option);
    char *end;

    if (strncmp(arg, option, length) != 0 || arg[length] < '0' || arg[length] > '9')
        return false;
    *value = strtoull(arg + length, &end, 10);
    return !*end;
}

static int with_numbers(int argc, char **argv)
{
    uint64_t seed = 0, seeds = 0, relations = 0, from = 1;
    bool one = false, hashes = false;

    for (int i = 1; i < argc; i++) {
        if (has_number(argv[i], "--seed=", &seed)) {
            one = true;
        } else if (strcmp(argv[i], "--hashes") == 0) {
            hashes = true;
        } else if (!has_number(argv[i], "--seeds=", &seeds) &&
                   !has_number(argv[i], "--relations=", &relations) &&
                   !has_number(argv[i], "--from=", &from)) {
            fprintf(stderr, "sim: what is %s?\n%s", argv[i], help);
            return 2;
        }
    }
    if (one + (seeds > 0) + (relations > 0) != 1) {
        fputs(help, stderr);
        return 2;
    }
    if (one)
        return seeds_one(seed);
    return seeds ? seeds_many(from, seeds, hashes) : relations_many(from, relations);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--replay") == 0)
        return replay_lines(stdin);
    for (size_t i = 0; argc == 2 && i < sizeof files / sizeof *files; i++) {
        size_t length = strlen(files[i].option);

        if (strncmp(argv[1], files[i].option, length) == 0)
            return with_file(argv[1] + length, files[i].act);
    }
    return with_numbers(argc, argv);
}
