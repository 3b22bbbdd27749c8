"""Subscribers: base class and duck type, raising, refused, and in a cycle with their supervisor."""

import measure

import taskvisor as tv


class Keeps(tv.Subscribe):
    """Keeps the last event, and the last failure, with its traceback and so its frames."""

    queue_capacity = 4

    def on_event(self, event: tv.Event) -> None:
        self.event = event

    def on_failure(self, handle: tv.TaskHandle[None], outcome: tv.TaskOutcome[None]) -> None:
        self.failure = handle, outcome


class Raises:
    """Raises for each event."""

    def on_event(self, event: tv.Event) -> None:
        raise ValueError(event)


class Refused:
    """No subscriber: its on_event is a coroutine function."""

    async def on_event(self, event: tv.Event) -> None:
        pass


def nothing() -> None:
    pass


def fails() -> None:
    raise tv.Fail("x")


spec, failing = tv.TaskSpec.once(nothing), tv.TaskSpec.once(fails)


def work() -> None:
    keeps = Keeps()
    with tv.Supervisor(subscribers=[keeps, Keeps(), Raises()]) as supervisor:
        keeps.supervisor = supervisor
        supervisor.add(spec).outcome(20)
        supervisor.add(failing).outcome(20)
        supervisor.subscribers()
    try:
        tv.Supervisor(subscribers=[keeps, Refused()])
    except TypeError:
        return
    raise AssertionError("not refused")


measure.check(work, tv.Subscribe, Keeps, Raises, Refused, tv.Event, tv.SubscriberInfo)
