#include "core/reason.h"

#include "core/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct tv_text *tv_error_text(const struct tv_error *error)
{
    return error->kind == TV_ERROR_FAIL || error->kind == TV_ERROR_FATAL ? error->text : NULL;
}

struct tv_text *tv_reason_text(const struct tv_reason *reason)
{
    switch ((enum tv_reason_kind)reason->kind) {
    case TV_REASON_ERROR:
    case TV_REASON_RETRIES:
        return tv_error_text(&reason->error);
    case TV_REASON_TEXT:
    case TV_REASON_SUBSCRIBER_FULL:
    case TV_REASON_ADD_FAILED:
    case TV_REASON_QUEUE_START_FAILED:
        return reason->error.text;
    case TV_REASON_NONE:
    case TV_REASON_SUCCESS:
    case TV_REASON_ALREADY_EXISTS:
    case TV_REASON_NOT_FOUND:
    case TV_REASON_MANUAL_CANCEL:
    case TV_REASON_SUBMITTED:
    case TV_REASON_SUBMITTED_DEPTH:
    case TV_REASON_STARTED_FROM_QUEUE:
    case TV_REASON_REPLACED:
    case TV_REASON_QUEUE_FULL:
    case TV_REASON_SUPERSEDED:
    case TV_REASON_SLOT_BUSY:
    case TV_REASON_REMOVED_FROM_QUEUE:
    case TV_REASON_SHUTTING_DOWN:
        break;
    }
    return NULL;
}

/* Texts may hold NUL bytes, so what is formatted is counted, not terminated. */
struct sink {
    char *out;
    size_t size, length;
};

static void put(struct sink *sink, const char *bytes, size_t size)
{
    if (sink->length < sink->size) {
        size_t room = sink->size - sink->length;

        memcpy(sink->out + sink->length, bytes, size < room ? size : room);
    }
    sink->length += size;
}

static void put_text(struct sink *sink, const struct tv_text *text)
{
    put(sink, text->bytes, text->size);
}

static void put_string(struct sink *sink, const char *string)
{
    put(sink, string, strlen(string));
}

static void put_error(struct sink *sink, const struct tv_error *error)
{
    char duration[TV_DURATION_SIZE];

    switch ((enum tv_error_kind)error->kind) {
    case TV_ERROR_FAIL:
        put_string(sink, "execution failed: ");
        put_text(sink, error->text);
        break;
    case TV_ERROR_FATAL:
        put_string(sink, "fatal error (no retry): ");
        put_text(sink, error->text);
        break;
    case TV_ERROR_CANCELED:
        put_string(sink, "context canceled");
        break;
    case TV_ERROR_TIMEOUT:
        tv_duration_format(error->after_ns, duration);
        put_string(sink, "timed out after ");
        put_string(sink, duration);
        break;
    case TV_ERROR_NONE:
        break;
    }
}

static void put_number(struct sink *sink, const char *before, uint32_t number, const char *after)
{
    char digits[16];

    snprintf(digits, sizeof digits, "%" PRIu32, number);
    put_string(sink, before);
    put_string(sink, digits);
    put_string(sink, after);
}

static void put_retries(struct sink *sink, const struct tv_reason *reason)
{
    put_number(sink, "max_retries_exceeded(", reason->count, "/");
    put_number(sink, "", reason->limit, "): ");
    put_error(sink, &reason->error);
}

/* ---- what the controller says ---------------------------------------------------------------- */

static const char *const admissions[] = {
    [TV_ADMISSION_QUEUE] = "Queue",
    [TV_ADMISSION_REPLACE] = "Replace",
    [TV_ADMISSION_DROP_IF_RUNNING] = "DropIfRunning",
};

static const char *const statuses[] = {
#define X(name, text) text,
    TV_SLOT_STATUSES(X)
#undef X
};

static void put_submitted(struct sink *sink, const struct tv_reason *reason)
{
    put_string(sink, "admission=");
    put_string(sink, admissions[reason->admission]);
    if (reason->kind == TV_REASON_SUBMITTED || reason->status == TV_SLOT_TERMINATING) {
        put_string(sink, " status=");
        put_string(sink, statuses[reason->status]);
    }
    if (reason->kind == TV_REASON_SUBMITTED_DEPTH)
        put_number(sink, " depth=", reason->count, "");
}

static void put_exists(struct sink *sink, const char *before, const struct tv_reason *reason)
{
    put_string(sink, before);
    put_string(sink, ": task '");
    put_text(sink, reason->error.text);
    put_string(sink, "' already exists in registry");
}

static void put_slot_busy(struct sink *sink, const struct tv_reason *reason)
{
    put_string(sink, "dropped: slot busy (status=");
    put_string(sink, statuses[reason->status]);
    put_string(sink, ")");
}

static void put_queue_full(struct sink *sink, const struct tv_reason *reason)
{
    put_number(sink, "queue_full: ", reason->count, "/");
    put_number(sink, "", reason->limit, "");
}

/* ---------------------------------------------------------------------------------------------- */

static void put_reason(struct sink *sink, const struct tv_reason *reason)
{
    switch ((enum tv_reason_kind)reason->kind) {
    case TV_REASON_ERROR:
        put_error(sink, &reason->error);
        break;
    case TV_REASON_RETRIES:
        put_retries(sink, reason);
        break;
    case TV_REASON_SUCCESS:
        put_string(sink, "policy_exhausted_success");
        break;
    case TV_REASON_ALREADY_EXISTS:
        put_string(sink, "already_exists");
        break;
    case TV_REASON_NOT_FOUND:
        put_string(sink, "task_not_found");
        break;
    case TV_REASON_MANUAL_CANCEL:
        put_string(sink, "manual_cancel");
        break;
    case TV_REASON_TEXT:
        put_text(sink, reason->error.text);
        break;
    case TV_REASON_SUBSCRIBER_FULL:
        put_string(sink, "subscriber=");
        put_text(sink, reason->error.text);
        put_string(sink, " reason=full");
        break;
    case TV_REASON_SUBMITTED:
    case TV_REASON_SUBMITTED_DEPTH:
        put_submitted(sink, reason);
        break;
    case TV_REASON_STARTED_FROM_QUEUE:
        put_number(sink, "started_from_queue depth=", reason->count, "");
        break;
    case TV_REASON_REPLACED:
        put_string(sink, "running→terminating (replace)");
        break;
    case TV_REASON_ADD_FAILED:
        put_exists(sink, "add_failed", reason);
        break;
    case TV_REASON_QUEUE_START_FAILED:
        put_exists(sink, "queue_start_failed", reason);
        break;
    case TV_REASON_QUEUE_FULL:
        put_queue_full(sink, reason);
        break;
    case TV_REASON_SUPERSEDED:
        put_string(sink, "superseded_by_replace");
        break;
    case TV_REASON_SLOT_BUSY:
        put_slot_busy(sink, reason);
        break;
    case TV_REASON_REMOVED_FROM_QUEUE:
        put_string(sink, "removed_from_queue");
        break;
    case TV_REASON_SHUTTING_DOWN:
        put_string(sink, "shutting_down");
        break;
    case TV_REASON_NONE:
        break;
    }
}

size_t tv_error_format(const struct tv_error *error, char *out, size_t size)
{
    struct sink sink = {.out = out, .size = size};

    put_error(&sink, error);
    return sink.length;
}

size_t tv_reason_format(const struct tv_reason *reason, char *out, size_t size)
{
    struct sink sink = {.out = out, .size = size};

    put_reason(&sink, reason);
    return sink.length;
}

/* Writes the digits of a fraction of `digits` places, with its point, without trailing zeros. */
static void put_fraction(tv_ns part, int digits, char *out)
{
    for (; digits > 0 && part % 10 == 0; digits--)
        part /= 10;
    for (int i = digits; i > 0; i--, part /= 10)
        out[i] = (char)('0' + part % 10);
    if (digits > 0)
        out[0] = '.';
    out[digits > 0 ? digits + 1 : 0] = '\0';
}

void tv_duration_format(tv_ns duration, char out[TV_DURATION_SIZE])
{
    static const struct {
        tv_ns unit;
        int digits;
        const char *name;
    } units[] = {{TV_SECOND, 9, "s"}, {TV_MS, 6, "ms"}, {1000, 3, "µs"}, {1, 0, "ns"}};
    char fraction[12];
    int i = 0;

    while (i < 3 && duration < units[i].unit)
        i++;
    put_fraction(duration % units[i].unit, units[i].digits, fraction);
    snprintf(out, TV_DURATION_SIZE, "%" PRId64 "%s%s", duration / units[i].unit, fraction,
             units[i].name);
}
