#include "core/core.h"

#include <inttypes.h>
#include <stdio.h>

static const char *input_name(enum tv_input_kind input)
{
    switch (input) {
    case TV_IN_TICK:
        return "TICK";
    case TV_IN_ADD:
        return "ADD";
    case TV_IN_RESERVE:
        return "RESERVE";
    case TV_IN_UNRESERVE:
        return "UNRESERVE";
    case TV_IN_COMMIT:
        return "COMMIT";
    case TV_IN_LEAVE:
        return "LEAVE";
    case TV_IN_TAKE:
        return "TAKE";
    case TV_IN_RESULT:
        return "RESULT";
    case TV_IN_FINISH:
        return "FINISH";
    case TV_IN_SHUTDOWN:
        return "SHUTDOWN";
    case TV_IN_DRAINED:
        return "DRAINED";
    case TV_IN_SUBMIT:
        return "SUBMIT";
    case TV_IN_WITHDRAW:
        return "WITHDRAW";
    case TV_IN_CANCEL_SLOT:
        return "CANCEL_SLOT";
    }
    return "?";
}

static const char *state_name(uint8_t state)
{
    static const char *const names[] = {
#define X(name, task) [TV_ACTOR_##name] = #name,
        TV_ACTOR_STATES(X)
#undef X
    };

    return names[state];
}

void tv_core_trace(const struct tv_core *core, void (*print)(void *arg, const char *line),
                   void *arg)
{
    uint64_t step = core->steps > TV_TRACE ? core->steps - TV_TRACE : 0;
    char line[160];

    for (; step < core->steps; step++) {
        const struct tv_trace_line *at = &core->trace[step % TV_TRACE];
        int length = snprintf(line, sizeof line, "step %" PRIu64 " now %" PRId64 " %s", step,
                              at->now, input_name(at->input));

        if (at->id)
            snprintf(line + length, sizeof line - (size_t)length, " task %" PRIu64 " %s -> %s",
                     at->id, state_name(at->state_before), state_name(at->state_after));
        print(arg, line);
    }
}
