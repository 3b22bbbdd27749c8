"""Waits of an asyncio loop, and the end of a private one: what the extension has Python do there.

Guarantees: importing this does not import asyncio, which a program without coroutines need not pay
for. Nothing here blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeVar

from taskvisor import _hooks
from taskvisor._checks import Seconds, optional_seconds, seconds
from taskvisor.errors import Canceled, TaskRemoveTimeout
from taskvisor.outcome import TaskOutcome

if TYPE_CHECKING:
    import asyncio

    from taskvisor._core import AioTaskHandle, TaskContext, _Watch

__all__ = [
    "aio_add_done_callback",
    "aio_cancel",
    "aio_outcome",
    "aio_result",
    "asleep",
    "end_loop",
    "wait_cancelled",
]

_T = TypeVar("_T")

# How long tasks that bodies have left behind may take to see their cancellation.
_PATIENCE = 1.0


# --- waiting ---


class Deadline:
    """What is left of a timeout in seconds; None is for ever."""

    __slots__ = ("_at",)

    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """Return the seconds that are left, 0 past the deadline."""
        return None if self._at is None else max(self._at - time.monotonic(), 0.0)


async def told(watch: _Watch, timeout: float | None = None) -> None:
    """Wait until a watch is told, or for `timeout` seconds. The watch is over then, either way."""
    import asyncio

    if timeout is None:
        await watch
        return
    timer = asyncio.get_running_loop().call_later(timeout, _expire, watch.future)
    try:
        await watch
    finally:
        timer.cancel()


def _expire(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def until(
    is_there: Callable[[], bool], watch: Callable[[], _Watch], timeout: float | None
) -> bool:
    """Wait until something is there; False: not in time."""
    deadline = Deadline(timeout)
    while not is_there():
        left = deadline.left()
        if left == 0:
            return False
        begun = watch()
        if is_there():
            begun.withdraw()
            return True
        await told(begun, left)
    return True


# --- the handles of coroutines ---


async def aio_outcome(handle: AioTaskHandle[_T], timeout: Seconds | None) -> TaskOutcome[_T]:
    """Do what `aio.TaskHandle.outcome` says."""
    await _ended(handle, timeout)
    return handle._ended()


async def aio_result(handle: AioTaskHandle[_T], timeout: Seconds | None) -> _T:
    """Do what `aio.TaskHandle.result` says."""
    await _ended(handle, timeout)
    return handle._value()


async def _ended(handle: AioTaskHandle[Any], timeout: Seconds | None) -> None:
    handle._check_here()
    if not await until(handle.done, handle._watch, optional_seconds(timeout, "timeout")):
        raise TimeoutError("the task has not ended in time")


async def aio_cancel(handle: AioTaskHandle[Any], timeout: Seconds | EllipsisType | None) -> bool:
    """Do what `aio.TaskHandle.cancel` says."""
    handle._check_here()
    limit = cancel_timeout(timeout)
    return await cancelled(handle._leave(), limit)


def cancel_timeout(timeout: Seconds | EllipsisType | None) -> float | EllipsisType | None:
    """Return the timeout of a cancel; left out it is the task's grace."""
    return timeout if isinstance(timeout, EllipsisType) else optional_seconds(timeout, "timeout")


async def cancelled(
    asked: tuple[bool, str, float, _Watch] | None, timeout: float | EllipsisType | None
) -> bool:
    """Wait for a task that was asked to leave; tell whether it was asked first."""
    if asked is None:
        return False
    first, name, grace, watch = asked
    limit = grace if isinstance(timeout, EllipsisType) else timeout
    if watch.gone():
        watch.withdraw()
        return first
    await told(watch, limit)
    if not watch.gone():
        raise TaskRemoveTimeout(name, limit)
    return first


def aio_add_done_callback(
    handle: AioTaskHandle[_T], fn: Callable[[AioTaskHandle[_T]], object]
) -> None:
    """Do what `aio.TaskHandle.add_done_callback` says."""
    handle._check_here()
    if not callable(fn):
        raise TypeError(f"fn must be callable, not {type(fn).__name__}")

    def call(_: object) -> None:
        try:
            fn(handle)
        except Exception as error:
            _hooks.log_callback_error(handle, error)

    watch = handle._watch()
    watch.future.add_done_callback(call)
    if handle.done():
        watch.withdraw()
        watch.future.set_result(None)


# --- the contexts of coroutines ---


async def wait_cancelled(ctx: TaskContext, timeout: Seconds | None) -> bool:
    """Do what `TaskContext.wait_cancelled` says."""
    import asyncio

    limit = None if timeout is None else seconds(timeout, "timeout")
    if ctx.cancelled:
        return True
    if limit == 0:
        await asyncio.sleep(0)
    else:
        await _token(ctx, limit)
    return ctx.cancelled


async def _token(ctx: TaskContext, limit: float | None) -> None:
    watch = ctx._watch(limit)
    if ctx.cancelled:
        watch.withdraw()
    else:
        await told(watch, None if watch.timed else limit)


async def asleep(ctx: TaskContext, duration: Seconds) -> None:
    """Do what `TaskContext.asleep` says."""
    if await wait_cancelled(ctx, seconds(duration, "seconds")):
        raise Canceled


# --- a private loop ---


def end_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Close a private loop; tasks that bodies have left in it are cancelled before."""
    import asyncio

    try:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_PATIENCE))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
