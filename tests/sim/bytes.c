#include "move.h"

#include <string.h>

/*
 * Bytes are taken one by one; behind the last one there are zeros. A byte says which of so many
 * things is meant, by its remainder, so that every byte means something. The first ones are the
 * configuration; then each move is its kind, how far time goes, and what that kind needs.
 */
struct bytes {
    const uint8_t *at, *end;
    tv_id ids; /* made so far */
};

static size_t one_of(struct bytes *bytes, size_t count)
{
    return bytes->at < bytes->end ? *bytes->at++ % count : 0;
}

static bool yes(struct bytes *bytes)
{
    return one_of(bytes, 2) == 1;
}

static tv_ns duration(struct bytes *bytes)
{
    static const tv_ns durations[] = {0, 1, 2, 3, 5, 8, 20, 50, TV_SECOND, TV_NS_MAX};

    return durations[one_of(bytes, sizeof durations / sizeof *durations)];
}

static tv_ns maybe(struct bytes *bytes, tv_ns without)
{
    return yes(bytes) ? duration(bytes) : without;
}

static void decode_options(struct bytes *bytes, struct tv_options *options)
{
    static const double factors[] = {1.0, 1.5, 2.0, 10.0, 1e300};

    options->restart = (enum tv_restart_kind)one_of(bytes, 3);
    options->interval_ns = maybe(bytes, TV_NONE);
    options->timeout_ns = maybe(bytes, 0);
    options->reset_after_ns = maybe(bytes, TV_NONE);
    options->grace_ns = duration(bytes);
    options->max_retries = (int64_t)one_of(bytes, 5) - 1;
    options->backoff.first_ns = (tv_ns)one_of(bytes, 10);
    options->backoff.max_ns = options->backoff.first_ns + (tv_ns)one_of(bytes, 200);
    options->backoff.factor = factors[one_of(bytes, 5)];
    options->backoff.jitter = (enum tv_jitter)one_of(bytes, 4);
}

static void decode_config(struct bytes *bytes, struct tv_core_config *config)
{
    config->max_concurrent = one_of(bytes, 4);
    config->queue_capacity = one_of(bytes, 5); /* 0: there is no controller */
    config->max_slot_queue = one_of(bytes, 4);
    config->seed = one_of(bytes, 256);
    config->subscriber_grace_ns = duration(bytes);
    decode_options(bytes, &config->defaults);
}

static void decode_name(struct bytes *bytes, char *name, char first, size_t count)
{
    name[0] = (char)(first + (char)one_of(bytes, count));
    name[1] = '\0';
}

/* One of the last that were made: the others have mostly ended. */
static tv_id decode_id(struct bytes *bytes)
{
    return bytes->ids ? bytes->ids - one_of(bytes, bytes->ids < 16 ? bytes->ids : 16) : 0;
}

static void decode_task(struct bytes *bytes, struct move *move)
{
    decode_name(bytes, move->name, 'a', 6);
    move->on_loop = yes(bytes);
    move->essential = one_of(bytes, 16) == 1;
    move->options.inherits = (uint32_t)one_of(bytes, TV_INHERIT_ALL + 1);
    decode_options(bytes, &move->options);
    if (yes(bytes))
        move->options.inherits = TV_INHERIT_ALL;
    bytes->ids++;
}

static void decode_leave(struct bytes *bytes, struct move *move)
{
    move->target = (enum sim_target)one_of(bytes, 3);
    move->style = (enum tv_leave_style)one_of(bytes, 2);
    if (move->target == SIM_BY_NAME)
        decode_name(bytes, move->name, 'a', 6);
    else
        move->id = decode_id(bytes);
}

static void decode_result(struct bytes *bytes, struct move *move)
{
    static const char *const texts[] = {"boom", "", "µ-law", "no luck this time"};

    move->id = decode_id(bytes);
    move->error = (enum tv_error_kind)one_of(bytes, TV_ERROR_TIMEOUT);
    move->stray = move->error == TV_ERROR_NONE && yes(bytes);
    if (move->error != TV_ERROR_FAIL && move->error != TV_ERROR_FATAL)
        return;
    strcpy(move->text, texts[one_of(bytes, 4)]);
    move->has_exit_code = yes(bytes);
    move->exit_code = move->has_exit_code ? (int32_t)one_of(bytes, 256) - 128 : 0;
}

static void decode_rest(struct bytes *bytes, struct move *move)
{
    switch (move->kind) {
    case TV_IN_SUBMIT:
        decode_name(bytes, move->slot, 's', 3);
        move->admission = (enum tv_admission)one_of(bytes, 3);
        move->wait = yes(bytes);
        decode_task(bytes, move);
        break;
    case TV_IN_RESERVE:
        move->batch = (uint32_t)one_of(bytes, SIM_BATCHES);
        decode_task(bytes, move);
        break;
    case TV_IN_ADD:
        decode_task(bytes, move);
        break;
    case TV_IN_COMMIT:
        move->batch = (uint32_t)one_of(bytes, SIM_BATCHES);
        break;
    case TV_IN_LEAVE:
        decode_leave(bytes, move);
        break;
    case TV_IN_RESULT:
        decode_result(bytes, move);
        break;
    case TV_IN_UNRESERVE:
    case TV_IN_WITHDRAW:
        move->id = decode_id(bytes);
        break;
    case TV_IN_SHUTDOWN:
        move->grace_ns = duration(bytes);
        move->quiet = yes(bytes);
        break;
    case TV_IN_CANCEL_SLOT:
        decode_name(bytes, move->slot, 's', 3);
        move->purge = yes(bytes);
        break;
    case TV_IN_TAKE:
        move->on_loop = yes(bytes);
        break;
    case TV_IN_TICK:
    case TV_IN_FINISH:
    case TV_IN_DRAINED:
        break;
    }
}

static tv_ns decode_now(struct bytes *bytes, tv_ns now)
{
    static const tv_ns steps[] = {0, 0, 0, 1, 1, 2, 3, 8, 20, 100, TV_SECOND, -1};

    return now + steps[one_of(bytes, sizeof steps / sizeof *steps)];
}

void list_decode(const uint8_t *data, size_t size, struct list *out)
{
    struct bytes bytes = {.at = data, .end = data + size};
    tv_ns now = 0;

    decode_config(&bytes, &out->config);
    while (bytes.at < bytes.end) {
        size_t kind = one_of(&bytes, TV_IN_CANCEL_SLOT + 3);
        struct move move = {.now = now = decode_now(&bytes, now)};

        if (kind > TV_IN_CANCEL_SLOT) {
            move.what = kind == TV_IN_CANCEL_SLOT + 1 ? MOVE_HOLD : MOVE_DROP;
            move.id = decode_id(&bytes);
        } else {
            move.kind = (enum tv_input_kind)kind;
            decode_rest(&bytes, &move);
        }
        list_append(out, &move);
    }
}
