"""A terminal that is shared by a table at its foot and by everybody who prints above it.

Guarantees: what is printed through `sys.stdout` and `sys.stderr` while a table is shown stands
above it, whole line by whole line, in the order of the calls; without a table it goes straight
through. The streams that were there come back.

Locking: `_lock` guards the painter and the half lines, and is held while the terminal is written
to, so whoever prints waits for the terminal, as always. It is reentrant, because a signal handler
or a finalizer may print on the thread that is printing.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import Any, Protocol, Self, TextIO

from taskvisor.cli.frame import Frame

__all__ = ["Painter", "Screen", "is_terminal", "size_of"]

_DUMB = ("", "dumb", "unknown")


class Painter(Protocol):
    """Shows frames at the foot of a terminal."""

    def show(self, frame: Frame) -> None:
        """Put a frame in the place of the last one."""

    def above(self, text: str, stream: TextIO) -> None:
        """Write whole lines, without the last line end, to a stream, above the frame."""

    def clear(self) -> None:
        """Take the frame away; nothing is shown any more."""


def is_terminal(stream: TextIO | None) -> bool:
    """Say whether a stream is a terminal whose cursor can be moved."""
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM", "") not in _DUMB
    except ValueError:  # closed
        return False


def size_of(stream: TextIO) -> tuple[int, int]:
    """Return a terminal's columns and lines; 80 and 24 where it does not know them."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, lines = 0, 0
    return columns or 80, lines or 24


class Screen:
    """A context manager that stands between the terminal and those who print."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._painter: Painter | None = None
        self._streams: dict[str, TextIO] = {}
        self._through: list[_Through] = []

    def __enter__(self) -> Self:
        for name in ("stdout", "stderr"):
            stream: TextIO | None = getattr(sys, name)
            if stream is not None and is_terminal(stream):
                through = _Through(self, stream)
                self._streams[name] = stream
                self._through.append(through)
                setattr(sys, name, through)
        return self

    def __exit__(self, *exc: object) -> None:
        self.take_away()
        for name, stream in self._streams.items():
            if getattr(sys, name) in self._through:  # nobody has replaced it since
                setattr(sys, name, stream)

    @property
    def terminal(self) -> TextIO | None:
        """The terminal that stderr was, None where it was none."""
        return self._streams.get("stderr")

    def show(self, painter: Painter, frame: Frame) -> None:
        """Show a frame from now on; raises what the terminal raises, and shows nothing then."""
        with self._lock:
            self._painter = None
            for through in self._through:
                if through.is_mid_line:
                    through.pass_on("\n")
                    through.stream.flush()
            painter.show(frame)
            self._painter = painter

    def take_away(self) -> None:
        """Show nothing any more; half lines are written out."""
        with self._lock, suppress(OSError, ValueError):
            painter, self._painter = self._painter, None
            if painter is not None:
                painter.clear()
            for through in self._through:
                half, through.half = through.half, ""
                through.pass_on(half)

    def write(self, through: _Through, text: str) -> None:
        """Write what somebody prints."""
        with self._lock:
            if self._painter is None:
                through.pass_on(text)
                return
            whole, line_end, half = (through.half + text).rpartition("\n")
            through.half = half
            if line_end:
                self._painter.above(whole, through.stream)


class _Through:
    """Stands for a standard stream; whatever is not writing is the stream's own affair."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self.stream = stream
        self.half = ""  # what waits for its line end, while a table is shown
        self.is_mid_line = False
        self._screen = screen

    def pass_on(self, text: str) -> None:
        """Write to the stream itself. Call with the screen's lock held."""
        self.stream.write(text)
        if text:
            self.is_mid_line = not text.endswith("\n")

    def write(self, text: str) -> int:
        self._screen.write(self, text)
        return len(text)

    def writelines(self, texts: list[str]) -> None:
        self.write("".join(texts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
