"""What does one task cost from `add` to its outcome, when it does nothing itself?

10,000 functions that do nothing but count are added one by one, and every result is taken. And one
by one: add, wait for the result, add the next.

What dominates: allocating the task and its handle, two lock holds, and one call of a Python
function; nothing waits for a thread, since one wake-up serves many tasks. One by one it is the
opposite: two hand-overs between threads that sleep, and with one CPU two context switches.

How to read it: µs per task. `× first` is how many times ours each contender takes. The bare limit
attaches to Python and calls the same function; a runtime that calls Python from threads of its own
cannot be faster. C and Rust bodies show the runtime without Python's share.
"""

import os
from collections.abc import Callable

from benchmarks import bodies, limits
from benchmarks.contenders import crate_first, crate_newest, native, python, suture
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import MICRO, Sample, Ticks, Watch
from benchmarks.peers import loops, pools
from taskvisor import Supervisor, TaskSpec


def add_all(kind: Callable[[Ticks], Callable], n: int) -> Sample:
    """Add n bodies of a kind, take all results."""
    ticks, watch = Ticks(), Watch()
    spec, names = TaskSpec.once(kind(ticks)), [f"t{i}" for i in range(n)]
    with Supervisor() as sup:
        sup.add(spec).result()
        ticks.reset()
        with watch.running():
            handles = [sup.add(spec, name=name) for name in names]
            for handle in handles:
                handle.result()
    return watch.per(n, ticks.total())


def taskvisor_one_by_one(n: int) -> Sample:
    """Each result is waited for before the next task is added."""
    ticks, watch = Ticks(), Watch()
    spec = TaskSpec.once(bodies.function(ticks))
    with Supervisor() as sup, watch.running():
        for _ in range(n):
            sup.add(spec).result()
    return watch.per(n, ticks.total())


def limit_calls(n: int) -> Sample:
    """Attach, call, detach."""
    ticks = Ticks()
    seconds = limits.call_attached(bodies.function(ticks), n)
    return Sample(seconds * MICRO / n, ticks.total())


LIMIT = python("limit: attach and call", limit_calls, needs=(str(limits.EXTENSION),))
ONE_CPU = frozenset({max(os.sched_getaffinity(0))})

WORKS = (
    Work(
        key="lifecycle",
        title="no-op tasks, added one by one, until all results are there",
        unit="µs per task",
        size=10_000,
        smoke=50,
        contenders=(
            python("taskvisor", add_all, bodies.function),
            python("ThreadPoolExecutor", pools.submit_default, family="threads"),
            python("ThreadPoolExecutor(1)", pools.submit_one_worker, family="threads"),
            python("asyncio", loops.on_asyncio, loops.gather, bodies.coroutine),
            python("uvloop", loops.on_uvloop, loops.gather, bodies.coroutine, needs=("uvloop",)),
            native("taskvisor, C bodies", "add"),
            *crate_first("add"),
            *crate_newest("add"),
            suture("add"),
            LIMIT,
        ),
        bars=(
            Bar("10,000 added: ThreadPoolExecutor", "taskvisor", "ThreadPoolExecutor", at_least=12),
            Bar("10,000 added: asyncio", "taskvisor", "asyncio", at_least=6),
            Bar("10,000 added: crate 0.1.2", "taskvisor", "crate 0.1.2", at_least=5),
            Bar("C bodies: crate 0.1.2", "taskvisor, C bodies", "crate 0.1.2", at_least=12),
            Bar("C bodies: newest crate", "taskvisor, C bodies", "crate 0.9", at_least=20),
        ),
    ),
    Work(
        key="one_by_one",
        title="add, wait for the result, add the next",
        unit="µs per task",
        size=1_000,
        smoke=20,
        contenders=(
            python("taskvisor", taskvisor_one_by_one),
            python("ThreadPoolExecutor", pools.one_by_one),
            python("taskvisor, one CPU", taskvisor_one_by_one, cpus=ONE_CPU),
            python("ThreadPoolExecutor, one CPU", pools.one_by_one, cpus=ONE_CPU),
            native("limit: two bare hand-overs", "handover"),
            native("limit: two bare hand-overs, one CPU", "handover", cpus=ONE_CPU),
        ),
        bars=(
            Bar("one by one", "taskvisor", "ThreadPoolExecutor", at_least=1.5),
            Bar(
                "one by one, on one CPU",
                "taskvisor, one CPU",
                "ThreadPoolExecutor, one CPU",
                at_least=1.5,
            ),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
