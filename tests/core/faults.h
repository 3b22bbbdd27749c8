/*
 * faults.h: faults planted in a sound core, for tv_core_check to find. A check that finds nothing
 * is worth what it would find.
 *
 * The file that includes this has `rig`, begin(), which makes a sound core of it, and done().
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "rig.h"

/* The invariant's number, or its number and the words that follow it. */
static inline void check_found(const char *file, int line, struct tv_core *core,
                               const char *wanted)
{
    const char *found = tv_core_check(core);
    size_t size = strlen(wanted);
    char wrong[200];

    if (found && strncmp(found, wanted, size) == 0 && (found[size] == ' ' || !found[size]))
        return;
    snprintf(wrong, sizeof wrong, "wanted %s, found %s", wanted, found ? found : "nothing");
    check_failed(file, line, wrong);
}

#define CHECK_FOUND(wanted) check_found(__FILE__, __LINE__, &rig.core, wanted)

/* Plants the fault in a sound core: the check for it finds it. `repair` is for done(). */
#define FINDS_AND(wanted, fault, repair) \
    do {                                 \
        begin();                         \
        fault;                           \
        CHECK_FOUND(wanted);             \
        repair;                          \
        done();                          \
    } while (0)
#define FINDS(wanted, fault) FINDS_AND(wanted, fault, (void)0)

#endif
