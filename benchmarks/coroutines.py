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

import sys

from benchmarks import bodies
from benchmarks.contenders import python
from benchmarks.harness import Bar, Work, run
from benchmarks.lifecycle import add_all
from benchmarks.measure import Sample, Ticks, Watch
from benchmarks.peers import loops
from taskvisor import Canceled, RestartPolicy, TaskSpec

EAGER = sys.version_info >= (3, 12)


async def on_callers_loop(kind: loops.Kind, n: int) -> Sample:
    """Add n on the loop they run on, await all."""
    from taskvisor import aio

    ticks, watch = Ticks(), Watch()
    spec, names = TaskSpec.once(kind(ticks)), [f"t{i}" for i in range(n)]
    async with aio.Supervisor() as sup:
        await sup.add(spec)
        ticks.reset()
        with watch.running():
            handles = [sup.add(spec, name=name) for name in names]
            for handle in handles:
                await handle
    return watch.per(n, ticks.total())


async def again(n: int) -> Sample:
    """One coroutine, n attempts, on the caller's loop."""
    from taskvisor import aio

    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    async def body() -> None:
        if tick() == n - 1:
            raise Canceled

    async with aio.Supervisor() as sup:
        with watch.running():
            await sup.add(TaskSpec(body, restart=RestartPolicy.ALWAYS)).outcome()
    return watch.per(n, ticks.total())


EAGERLY = python(
    "asyncio, eager task factory", loops.on_asyncio, loops.gather_eagerly, bodies.coroutine
)

WORKS = (
    Work(
        key="coroutines",
        title="coroutines that do not suspend, until all results are there",
        unit="µs per task",
        size=10_000,
        smoke=50,
        contenders=(
            python("taskvisor.aio", loops.on_asyncio, on_callers_loop, bodies.coroutine),
            python("taskvisor, a loop of its own", add_all, bodies.coroutine),
            python("asyncio", loops.on_asyncio, loops.gather, bodies.coroutine),
            *([EAGERLY] if EAGER else []),
            python("uvloop", loops.on_uvloop, loops.gather, bodies.coroutine, needs=("uvloop",)),
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
            python("taskvisor.aio", loops.on_asyncio, on_callers_loop, bodies.suspending),
            python("taskvisor, a loop of its own", add_all, bodies.suspending),
            python("asyncio", loops.on_asyncio, loops.gather, bodies.suspending),
            python("uvloop", loops.on_uvloop, loops.gather, bodies.suspending, needs=("uvloop",)),
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
            python("taskvisor.aio", loops.on_asyncio, again),
            python("asyncio, a task for each", loops.on_asyncio, loops.task_again_by_hand),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
