"""`taskvisor run`: load the target, supervise its tasks, tell what became of them.

Guarantees: the outcomes of the target's tasks are asked from their handles, never taken from
events. Whatever goes wrong before a task has started ends with exit code 2 and one line, with 0
where a signal was the reason.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import (
    contextmanager,
    nullcontext,
    redirect_stdout,
    suppress,
)
from dataclasses import dataclass, field

from taskvisor._core import Subscribe, Supervisor
from taskvisor.cli.arguments import Options
from taskvisor.cli.book import Book
from taskvisor.cli.live import Live
from taskvisor.cli.logs import Log
from taskvisor.cli.output import Output, lines, one_line
from taskvisor.cli.screen import Screen
from taskvisor.cli.served import Served
from taskvisor.cli.signals import Signals
from taskvisor.cli.summary import Report
from taskvisor.cli.target import Target, TargetError, load
from taskvisor.controller import ControllerConfig
from taskvisor.errors import AlreadyRunning, GraceExceeded, ShuttingDown

__all__ = ["run"]

_USAGE = 2


def run(options: Options) -> int:
    """Do it, and return the exit code."""
    with _stdout_kept_for_json() if options.json else nullcontext():
        report = _run(options)
    if report is None:
        return _USAGE
    with suppress(KeyboardInterrupt):
        if options.json:
            report.print_json()
        else:
            report.print_text()
    return report.exit_code


def _run(options: Options) -> Report | None:
    """Return the report of a run, None if it was not to be."""
    report = Report()
    with Signals() as signals, Screen() as screen:
        try:
            target = load(options.target)
            _check_options(options, target)
            if target.specs:
                _Run(options, signals, screen, report, target).supervise()
        except TargetError as error:
            _complain(str(error), error.__cause__ if options.verbose else None)
            return None
        except AlreadyRunning:
            _complain(f"the Supervisor of {options.target} has been started already")
            return None
        except KeyboardInterrupt:
            _complain("stopped before any task was started")
        if signals.seen:
            report.signal = signals.seen[0].name
    return report


def _check_options(options: Options, target: Target) -> None:
    """Refuse options that are settings of a supervisor where the target has made that."""
    if target.supervisor is not None and options.settings:
        raise TargetError(
            f"{target.label} is a Supervisor, with a config of its own:"
            f" {' and '.join(options.settings)} cannot be given"
        )


@dataclass(slots=True)
class _Run:
    """One run: what it is given, the report that it fills in, and the book it keeps meanwhile."""

    options: Options
    signals: Signals
    screen: Screen
    report: Report
    target: Target
    book: Book = field(init=False)

    def __post_init__(self) -> None:
        self.book = Book(len(self.target.specs))

    def supervise(self) -> None:
        """Have the tasks run to their end, or to that of a shutdown.

        Raises KeyboardInterrupt for a signal that came before they were accepted, AlreadyRunning
        where the target has started its supervisor; no task has started then.
        """
        begin = time.monotonic()
        wants_table = self.options.log is None and not self.options.verbose
        terminal = self.screen.terminal if wants_table else None
        kind = self.options.log or ("table" if terminal else "text")
        with Log(kind, self.options.verbose) as log, self._served(log) as served:
            self._start(served, log)
            with (
                Live(self.screen, terminal, served.handle, self.book) if terminal else nullcontext()
            ):
                self._wait(served)
        self.report.rows, self.report.others = self.book.close(), self.book.others()
        self.report.dropped = served.lost(self.book)
        self.report.seconds = time.monotonic() - begin

    def _served(self, log: Log) -> Served:
        """Return the target's supervisor, else one of our own, which has slots."""
        observers: list[Subscribe] = [self.book, *log.subscribers]
        if self.target.supervisor is not None:
            return Served(self.target.supervisor, observers)
        if not log.subscribers:
            self.book.on_failure = log.task_failed
        return Served(
            Supervisor(self.options.config, subscribers=observers, controller=ControllerConfig())
        )

    def _start(self, served: Served, log: Log) -> None:
        def ask(again: bool) -> None:
            served.handle.shutdown(0 if again else None, wait=False)

        self.signals.hand_to(ask)
        try:
            handles = served.handle.add_many(self.target.specs)
        except ShuttingDown:
            raise KeyboardInterrupt from None
        self.book.own(handles)
        if served.misses_failures:
            for handle in handles:
                handle.add_done_callback(log.task_ended)

    def _wait(self, served: Served) -> None:
        served.handle.join()
        try:
            served.handle.shutdown()
        except GraceExceeded as error:
            self.report.verdict = error


def _complain(text: str, cause: BaseException | None = None) -> None:
    """Write one line to stderr, below the traceback of what has caused it, if that is asked for."""
    out = Output("stderr")
    if cause is not None:
        out.line(lines("".join(traceback.format_exception(cause)).rstrip()))
    out.line(f"taskvisor: {one_line(text)}")


@contextmanager
def _stdout_kept_for_json() -> Iterator[None]:
    """Have everything that is printed meanwhile, by child processes too, go to stderr."""
    kept = None
    if sys.stdout is not None:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
    with suppress(OSError):
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)
