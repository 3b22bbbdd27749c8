/*
 * inputs.h: what each input does; the step around it is core.c.
 */
#ifndef TV_INPUTS_H
#define TV_INPUTS_H

#include "core/core.h"

/* Inside a step, with nothing pending and no earlier timer due. */
enum tv_step tv_core_apply(struct tv_core *core, struct tv_input *in);

/* What TAKE does: the one that has been ready longest starts. NULL: none is. */
struct tv_actor *tv_core_take(struct tv_core *core, bool for_loop);

#endif
