"""The supervisor of a run while it serves: the command line's own, or one that the target has made.

Guarantees: an observer hears each event from before the first task on, in order, but for those that
`lost` counts. One that makes log records hears nothing where a subscriber of the supervisor makes
them already, so that none is made twice. A supervisor that is ready takes no more subscribers, so
there each observer reads a stream, on a thread of its own. When the context is left everything has
been shut down, every event told, and the threads are gone; how tasks or the shutdown ended raises
nothing there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from taskvisor._core import EventStream, Subscribe, Supervisor, SupervisorHandle
from taskvisor.errors import GraceExceeded, Lagged
from taskvisor.log import LoggingSubscriber

__all__ = ["Served"]


class Served:
    """A context manager around the time in which a supervisor serves.

    supervisor: one that has not been started. observers: those that are not its subscribers.
    """

    handle: SupervisorHandle
    misses_failures: bool
    """Whether nobody is told of failures: not an observer that reads a stream, and no other."""

    def __init__(self, supervisor: Supervisor, observers: Sequence[Subscribe] = ()) -> None:
        self._supervisor = supervisor
        self._observers = observers
        self._readers: list[_Reader] = []

    def __enter__(self) -> Self:
        """Start it. Raises AlreadyRunning, and what else `Supervisor.serve` raises."""
        self.handle = self._supervisor.serve()
        names = {info.name for info in self.handle.subscribers()}
        is_logged = LoggingSubscriber.__name__ in names
        # Without any subscriber the runtime logs them.
        self.misses_failures = bool(self._observers and names and not is_logged)
        for observer in self._observers:
            if not (is_logged and isinstance(observer, LoggingSubscriber)):
                self._readers.append(_Reader(self.handle, observer))
        return self

    def __exit__(self, *exc: object) -> None:
        # Leaving the block of the handle would raise what an essential task has raised.
        with suppress(GraceExceeded):
            self.handle.shutdown()
        for reader in self._readers:
            reader.join()

    def lost(self, observer: Subscribe) -> int:
        """Return how many events an observer, also one that is a subscriber, has not heard."""
        told = [reader.stream.lost for reader in self._readers if reader.observer is observer]
        if told:
            return sum(told)
        return sum(info.dropped for info in self.handle.subscribers() if info.name == observer.name)


class _Reader(threading.Thread):
    """Tells an observer what a stream has, until that ends with the shutdown."""

    def __init__(self, supervisor: SupervisorHandle, observer: Subscribe) -> None:
        super().__init__(name=f"taskvisor-{observer.name}", daemon=True)
        self.observer = observer
        self.stream: EventStream = supervisor.events(observer.queue_capacity)
        self.start()

    def run(self) -> None:
        while True:
            try:
                self.observer.on_event(self.stream.next())
            except Lagged:  # the stream counts them
                pass
            except StopIteration:
                return
            except Exception as error:  # the observer's: it is told of the next event all the same
                self._tell(error)

    def _tell(self, error: Exception) -> None:
        raised = (type(error), error, error.__traceback__, self)
        threading.excepthook(threading.ExceptHookArgs(raised))
