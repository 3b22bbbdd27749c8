"""Streams read to their end, closed early, overflown and dropped."""

import measure

import taskvisor as tv


def nothing() -> None:
    pass


spec = tv.TaskSpec.once(nothing)


def work() -> None:
    supervisor.events()
    with supervisor.events() as closed, supervisor.events(capacity=1) as small:
        supervisor.add(spec).outcome(20)
        closed.next(20)
        try:
            small.next(20)
        except tv.Lagged as gap:
            gap.stream = small
        small.next(20)
    assert list(closed) == []
    try:
        supervisor.events().next(0)
    except TimeoutError as error:
        error.stream = closed
    with tv.Supervisor() as other:
        to_the_end = other.events()
        other.shutdown()
        assert len(list(to_the_end)) == 2


with tv.Supervisor() as supervisor:
    measure.check(work, tv.EventStream, tv.Event, tv.Lagged)
