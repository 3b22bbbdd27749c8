"""Waits of an asyncio loop, and the end of a private one: what the extension has Python do there.

Guarantees: importing this does not import asyncio, which a program without coroutines need not pay
for. Nothing here blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskvisor._checks import Seconds, seconds
from taskvisor.errors import Canceled

if TYPE_CHECKING:
    import asyncio

    from taskvisor._core import TaskContext, _Watch

__all__ = ["asleep", "end_loop", "told", "wait_cancelled"]

# How long tasks that bodies have left behind may take to see their cancellation.
_PATIENCE = 1.0


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


async def wait_cancelled(ctx: TaskContext, timeout: Seconds | None) -> bool:
    """Do what `TaskContext.wait_cancelled` says."""
    import asyncio

    limit = None if timeout is None else seconds(timeout, "timeout")
    if ctx.cancelled:
        return True
    if limit == 0:
        await asyncio.sleep(0)
    else:
        await _cancelled(ctx, limit)
    return ctx.cancelled


async def _cancelled(ctx: TaskContext, limit: float | None) -> None:
    watch = ctx._watch()
    if ctx.cancelled:
        watch.withdraw()
    else:
        await told(watch, limit)


async def asleep(ctx: TaskContext, duration: Seconds) -> None:
    """Do what `TaskContext.asleep` says."""
    if await wait_cancelled(ctx, seconds(duration, "seconds")):
        raise Canceled


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
