#define _POSIX_C_SOURCE 200809L /* getline, open_memstream */

#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: sim --seed=N          play one seed, a line per step\n"
    "       sim --seeds=N [--from=M]\n"
    "                             play N seeds, from M (1); prints a hash of all effects\n"
    "       sim --replay[=FILE]   play the moves of a file (or of standard input): a line of JSON\n"
    "                             for each, with its outputs and the visible state after it\n"
    "       sim --help            this text\n"
    "\n"
    "The lines of --seed can be replayed. Ends with 0, with 1 where an invariant is broken, with\n"
    "2 where the command line or the file is wrong.\n";

#define COMPARE_EVERY 16  /* moves */
#define TRACE_SHOWN 40    /* lines before a failure */

static struct world world, mute; /* large, and left by longjmp: static */

/* ---- one seed ------------------------------------------------------------------------------ */

static void compare(void)
{
    world_pump(&world);
    world_pump(&mute);
    world_compare(&world, &mute);
}

static void look(struct chance *chance, bool twin)
{
    bool hold = false;
    tv_id id = chance_look(chance, &world, &hold);
    void (*change)(struct world *, tv_id) = hold ? world_hold : world_drop;

    if (!id)
        return;
    change(&world, id);
    if (twin)
        change(&mute, id);
}

static void play(struct chance *chance, FILE *trace)
{
    bool twin = chance_has_twin(chance);
    struct move move;

    for (uint64_t n = 1; chance_next(chance, &world, &move); n++) {
        struct played played, other;

        if (trace) {
            move_write(&move, trace);
            fputs("   # ", trace);
        }
        played = world_play(&world, &move);
        if (trace)
            show_line(&world, played, false, trace);
        chance_played(chance, &move, played);
        if (twin) {
            other = world_play(&mute, &move);
            SIM_EXPECT(&world, other.answer == played.answer && other.id == played.id &&
                           other.count == played.count,
                       "5 where nobody listens the answer is another one");
            if (n % COMPARE_EVERY == 0)
                compare();
        }
        look(chance, twin);
    }
    if (twin)
        compare();
}

/* False: an invariant is broken; sim_failure says which. */
static bool run(uint64_t seed, FILE *trace)
{
    struct chance *chance = chance_new(seed);
    bool twin = chance_has_twin(chance);
    jmp_buf door;

    world_init(&world, chance_config(chance), true);
    world_init(&mute, chance_config(chance), false);
    world.door = mute.door = &door;
    if (setjmp(door))
        return false;
    if (trace) {
        show_begin(&world);
        config_write(chance_config(chance), trace);
        fputc('\n', trace);
    }
    play(chance, trace);
    if (trace)
        show_end(&world);
    world_fini(&world);
    if (twin)
        world_fini(&mute);
    chance_free(chance);
    return true;
}

/* ---- failures ------------------------------------------------------------------------------ */

static void print_line(void *arg, const char *line)
{
    fprintf(arg, "    %s\n", line);
}

static void report(uint64_t seed, uint64_t step)
{
    printf("\nFAILED seed %" PRIu64 " step %" PRIu64 ": %s\n", seed, step, sim_failure);
    if (world.core.broken) {
        puts("the core's own trace:");
        tv_core_trace(&world.core, print_line, stdout);
    }
    fflush(stdout); /* before a sanitizer ends the process over what a broken run leaves behind */
}

/* The last lines of the same run once more, with its trace. */
static void show_failure(uint64_t seed)
{
    char *text = NULL, *from;
    size_t size = 0;
    FILE *trace = open_memstream(&text, &size);
    int lines = 0;

    if (!trace)
        exit(2);
    run(seed, trace);
    fclose(trace);
    for (from = text + size; from > text && lines <= TRACE_SHOWN; from--)
        lines += from[-1] == '\n';
    printf("the last moves before it (sim --seed=%" PRIu64 " shows all):\n%s\n", seed, from);
    report(seed, world.steps);
    free(text);
}

static int run_one(uint64_t seed)
{
    bool good = run(seed, stdout);

    if (!good)
        report(seed, world.steps);
    else
        printf("# seed %" PRIu64 ": %" PRIu64 " steps, hash %016" PRIx64 "\n", seed, world.steps,
               world.hash);
    return good ? 0 : 1;
}

static int run_many(uint64_t from, uint64_t count)
{
    uint64_t hash = 0, steps = 0, tasks = 0;

    for (uint64_t seed = from; seed < from + count; seed++) {
        if (!run(seed, NULL)) {
            show_failure(seed);
            return 1;
        }
        hash = tv_mix(hash ^ world.hash) + seed;
        steps += world.steps;
        tasks += world.accepted;
    }
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " tasks, %" PRIu64 " steps, hash %016" PRIx64 "\n",
           count, tasks, steps, hash);
    return 0;
}

/* ---- replay -------------------------------------------------------------------------------- */

/* What the core takes for granted, because only a broken host would do it. */
static const char *impossible(const struct move *move)
{
    struct record *record = world_record(&world, move->id);
    bool by_handle = move->kind == TV_IN_LEAVE && move->target == SIM_BY_HANDLE;

    if (move->kind == TV_IN_RESULT && !(record && record->in_flight))
        return "no body of this task is running";
    if (move->kind == TV_IN_UNRESERVE && !(record && record->actor.state == TV_ACTOR_RESERVED))
        return "this task is not reserved";
    if (move->kind == TV_IN_WITHDRAW && !(record && record->slot[0]))
        return "this is no submission that was taken";
    if (move->kind == TV_IN_SUBMIT && world.core.config.queue_capacity == 0)
        return "there is no controller";
    if (by_handle && !record)
        return "nobody has a handle of this task";
    return NULL;
}

static bool brings_task(enum tv_input_kind kind)
{
    return kind == TV_IN_ADD || kind == TV_IN_RESERVE || kind == TV_IN_SUBMIT;
}

/* There is a handle of every task, so that it can be asked to leave at any time. */
static const char *replay_line(char *line)
{
    struct move move;
    bool empty;
    const char *wrong = move_read(line, &move, &empty);
    struct played played;

    if (!wrong && !empty)
        wrong = impossible(&move);
    if (wrong || empty)
        return wrong;
    played = world_play(&world, &move);
    if (brings_task(move.kind) && world_record(&world, played.id))
        world_hold(&world, played.id);
    world_pump(&world);
    show_line(&world, played, true, stdout);
    return NULL;
}

static int replay_lines(FILE *in)
{
    char *line = NULL;
    size_t size = 0;
    struct tv_core_config config;
    const char *wrong = getline(&line, &size, in) > 0 ? config_read(line, &config)
                                                      : "the file is empty";
    unsigned long number = 1;
    jmp_buf door;

    if (!wrong) {
        world_init(&world, &config, true);
        world.door = &door;
        if (setjmp(door)) {
            report(0, world.steps);
            return 1;
        }
        show_begin(&world);
        while (!wrong && getline(&line, &size, in) > 0) {
            number++;
            wrong = replay_line(line);
        }
        show_end(&world);
    }
    free(line);
    if (wrong)
        fprintf(stderr, "sim: line %lu: %s\n", number, wrong);
    return wrong ? 2 : 0;
}

static int replay(const char *path)
{
    FILE *in = path ? fopen(path, "r") : stdin;
    int code;

    if (!in) {
        fprintf(stderr, "sim: %s: %s\n", path, strerror(errno));
        return 2;
    }
    code = replay_lines(in);
    if (path)
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

int main(int argc, char **argv)
{
    uint64_t seed = 0, seeds = 0, from = 1;
    bool one = false;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    if (argc == 2 && strncmp(argv[1], "--replay=", 9) == 0)
        return replay(argv[1] + 9);
    if (argc == 2 && strcmp(argv[1], "--replay") == 0)
        return replay(NULL);
    for (int i = 1; i < argc; i++) {
        if (has_number(argv[i], "--seed=", &seed)) {
            one = true;
        } else if (!has_number(argv[i], "--seeds=", &seeds) &&
                   !has_number(argv[i], "--from=", &from)) {
            fprintf(stderr, "sim: what is %s?\n%s", argv[i], help);
            return 2;
        }
    }
    if (one == (seeds > 0)) {
        fputs(help, stderr);
        return 2;
    }
    return one ? run_one(seed) : run_many(from, seeds);
}
