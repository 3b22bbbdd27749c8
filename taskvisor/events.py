"""The closed lists events are made of: what happened, and why a task waits.

Guarantees: each member's text is its name in lower case and never changes; where a list is asked
for, the text is accepted for the member. The order is the order of the reference table of events.
"""

from enum import StrEnum, auto

__all__ = ["BackoffSource", "EventKind"]


class EventKind(StrEnum):
    """What an event tells of; `Event.kind`."""

    SUBSCRIBER_PANICKED = auto()
    """A subscriber's `on_event` raised; `task` is the subscriber."""
    SUBSCRIBER_OVERFLOW = auto()
    """A subscriber's queue was full and an event was dropped for it; `task` is the subscriber."""
    SHUTDOWN_REQUESTED = auto()
    """A shutdown has begun: a signal, `shutdown()`, or the context was left."""
    ALL_STOPPED_WITHIN_GRACE = auto()
    """The shutdown's verdict: every task ended in time."""
    GRACE_EXCEEDED = auto()
    """The shutdown's verdict: tasks are still running. With `task`: that one task was abandoned."""
    TASK_STARTING = auto()
    """An attempt's body is being called."""
    TASK_STOPPED = auto()
    """An attempt's body returned, or was canceled."""
    TASK_FAILED = auto()
    """An attempt's body failed, was fatal or had timed out."""
    TIMEOUT_HIT = auto()
    """An attempt reached its timeout and was asked to stop."""
    BACKOFF_SCHEDULED = auto()
    """The next attempt waits, `delay_ms` long, for the reason `backoff_source` tells."""
    TASK_ADD_REQUESTED = auto()
    """Somebody asked for a task to be added."""
    TASK_ADDED = auto()
    """The task was accepted; with a `reason` it was refused."""
    TASK_REMOVE_REQUESTED = auto()
    """Somebody asked for a task to be removed."""
    TASK_REMOVED = auto()
    """The task has ended and left the registry; with a `reason` there was no such task."""
    ACTOR_EXHAUSTED = auto()
    """The restart policy or the retry budget allows no further attempt."""
    ACTOR_DEAD = auto()
    """A body ended its task with `Fatal`."""
    CONTROLLER_REJECTED = auto()
    """A submission was rejected; `task` is the slot."""
    CONTROLLER_SUBMITTED = auto()
    """A submission was started or queued; `task` is the slot."""
    CONTROLLER_SLOT_TRANSITION = auto()
    """A slot's owner was asked to leave for another; `task` is the slot."""


class BackoffSource(StrEnum):
    """Why a task waits for its next attempt; `Event.backoff_source`."""

    SUCCESS = auto()
    """The interval of `RestartPolicy.always(interval)`, after a body that returned."""
    FAILURE = auto()
    """The backoff before a retry, after a body that failed or timed out."""
