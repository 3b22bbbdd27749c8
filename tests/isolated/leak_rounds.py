"""1,000 rounds of serve, add and shutdown leave threads, memory and descriptors where they were."""

import measure

import taskvisor as tv


def nothing() -> None:
    pass


spec = tv.TaskSpec.once(nothing)


def work() -> None:
    supervisor = tv.Supervisor().serve()
    supervisor.add(spec)
    supervisor.shutdown()


measure.check(work, tv.Supervisor, tv.SupervisorHandle, tv.TaskHandle)
