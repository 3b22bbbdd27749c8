"""Supervisors made, served, used, shut down, and made without being run."""

import warnings

import measure

import taskvisor as tv


class Silent:
    """A subscriber, for its thread and queue."""

    def on_event(self, event: tv.Event) -> None:
        pass


def nothing() -> None:
    pass


spec = tv.TaskSpec.once(nothing)


def work() -> None:
    tv.Supervisor(tv.SupervisorConfig(seed=1), subscribers=[Silent()])
    supervisor = tv.Supervisor(subscribers=[Silent()])
    with supervisor.serve() as handle:
        handle.add(spec).outcome(20)
    try:
        supervisor.serve()
    except tv.AlreadyRunning:
        pass
    tv.Supervisor().run([spec], handle_signals=False)
    tv.Supervisor().serve().shutdown(wait=False)
    tv.Supervisor().serve().add(spec).outcome(20)  # and the supervisor is dropped


warnings.simplefilter("ignore", ResourceWarning)


measure.check(work, tv.Supervisor, tv.SupervisorHandle, tv.TaskHandle, tv.TaskSpec, Silent)
