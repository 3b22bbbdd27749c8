#include "words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The grammar stands at the head of move.c. */

/* The next word of the line, or NULL. */
static char *word(char **line)
{
    char *start = *line + strspn(*line, " \t\r\n");
    char *end = start + strcspn(start, " \t\r\n");

    if (start == end || *start == '#')
        return NULL;
    *line = *end ? end + 1 : end;
    *end = '\0';
    return start;
}

static bool number(const char *text, int64_t *value)
{
    char *end;

    if (!text || !*text)
        return false;
    *value = *text == '-' ? strtoll(text, &end, 10) : (int64_t)strtoull(text, &end, 10);
    return !*end;
}

static bool name_in(const char *const *names, size_t count, const char *text, int64_t *index)
{
    for (size_t i = 0; text && i < count; i++)
        if (names[i] && strcmp(names[i], text) == 0) {
            *index = (int64_t)i;
            return true;
        }
    return false;
}

#define IS_IN(names, text, index) name_in(names, COUNT(names), text, index)

static bool read_pair(struct tv_options *options, const char *key, const char *value)
{
    const struct {
        const char *key;
        tv_ns *place;
    } numbers[] = {
        {"interval", &options->interval_ns}, {"timeout", &options->timeout_ns},
        {"reset", &options->reset_after_ns}, {"grace", &options->grace_ns},
        {"retries", &options->max_retries},  {"first", &options->backoff.first_ns},
        {"max", &options->backoff.max_ns},
    };
    int64_t found = 0;
    char *end;

    for (size_t i = 0; i < COUNT(numbers); i++)
        if (strcmp(numbers[i].key, key) == 0)
            return number(value, numbers[i].place);
    if (strcmp(key, "factor") == 0) {
        options->backoff.factor = strtod(value, &end);
        return *value && !*end;
    }
    if (strcmp(key, "restart") == 0 && IS_IN(restart_names, value, &found))
        options->restart = (enum tv_restart_kind)found;
    else if (strcmp(key, "jitter") == 0 && IS_IN(jitter_names, value, &found))
        options->backoff.jitter = (enum tv_jitter)found;
    else if (strcmp(key, "inherits") == 0 && number(value, &found))
        options->inherits = (uint32_t)found;
    else
        return false;
    return true;
}

/* Cuts `key=value` in two; NULL: it is none. */
static char *value_of(char *pair)
{
    char *equals = strchr(pair, '=');

    if (equals)
        *equals++ = '\0';
    return equals;
}

static const char *read_options(char **line, struct tv_options *options, struct move *move)
{
    char *key;

    *options = (struct tv_options){.interval_ns = TV_NONE,
                                   .reset_after_ns = TV_NONE,
                                   .max_retries = TV_NONE,
                                   .backoff = {.factor = 1.0}};
    while ((key = word(line))) {
        char *value = value_of(key);

        if (move && strcmp(key, "loop") == 0)
            move->on_loop = true;
        else if (move && strcmp(key, "essential") == 0)
            move->essential = true;
        else if (!value || !read_pair(options, key, value))
            return "unknown option";
    }
    return NULL;
}

static const char *read_name(char **line, char out[SIM_NAME])
{
    const char *name = word(line);

    if (!name || strlen(name) >= SIM_NAME)
        return "a name of 1 to 23 bytes is missing";
    strcpy(out, name);
    return NULL;
}

static const char *read_task(char **line, struct move *move)
{
    const char *wrong = read_name(line, move->name);

    return wrong ? wrong : read_options(line, &move->options, move);
}

static const char *read_submit(char **line, struct move *move)
{
    const char *wrong = read_name(line, move->slot);
    int64_t admission, wait;

    if (wrong)
        return wrong;
    if (!IS_IN(admission_names, word(line), &admission) ||
        !IS_IN(patience, word(line), &wait))
        return "submit: queue, replace or drop_if_running, then try or wait";
    move->admission = (enum tv_admission)admission;
    move->wait = wait == 1;
    return read_task(line, move);
}

static const char *read_cancel_slot(char **line, struct move *move)
{
    const char *wrong = read_name(line, move->slot);
    int64_t extent;

    if (wrong)
        return wrong;
    if (!IS_IN(extents, word(line), &extent))
        return "cancel_slot: owner or purge";
    move->purge = extent == 1;
    return NULL;
}

static const char *read_batch(char **line, struct move *move)
{
    int64_t batch;

    if (!number(word(line), &batch) || batch < 0 || batch >= SIM_BATCHES)
        return "the number of a batch is missing";
    move->batch = (uint32_t)batch;
    return NULL;
}

static const char *read_id(char **line, struct move *move)
{
    int64_t id;

    if (!number(word(line), &id) || id < 0)
        return "an id is missing";
    move->id = (tv_id)id;
    return NULL;
}

static const char *read_leave(char **line, struct move *move)
{
    int64_t target, style;
    const char *wrong;

    if (!IS_IN(targets, word(line), &target))
        return "leave: name, id or handle";
    move->target = (enum sim_target)target;
    wrong = move->target == SIM_BY_NAME ? read_name(line, move->name) : read_id(line, move);
    if (wrong)
        return wrong;
    if (!IS_IN(styles, word(line), &style))
        return "leave: remove or cancel";
    move->style = (enum tv_leave_style)style;
    return NULL;
}

/* What stands between two bars. */
static const char *read_text(char **line, struct move *move)
{
    char *start = strchr(*line, '|'), *end = start ? strchr(start + 1, '|') : NULL;

    if (!end)
        return "a text between two bars is missing";
    *end = '\0';
    if (end - start > SIM_TEXT)
        return "a text is longer than 47 bytes";
    strcpy(move->text, start + 1);
    *line = end + 1;
    return NULL;
}

static const char *read_result(char **line, struct move *move)
{
    const char *wrong = read_id(line, move), *how = word(line);
    int64_t error = 0, code;
    char *exit_code;

    if (wrong)
        return wrong;
    move->stray = how && strcmp(how, "stray") == 0;
    if (!move->stray && !IS_IN(errors, how, &error))
        return "result: none, fail, fatal, canceled or stray";
    move->error = (enum tv_error_kind)error;
    if (move->error == TV_ERROR_FAIL || move->error == TV_ERROR_FATAL)
        wrong = read_text(line, move);
    exit_code = wrong ? NULL : word(line);
    if (!exit_code)
        return wrong;
    if (strncmp(exit_code, "exit=", 5) != 0 || !number(exit_code + 5, &code))
        return "result: exit=number or nothing more";
    move->has_exit_code = true;
    move->exit_code = (int32_t)code;
    return NULL;
}

static const char *read_shutdown(char **line, struct move *move)
{
    const char *quiet;

    if (!number(word(line), &move->grace_ns))
        return "a grace is missing";
    quiet = word(line);
    move->quiet = quiet && strcmp(quiet, "quiet") == 0;
    return !quiet || move->quiet ? NULL : "shutdown: quiet or nothing more";
}

static const char *read_take(char **line, struct move *move)
{
    const char *where = word(line);

    move->on_loop = where && strcmp(where, "loop") == 0;
    return !where || move->on_loop ? NULL : "take: loop or nothing more";
}

static const char *read_rest(char **line, struct move *move)
{
    const char *wrong = NULL;

    if (move->what != MOVE_INPUT)
        return read_id(line, move);
    if (move->kind == TV_IN_TAKE)
        return read_take(line, move);
    if (move->kind == TV_IN_RESERVE || move->kind == TV_IN_COMMIT)
        wrong = read_batch(line, move);
    if (!wrong && (move->kind == TV_IN_ADD || move->kind == TV_IN_RESERVE))
        return read_task(line, move);
    if (move->kind == TV_IN_UNRESERVE || move->kind == TV_IN_WITHDRAW)
        return read_id(line, move);
    if (move->kind == TV_IN_SUBMIT)
        return read_submit(line, move);
    if (move->kind == TV_IN_CANCEL_SLOT)
        return read_cancel_slot(line, move);
    if (move->kind == TV_IN_LEAVE)
        return read_leave(line, move);
    if (move->kind == TV_IN_RESULT)
        return read_result(line, move);
    if (move->kind == TV_IN_SHUTDOWN)
        return read_shutdown(line, move);
    return wrong;
}

const char *move_read(char *line, struct move *move, bool *empty)
{
    const char *first = word(&line), *second, *wrong;
    int64_t kind = 0, look = MOVE_INPUT;

    *move = (struct move){.now = 0};
    *empty = !first;
    if (!first)
        return NULL;
    second = word(&line);
    if (!number(first, &move->now) || (!IS_IN(kinds, second, &kind) &&
                                       !IS_IN(looks, second, &look)))
        return "a line begins with an instant and what it is";
    move->kind = (enum tv_input_kind)kind;
    move->what = (enum move_what)look;
    wrong = read_rest(&line, move);
    return wrong ? wrong : word(&line) ? "there is more than belongs here" : NULL;
}

const char *config_read(char *line, struct tv_core_config *config)
{
    const char *first = word(&line);
    static const char *const keys[] = {"max_concurrent", "seed", "subscriber_grace",
                                       "queue_capacity", "max_slot_queue"};
    int64_t numbers[COUNT(keys)] = {0};

    *config = (struct tv_core_config){.max_concurrent = 0};
    if (!first || strcmp(first, "config") != 0)
        return "the first line begins with config";
    for (size_t i = 0; i < COUNT(keys); i++) {
        char *key = word(&line), *value = key ? value_of(key) : NULL;

        if (!value || strcmp(key, keys[i]) != 0 || !number(value, &numbers[i]))
            return "config: max_concurrent=, seed=, subscriber_grace=, queue_capacity=, "
                   "max_slot_queue=, then options";
    }
    config->max_concurrent = (uint64_t)numbers[0];
    config->seed = (uint64_t)numbers[1];
    config->subscriber_grace_ns = numbers[2];
    config->queue_capacity = (uint64_t)numbers[3];
    config->max_slot_queue = (uint64_t)numbers[4];
    return read_options(&line, &config->defaults, NULL);
}
