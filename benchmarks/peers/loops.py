"""The work of the benchmarks on a bare asyncio loop, and on uvloop's."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from benchmarks.measure import Sample, Ticks, Watch

Main = Callable[[int], Coroutine[Any, Any, Sample]]


def on_asyncio(main: Main, n: int) -> Sample:
    """On asyncio's own loop."""
    with asyncio.Runner() as runner:
        return runner.run(main(n))


def on_uvloop(main: Main, n: int) -> Sample:
    """On uvloop's."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main(n))


async def gather_all(n: int) -> Sample:
    """create_task for each, gather."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    async def body() -> None:
        tick()

    with watch.running():
        await asyncio.gather(*[asyncio.create_task(body()) for _ in range(n)])
    return watch.per(n, ticks.total())


async def gather_eagerly(n: int) -> Sample:
    """The same with asyncio's eager task factory (3.12)."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    return await gather_all(n)


async def gather_suspending(n: int) -> Sample:
    """Bodies that give way to the loop once."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    async def body() -> None:
        tick()
        await asyncio.sleep(0)

    with watch.running():
        await asyncio.gather(*[asyncio.create_task(body()) for _ in range(n)])
    return watch.per(n, ticks.total())


async def again_by_hand(n: int) -> Sample:
    """A loop by hand around a coroutine that succeeds; it never gives way."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    async def body() -> None:
        tick()

    with watch.running():
        for _ in range(n):
            await body()
    return watch.per(n, ticks.total())


async def task_again_by_hand(n: int) -> Sample:
    """A loop by hand that makes a task of each attempt and awaits it."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    async def body() -> None:
        tick()

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
    tick = ticks.tick

    async def body() -> None:
        tick()

    with watch.running():
        for _ in range(n):
            async with asyncio.timeout(60):
                await body()
    return watch.per(n, ticks.total())


async def create_and_cancel(n: int) -> Sample:
    """Create n tasks that wait, then cancel and await each."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    async def body() -> None:
        tick()
        await asyncio.sleep(3600)

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
    tick = ticks.tick

    async def body() -> None:
        tick()
        await asyncio.sleep(3600)

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
    tick = ticks.tick

    async def body() -> None:
        tick()

    with watch.running():
        for _ in range(n):
            asyncio.run(body())
    return watch.per(n, ticks.total())
