#include "chance.h"

#define COMPARE_EVERY 16 /* moves */

static void compare(struct play *play)
{
    world_pump(&play->world);
    world_pump(&play->mute);
    world_compare(&play->world, &play->mute);
}

static struct played play_move(struct play *play, const struct move *move)
{
    struct played played, other;

    if (play->trace) {
        move_write(move, play->trace);
        fputs("   # ", play->trace);
    }
    played = world_play(&play->world, move);
    if (play->trace)
        show_line(&play->world, played, false, play->trace);
    if (!play->twin)
        return played;
    other = world_play(&play->mute, move);
    SIM_EXPECT(&play->world,
               other.answer == played.answer && other.id == played.id &&
                   other.count == played.count,
               "5 where nobody listens the answer is another one");
    if (++play->moves % COMPARE_EVERY == 0)
        compare(play);
    return played;
}

/* Before it is played: it may be the last. */
static void note(struct play *play, const struct move *move)
{
    move_write(move, play->journal);
    fputc('\n', play->journal);
    fflush(play->journal);
}

static void play_all(struct play *play, struct source source)
{
    struct move move;

    while (source.next(source.arg, &play->world, &move)) {
        struct played played;

        if (play->journal)
            note(play, &move);
        if (world_objects(&play->world, &move)) {
            world_skip(&play->world, &move);
            if (play->twin)
                world_skip(&play->mute, &move);
            continue;
        }
        played = play_move(play, &move);
        if (source.played)
            source.played(source.arg, &move, played);
    }
    while (ending_next(&play->world, &move))
        play_move(play, &move);
    if (play->twin)
        compare(play);
}

bool play_source(struct play *play, const struct tv_core_config *config, struct source source)
{
    jmp_buf door;

    play->moves = 0;
    world_init(&play->world, config, SIM_QUEUE);
    world_init(&play->mute, config, 0);
    play->world.door = play->mute.door = &door;
    if (setjmp(door))
        return false;
    if (play->trace)
        show_begin(&play->world);
    play_all(play, source);
    if (play->trace)
        show_end(&play->world);
    world_fini(&play->world);
    if (play->twin)
        world_fini(&play->mute);
    return true;
}

/* ---- sources ------------------------------------------------------------------------------- */

struct cursor {
    const struct list *list;
    size_t at;
};

static bool next_of_list(void *arg, const struct world *world, struct move *move)
{
    struct cursor *cursor = arg;

    (void)world;
    if (cursor->at == cursor->list->count)
        return false;
    *move = cursor->list->move[cursor->at++];
    return true;
}

/* Slices may differ where nobody listens, and then answers too: a large world has no twin. */
#define SMALL 450 /* moves */

bool play_list(struct play *play, const struct list *list)
{
    struct cursor cursor = {.list = list};

    play->twin = list->count < SMALL;
    return play_source(play, &list->config, (struct source){.next = next_of_list, .arg = &cursor});
}

bool play_seed(struct play *play, uint64_t seed)
{
    struct chance chance;
    struct source source = {.next = chance_next, .played = chance_played, .arg = &chance};

    chance_init(&chance, seed);
    play->twin = !chance.big;
    if (play->journal) {
        config_write(&chance.config, play->journal);
        fputc('\n', play->journal);
        fflush(play->journal);
    }
    if (play->trace) {
        fputs("# features:", play->trace);
        swarm_write(chance.features, play->trace);
        fputc('\n', play->trace);
        config_write(&chance.config, play->trace);
        fputc('\n', play->trace);
    }
    return play_source(play, &chance.config, source);
}
