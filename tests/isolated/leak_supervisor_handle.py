"""Every call of a running supervisor's handle, refused calls and errors included."""

import measure

import taskvisor as tv


def nothing() -> None:
    pass


def fails() -> None:
    raise ValueError("once")


def waits(ctx: tv.TaskContext) -> None:
    ctx.wait()


class Silent:
    """Keeps failures out of the log."""

    def on_event(self, event: tv.Event) -> None:
        pass


once, failing, waiting = (tv.TaskSpec.once(fn) for fn in (nothing, fails, waits))


def refused(call: object, *args: object) -> None:
    try:
        call(*args)
    except (tv.SupervisorError, TypeError):
        return
    raise AssertionError("not refused")


def work() -> None:
    handle = supervisor.add(waiting)
    refused(supervisor.add, waiting)
    refused(supervisor.add, None)
    refused(supervisor.add_many, [once, waiting])
    supervisor.list(), supervisor.tasks(), supervisor.snapshot(), supervisor.subscribers()
    supervisor.is_alive("waits"), supervisor.is_alive("nobody")
    supervisor.cancel(handle)
    for task in supervisor.add_many([once, failing]):
        task.outcome(20)
    supervisor.remove("nobody")
    supervisor.join()


with tv.Supervisor(subscribers=[Silent()]) as supervisor:
    measure.check(work, tv.SupervisorHandle, tv.TaskHandle, tv.TaskSpec, tv.TaskInfo, tv.Event)
