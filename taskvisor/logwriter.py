"""Events as lines of text, for people.

Guarantees: one line per event and no other line, whatever names and reasons contain.
"""

from __future__ import annotations

import sys
from typing import Protocol

from taskvisor._core import Event, Subscribe
from taskvisor.events import BackoffSource, EventKind

__all__ = ["LogWriter"]


class TextWriter(Protocol):
    """What a LogWriter writes to: any text stream."""

    def write(self, text: str, /) -> object:
        """Take a piece of text."""


# By kind: the line, and what stands for a reason that is not set.
_LINES: dict[EventKind, tuple[str, str]] = {
    EventKind.SUBSCRIBER_PANICKED: (
        '[subscriber-panicked] subscriber={task} info="{reason}"',
        "unknown",
    ),
    EventKind.SUBSCRIBER_OVERFLOW: (
        '[subscriber-overflow] subscriber={task} reason="{reason}"',
        "unknown",
    ),
    EventKind.SHUTDOWN_REQUESTED: ("[shutdown-requested]", ""),
    EventKind.ALL_STOPPED_WITHIN_GRACE: ("[all-stopped-within-grace]", ""),
    EventKind.GRACE_EXCEEDED: ("[grace-exceeded]{of_task}", ""),
    EventKind.TASK_STARTING: ("[starting] task={task} attempt={attempt}", ""),
    EventKind.TASK_STOPPED: ("[stopped] task={task}", ""),
    EventKind.TASK_FAILED: ('[failed] task={task} reason="{reason}" attempt={attempt}', "unknown"),
    EventKind.TIMEOUT_HIT: ("[timeout] task={task} timeout={timeout}", ""),
    EventKind.BACKOFF_SCHEDULED: (
        "[backoff] task={task} source={source} delay={delay}"
        ' after_attempt={attempt} reason="{reason}"',
        "none",
    ),
    EventKind.TASK_ADD_REQUESTED: ("[task-add-requested] task={task}", ""),
    EventKind.TASK_ADDED: ("[task-added] task={task}", ""),
    EventKind.TASK_REMOVE_REQUESTED: ("[task-remove-requested] task={task}", ""),
    EventKind.TASK_REMOVED: ("[task-removed] task={task}", ""),
    EventKind.ACTOR_EXHAUSTED: ('[actor-exhausted] task={task} reason="{reason}"', "policy"),
    EventKind.ACTOR_DEAD: ('[actor-dead] task={task} reason="{reason}"', "fatal"),
    EventKind.CONTROLLER_REJECTED: (
        '[controller-rejected] slot={task} reason="{reason}"',
        "unknown",
    ),
    EventKind.CONTROLLER_SUBMITTED: ("[controller-submitted] slot={task} {reason}", ""),
    EventKind.CONTROLLER_SLOT_TRANSITION: (
        '[controller-transition] slot={task} transition="{reason}"',
        "unknown",
    ),
}


class LogWriter(Subscribe):
    """A subscriber that writes one line per event.

    stream: a text stream; None writes to what `sys.stdout` is at the time of each event. Each line
    is one `write`, and is flushed where the stream can. What the stream raises is told to the other
    subscribers, as SUBSCRIBER_PANICKED.
    """

    def __init__(self, stream: TextWriter | None = None) -> None:
        super().__init__()
        self._stream = stream

    def on_event(self, event: Event) -> None:
        """Write the event's line; raises what the stream raises."""
        stream = sys.stdout if self._stream is None else self._stream
        if stream is None:  # a process without standard streams
            return
        line = f"[{event.seq % 1000:03d}] {describe(event)}\n"
        try:
            stream.write(line)
        except UnicodeEncodeError as error:
            stream.write(line.encode(error.encoding, "backslashreplace").decode(error.encoding))
        flush = getattr(stream, "flush", None)
        if flush is not None:
            flush()


def describe(event: Event) -> str:
    """Return what happened as one line of text, without number and line end."""
    line, no_reason = _LINES[event.kind]
    task = "none" if event.task is None else _one_line(event.task)
    return line.format(
        task=task,
        of_task="" if event.task is None else f" task={task}",
        attempt=event.attempt or 0,
        reason=no_reason if event.reason is None else _one_line(event.reason),
        source=event.backoff_source or BackoffSource.FAILURE,
        delay=_delay(event.delay_ms),
        timeout=_delay(event.timeout_ms),
    )


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _delay(ms: int | None) -> str:
    """Return milliseconds as `50ms`, `2s` or `1.5s`."""
    if ms is None or ms < 1000:
        return f"{ms or 0}ms"
    return f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms / 1000:.1f}s"
