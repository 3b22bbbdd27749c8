"""How tasks end, as far as events tell it: for observers that have no handle to ask.

Guarantees: with no event lost, each task that ends before the shutdown's verdict is told once, with
the kind its outcome has, and each rejected submission once. Those that the verdict itself abandons
are named by no event: `stuck` finds them in what `SupervisorHandle.tasks()` shows then. One object
may hear several supervisors on several threads.

Locking: `_lock` guards `_told` and is held for a look and a change of it; nobody waits in it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from taskvisor._core import Event
from taskvisor.events import EventKind
from taskvisor.outcome import OutcomeKind, TaskInfo, TaskState

__all__ = ["Ends", "is_success"]

# The reason of ACTOR_EXHAUSTED for a task that ended well; no error's text reads like it.
_SUCCESS = "policy_exhausted_success"

# Of tasks whose TASK_REMOVED was dropped nothing is ever heard again: the oldest are forgotten.
_TOLD_MAX = 4096


def is_success(event: Event) -> bool:
    """Say whether an ACTOR_EXHAUSTED tells of a task that completed."""
    return event.reason == _SUCCESS


class Ends:
    """Tells from each event whether a task has ended with it, and how."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[int | None, None] = {}  # ended, and not yet removed

    def kind_of(self, event: Event) -> OutcomeKind | None:
        """Return how the event's task ended, None where it does not end or has been told."""
        match event.kind:
            case EventKind.ACTOR_EXHAUSTED:
                return self._end(
                    event, OutcomeKind.COMPLETED if is_success(event) else OutcomeKind.FAILED
                )
            case EventKind.ACTOR_DEAD:
                return self._end(event, OutcomeKind.FATAL)
            case EventKind.GRACE_EXCEEDED if event.id is not None:
                return self._end(event, OutcomeKind.ABANDONED)
            case EventKind.TASK_REMOVED if event.id is not None:
                return self._removed(event)
            case EventKind.CONTROLLER_REJECTED:
                return OutcomeKind.REJECTED
        return None

    def stuck(self, tasks: Iterable[TaskInfo]) -> list[TaskInfo]:
        """Return those tasks that are abandoned, unless they have been told; they have now."""
        abandoned = [info for info in tasks if info.state is TaskState.ABANDONED]
        return [info for info in abandoned if self._tell(info.id)]

    def _end(self, event: Event, kind: OutcomeKind) -> OutcomeKind | None:
        return kind if self._tell(event.id) else None

    def _tell(self, id: int | None) -> bool:
        """Note that a task's end is told; False if it was before."""
        with self._lock:
            if id in self._told:
                return False
            if len(self._told) >= _TOLD_MAX:
                del self._told[next(iter(self._told))]
            self._told[id] = None
        return True

    def _removed(self, event: Event) -> OutcomeKind | None:
        """Return CANCELED for a task that left without a word about how."""
        with self._lock:
            known = self._told.pop(event.id, self) is None
        return None if known else OutcomeKind.CANCELED
