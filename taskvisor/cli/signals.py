"""SIGINT and SIGTERM while the command line runs.

Guarantees: until somebody is there to be asked, a signal is a KeyboardInterrupt in the main thread,
and one that was swallowed there (by a module that catches everything) is still in `seen`. From then
on it raises nothing: the first asks for a shutdown, each further one ends its grace. The handlers
that were there before come back. The main thread must not hold a lock of ours when a handler runs:
all that it calls then is `ask`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Signals"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """A context manager that takes the signals over."""

    def __init__(self) -> None:
        self.seen: list[signal.Signals] = []
        self._ask: Callable[[bool], object] | None = None
        self._before: list[tuple[signal.Signals, Any]] = []

    def __enter__(self) -> Self:
        self._before = [(number, signal.getsignal(number)) for number in _NUMBERS]
        self._install()
        return self

    def __exit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ask = None
        for number, handler in self._before:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def hand_to(self, ask: Callable[[bool], object]) -> None:
        """Have `ask` called for each signal from now on, with whether it is a further one.

        Raises KeyboardInterrupt if one came already.
        """
        self._install()  # the target's own, if it has installed some, are not for us
        self._ask = ask
        if self.seen:
            raise KeyboardInterrupt

    def _install(self) -> None:
        for number in _NUMBERS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.seen.append(signal.Signals(number))
        if self._ask is None:
            raise KeyboardInterrupt
        self._ask(len(self.seen) > 1)
