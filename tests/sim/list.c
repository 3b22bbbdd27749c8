#define _POSIX_C_SOURCE 200809L /* getline */

#include "move.h"

#include <stdlib.h>
#include <string.h>

void list_append(struct list *list, const struct move *move)
{
    if (list->count == list->room) {
        list->room = 2 * list->room + 64;
        list->move = realloc(list->move, list->room * sizeof *list->move);
        if (!list->move)
            abort();
    }
    list->move[list->count++] = *move;
}

void list_free(struct list *list)
{
    free(list->move);
    *list = (struct list){.move = NULL};
}

/* ---- without some -------------------------------------------------------------------------- */

/* The ids that the moves left out would have made: new_id[old], 0 where it is not made any more. */
static tv_id *renumbered(const struct list *list, size_t from, size_t to, tv_id *last)
{
    tv_id *new_id = calloc(list->count + 1, sizeof *new_id), next = 0;

    if (!new_id)
        abort();
    *last = 0;
    for (size_t i = 0; i < list->count; i++)
        if (move_brings_task(&list->move[i]))
            new_id[++*last] = i >= from && i < to ? 0 : ++next;
    return new_id;
}

void list_without(const struct list *list, size_t from, size_t to, struct list *out)
{
    tv_id last, *new_id = renumbered(list, from, to, &last);

    out->config = list->config;
    for (size_t i = 0; i < list->count; i++) {
        struct move move = list->move[i];
        bool known = move.id > 0 && move.id <= last;

        if (i >= from && i < to)
            continue;
        if (known && new_id[move.id])
            move.id = new_id[move.id];
        else if (move_needs_task(&move))
            continue;
        list_append(out, &move);
    }
    free(new_id);
}

/* ---- files --------------------------------------------------------------------------------- */

void list_write(const struct list *list, FILE *out)
{
    config_write(&list->config, out);
    fputc('\n', out);
    for (size_t i = 0; i < list->count; i++) {
        move_write(&list->move[i], out);
        fputc('\n', out);
    }
}

static const char *read_line(char *line, struct list *list)
{
    struct move move;
    bool empty;
    const char *wrong = move_read(line, &move, &empty);

    if (!wrong && !empty)
        list_append(list, &move);
    return wrong;
}

/* The first line that is no comment is the configuration. */
const char *list_read(FILE *in, struct list *list, unsigned long *number)
{
    char *line = NULL;
    size_t size = 0;
    bool begun = false;
    const char *wrong = NULL;

    for (*number = 0; !wrong && getline(&line, &size, in) > 0; ++*number) {
        if (begun)
            wrong = read_line(line, list);
        else if (line[0] != '#')
            wrong = config_read(line, &list->config);
        begun |= line[0] != '#';
    }
    free(line);
    return wrong || begun ? wrong : "the file is empty";
}
