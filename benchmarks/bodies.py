"""What is supervised, looped over or put on a pool: bodies that count and do hardly anything else.

Each function here makes a body that ticks, so that all contenders of a work call the same one.
"""

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.measure import Ticks

Function = Callable[[], None]
Coroutine = Callable[[], Awaitable[None]]


def function(ticks: Ticks) -> Function:
    """Nothing else."""
    tick = ticks.tick

    def body() -> None:
        tick()

    return body


def failing(ticks: Ticks, n: int) -> Function:
    """Raises n - 1 times, then returns."""
    tick = ticks.tick

    def body() -> None:
        if tick() < n - 1:
            raise ValueError("no")

    return body


def failing_first(ticks: Ticks) -> Function:
    """Raises, returns, raises, returns."""
    tick = ticks.tick

    def body() -> None:
        if tick() % 2 == 0:
            raise ValueError("no")

    return body


def coroutine(ticks: Ticks) -> Coroutine:
    """A coroutine function that does not suspend."""
    tick = ticks.tick

    async def body() -> None:
        tick()

    return body


def suspending(ticks: Ticks) -> Coroutine:
    """A coroutine function that gives way to the loop once."""
    tick = ticks.tick

    async def body() -> None:
        tick()
        await asyncio.sleep(0)

    return body


def sleeping(ticks: Ticks) -> Coroutine:
    """A coroutine function that waits until it is cancelled."""
    tick = ticks.tick

    async def body() -> None:
        tick()
        await asyncio.sleep(3600)

    return body
