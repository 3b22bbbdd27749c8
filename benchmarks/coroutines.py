"""What does supervision add to a coroutine?

10,000 coroutines that do not suspend, and 10,000 that give way to the loop once: added to a
supervisor on the caller's loop (`taskvisor.aio`) and to one with a loop of its own, against bare
`create_task` and `gather` on the same kind of loop; and one coroutine restarted again and again.

What dominates: making an `asyncio.Task`, and the loop's way from one callback to the next. From
Python 3.12 a task can begin on the spot, so a coroutine that does not suspend never enters the
loop's queue; bare `create_task` gains the same by `asyncio.eager_task_factory`, which has a row.

How to read it: µs per task, or per attempt. The ratio below one is no wonder: ours begins eagerly
(3.12 and later) where a bare `create_task` does not.
"""

import asyncio
import sys

from benchmarks.contenders import python
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import Sample, Ticks, Watch
from benchmarks.peers import loops
from taskvisor import Canceled, RestartPolicy, Supervisor, TaskSpec

EAGER = sys.version_info >= (3, 12)


def body_of(ticks: Ticks, suspends: bool):
    """A coroutine function that counts, and gives way or does not."""
    tick = ticks.tick

    async def plain() -> None:
        tick()

    async def suspending() -> None:
        tick()
        await asyncio.sleep(0)

    return suspending if suspends else plain


async def on_callers_loop(n: int, suspends: bool) -> Sample:
    """Add n on the loop they run on, await all."""
    from taskvisor import aio

    ticks, watch = Ticks(), Watch()
    spec, names = TaskSpec.once(body_of(ticks, suspends)), [f"t{i}" for i in range(n)]
    async with aio.Supervisor() as sup:
        await sup.add(spec)
        ticks.reset()
        with watch.running():
            handles = [sup.add(spec, name=name) for name in names]
            for handle in handles:
                await handle
    return watch.per(n, ticks.total())


def taskvisor_aio(n: int) -> Sample:
    """Not suspending."""
    return asyncio.run(on_callers_loop(n, suspends=False))


def taskvisor_aio_suspending(n: int) -> Sample:
    """Suspending once."""
    return asyncio.run(on_callers_loop(n, suspends=True))


def on_own_loop(n: int, suspends: bool) -> Sample:
    """Add n from a thread, take all results."""
    ticks, watch = Ticks(), Watch()
    spec, names = TaskSpec.once(body_of(ticks, suspends)), [f"t{i}" for i in range(n)]
    with Supervisor() as sup:
        sup.add(spec).result()
        ticks.reset()
        with watch.running():
            handles = [sup.add(spec, name=name) for name in names]
            for handle in handles:
                handle.result()
    return watch.per(n, ticks.total())


def taskvisor_own(n: int) -> Sample:
    """Not suspending."""
    return on_own_loop(n, suspends=False)


def taskvisor_own_suspending(n: int) -> Sample:
    """Suspending once."""
    return on_own_loop(n, suspends=True)


def taskvisor_again(n: int) -> Sample:
    """One coroutine, n attempts, on the caller's loop."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    async def body() -> None:
        if tick() == n - 1:
            raise Canceled

    async def main() -> None:
        from taskvisor import aio

        async with aio.Supervisor() as sup:
            with watch.running():
                await sup.add(TaskSpec(body, restart=RestartPolicy.ALWAYS)).outcome()

    asyncio.run(main())
    return watch.per(n, ticks.total())


def asyncio_gather(n: int) -> Sample:
    """create_task for each, gather."""
    return loops.on_asyncio(loops.gather_all, n)


def asyncio_eager(n: int) -> Sample:
    """The same with asyncio's eager task factory."""
    return loops.on_asyncio(loops.gather_eagerly, n)


def uvloop_gather(n: int) -> Sample:
    """The same on uvloop."""
    return loops.on_uvloop(loops.gather_all, n)


def asyncio_suspending(n: int) -> Sample:
    """create_task for each, gather."""
    return loops.on_asyncio(loops.gather_suspending, n)


def uvloop_suspending(n: int) -> Sample:
    """The same on uvloop."""
    return loops.on_uvloop(loops.gather_suspending, n)


def asyncio_task_again(n: int) -> Sample:
    """By hand: a task for each attempt, awaited."""
    return loops.on_asyncio(loops.task_again_by_hand, n)


WORKS = (
    Work(
        key="coroutines",
        title="coroutines that do not suspend, until all results are there",
        unit="µs per task",
        size=10_000,
        smoke=50,
        contenders=(
            python("taskvisor.aio", taskvisor_aio),
            python("taskvisor, a loop of its own", taskvisor_own),
            python("asyncio", asyncio_gather),
            *([python("asyncio, eager task factory", asyncio_eager)] if EAGER else []),
            python("uvloop", uvloop_gather, "uvloop"),
        ),
        bars=(
            Bar(
                "a coroutine that does not suspend: create_task + gather",
                "taskvisor.aio",
                "asyncio",
                at_most=0.4 if EAGER else 0.9,
            ),
        ),
    ),
    Work(
        key="coroutines_suspending",
        title="coroutines that suspend once, until all results are there",
        unit="µs per task",
        size=10_000,
        smoke=50,
        contenders=(
            python("taskvisor.aio", taskvisor_aio_suspending),
            python("taskvisor, a loop of its own", taskvisor_own_suspending),
            python("asyncio", asyncio_suspending),
            python("uvloop", uvloop_suspending, "uvloop"),
        ),
        bars=(
            Bar(
                "a coroutine that suspends once: create_task + gather",
                "taskvisor.aio",
                "asyncio",
                at_most=0.75,
            ),
        ),
    ),
    Work(
        key="coroutines_again",
        title="one coroutine, again and again after a success",
        unit="µs per attempt",
        size=20_000,
        smoke=50,
        contenders=(
            python("taskvisor.aio", taskvisor_again),
            python("asyncio, a task for each", asyncio_task_again),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
