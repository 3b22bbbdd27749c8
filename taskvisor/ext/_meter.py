"""What metrics of any kind have in common: from events to attempts, restarts and outcomes.

Guarantees: with no event dropped, each attempt that ends before the shutdown's verdict, each start
of a task but its first, and each task's end are told once; what the verdict abandons is told of
supervisors that are watched. One object may subscribe to, and watch, several supervisors.

Locking: `_lock` guards the list of watched supervisors and the drops of those that are not watched
any more; it is held for a copy or a change, never while a supervisor is asked.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable

from taskvisor._core import Event, Subscribe, SupervisorHandle
from taskvisor._ends import Ends
from taskvisor.events import EventKind
from taskvisor.outcome import OutcomeKind, TaskState

__all__ = ["Meter"]

ACTIVE: list[TaskState] = [state for state in TaskState if state is not TaskState.DONE]
"""The states a task can be counted in."""

_ASKED = {TaskState.STOPPING, TaskState.ABANDONED}
_SETTLED = 1.0  # seconds


class Meter(Subscribe, ABC):
    """A subscriber that is told of attempts, restarts and outcomes instead of events."""

    queue_capacity = 16_384

    def __init__(self, label: Callable[[str], str] | None) -> None:
        super().__init__()
        self._label = label
        self._ends = Ends()
        self._lock = threading.Lock()
        self._watched: list[SupervisorHandle] = []
        self._past_drops: Counter[str] = Counter()

    # --- what events tell ------------------------------------------------------------------------

    @abstractmethod
    def on_attempt(self, task: str, event: Event) -> None:
        """Hear of an attempt's end.

        task: the task's label. event: TASK_STOPPED or TASK_FAILED. What it raises is told as
        SUBSCRIBER_PANICKED, as of every hook here.
        """

    @abstractmethod
    def on_restart(self, task: str) -> None:
        """Hear of a start that is not a task's first; task: its label. Raises as `on_attempt`."""

    @abstractmethod
    def on_outcome(self, task: str, kind: OutcomeKind) -> None:
        """Hear of a task's end, or of a submission that was rejected.

        task: the task's label, or that of the slot. kind: how it ended. Raises as `on_attempt`.
        """

    def on_event(self, event: Event) -> None:
        """Tell what it means."""
        kind, task = event.kind, event.task
        if task is None:
            if kind is EventKind.GRACE_EXCEEDED:
                self._tell_stuck()
        elif kind is EventKind.TASK_STARTING:
            if event.attempt != 1:
                self.on_restart(self._labelled(task))
        elif kind is EventKind.TASK_STOPPED or kind is EventKind.TASK_FAILED:
            self.on_attempt(self._labelled(task), event)
        elif (end := self._ends.kind_of(event)) is not None:
            self.on_outcome(self._labelled(task), end)

    def _labelled(self, task: str) -> str:
        return task if self._label is None else self._label(task)

    def _tell_stuck(self) -> None:
        """Tell of those that a shutdown's verdict abandons.

        It does so after the verdict is out, in slices, and nothing tells of the last one. Nor does
        the event tell whose verdict it is: so of each watched supervisor that has nothing but tasks
        that were asked to stop. One that is not about to abandon them costs the time of _SETTLED.
        """
        deadline = time.monotonic() + _SETTLED
        for supervisor in self._supervisors():
            while True:
                tasks = supervisor.tasks()
                for info in self._ends.stuck(tasks):
                    self.on_outcome(self._labelled(info.name), OutcomeKind.ABANDONED)
                states = {info.state for info in tasks}
                about = TaskState.STOPPING in states and states <= _ASKED
                if not about or time.monotonic() > deadline:
                    break
                time.sleep(0.001)

    # --- what supervisors show -------------------------------------------------------------------

    def watch(self, supervisor: SupervisorHandle) -> None:
        """Have the supervisor's tasks and the drops of its subscribers counted from now on.

        supervisor: a SupervisorHandle. Raises nothing. It is kept until `unwatch`, so the
        supervisor has to be shut down by somebody.
        """
        with self._lock:
            self._watched.append(supervisor)

    def unwatch(self, supervisor: SupervisorHandle) -> None:
        """Let go of the supervisor; the drops of its subscribers stay counted.

        Raises ValueError if it is not watched.
        """
        drops = _drops([supervisor])
        with self._lock:
            self._watched.remove(supervisor)
            self._past_drops.update(drops)

    def active(self) -> Counter[TaskState]:
        """Return how many tasks of the watched supervisors are in which state, zeros included."""
        counts: Counter[TaskState] = Counter(dict.fromkeys(ACTIVE, 0))
        for supervisor in self._supervisors():
            counts.update(info.state for info in supervisor.tasks())
        return counts

    def drops(self) -> Counter[str]:
        """Return how many events each subscriber of the watched supervisors has lost, by name."""
        with self._lock:
            past = self._past_drops.copy()
        past.update(_drops(self._supervisors()))
        return past

    def _supervisors(self) -> list[SupervisorHandle]:
        with self._lock:
            return self._watched.copy()


def _drops(supervisors: list[SupervisorHandle]) -> Counter[str]:
    drops: Counter[str] = Counter()
    for supervisor in supervisors:
        for info in supervisor.subscribers():
            drops[info.name] += info.dropped
    return drops
