"""Events as records of the standard `logging` module.

Guarantees: one record per event, all of an event's fields as attributes of the record, and one
record more, with the traceback, for each task that ended badly by an exception. No handler and no
level is set up: what is shown is the application's choice.
"""

from __future__ import annotations

import logging
from typing import Any

from taskvisor import _hooks
from taskvisor._checks import shown
from taskvisor._core import Event, Subscribe, TaskHandle
from taskvisor._ends import is_success
from taskvisor.events import BackoffSource, EventKind
from taskvisor.logwriter import describe
from taskvisor.outcome import TaskOutcome

__all__ = ["LoggingSubscriber"]

_LEVELS = {
    EventKind.SUBSCRIBER_PANICKED: logging.ERROR,
    EventKind.SUBSCRIBER_OVERFLOW: logging.WARNING,
    EventKind.SHUTDOWN_REQUESTED: logging.INFO,
    EventKind.ALL_STOPPED_WITHIN_GRACE: logging.INFO,
    EventKind.GRACE_EXCEEDED: logging.ERROR,
    EventKind.TASK_STARTING: logging.DEBUG,
    EventKind.TASK_STOPPED: logging.DEBUG,
    EventKind.TASK_FAILED: logging.INFO,
    EventKind.TIMEOUT_HIT: logging.WARNING,
    EventKind.BACKOFF_SCHEDULED: logging.WARNING,
    EventKind.TASK_ADD_REQUESTED: logging.DEBUG,
    EventKind.TASK_ADDED: logging.INFO,
    EventKind.TASK_REMOVE_REQUESTED: logging.DEBUG,
    EventKind.TASK_REMOVED: logging.INFO,
    EventKind.ACTOR_EXHAUSTED: logging.ERROR,
    EventKind.ACTOR_DEAD: logging.ERROR,
    EventKind.CONTROLLER_REJECTED: logging.WARNING,
    EventKind.CONTROLLER_SUBMITTED: logging.DEBUG,
    EventKind.CONTROLLER_SLOT_TRANSITION: logging.INFO,
}


class LoggingSubscriber(Subscribe):
    """A subscriber that makes one log record per event.

    logger: a logger or its name.

    ERROR: a task ended failed or fatal, a grace was exceeded, a subscriber raised. WARNING: a retry
    was scheduled (its delay is in the text and in `delay_ms`), a timeout was hit, an event was
    dropped, a submission rejected. INFO: a task came, failed an attempt, ended well or left; the
    shutdown. DEBUG: everything else.

    Every record carries `event` (the kind's text), `seq`, `at`, `task`, `task_id`, `attempt`,
    `reason`, `timeout_ms`, `delay_ms`, `exit_code`, `backoff_source`, `duration` (seconds), each
    None where the event does not have it.

    Besides, ERROR with `exc_info`: the traceback of a task that ended failed, fatal or abandoned by
    an exception, once, not for each attempt. That record carries the same attributes, those of an
    event as None, and `outcome` (its kind's text) and `attempts`.

    Raises TypeError for a logger that is neither.
    """

    def __init__(self, logger: logging.Logger | str = "taskvisor") -> None:
        if isinstance(logger, str):
            logger = logging.getLogger(logger)
        # An adapter is refused: it would replace the fields of the record by its own.
        if not isinstance(logger, logging.Logger):
            raise TypeError(f"logger must be a logging.Logger or its name, not {shown(logger)}")
        super().__init__()
        self._logger = logger

    def on_event(self, event: Event) -> None:
        """Make the event's record."""
        level = _level(event)
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", describe(event), extra=_fields(event))

    def on_failure(self, handle: TaskHandle[Any], outcome: TaskOutcome[Any]) -> None:
        """Make the record with the traceback of a task that ended badly, if there is one.

        handle: the task's. outcome: its TaskOutcome. What it raises is logged.
        """
        if outcome.exception is not None and self._logger.isEnabledFor(logging.ERROR):
            _hooks.log_end(self._logger, handle, outcome, _NO_EVENT)


def _level(event: Event) -> int:
    """Return the level of an event, looking closer where a kind covers good ends and bad."""
    match event.kind:
        case EventKind.BACKOFF_SCHEDULED if event.backoff_source == BackoffSource.SUCCESS:
            return logging.DEBUG
        case EventKind.ACTOR_EXHAUSTED if is_success(event):
            return logging.INFO
        case kind:
            return _LEVELS[kind]


def _fields(event: Event) -> dict[str, object]:
    """Return an event as the extra attributes of its record."""
    source = event.backoff_source
    return {
        "event": str(event.kind),
        "seq": event.seq,
        "at": event.at,
        "task": event.task,
        "task_id": event.id,
        "attempt": event.attempt,
        "reason": event.reason,
        "timeout_ms": event.timeout_ms,
        "delay_ms": event.delay_ms,
        "exit_code": event.exit_code,
        "backoff_source": None if source is None else str(source),
        "duration": event.duration,
    }


# Attributes that a formatter may ask of every record.
_EVENT_ONLY = "event seq at attempt timeout_ms delay_ms backoff_source duration"
_NO_EVENT: dict[str, object] = {name: None for name in _EVENT_ONLY.split()}
