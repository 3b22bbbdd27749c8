#define _POSIX_C_SOURCE 200809L /* getline */

#include "sim.h"

#include <stdlib.h>

static struct world world;

/* There is a handle of every task, so that it can be asked to leave at any time. */
static const char *replay_line(char *line)
{
    struct move move;
    bool empty;
    const char *wrong = move_read(line, &move, &empty);
    struct played played;

    if (!wrong && !empty)
        wrong = world_objects(&world, &move);
    if (wrong || empty)
        return wrong;
    played = world_play(&world, &move);
    if (move_brings_task(&move) && world_record(&world, played.id))
        world_play(&world, &(struct move){.what = MOVE_HOLD, .id = played.id});
    world_pump(&world);
    show_line(&world, played, true, stdout);
    return NULL;
}

static const char *replay_all(FILE *in, char **line, size_t *size, unsigned long *number)
{
    const char *wrong = NULL;

    show_begin(&world);
    while (!wrong && getline(line, size, in) > 0) {
        ++*number;
        wrong = replay_line(*line);
    }
    show_end(&world);
    return wrong;
}

int replay_lines(FILE *in)
{
    char *line = NULL;
    size_t size = 0;
    struct tv_core_config config;
    const char *wrong = getline(&line, &size, in) > 0 ? config_read(line, &config)
                                                      : "the file is empty";
    unsigned long number = 1;
    jmp_buf door;

    if (!wrong) {
        world_init(&world, &config, SIM_QUEUE);
        world.door = &door;
        if (setjmp(door)) {
            seeds_report(&world);
            return 1;
        }
        wrong = replay_all(in, &line, &size, &number);
    }
    free(line);
    if (wrong)
        fprintf(stderr, "sim: line %lu: %s\n", number, wrong);
    return wrong ? 2 : 0;
}
