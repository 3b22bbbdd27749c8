"""What happens as lines on stderr, for people or for programs.

Guarantees: one line per event in JSON, of ASCII only; in text one line per event, and a traceback
below the record of a task that ended badly. Only the logger `taskvisor` is touched: what the
application logs, and where to, is its own affair.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from taskvisor import _hooks
from taskvisor._core import Subscribe, TaskHandle
from taskvisor.cli.book import BAD
from taskvisor.cli.output import Output, lines
from taskvisor.log import LoggingSubscriber
from taskvisor.outcome import TaskOutcome

__all__ = ["Log"]

_FIELDS = (
    "event",
    "seq",
    "task",
    "task_id",
    "attempt",
    "reason",
    "timeout_ms",
    "delay_ms",
    "exit_code",
    "backoff_source",
    "duration",
    "outcome",
    "attempts",
)


class Log:
    """The log of one run; a context manager that gives back the logger as it was.

    kind: "text", "json", "none", or "table" for what stands above a live table, which is told of
    tasks that ended badly and of nothing else.
    verbose: every event; otherwise those of level INFO and above.
    """

    def __init__(self, kind: str, verbose: bool) -> None:
        self._is_silent = kind == "none"
        self.subscribers: list[Subscribe] = []
        if kind in ("text", "json"):
            subscriber = LoggingSubscriber()
            subscriber.queue_capacity = 65_536
            self.subscribers.append(subscriber)
        # Without any handler `logging` would print the failures that a supervisor logs.
        self._handler = logging.NullHandler() if self._is_silent else _Handler()
        self._handler.setFormatter(_Json() if kind == "json" else _Text())
        self._level = logging.DEBUG if verbose else logging.INFO
        self._logger = logging.getLogger("taskvisor")

    def __enter__(self) -> Log:
        logger = self._logger
        self._before = (logger.level, logger.propagate)
        logger.addHandler(self._handler)
        if not self._is_silent:
            logger.setLevel(self._level)
            logger.propagate = False
        return self

    def __exit__(self, *exc: object) -> None:
        self._logger.removeHandler(self._handler)
        self._logger.level, self._logger.propagate = self._before
        self._logger.setLevel(self._logger.level)  # forgets what it had worked out

    def task_ended(self, handle: TaskHandle[Any]) -> None:
        """Tell of a task if it ended badly; a done callback for where no `on_failure` is called."""
        outcome = handle.outcome()
        if outcome.kind in BAD:
            self.task_failed(handle, outcome)

    def task_failed(self, handle: TaskHandle[Any], outcome: TaskOutcome[Any]) -> None:
        """Tell of a task that ended badly what events do not; without any told here, all."""
        if not self._is_silent and (outcome.exception is not None or not self.subscribers):
            _hooks.log_failure(handle, outcome)


class _Handler(logging.Handler):
    """Writes to what stderr is at the time of each record."""

    def __init__(self) -> None:
        super().__init__()
        self._out = Output("stderr")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._out.line(self.format(record))
        except Exception:
            self.handleError(record)


def _time(record: logging.LogRecord) -> datetime:
    """Return when it happened; the record of an event was made later."""
    return datetime.fromtimestamp(getattr(record, "at", None) or record.created, UTC)


class _Text(logging.Formatter):
    """`2026-01-31 12:00:00.123 WARNING text`, in local time."""

    def format(self, record: logging.LogRecord) -> str:
        time = _time(record).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"{time} {record.levelname} {lines(text)}"


class _Json(logging.Formatter):
    """One object per line; fields that a record does not have are left out."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": _time(record).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        for field in _FIELDS:
            if (value := getattr(record, field, None)) is not None:
                entry[field] = value
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)
