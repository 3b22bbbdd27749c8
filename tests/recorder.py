"""A subscriber that keeps every event, and events as short lines that tests compare.

Guarantees: `on_event` only appends under the condition's lock, and every append notifies, so a
waiter whose predicate became true is woken; a predicate runs with that lock held and sees all
events so far. A line shows every field that is set besides `seq`, `at` and `id`, in the order of
FIELDS; of `duration` only that it is there.
"""

import threading
from collections.abc import Callable

FIELDS = ["attempt", "timeout_ms", "delay_ms", "backoff_source", "exit_code", "duration", "reason"]


class Recorder:
    """Any object with `on_event` can subscribe; this one has room for what tests publish."""

    name = "recorder"
    queue_capacity = 65_536

    def __init__(self):
        self._changed = threading.Condition()
        self._events = []

    def on_event(self, event):
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    @property
    def events(self):
        """All events so far."""
        with self._changed:
            return list(self._events)

    def wait_for(self, predicate: Callable[[list], object], timeout: float = 30.0):
        """What `predicate(events)` returned once it was true; fails past `timeout` seconds."""
        with self._changed:
            found = self._changed.wait_for(lambda: predicate(self._events), timeout)
            assert found, f"not seen within {timeout:g} s; events: {lines(self._events)}"
            return found

    def wait_line(self, task: str, line: str, count: int = 1):
        """The `count`th event of `task` whose line begins with `line`."""

        def nth(events):
            hits = [e for e in events if e.task == task and described(e).startswith(line)]
            return hits[count - 1] if len(hits) >= count else None

        return self.wait_for(nth)

    def removed(self, task: str) -> list[str]:
        """The word of `task`, once it has been removed."""
        self.wait_line(task, "task_removed")
        return self.word(task)

    def of(self, task: str, kind: str | None = None) -> list:
        """The events of `task`, all or those of one kind."""
        return [e for e in self.events if e.task == task and kind in (None, e.kind)]

    def word(self, task: str) -> list[str]:
        """The events of `task` as lines, without the task."""
        return [described(event) for event in self.of(task)]

    def words(self) -> list[str]:
        """All events as lines, with their tasks."""
        return lines(self.events)


def described(event) -> str:
    """An event as a line without its task."""
    parts = [str(event.kind)]
    for field in FIELDS:
        value = getattr(event, field)
        if field == "duration" and value is not None:
            assert isinstance(value, float) and value >= 0.0
            parts.append("duration")
        elif value is not None:
            parts.append(f"{field}={value}")
    return " ".join(parts)


def lines(events) -> list[str]:
    """Events as lines, each with its task in front."""
    return [described(e) if e.task is None else f"{e.task}: {described(e)}" for e in events]
