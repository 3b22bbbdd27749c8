#include "rt/runtime.h"

/* May this hold's thread run the job itself, once it has dropped the lock? */
static bool is_for_caller(const struct tv_supervisor *supervisor, const struct tv_job *job,
                          enum tv_caller caller)
{
    switch (caller) {
    case TV_WORKER:
        return true;
    case TV_ATTACHED:
        return !job->settled && job->kind == TV_JOB_TASK;
    case TV_DETACHED:
        return !supervisor->host;
    }
    return false;
}

void tv_job_post(struct tv_supervisor *supervisor, struct tv_job *job, struct tv_after *after)
{
    if (job->queued)
        return;
    job->queued = true;
    job->final = job->forgotten && !job->settled;
    job->next = NULL;
    supervisor->jobs_open++;
    if (is_for_caller(supervisor, job, after->caller)) {
        if (!after->jobs)
            after->last = &after->jobs;
        *after->last = job;
        after->last = &job->next;
        after->any = true;
    } else {
        *supervisor->last_job = job;
        supervisor->last_job = &job->next;
    }
}

void tv_jobs_pass_on(struct tv_supervisor *supervisor, struct tv_after *after)
{
    if (!after->jobs)
        return;
    *supervisor->last_job = after->jobs;
    supervisor->last_job = after->last;
    after->jobs = NULL;
}

struct tv_job *tv_job_take(struct tv_supervisor *supervisor)
{
    struct tv_job *job = supervisor->jobs;

    if (!job)
        return NULL;
    supervisor->jobs = job->next;
    if (!supervisor->jobs)
        supervisor->last_job = &supervisor->jobs;
    return job;
}

static void forget(struct tv_supervisor *supervisor, struct tv_task *task)
{
    if (supervisor->host)
        supervisor->host->forgotten(supervisor->host_arg, task);
    tv_task_rele(task);
}

/*
 * The job stays `queued` while it is run, so that what is asked for meanwhile comes to this thread:
 * a task is never forgotten by one thread while another tells its outcome.
 */
static void run_task_job(struct tv_supervisor *supervisor, struct tv_task *task)
{
    bool settled, forgotten;

    while (!task->job.final) {
        tv_lock_take(&supervisor->lock);
        settled = task->job.settled;
        forgotten = task->job.forgotten;
        task->job.settled = false;
        task->job.queued = settled || forgotten;
        tv_lock_drop(&supervisor->lock);
        if (settled)
            supervisor->host->settled(supervisor->host_arg, task);
        else if (forgotten)
            break;
        else
            return;
    }
    forget(supervisor, task);
}

void tv_job_run(struct tv_supervisor *supervisor, struct tv_job *job)
{
    struct tv_self outer = tv_self;

    tv_self = (struct tv_self){TV_ROLE_JOB, supervisor, NULL};
    switch ((enum tv_job_kind)job->kind) {
    case TV_JOB_TASK:
        run_task_job(supervisor, TV_CONTAINER(job, struct tv_task, job));
        break;
    case TV_JOB_EXCEEDED:
        supervisor->host->exceeded(supervisor->host_arg);
        break;
    }
    tv_self = outer;
}

uint64_t tv_jobs_run(struct tv_supervisor *supervisor, struct tv_job *jobs)
{
    uint64_t count = 0;

    for (; jobs; count++) {
        struct tv_job *next = jobs->next;

        tv_job_run(supervisor, jobs);
        jobs = next;
    }
    return count;
}

void tv_jobs_done(struct tv_supervisor *supervisor, uint64_t jobs, struct tv_after *after)
{
    supervisor->jobs_open -= jobs;
    if (supervisor->jobs_open == 0 && supervisor->seen == TV_SHUTDOWN_DRAINING)
        tv_timer_by(supervisor, 0, after);
}
