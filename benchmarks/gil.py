"""Does a storm of restarts leave the rest of the program its share of Python?

A task restarts without a pause, as fast as it can, while the main thread computes; and while an
asyncio loop on the main thread sleeps a millisecond at a time.

What dominates: CPython gives a released GIL to whoever asks first, which is the thread that has
just released it. A worker therefore keeps the GIL for a turn and then stays away for a while.

How to read it: the share of its work that the main thread still gets done, in percent of what it
does alone (here more is better); the loop's lateness, 99th percentile, in ms. The peers are a pool
whose bodies submit themselves again, and a plain thread that calls the same function for ever.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from threading import Thread
from time import perf_counter

from benchmarks import bodies
from benchmarks.contenders import python
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import Sample, Ticks, percentile
from taskvisor import RestartPolicy, Supervisor, TaskSpec

MILLI = 1e3
STRETCH = 0.001  # seconds per unit of size

Storm = Callable[[Ticks], AbstractContextManager[None]]


@contextmanager
def nothing(ticks: Ticks) -> Iterator[None]:
    """No storm: one tick, so that somebody has counted."""
    ticks.tick()
    yield


@contextmanager
def taskvisor_storm(ticks: Ticks) -> Iterator[None]:
    """One task that restarts without a pause."""
    spec = TaskSpec(bodies.function(ticks), restart=RestartPolicy.ALWAYS)
    with Supervisor() as sup:
        handle = sup.add(spec)
        yield
        handle.cancel()


@contextmanager
def thread_storm(ticks: Ticks) -> Iterator[None]:
    """One thread that calls for ever."""
    going, body = True, bodies.function(ticks)

    def call() -> None:
        while going:
            body()

    thread = Thread(target=call)
    thread.start()
    yield
    going = False
    thread.join()


@contextmanager
def pool_storm(ticks: Ticks) -> Iterator[None]:
    """One body that submits itself again."""
    going, tick = True, ticks.tick

    def body() -> None:
        tick()
        if going:
            pool.submit(body)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(body)
        yield
        going = False


def computed(seconds: float) -> int:
    """How much the calling thread gets done."""
    done, end = 0, perf_counter() + seconds
    while perf_counter() < end:
        for _ in range(50):
            done += 1
    return done


def share(storm: Storm, n: int) -> Sample:
    """What the main thread gets done beside it, in percent of what it does alone."""
    ticks, seconds = Ticks(), n * STRETCH
    alone = computed(seconds / 2)
    with storm(ticks):
        beside = computed(seconds)
    alone += computed(seconds / 2)
    assert ticks.total() >= 1
    return Sample(100 * beside / alone, 1)


def lateness(storm: Storm, n: int) -> Sample:
    """How late a loop is that sleeps 1 ms, beside it."""
    ticks, late = Ticks(), []

    async def main() -> None:
        for _ in range(n):
            due = perf_counter() + 0.001
            await asyncio.sleep(0.001)
            late.append(perf_counter() - due)

    with storm(ticks):
        asyncio.run(main())
    assert ticks.total() >= 1
    worst = {"worst_ms": max(late) * MILLI}
    return Sample(percentile(late, 0.99) * MILLI, 1, worst)


WORKS = (
    Work(
        key="gil_share",
        title="what the main thread gets done beside a storm of calls",
        unit="% of alone",
        size=400,
        smoke=20,
        rounds=5,
        bodies=lambda size: 1,
        counted="storms",
        contenders=(
            python("taskvisor", share, taskvisor_storm),
            python("a plain thread", share, thread_storm),
            python("ThreadPoolExecutor", share, pool_storm),
        ),
        bars=(Bar("main thread beside a storm, % of the GIL", "taskvisor", at_least=35),),
    ),
    Work(
        key="loop_lateness",
        title="an asyncio loop that sleeps 1 ms, beside a storm of calls",
        unit="ms late, p99",
        size=300,
        smoke=10,
        rounds=5,
        bodies=lambda size: 1,
        counted="storms",
        contenders=(
            python("taskvisor", lateness, taskvisor_storm),
            python("a plain thread", lateness, thread_storm),
            python("ThreadPoolExecutor", lateness, pool_storm),
            python("nothing", lateness, nothing),
        ),
        bars=(Bar("loop's lateness beside a storm, p99, ms", "taskvisor", at_most=6),),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
