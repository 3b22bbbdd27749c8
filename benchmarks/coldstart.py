"""What does it cost to make a supervisor, run one task, and close it?

What dominates: three threads made and joined (a worker, the timer; the first attach of each), which
is also what a pool pays once and an event loop does not.

How to read it: µs per whole cycle. `by run` is `Supervisor().run([spec])`, `served` is the context
manager with one `add` and its result.
"""

from benchmarks import bodies
from benchmarks.contenders import crate_first, crate_newest, native, python, suture
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import Sample, Ticks, Watch
from benchmarks.peers import loops, pools
from taskvisor import Supervisor, TaskSpec


def taskvisor_served(n: int) -> Sample:
    """Serve, add, result, shut down."""
    ticks, watch = Ticks(), Watch()
    spec = TaskSpec.once(bodies.function(ticks))
    with watch.running():
        for _ in range(n):
            with Supervisor() as sup:
                sup.add(spec).result()
    return watch.per(n, ticks.total())


def taskvisor_run(n: int) -> Sample:
    """Run one spec."""
    ticks, watch = Ticks(), Watch()
    specs = [TaskSpec.once(bodies.function(ticks))]
    with watch.running():
        for _ in range(n):
            Supervisor().run(specs)
    return watch.per(n, ticks.total())


WORKS = (
    Work(
        key="cold",
        title="a supervisor, one task, closed",
        unit="µs per cycle",
        size=200,
        smoke=5,
        contenders=(
            python("taskvisor, by run", taskvisor_run),
            python("taskvisor, served", taskvisor_served),
            python("ThreadPoolExecutor", pools.cold),
            python("asyncio.run", loops.cold),
            native("taskvisor in C", "cold"),
            *crate_first("cold"),
            *crate_newest("cold"),
            suture("cold"),
        ),
        bars=(
            Bar(
                "cold: ThreadPoolExecutor", "taskvisor, by run", "ThreadPoolExecutor", at_most=0.35
            ),
            Bar("cold: asyncio.run", "taskvisor, by run", "asyncio.run", at_most=0.5),
            Bar(
                "cold, served: ThreadPoolExecutor",
                "taskvisor, served",
                "ThreadPoolExecutor",
                at_most=0.35,
            ),
            Bar("cold, served: asyncio.run", "taskvisor, served", "asyncio.run", at_most=0.5),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
