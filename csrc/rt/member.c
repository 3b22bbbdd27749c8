/*
 * member.c
 *
 * Locking discipline. tv_crew and `written_off` are guarded by the supervisor's lock; the rest of
 * a member is its own thread's. A member hands its thread in to be joined before it counts itself
 * out, so whoever has seen `present` fall to 0 finds every thread in what tv_reap joins.
 */
#include "rt/member.h"

#include "rt/runtime.h"

#include <stdlib.h>

static void count_in(struct tv_supervisor *supervisor)
{
    tv_lock_take(&supervisor->lock);
    supervisor->crew.created++;
    supervisor->crew.present++;
    tv_lock_drop(&supervisor->lock);
}

static void count_out_unstarted(struct tv_supervisor *supervisor)
{
    struct tv_after after = TV_AFTER(TV_DETACHED);

    tv_lock_take(&supervisor->lock);
    supervisor->crew.created--;
    supervisor->crew.present--;
    tv_timer_by(supervisor, 0, &after);
    tv_rt_drop(supervisor, &after);
}

enum tv_err tv_member_start(struct tv_member *member, struct tv_supervisor *supervisor,
                            size_t stack_size, void *(*run)(void *), void *arg)
{
    struct tv_thread thread;

    member->departed = malloc(sizeof *member->departed);
    if (!member->departed)
        return TV_NO_MEMORY;
    member->supervisor = tv_supervisor_hold(supervisor);
    count_in(supervisor);
    if (tv_thread_start(&thread, stack_size, run, arg) == TV_OK)
        return TV_OK;
    count_out_unstarted(supervisor);
    free(member->departed);
    tv_supervisor_rele(supervisor);
    return TV_NO_THREAD;
}

bool tv_member_begin(struct tv_member *member)
{
    const struct tv_host *host = member->supervisor->host;

    member->thread = tv_thread_self();
    tv_thread_prepare(member->name);
    if (!host)
        return true;
    if (!tv_is_gone())
        member->state = host->thread_begin(member->supervisor->host_arg, member->name);
    return member->state != NULL;
}

bool tv_member_attach(struct tv_member *member)
{
    const struct tv_host *host = member->supervisor->host;

    if (tv_is_gone())
        return false;
    if (host)
        host->attach(member->supervisor->host_arg, member->state);
    return true;
}

void tv_member_detach(struct tv_member *member)
{
    const struct tv_host *host = member->supervisor->host;

    if (host)
        host->detach(member->supervisor->host_arg, member->state);
}

/*
 * Is this the last member of a closing supervisor, and the one to say so? Not while a loop that is
 * no member has a body: then its end brings one that will be.
 */
static bool is_last(struct tv_supervisor *supervisor)
{
    struct tv_crew *crew = &supervisor->crew;

    return supervisor->host && crew->closing && !crew->told_closed &&
           crew->created - crew->leaving == 1 &&
           (supervisor->loop.has_thread || supervisor->loop.bodies == 0);
}

/* Two members may leave at once; the one that says so second is the last. */
static bool start_leaving(struct tv_supervisor *supervisor)
{
    bool last;

    tv_lock_take(&supervisor->lock);
    last = is_last(supervisor);
    supervisor->crew.told_closed |= last;
    supervisor->crew.leaving++;
    tv_lock_drop(&supervisor->lock);
    return last;
}

static void count_left(struct tv_supervisor *supervisor)
{
    struct tv_crew *crew = &supervisor->crew;
    bool alone;

    tv_lock_take(&supervisor->lock);
    crew->left++;
    alone = crew->told_closed && crew->created - crew->left == 1;
    tv_lock_drop(&supervisor->lock);
    if (alone)
        tv_sem_post(&crew->alone);
}

/* Until those that are leaving too have ended with the host. */
static void await_others(struct tv_supervisor *supervisor)
{
    struct tv_crew *crew = &supervisor->crew;

    tv_lock_take(&supervisor->lock);
    while (crew->created - crew->left > 1) {
        tv_lock_drop(&supervisor->lock);
        tv_sem_wait(&crew->alone, TV_NEVER);
        tv_lock_take(&supervisor->lock);
    }
    tv_lock_drop(&supervisor->lock);
}

static void end_host(struct tv_member *member)
{
    struct tv_supervisor *supervisor = member->supervisor;
    const struct tv_host *host = supervisor->host;
    bool last = start_leaving(supervisor);

    if (host && member->state && !tv_is_gone()) {
        if (last) {
            await_others(supervisor);
            host->attach(supervisor->host_arg, member->state);
            host->closed(supervisor->host_arg);
            host->detach(supervisor->host_arg, member->state);
        }
        host->thread_end(supervisor->host_arg, member->state);
    }
    count_left(supervisor);
}

void tv_member_leave(struct tv_member *member, void (*free_self)(void *), void *arg)
{
    struct tv_supervisor *supervisor = member->supervisor;
    struct tv_departed *departed = member->departed;
    struct tv_after after = TV_AFTER(TV_DETACHED);
    bool written_off;

    end_host(member);
    tv_lock_take(&supervisor->lock);
    written_off = member->written_off;
    tv_lock_drop(&supervisor->lock);
    if (written_off) {
        free(departed);
    } else {
        tv_reap();
        tv_depart(departed);
    }
    tv_lock_take(&supervisor->lock);
    if (written_off)
        supervisor->crew.written_off--;
    else
        supervisor->crew.present--;
    tv_timer_by(supervisor, 0, &after);
    tv_rt_drop(supervisor, &after);
    free_self(arg);
    tv_supervisor_rele(supervisor);
}

void tv_member_write_off(struct tv_member *member)
{
    struct tv_crew *crew = &member->supervisor->crew;

    if (member->written_off)
        return;
    member->written_off = true;
    crew->present--;
    crew->written_off++;
    tv_thread_detach(member->thread);
}

tv_ns tv_turn_until(tv_ns asked, tv_ns got)
{
    tv_ns turn = got - asked;

    if (turn < TV_TURN)
        turn = TV_TURN;
    return got + (turn < TV_TURN_MAX ? turn : TV_TURN_MAX);
}
