"""The work of the benchmarks on a bare asyncio loop, and on uvloop's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks import bodies
from benchmarks.measure import Sample, Ticks, Watch

Kind = Callable[[Ticks], bodies.Coroutine]


def on_asyncio(main: Callable[..., Any], *parts: Any) -> Sample:
    """Run it on asyncio's own loop; the last of its parts is the size."""
    with asyncio.Runner() as runner:
        return runner.run(main(*parts))


def on_uvloop(main: Callable[..., Any], *parts: Any) -> Sample:
    """The same on uvloop's."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main(*parts))


async def gather(kind: Kind, n: int) -> Sample:
    """create_task for each, gather."""
    ticks, watch = Ticks(), Watch()
    body = kind(ticks)
    with watch.running():
        await asyncio.gather(*[asyncio.create_task(body()) for _ in range(n)])
    return watch.per(n, ticks.total())


async def gather_eagerly(kind: Kind, n: int) -> Sample:
    """The same with asyncio's eager task factory (3.12)."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    return await gather(kind, n)


async def again_by_hand(n: int) -> Sample:
    """A loop by hand around a coroutine that succeeds; it never gives way."""
    ticks, watch = Ticks(), Watch()
    body = bodies.coroutine(ticks)
    with watch.running():
        for _ in range(n):
            await body()
    return watch.per(n, ticks.total())


async def task_again_by_hand(n: int) -> Sample:
    """A loop by hand that makes a task of each attempt and awaits it."""
    ticks, watch = Ticks(), Watch()
    body = bodies.coroutine(ticks)
    with watch.running():
        for _ in range(n):
            await asyncio.create_task(body())
    return watch.per(n, ticks.total())


async def failing(n: int, pause: Callable[[], Awaitable[None]] | None) -> Sample:
    """A loop by hand around a coroutine that raises."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    async def body() -> None:
        if tick() < n - 1:
            raise ValueError("no")

    with watch.running():
        while True:
            try:
                await body()
                break
            except ValueError:
                if pause:
                    await pause()
    return watch.per(n, ticks.total())


async def failing_by_hand(n: int) -> Sample:
    """With a delay of zero: `await asyncio.sleep(0)`, as such loops have it."""
    return await failing(n, lambda: asyncio.sleep(0))


async def failing_without_delay(n: int) -> Sample:
    """Without one: nobody else on the loop ever runs."""
    return await failing(n, None)


async def guarded(n: int) -> Sample:
    """A loop by hand with asyncio.timeout around each attempt."""
    ticks, watch = Ticks(), Watch()
    body = bodies.coroutine(ticks)
    with watch.running():
        for _ in range(n):
            async with asyncio.timeout(60):
                await body()
    return watch.per(n, ticks.total())


async def create_and_cancel(n: int) -> Sample:
    """Create n tasks that wait, then cancel and await each."""
    ticks, watch = Ticks(), Watch()
    body = bodies.sleeping(ticks)
    with watch.running():
        tasks = [asyncio.create_task(body()) for _ in range(n)]
    await asyncio.sleep(0)
    with watch.running():
        for task in tasks:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
    return watch.per(n, ticks.total())


async def cancel_all(n: int) -> Sample:
    """n tasks wait; cancel all, gather all."""
    ticks, watch = Ticks(), Watch()
    body = bodies.sleeping(ticks)
    tasks = [asyncio.create_task(body()) for _ in range(n)]
    await asyncio.sleep(0)
    with watch.running():
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return watch.per(n, ticks.total())


def cold(n: int) -> Sample:
    """asyncio.run of one coroutine, n times."""
    ticks, watch = Ticks(), Watch()
    body = bodies.coroutine(ticks)
    with watch.running():
        for _ in range(n):
            asyncio.run(body())
    return watch.per(n, ticks.total())
