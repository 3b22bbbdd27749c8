"""Events made by hand and by a supervisor, compared, hashed, shown, pickled and refused."""

import pickle

import measure

import taskvisor as tv


def refused(*args: object, **fields: object) -> None:
    try:
        tv.Event(*args, **fields)
    except (TypeError, ValueError):
        return
    raise AssertionError("not refused")


def fails() -> None:
    raise ValueError("text " * 10)


class Silent:
    """Keeps failures out of the log."""

    def on_event(self, event: tv.Event) -> None:
        self.last = event.reason, event.task, event.duration


spec = tv.TaskSpec(fails, backoff=tv.BackoffPolicy.constant(0), max_retries=2)


def work() -> None:
    event = tv.Event("task_failed", task="a", id=7, attempt=2, reason="text", duration=0.5)
    again = pickle.loads(pickle.dumps(event))
    assert again == event
    hash(event), repr(event), event.is_diagnostic
    refused("no such kind")
    refused("task_failed", no_such_field=1)
    refused()
    with supervisor.events() as stream:
        supervisor.add(spec).outcome(20)
        assert stream.next(20).kind is tv.EventKind.TASK_ADD_REQUESTED


with tv.Supervisor(subscribers=[Silent()]) as supervisor:
    measure.check(work, tv.Event, tv.EventStream)
