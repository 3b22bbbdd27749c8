/*
 * three_tasks.h: a rig, and three tasks that it has not been given yet.
 */
#ifndef THREE_TASKS_H
#define THREE_TASKS_H

#include "rig.h"

static struct rig rig;
static struct task a, b, c;

static inline void begin(void)
{
    rig_init(&rig, (struct tv_core_config){.defaults = RIG_OPTIONS, .seed = 11});
    a = b = c = (struct task){.actor = {.id = 0}};
}

static inline void done(void)
{
    rig_fini(&rig);
    rig_free(&a);
    rig_free(&b);
    rig_free(&c);
}

#endif
