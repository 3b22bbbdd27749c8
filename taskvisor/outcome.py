"""What became of a task: its state while it lives, its outcome at the end, and what readers see.

Guarantees: every value here is frozen, compares by its fields, and hashes and pickles as far as
what it holds does. A task has exactly one outcome. The texts of the lists never change.
"""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Generic, TypeVar

from taskvisor._checks import count, member
from taskvisor._values import fill, value

__all__ = [
    "CancelReason",
    "OutcomeKind",
    "RejectionKind",
    "SubscriberInfo",
    "TaskInfo",
    "TaskOutcome",
    "TaskState",
]

T_co = TypeVar("T_co", covariant=True)


class TaskState(StrEnum):
    """Where a task is between its acceptance and its end; `TaskHandle.state`."""

    QUEUED = auto()
    """A submission waiting in a slot."""
    WAITING = auto()
    """Ready, waiting for a permit or a worker."""
    RUNNING = auto()
    """An attempt's body is running."""
    STOPPING = auto()
    """A body is running that was asked to stop, by a cancel or its timeout."""
    BACKOFF = auto()
    """Waiting before a retry."""
    PAUSED = auto()
    """Waiting out the interval after a success."""
    ABANDONED = auto()
    """Past its grace with the body still running; the outcome is out, the name still taken."""
    DONE = auto()
    """Ended, and its name free."""


class OutcomeKind(StrEnum):
    """How a task ended; `TaskOutcome.kind`."""

    COMPLETED = auto()
    """The last attempt returned and no other was due."""
    FAILED = auto()
    """The last attempt failed or timed out and no retry was left."""
    FATAL = auto()
    """A body raised `Fatal`."""
    CANCELED = auto()
    """The task was canceled, or its body raised `Canceled`."""
    ABANDONED = auto()
    """The body outlived the grace that followed a cancel."""
    REJECTED = auto()
    """A submission that never became a task; `TaskOutcome.rejection` tells why."""


class RejectionKind(StrEnum):
    """Why a submission never became a task; `TaskOutcome.rejection`."""

    SLOT_BUSY = auto()
    """The slot had an owner and the submission was to be dropped then."""
    QUEUE_FULL = auto()
    """The slot's queue was full."""
    SUPERSEDED = auto()
    """A replacing submission took its place in the queue."""
    ALREADY_EXISTS = auto()
    """A task of that name was registered outside the slot."""
    REMOVED_FROM_QUEUE = auto()
    """It was canceled or removed while it waited."""
    SHUTTING_DOWN = auto()
    """The supervisor shut down while it waited."""


class CancelReason(StrEnum):
    """Why a body is asked to stop; `TaskContext.cancel_reason`, of which the first one stays."""

    SHUTDOWN = auto()
    """The supervisor shuts down."""
    REMOVED = auto()
    """The task was removed or canceled."""
    REPLACED = auto()
    """Another submission takes over its slot."""
    TIMEOUT = auto()
    """The attempt reached its timeout; the task itself goes on."""


@value(frozen=True, slots=True, init=False)
class TaskOutcome(Generic[T_co]):
    """How a task ended, and with what.

    kind: how it ended (or the kind's text).
    value: what the last attempt returned, whatever the kind; None if it did not return.
    exception: what the last attempt raised, whatever the kind; None if it did not raise.
    reason: the text of why, for people; None for a completed task.
    exit_code: the code a failure carried, or None.
    attempts: how many attempts were started.
    rejection: why a submission was rejected (or the text of that); None for every other kind.

    Raises TypeError and ValueError for a kind or rejection that is none, or a negative `attempts`.
    """

    kind: OutcomeKind
    value: T_co | None
    exception: BaseException | None
    reason: str | None
    exit_code: int | None
    attempts: int
    rejection: RejectionKind | None

    def __init__(
        self,
        kind: OutcomeKind | str,
        value: T_co | None = None,
        exception: BaseException | None = None,
        reason: str | None = None,
        exit_code: int | None = None,
        attempts: int = 0,
        rejection: RejectionKind | str | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "kind", member(OutcomeKind, kind, "kind"))
        put(self, "value", value)
        put(self, "exception", exception)
        put(self, "reason", reason)
        put(self, "exit_code", exit_code)
        put(self, "attempts", count(attempts, "attempts", 0))
        if rejection is not None:
            rejection = member(RejectionKind, rejection, "rejection")
        put(self, "rejection", rejection)


@value(frozen=True, slots=True, init=False)
class TaskInfo:
    """One task as `SupervisorHandle.tasks()` saw it; all records of one call are of one instant.

    id and name are the task's, state is a TaskState. attempt counts every start; failures the
    consecutive retries scheduled. last_error is the text of the last failed attempt.
    next_start_in is in seconds, None unless the task waits for a time.
    """

    id: int
    name: str
    state: TaskState
    attempt: int
    failures: int
    last_error: str | None
    next_start_in: float | None

    def __init__(
        self,
        id: int,
        name: str,
        state: TaskState,
        attempt: int,
        failures: int,
        last_error: str | None,
        next_start_in: float | None,
    ) -> None:
        fill(self, id, name, state, attempt, failures, last_error, next_start_in)


@value(frozen=True, slots=True, init=False)
class SubscriberInfo:
    """One subscriber as `SupervisorHandle.subscribers()` saw it.

    name is what events call it. queued events wait for it, delivered were handed to its `on_event`
    (raised of them made it raise), dropped found its queue full.
    """

    name: str
    queued: int
    delivered: int
    dropped: int
    raised: int

    def __init__(self, name: str, queued: int, delivered: int, dropped: int, raised: int) -> None:
        fill(self, name, queued, delivered, dropped, raised)
