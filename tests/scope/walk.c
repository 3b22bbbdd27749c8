#include "scope.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A state that was reached, how it was reached first, and the hash of its bytes, kept whole. */
struct node {
    uint8_t size;
    uint8_t state[STATE_SIZE];
    uint32_t from;
    struct doing by;
    uint32_t depth;
};

static struct node *nodes;
static uint32_t count, room;
static uint32_t *places; /* of a hash table: the index of a node, + 1 */
static uint64_t places_mask;

static void *memory(void *old, size_t size)
{
    void *grown = realloc(old, size);

    if (!grown)
        abort();
    return grown;
}

/* ---- the states there are ------------------------------------------------------------------ */

static uint64_t hash_of(const uint8_t *bytes, size_t size)
{
    uint64_t hash = size;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return tv_mix(hash);
}

static uint32_t *place_of(const uint8_t *bytes, size_t size)
{
    uint64_t at = hash_of(bytes, size) & places_mask;

    while (places[at]) {
        const struct node *node = &nodes[places[at] - 1];

        if (node->size == size && memcmp(node->state, bytes, size) == 0)
            break;
        at = (at + 1) & places_mask;
    }
    return &places[at];
}

static void spread(void)
{
    places_mask = 2 * (uint64_t)room - 1;
    free(places);
    places = memory(NULL, (places_mask + 1) * sizeof *places);
    memset(places, 0, (places_mask + 1) * sizeof *places);
    for (uint32_t i = 0; i < count; i++)
        *place_of(nodes[i].state, nodes[i].size) = i + 1;
}

static void grow(void)
{
    if (count < room)
        return;
    room = room ? 2 * room : 4096;
    nodes = memory(nodes, room * sizeof *nodes);
    spread();
}

/* Notes the state that there is now, unless it is known. */
static void note(uint32_t from, const struct doing *by)
{
    uint8_t bytes[STATE_SIZE];
    size_t size = state_write(bytes);
    uint32_t *known;

    grow();
    known = place_of(bytes, size);
    if (*known)
        return;
    nodes[count] = (struct node){
        .size = (uint8_t)size, .from = from, .depth = count ? nodes[from].depth + 1 : 0};
    memcpy(nodes[count].state, bytes, size);
    if (by)
        nodes[count].by = *by;
    *known = ++count;
}

/* ---- ways ---------------------------------------------------------------------------------- */

/* Begins anew and does all that leads to the node, telling `out` of it. */
static void go_to(uint32_t index, FILE *out)
{
    uint32_t depth = nodes[index].depth;
    struct doing *way = memory(NULL, (depth + 1) * sizeof *way);

    for (uint32_t i = depth; i > 0; i--) {
        way[i - 1] = nodes[index].by;
        index = nodes[index].from;
    }
    place_init(scope);
    for (uint32_t i = 0; i < depth; i++) {
        struct move move;

        doing_move(&way[i], &move);
        if (out) {
            move_write(&move, out);
            fputc('\n', out);
        }
        do_it(&way[i]);
    }
    free(way);
}

static void report(uint32_t index, const struct doing *last, const char *wrong)
{
    struct move move;

    printf("\nFAILED %s (%s), after (sim --play=FILE plays it):\n", wrong, scope->about);
    config_write(&scope->config, stdout);
    fputc('\n', stdout);
    go_to(index, stdout);
    doing_move(last, &move);
    move_write(&move, stdout);
    fputc('\n', stdout);
}

bool walk(const struct scope *of, struct walked *walked)
{
    struct doing here[DOINGS];

    *walked = (struct walked){.states = 0};
    count = 0;
    if (places)
        memset(places, 0, (places_mask + 1) * sizeof *places);
    place_init(of);
    note(0, NULL);
    for (uint32_t i = 0; i < count; i++) {
        size_t found;

        go_to(i, NULL);
        place_keep();
        found = doings(here);
        for (size_t n = 0; n < found; n++) {
            const char *wrong;

            place_put_back();
            wrong = do_it(&here[n]);
            if (wrong) {
                report(i, &here[n], wrong);
                return false;
            }
            note(i, &here[n]);
        }
        walked->inputs += found;
    }
    walked->states = count;
    walked->depth = nodes[count - 1].depth;
    return true;
}
