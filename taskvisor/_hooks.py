"""What the runtime has Python do for it: set up its threads, report what nobody would hear of.

Guarantees: no function here raises. What goes wrong in one (a logging filter of the application
that raises, say) is handed to `threading.excepthook`, as an error in any other thread.

`threading` learns of a thread it did not start by a dummy entry, made when `current_thread()` is
first called there. Until Python 3.12 nothing takes that entry out when the thread ends, and its
name passes to the next thread with the same ident. So a worker's entry is made at its begin, on a
clean place, and taken out at its end, under the lock of `threading` and no other. There is no
public door to the entries; an interpreter without the private one used here keeps its own books.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol

from taskvisor.outcome import OutcomeKind, TaskOutcome

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "log_callback_error",
    "log_failure",
    "stacks",
    "tell_failure",
    "worker_begin",
    "worker_end",
]

_P = ParamSpec("_P")

_logger = logging.getLogger("taskvisor")

# The text of an exception that is longer is not printed below its traceback.
_PRINTED_MAX = 64 * 1024


class _Task(Protocol):
    """What a record tells of a TaskHandle."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...


def _contained(hook: Callable[_P, None]) -> Callable[_P, None]:
    """Make a hook hand its exception to `threading.excepthook` instead of raising it."""

    @functools.wraps(hook)
    def contained(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            hook(*args, **kwargs)
        except BaseException as error:
            with contextlib.suppress(BaseException):
                raised = (type(error), error, error.__traceback__, threading.current_thread())
                threading.excepthook(threading.ExceptHookArgs(raised))

    return contained


@_contained
def worker_begin(name: str) -> None:
    """Give the calling thread, new to Python, its name and the hooks threads start with."""
    _forget_thread()
    threading.current_thread().name = name
    trace, profile = threading.gettrace(), threading.getprofile()
    if trace is not None:
        sys.settrace(trace)
    if profile is not None:
        sys.setprofile(profile)


@_contained
def worker_end() -> None:
    """Undo `worker_begin` on the calling thread, which runs no Python any more."""
    if sys.getprofile() is not None:
        sys.setprofile(None)
    if sys.gettrace() is not None:
        sys.settrace(None)
    _forget_thread()


def _forget_thread() -> None:
    """Take the entry of the calling thread, if any, out of `threading`."""
    # Looked up each time: in a forked child the lock is another one.
    lock = getattr(threading, "_active_limbo_lock", None)
    entries = getattr(threading, "_active", None)
    if lock is not None and entries is not None:
        with lock:
            entries.pop(threading.get_ident(), None)


def stacks(places: Mapping[str, int | asyncio.Task[Any]]) -> dict[str, str]:
    """Return for each name the Python stack of its body, as text.

    A place is the ident of a thread, or an asyncio task. The stack is empty for a thread that has
    ended or runs no Python.
    """
    texts = dict.fromkeys(places, "")
    with contextlib.suppress(Exception):
        frames = sys._current_frames()
        try:
            for name, place in places.items():
                texts[name] = "".join(traceback.format_list(_stack(place, frames)))
        finally:
            frames.clear()  # it holds this very frame
    return texts


def _stack(
    place: int | asyncio.Task[Any], frames: Mapping[int, FrameType]
) -> traceback.StackSummary:
    if isinstance(place, int):
        walk = traceback.walk_stack(frames[place]) if place in frames else iter(())
        return _outermost_first(traceback.StackSummary.extract(walk))
    awaiting = list(_awaiting(place.get_coro()))
    for frame in frames.values():
        running = [each for each, _ in traceback.walk_stack(frame)]
        if awaiting[-1] in running:  # it is in the middle of a step: what it calls is below
            below = running[: running.index(awaiting[-1])]
            awaiting += reversed(below)
            break
    return traceback.StackSummary.extract((frame, frame.f_lineno) for frame in awaiting)


def _outermost_first(stack: traceback.StackSummary) -> traceback.StackSummary:
    stack.reverse()
    return stack


def _awaiting(coroutine: object) -> Iterator[FrameType]:
    """Return the frames of a coroutine and of what it awaits, the outermost first."""
    while coroutine is not None:
        for kind, awaits in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            frame = getattr(coroutine, f"{kind}_frame", None)
            if frame is not None:
                yield frame
                coroutine = getattr(coroutine, awaits)
                break
        else:
            return


class _Taker(Protocol):
    """A subscriber that wants to know of each task that ended badly."""

    def on_failure(self, handle: _Task, outcome: TaskOutcome[Any], /) -> object: ...


@_contained
def tell_failure(handle: _Task, outcome: TaskOutcome[Any], takers: Iterable[_Taker]) -> None:
    """Tell subscribers of a task that ended failed, fatal or abandoned."""
    for taker in takers:
        try:
            taker.on_failure(handle, outcome)
        except BaseException as error:
            text = f"on_failure of {type(taker).__name__} raised for task {handle.name!r}"
            _log_error(_logger, text, handle, error, {})


@_contained
def log_failure(handle: _Task, outcome: TaskOutcome[Any]) -> None:
    """Log the end of a task that nobody may be looking at: failed, fatal or abandoned."""
    log_end(_logger, handle, outcome)


def log_end(
    logger: logging.Logger,
    handle: _Task,
    outcome: TaskOutcome[Any],
    more: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Make one ERROR record of a task's bad end, with more attributes; raises what logging does."""
    if outcome.kind is OutcomeKind.ABANDONED:
        how = "was abandoned, its body still runs"
    else:
        how = f"ended {outcome.kind}"
    text = f"task {handle.name!r} {how}" + (f": {outcome.reason}" if outcome.reason else "")
    fields = {
        **more,
        "outcome": str(outcome.kind),
        "attempts": outcome.attempts,
        "reason": outcome.reason,
        "exit_code": outcome.exit_code,
    }
    _log_error(logger, text, handle, outcome.exception, fields)


@_contained
def log_callback_error(handle: _Task, exc: BaseException) -> None:
    """Log an exception out of a callback given to `add_done_callback`."""
    _log_error(_logger, f"a done callback of task {handle.name!r} raised", handle, exc, {})


def _log_error(
    logger: logging.Logger,
    text: str,
    handle: _Task,
    exc: BaseException | None,
    fields: dict[str, object],
) -> None:
    """Make one ERROR record, with the traceback of `exc` if there is one."""
    if exc is not None and not all(map(_is_printable, _chain(exc))):
        text += "\n" + "".join(traceback.format_tb(exc.__traceback__)).rstrip()
        exc = None
    extra = {**fields, "task": handle.name, "task_id": handle.id}
    logger.error("%s", text, exc_info=exc, extra=extra)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """Return an exception and those printed above it."""
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        exc = exc.__cause__ or exc.__context__


def _is_printable(exc: BaseException) -> bool:
    try:
        return len(str(exc)) <= _PRINTED_MAX
    except BaseException:
        return True  # `traceback` has its own words for these
