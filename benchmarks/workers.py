"""How many threads are there, and how soon are there enough?

1,000 bodies that block, until all of them run; the same beside a main thread that computes; and
10,000 bodies that do nothing, after which the workers are counted.

What dominates: making a thread (10 to 30 µs, and its first attach to Python). A worker is brought
only when there is evidence that a body blocks, so bodies that do nothing must not bring any.

How to read it: ms until the last of them runs; the number of worker threads.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore
from time import monotonic

from benchmarks import bodies
from benchmarks.contenders import python
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import Sample, Ticks, Watch
from taskvisor import Supervisor, TaskContext, TaskSpec

MILLI = 1e3


def taskvisor_blockers(n: int) -> Sample:
    """Until all block at once."""
    running, watch = Semaphore(0), Watch()

    def body(ctx: TaskContext) -> None:
        running.release()
        ctx.wait()

    spec, names = TaskSpec.once(body), [f"t{i}" for i in range(n)]
    with Supervisor() as sup, watch.running():
        for name in names:
            sup.add(spec, name=name)
        for _ in range(n):
            running.acquire()
    return Sample(watch.seconds * MILLI, n)


def taskvisor_blockers_busy(n: int) -> Sample:
    """The same; the main thread computes and looks now and then."""
    running, watch = Ticks(), Watch()
    tick = running.tick
    all_run = Event()

    def body(ctx: TaskContext) -> None:
        if tick() == n - 1:
            all_run.set()
        ctx.wait()

    spec, names, value = TaskSpec.once(body), [f"t{i}" for i in range(n)], 0
    with Supervisor() as sup, watch.running():
        for name in names:
            sup.add(spec, name=name)
        patience = monotonic() + 60
        while not all_run.is_set() and monotonic() < patience:
            for i in range(1000):
                value += i
    return Sample(watch.seconds * MILLI, running.total())


def pool_blockers(n: int) -> Sample:
    """A pool as large as that."""
    running, end, watch = Semaphore(0), Event(), Watch()

    def body() -> None:
        running.release()
        end.wait()

    with ThreadPoolExecutor(n) as pool:
        with watch.running():
            for _ in range(n):
                pool.submit(body)
            for _ in range(n):
                running.acquire()
        end.set()
    return Sample(watch.seconds * MILLI, n)


def workers_now() -> int:
    """Threads of this process that are named as workers."""
    names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    return sum(name.startswith("taskvisor-") and name.strip()[-1].isdigit() for name in names)


def taskvisor_workers(n: int) -> Sample:
    """Idle workers stay for some seconds, so those at the end are all there were."""
    ticks = Ticks()
    spec = TaskSpec.once(bodies.function(ticks))
    with Supervisor() as sup:
        for i in range(n):
            sup.add(spec, name=f"t{i}")
        sup.join()
        return Sample(workers_now(), ticks.total())


WORKS = (
    Work(
        key="blockers",
        title="bodies that block, until all of them run",
        unit="ms",
        size=1_000,
        smoke=20,
        rounds=5,
        contenders=(
            python("taskvisor", taskvisor_blockers),
            python("taskvisor, main computes", taskvisor_blockers_busy),
            python("ThreadPoolExecutor(n)", pool_blockers),
        ),
        bars=(Bar("1,000 blockers, all running, ms", "taskvisor", at_most=500),),
    ),
    Work(
        key="workers",
        title="workers that bodies which do nothing bring about",
        unit="threads",
        size=10_000,
        smoke=50,
        rounds=5,
        contenders=(python("taskvisor", taskvisor_workers),),
        bars=(Bar("workers for 10,000 no-ops", "taskvisor", at_most=4),),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
