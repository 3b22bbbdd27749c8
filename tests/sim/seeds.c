#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct play play; /* large, and left by longjmp: static */

/* ---- failures ------------------------------------------------------------------------------ */

static void print_line(void *arg, const char *line)
{
    fprintf(arg, "    %s\n", line);
}

void seeds_report(const struct world *world)
{
    printf("\nFAILED step %" PRIu64 ": %s\n", world->steps, sim_failure);
    if (world->core.broken) {
        puts("the core's own trace:");
        tv_core_trace(&world->core, print_line, stdout);
    }
    fflush(stdout); /* before a sanitizer ends the process over what a broken run leaves behind */
}

static int show_list(void *list, struct verdict *shared)
{
    (void)shared;
    setvbuf(stdout, NULL, _IOLBF, 0); /* it may crash */
    play.trace = stdout;
    config_write(&((struct list *)list)->config, stdout);
    fputc('\n', stdout);
    if (play_list(&play, list))
        return 0;
    seeds_report(&play.world);
    return 1;
}

int seeds_list(const struct list *list)
{
    return show_list((struct list *)list, NULL);
}

/* Shorter and shorter, then what is left with all that it brings. */
static void shrink_and_show(struct list *list, const struct verdict *verdict)
{
    size_t before = list->count;
    unsigned tried = shrink(list, verdict);

    printf("of its %zu moves these %zu are enough (%u lists tried; sim --play=FILE plays them):\n",
           before, list->count, tried);
    list_write(list, stdout);
    puts("\nwith what each brings:");
    shrink_apart(show_list, list, false);
}

static int play_quietly(void *list, struct verdict *shared)
{
    (void)shared;
    return !play_list(&play, list);
}

int seeds_shrink(struct list *list)
{
    struct verdict verdict = shrink_apart(play_quietly, list, true);

    if (!verdict.failed) {
        puts("sim: this list does not fail");
        return 0;
    }
    shrink_and_show(list, &verdict);
    return 1;
}

/* ---- one seed ------------------------------------------------------------------------------ */

int seeds_one(uint64_t seed)
{
    play.trace = stdout;
    if (!play_seed(&play, seed)) {
        seeds_report(&play.world);
        return 1;
    }
    printf("# seed %" PRIu64 ": %" PRIu64 " steps, hash %016" PRIx64 "\n", seed, play.world.steps,
           play.world.hash);
    return 0;
}

struct taken_down {
    uint64_t seed;
    FILE *journal;
};

static int take_down(void *arg, struct verdict *shared)
{
    struct taken_down *taken = arg;

    (void)shared;
    play.journal = taken->journal;
    return !play_seed(&play, taken->seed);
}

/* Once more, taking down its moves; as a list they have to fail without the seed. */
static void explain(uint64_t seed)
{
    struct taken_down taken = {.seed = seed, .journal = tmpfile()};
    struct list list = {.move = NULL};
    struct verdict verdict;
    unsigned long number;

    if (!taken.journal)
        exit(2);
    verdict = shrink_apart(take_down, &taken, true);
    printf("\nFAILED seed %" PRIu64 " (sim --seed=%" PRIu64 " shows all): %s\n", seed, seed,
           verdict.failure[0] ? verdict.failure : "a crash, or stuck");
    rewind(taken.journal);
    if (!list_read(taken.journal, &list, &number))
        shrink_and_show(&list, &verdict);
    list_free(&list);
    fclose(taken.journal);
}

/* ---- many ---------------------------------------------------------------------------------- */

struct seeds {
    uint64_t from, count;
    bool hashes;
};

static int play_seeds(void *arg, struct verdict *shared)
{
    const struct seeds *seeds = arg;
    uint64_t hash = 0, steps = 0, tasks = 0;

    for (uint64_t seed = seeds->from; seed < seeds->from + seeds->count; seed++) {
        shared->seed = seed;
        if (!play_seed(&play, seed))
            return 1;
        if (seeds->hashes)
            printf("%" PRIu64 " %016" PRIx64 "\n", seed, play.world.hash);
        hash = tv_mix(hash ^ play.world.hash) + seed;
        steps += play.world.steps;
        tasks += play.world.accepted;
    }
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " tasks, %" PRIu64 " steps, hash %016" PRIx64 "\n",
           seeds->count, tasks, steps, hash);
    return 0;
}

int seeds_many(uint64_t from, uint64_t count, bool hashes)
{
    struct seeds seeds = {.from = from, .count = count, .hashes = hashes};
    struct verdict verdict = shrink_apart(play_seeds, &seeds, false);

    if (verdict.failed)
        explain(verdict.seed);
    return verdict.failed ? 1 : 0;
}
