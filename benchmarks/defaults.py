"""Does everything run with the default configuration, and is nothing kept?

A million restarts of one task; 100,000 tasks in one `run`; 3,000 supervisors one after the other.

What dominates: nothing here is about speed. A supervisor that decides by events which it may lose,
or that has limits, runs less than it was given, and looks fast: the crate's rows count what ran.

How to read it: µs for each, and the bodies that ran. For the supervisors, bytes of memory that the
process has grown by for each after the first tenth.
"""

from benchmarks import bodies
from benchmarks.contenders import crate_first, crate_newest, python
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import Sample, Ticks, Watch
from benchmarks.memory import resident
from benchmarks.restart import taskvisor_again
from benchmarks.throughput import taskvisor_run
from taskvisor import OutcomeKind, Supervisor, TaskSpec


def taskvisor_outcomes(n: int) -> Sample:
    """All outcomes are COMPLETED."""
    ticks, watch = Ticks(), Watch()
    body = bodies.function(ticks)
    names = [f"t{i}" for i in range(n)]
    with watch.running(), Supervisor() as sup:
        handles = sup.add_many([TaskSpec.once(body)] * n, names=names)
        kinds = {handle.outcome().kind for handle in handles}
    assert kinds == {OutcomeKind.COMPLETED}, kinds
    return watch.per(n, ticks.total())


def taskvisor_kept(n: int) -> Sample:
    """n supervisors, one after the other: what is kept of each."""
    ticks, first = Ticks(), 0
    tick = ticks.tick
    spec = TaskSpec.once(lambda: tick() * 0)
    for i in range(n):
        if i == n // 10:
            first = resident()
        with Supervisor() as sup:
            sup.add(spec).result()
    kept = max(0, resident() - first)
    return Sample(kept / (n - n // 10), ticks.total())


WORKS = (
    Work(
        key="million_restarts",
        title="a million restarts of one task, nothing configured",
        unit="µs per attempt",
        size=1_000_000,
        smoke=500,
        rounds=2,
        contenders=(python("taskvisor", taskvisor_again),),
    ),
    Work(
        key="hundred_thousand",
        title="100,000 tasks at once, nothing configured",
        unit="µs per task",
        size=100_000,
        smoke=500,
        rounds=3,
        contenders=(
            python("taskvisor, run", taskvisor_run),
            python("taskvisor, add_many and every outcome", taskvisor_outcomes),
            *[one.but(may_lose=True) for one in crate_first("defaults")[:1]],
            *[one.but(may_lose=True) for one in crate_newest("defaults")[:1]],
        ),
    ),
    Work(
        key="supervisors",
        title="supervisors one after the other: memory kept",
        unit="bytes for each",
        size=3_000,
        smoke=20,
        rounds=2,
        contenders=(python("taskvisor", taskvisor_kept),),
        bars=(Bar("memory kept of each of 3,000 supervisors, bytes", "taskvisor", at_most=64),),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
