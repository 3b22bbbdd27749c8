"""Tests without sleeping: a clock that is set by hand, a recorder of events, waits for conditions.

    def test_a_failed_task_is_tried_again_after_its_delay():
        clock, events = ManualClock(), Recorder()
        config = SupervisorConfig(backoff=BackoffPolicy.constant(60))
        with clock.supervisor(config, subscribers=[events]) as sup:
            handle = sup.add(TaskSpec(fails_once))
            events.wait_for("backoff_scheduled")
            assert clock.advance_to_next() == 60.0
            assert handle.outcome(timeout=30).attempts == 2

The clock drives the real runtime: the threads, the order of what falls due and what comes of it are
those of production, and only the time is yours. With pytest, the fixtures `clock`, `events` and
`supervisor` are these, ready-made.

Guarantees: importing this starts nothing and does not import asyncio; nothing here depends on how
fast a machine is. The timeouts of waits here are real seconds, for tests that would hang otherwise.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from taskvisor._checks import Seconds, seconds
from taskvisor._core import Clock, Event, Subscribe, Supervisor
from taskvisor.config import SupervisorConfig
from taskvisor.controller import ControllerConfig
from taskvisor.events import EventKind

if TYPE_CHECKING:
    from taskvisor import aio
    from taskvisor._core import _Subscriber

__all__ = ["ManualClock", "Recorder", "await_until", "wait_until"]

_T = TypeVar("_T")

PATIENCE = 30.0
_PAUSE = 0.002

_FIELDS = (
    "attempt",
    "timeout_ms",
    "delay_ms",
    "backoff_source",
    "exit_code",
    "duration",
    "reason",
)


class ManualClock:
    """A clock that stands still until it is advanced; it begins at 0.

    On it go, for each supervisor made by `supervisor` or `aio_supervisor`: backoff and intervals,
    timeouts of attempts, `reset_after`, every grace, `TaskInfo.next_start_in`, `Event.duration`,
    and what bodies wait for with `ctx.sleep`, `ctx.wait`, `ctx.asleep` and `ctx.wait_cancelled`.

    Not on it: the timeouts of callers that wait (`outcome`, `cancel`, `join`, `CancellationToken`),
    `Event.at`, `time` and `asyncio` themselves, and how soon a coroutine that swallows its cancel
    is cancelled again. At the interpreter's exit it goes on by itself.

    A shutdown waits for bodies that do not end until somebody advances the clock past its grace.
    Where somebody waits for it and nobody advances the clock, a test that has failed, say, its
    grace is over after `patience` seconds on the system's clock, and this one goes on by itself:
    GraceExceeded says which tasks are stuck.

    Several supervisors may share a clock. Every method may be called from any thread, and none
    waits. In a forked child, RuntimeError.

    patience: a float or a timedelta of seconds, 0 or more. Raises TypeError and ValueError for what
    is none.
    """

    __slots__ = ("__weakref__", "_clock")

    def __init__(self, *, patience: Seconds = PATIENCE) -> None:
        self._clock = Clock(seconds(patience, "patience"))

    def __repr__(self) -> str:
        return f"<ManualClock now={self.now()}>"

    def now(self) -> float:
        """Return how many seconds it has been advanced by, in all."""
        return self._clock.now()

    @property
    def sleeping(self) -> int:
        """How many waits of bodies with a timeout it is to end, an int; they begin on their own.

        `wait_until(lambda: clock.sleeping == 1)` before advancing past such a wait.
        """
        return self._clock.asleep()

    def advance(self, seconds: Seconds) -> None:
        """Set it forward, in one step.

        What falls due by then has been decided when this returns, in the order of deadlines, and
        all of it at the new time: a periodic task starts once, however often its interval fits.
        Attempts that start by that, start on their own threads.

        seconds: a float or a timedelta, 0 or more. Raises TypeError and ValueError for what is
        none.
        """
        self._clock.advance(seconds)

    def advance_to_next(self) -> float | None:
        """Set it forward to the next instant at which something falls due.

        Return by how many seconds, 0.0 for what is overdue; None, and the clock stands where it
        was, if nothing waits for it.
        """
        return self._clock.advance_to_next()

    def supervisor(
        self,
        config: SupervisorConfig | None = None,
        *,
        subscribers: Iterable[_Subscriber] = (),
        controller: ControllerConfig | None = None,
    ) -> Supervisor:
        """Return a Supervisor on this clock.

        config, subscribers, controller: what `taskvisor.Supervisor` takes, and raises for bad ones.
        """
        return self._clock.supervise(config, subscribers=subscribers, controller=controller)

    def aio_supervisor(
        self,
        config: SupervisorConfig | None = None,
        *,
        subscribers: Iterable[_Subscriber] = (),
        controller: ControllerConfig | None = None,
    ) -> aio.Supervisor:
        """Return a `taskvisor.aio.Supervisor` on this clock.

        config, subscribers, controller: what `taskvisor.Supervisor` takes, and raises for bad ones.
        """
        from taskvisor import aio

        plain = self.supervisor(config, subscribers=subscribers, controller=controller)
        return aio.Supervisor._over(plain)

    def _release(self) -> None:
        """Let it go on by itself, for good: the end of a test is to wait for nobody in vain."""
        self._clock.release()


class Recorder(Subscribe):
    """A subscriber that keeps every event, for tests to look at and to wait for.

    Events come on a thread of the runtime's, soon after they were published: wait for what has to
    be there. All are there once the supervisor has been shut down.

    Locking: `_changed` guards the list; each append notifies, so who waits sees every change, and
    what a waiter looks at runs with the lock held.
    """

    name = "recorder"
    queue_capacity = 65_536

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: list[Event] = []

    def on_event(self, event: Event, /) -> None:
        """Keep an event."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    @property
    def events(self) -> list[Event]:
        """All events so far, in their order: a new list."""
        with self._changed:
            return list(self._events)

    def of(self, task: str | None = None, kind: EventKind | str | None = None) -> list[Event]:
        """Return the events so far: all, those of a task's name, of a kind, or of both.

        task: the name. kind: an EventKind or its text. None takes any. Raises nothing.
        """
        return _chosen(self.events, task, kind)

    def words(self, task: str | None = None) -> list[str]:
        """Return the events so far as lines to compare, such as `a: task_failed attempt=1 …`.

        A line has the event's kind and each field that is set, but for `seq`, `at` and `id`, which
        differ from run to run; of `duration` only the word. Those of one task's name come without
        that name in front. Raises nothing.
        """
        if task is not None:
            return [described(event) for event in self.of(task)]
        return lines(self.events)

    def wait_for(
        self,
        kind: EventKind | str,
        task: str | None = None,
        *,
        count: int = 1,
        timeout: Seconds = PATIENCE,
    ) -> Event:
        """Wait for an event and return it; one that has come before will do.

        kind: an EventKind or its text. task: of this name; None: of any. count: the first such
        event, the second, … timeout: seconds to wait at most, on the system's clock.

        Raises TimeoutError, which shows what has come, ValueError for a kind that there is not,
        RuntimeError where an event loop runs, which it would block (`await await_until(...)`).
        """
        wanted = EventKind(kind)

        def find(events: list[Event]) -> Event | None:
            found = _chosen(events, task, wanted)
            return found[count - 1] if len(found) >= count else None

        return self.wait(find, timeout)

    def wait(
        self, condition: Callable[[list[Event]], _T | None], timeout: Seconds = PATIENCE
    ) -> _T:
        """Wait until `condition(events)` is true of the events so far, and return what it gave.

        It is asked anew after each event, must not change the list, and must not wait. timeout:
        seconds to wait at most, on the system's clock. Raises TimeoutError and RuntimeError as
        `wait_for`, and what the condition raises.
        """
        limit = seconds(timeout, "timeout")
        with self._changed:
            found = condition(self._events)
            if not found:
                _refuse_on_loop()
                found = self._changed.wait_for(lambda: condition(self._events), limit)
            if not found:
                seen = "\n".join(lines(self._events)) or "none"
                raise TimeoutError(f"not seen within {limit:g} s; the events:\n{seen}")
            return found


def _chosen(events: list[Event], task: str | None, kind: EventKind | str | None) -> list[Event]:
    return [
        event
        for event in events
        if (task is None or event.task == task) and (kind is None or event.kind == kind)
    ]


def described(event: Event) -> str:
    """Return an event as a line, as `Recorder.words` has it, without its task."""
    parts = [str(event.kind)]
    for field in _FIELDS:
        value = getattr(event, field)
        if field == "duration" and value is not None:
            parts.append(field)
        elif value is not None:
            parts.append(f"{field}={value}")
    return " ".join(parts)


def lines(events: Iterable[Event]) -> list[str]:
    """Return events as lines, each with its task in front."""
    return [described(e) if e.task is None else f"{e.task}: {described(e)}" for e in events]


def wait_until(condition: Callable[[], _T], timeout: Seconds = PATIENCE) -> _T:
    """Wait until a condition is true, asking again and again, and return what it gave.

    For what nothing tells of. condition: called without arguments. timeout: seconds to wait at
    most, on the system's clock. Raises TimeoutError, RuntimeError where an event loop runs, which
    it would block, and what the condition raises.
    """
    limit = seconds(timeout, "timeout")
    end = time.monotonic() + limit
    while not (value := condition()):
        _refuse_on_loop()
        if time.monotonic() >= end:
            raise TimeoutError(f"not true within {limit:g} s")
        time.sleep(_PAUSE)
    return value


async def await_until(condition: Callable[[], _T], timeout: Seconds = PATIENCE) -> _T:
    """Do what `wait_until` does, in a coroutine: the loop goes on meanwhile.

    condition: called without arguments, not awaited. timeout: seconds to wait at most, on the
    system's clock. Raises TimeoutError, and what the condition raises.
    """
    import asyncio

    limit = seconds(timeout, "timeout")
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() >= end:
            raise TimeoutError(f"not true within {limit:g} s")
        await asyncio.sleep(_PAUSE)
    return value


def _refuse_on_loop() -> None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        raise RuntimeError(
            "waiting here would block the event loop that runs in this thread; "
            "await taskvisor.testing.await_until(condition)"
        )
