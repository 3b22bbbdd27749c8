"""What the command line knows of each task: kept from events, made exact by handles at the end.

Guarantees: a task of the target has one row from first to last, and its outcome and attempts are
those of its handle. Failures, last error and time spent are the sum of the events heard, so they
lack what was dropped; how many were, `SupervisorHandle.subscribers()` knows. A task that a body
adds has its outcome from events too. It has a row while it lives, and keeps it if it ended badly,
as the last FOREIGN_MAX of them do; of all others there is a count, so that the book of a service
that adds tasks for ever stays small. A submission has a row from when it starts; one that is
rejected never has, and is counted.

Locking: `_lock` guards everything in the book. It is held by the book's subscriber thread for one
event, by the main thread and by whoever paints for a copy; nobody waits in it.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from taskvisor._core import Event, Subscribe, TaskHandle
from taskvisor._ends import Ends
from taskvisor.events import EventKind
from taskvisor.outcome import OutcomeKind, TaskOutcome

__all__ = ["BAD", "FOREIGN_MAX", "Book", "Row"]

FOREIGN_MAX = 1000
"""How many tasks that were added by bodies and ended badly are remembered one by one."""

BAD = (OutcomeKind.FAILED, OutcomeKind.FATAL, OutcomeKind.ABANDONED)
"""The ends that somebody has to hear of."""

# Their `task` is the name of a slot; the task of a submission is named when it starts.
_OF_SLOTS = {
    EventKind.CONTROLLER_SUBMITTED,
    EventKind.CONTROLLER_REJECTED,
    EventKind.CONTROLLER_SLOT_TRANSITION,
}


@dataclass(slots=True)
class Row:
    """One task: `seconds` is the time its bodies have run; `outcome` is None while it lives."""

    id: int
    name: str
    attempts: int = 0
    failures: int = 0
    last_error: str | None = None
    seconds: float = 0.0
    outcome: OutcomeKind | None = None
    exit_code: int | None = None


class Book(Subscribe):
    """A subscriber that keeps a row per task.

    tasks: how many there will be; its queue has room for what they begin with. `on_failure` is
    what is to be told of tasks that end badly; the book keeps it for where it subscribes.
    """

    name = "summary"
    on_failure: Callable[[TaskHandle[Any], TaskOutcome[Any]], object] | None = None

    def __init__(self, tasks: int = 0) -> None:
        super().__init__()
        self.queue_capacity = min(max(tasks * 16, 1 << 16), 1 << 20)
        self._lock = threading.Lock()
        self._ends = Ends()
        self._rows: dict[int, Row] = {}
        self._handles: dict[int, TaskHandle[Any]] | None = None
        self._ended: list[int] = []  # before it was known whose they are
        self._bad: deque[int] = deque()
        self._others: Counter[OutcomeKind] = Counter()

    # --- writing ---------------------------------------------------------------------------------

    def own(self, handles: Sequence[TaskHandle[Any]]) -> None:
        """Keep the rows of these tasks for good. To be called once."""
        with self._lock:
            self._handles = {handle.id: handle for handle in handles}
            for handle in handles:
                self._rows.setdefault(handle.id, Row(handle.id, handle.name))
            for id in self._ended:
                self._let_go(id)
            self._ended.clear()

    def on_event(self, event: Event) -> None:
        """Keep what an event tells of a task."""
        id, task = event.id, event.task
        if id is None or task is None:
            return
        with self._lock:
            if event.kind is EventKind.CONTROLLER_REJECTED:
                self._others[OutcomeKind.REJECTED] += 1
            if event.kind in _OF_SLOTS:
                return
            row = self._rows.get(id)
            if row is None:
                if event.kind is EventKind.TASK_REMOVED:
                    return
                row = self._rows[id] = Row(id, task)
            self._write(row, event)

    def _write(self, row: Row, event: Event) -> None:
        kind = event.kind
        if kind is EventKind.TASK_STARTING:
            row.attempts = event.attempt or 0
        elif kind in (EventKind.TASK_STOPPED, EventKind.TASK_FAILED):
            row.seconds += event.duration or 0.0
            if kind is EventKind.TASK_FAILED:
                row.failures += 1
                row.last_error = event.reason
        else:
            end = self._ends.kind_of(event)
            row.outcome = row.outcome or end
            row.exit_code = event.exit_code if end else row.exit_code
            if kind is EventKind.TASK_REMOVED:
                self._removed(row.id)

    def _removed(self, id: int) -> None:
        if self._handles is None:
            self._ended.append(id)
        else:
            self._let_go(id)

    def _let_go(self, id: int) -> None:
        """Count a task of a body that has ended, or keep its row among the last of the bad ones."""
        if self._handles is None or id in self._handles:
            return
        if self._rows[id].outcome in BAD:
            self._bad.append(id)
            if len(self._bad) <= FOREIGN_MAX:
                return
            id = self._bad.popleft()
        outcome = self._rows.pop(id).outcome
        if outcome is not None:
            self._others[outcome] += 1

    # --- reading ---------------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Return a copy of the rows as they are, by id."""
        with self._lock:
            return [replace(self._rows[id]) for id in sorted(self._rows)]

    def ended(self) -> list[Row]:
        """Return a copy of the rows of the tasks that have ended, by id."""
        with self._lock:
            rows = [replace(row) for row in self._rows.values() if row.outcome is not None]
        return sorted(rows, key=lambda row: row.id)

    def others(self) -> Counter[OutcomeKind]:
        """Return how many tasks without a row have ended, by outcome."""
        with self._lock:
            return self._others.copy()

    def close(self) -> list[Row]:
        """Return the rows once the supervisor is closed, each with its outcome, by id."""
        rows = self.rows()
        with self._lock:
            handles = self._handles or {}
        for row in rows:
            if row.id in handles:
                outcome = handles[row.id].outcome()
                row.outcome = outcome.kind
                row.attempts = outcome.attempts
                row.exit_code = outcome.exit_code
                row.last_error = row.last_error or outcome.reason
            else:  # in no state to end: its body runs on
                row.outcome = row.outcome or OutcomeKind.ABANDONED
        return rows


def count(rows: Iterable[Row]) -> Counter[OutcomeKind]:
    """Return how many of the rows have which outcome."""
    return Counter(row.outcome for row in rows if row.outcome is not None)
