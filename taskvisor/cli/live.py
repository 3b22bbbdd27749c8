"""The live table: a thread that looks at the supervisor and has it painted.

Guarantees: looking and painting take at most a twentieth of the thread's time, however many tasks
there are; a terminal that goes away ends the table and nothing else; the table is gone, and the
thread with it, when the context is left.
"""

from __future__ import annotations

import threading
import time
from typing import Self, TextIO

from taskvisor._core import SupervisorHandle
from taskvisor.cli.book import Book
from taskvisor.cli.frame import Frame, make_frame
from taskvisor.cli.painters import FramePainter
from taskvisor.cli.screen import Screen, size_of

__all__ = ["Live"]

_PAUSE = 0.2  # seconds
_SHARE = 20
_AROUND = 4  # lines of a terminal that are not for tasks: head, foot, the prompt, one to breathe


class Live:
    """A context manager around the time in which the tasks run."""

    def __init__(
        self, screen: Screen, terminal: TextIO, supervisor: SupervisorHandle, book: Book
    ) -> None:
        self._screen = screen
        self._supervisor = supervisor
        self._book = book
        self._terminal = terminal
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._paint, name="taskvisor-table", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()
        self._screen.take_away()

    def _paint(self) -> None:
        painter = FramePainter(self._terminal)
        pause = 0.0
        while not self._end.wait(pause):
            begin = time.monotonic()
            try:
                self._screen.show(painter, self._frame())
            except (OSError, ValueError):  # no terminal any more
                return
            pause = max(_PAUSE, _SHARE * (time.monotonic() - begin))

    def _frame(self) -> Frame:
        room = size_of(self._terminal)[1] - _AROUND
        tasks = self._supervisor.tasks()
        return make_frame(tasks, self._book.ended(), self._book.others(), room)
