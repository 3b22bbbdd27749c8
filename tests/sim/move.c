#include "words.h"

#include <inttypes.h>

/*
 * A line is words: the instant, what it is, and what that needs; options are key=value.
 *
 *     12 add a restart=always interval=3 inherits=48 ...      12 result 1 fail boom exit=2
 *     12 reserve 0 b ...   12 commit 0   12 unreserve 2       12 result 1 none | canceled | stray
 *     12 leave name a remove   12 leave id 1 cancel           12 leave handle 1 remove
 *     12 tick   12 take [loop]   12 finish   12 drained       12 shutdown 5 [quiet]
 *     12 submit s replace wait a restart=always ...           12 withdraw 2
 *     12 submit s queue try a ...                             12 cancel_slot s purge | owner
 *     12 hold 2   12 drop 2
 *
 * The text of a failure stands between two bars and may hold blanks: `result 1 fail |no luck|`. A
 * task whose body runs on the loop has the word `loop` before its options, one whose failure shuts
 * all down the word `essential`.
 */

static void write_options(const struct tv_options *options, FILE *out)
{
    fprintf(out,
            " inherits=%" PRIu32 " restart=%s interval=%" PRId64 " timeout=%" PRId64
            " reset=%" PRId64 " grace=%" PRId64 " retries=%" PRId64 " first=%" PRId64
            " max=%" PRId64 " factor=%.17g jitter=%s",
            options->inherits, restart_names[options->restart], options->interval_ns,
            options->timeout_ns, options->reset_after_ns, options->grace_ns,
            options->max_retries, options->backoff.first_ns, options->backoff.max_ns,
            options->backoff.factor, jitter_names[options->backoff.jitter]);
}

static void write_result(const struct move *move, FILE *out)
{
    fprintf(out, " %" PRIu64 " %s", move->id, move->stray ? "stray" : errors[move->error]);
    if (move->error == TV_ERROR_FAIL || move->error == TV_ERROR_FATAL)
        fprintf(out, " |%s|", move->text);
    if (move->has_exit_code)
        fprintf(out, " exit=%" PRId32, move->exit_code);
}

static void write_leave(const struct move *move, FILE *out)
{
    fprintf(out, " %s ", targets[move->target]);
    if (move->target == SIM_BY_NAME)
        fputs(move->name, out);
    else
        fprintf(out, "%" PRIu64, move->id);
    fprintf(out, " %s", styles[move->style]);
}

bool move_brings_task(const struct move *move)
{
    return move->what == MOVE_INPUT && (move->kind == TV_IN_ADD || move->kind == TV_IN_RESERVE ||
                                        move->kind == TV_IN_SUBMIT);
}

bool move_needs_task(const struct move *move)
{
    return move->what != MOVE_INPUT || move->kind == TV_IN_RESULT ||
           move->kind == TV_IN_UNRESERVE || move->kind == TV_IN_WITHDRAW ||
           (move->kind == TV_IN_LEAVE && move->target == SIM_BY_HANDLE);
}

static void write_task(const struct move *move, FILE *out)
{
    fprintf(out, " %s%s%s", move->name, move->on_loop ? " loop" : "",
            move->essential ? " essential" : "");
    write_options(&move->options, out);
}

void move_write(const struct move *move, FILE *out)
{
    if (move->what != MOVE_INPUT) {
        fprintf(out, "%" PRId64 " %s %" PRIu64, move->now, looks[move->what], move->id);
        return;
    }
    fprintf(out, "%" PRId64 " %s", move->now, kinds[move->kind]);
    if (move->kind == TV_IN_RESERVE || move->kind == TV_IN_COMMIT)
        fprintf(out, " %" PRIu32, move->batch);
    if (move->kind == TV_IN_SUBMIT)
        fprintf(out, " %s %s %s", move->slot, admission_names[move->admission],
                patience[move->wait]);
    if (move_brings_task(move)) {
        write_task(move, out);
    } else if (move->kind == TV_IN_TAKE) {
        fputs(move->on_loop ? " loop" : "", out);
    } else if (move->kind == TV_IN_CANCEL_SLOT) {
        fprintf(out, " %s %s", move->slot, extents[move->purge]);
    } else if (move->kind == TV_IN_UNRESERVE || move->kind == TV_IN_WITHDRAW) {
        fprintf(out, " %" PRIu64, move->id);
    } else if (move->kind == TV_IN_LEAVE) {
        write_leave(move, out);
    } else if (move->kind == TV_IN_RESULT) {
        write_result(move, out);
    } else if (move->kind == TV_IN_SHUTDOWN) {
        fprintf(out, " %" PRId64 "%s", move->grace_ns, move->quiet ? " quiet" : "");
    }
}

void config_write(const struct tv_core_config *config, FILE *out)
{
    fprintf(out,
            "config max_concurrent=%" PRIu64 " seed=%" PRIu64 " subscriber_grace=%" PRId64
            " queue_capacity=%" PRIu64 " max_slot_queue=%" PRIu64,
            config->max_concurrent, config->seed, config->subscriber_grace_ns,
            config->queue_capacity, config->max_slot_queue);
    write_options(&config->defaults, out);
}
