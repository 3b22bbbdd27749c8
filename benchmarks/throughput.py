"""How many tasks per second when they come as one batch?

10,000 functions that do nothing but count, by `run(specs)`: each task has a spec and a name of its
own, all are accepted before any starts, and the supervisor is closed when the last has ended.

What dominates: with specs ready, one cache miss for each thing a task is made of (spec, handle,
record) and the call of the body. A batch takes one lock hold per 256 tasks.

How to read it: µs per task; start and close of the supervisor are part of it. `made in the run` has
the construction of the specs timed too, `shared spec` is `add_many` of one spec under many names.
"""

from concurrent.futures import ThreadPoolExecutor

from benchmarks import bodies
from benchmarks.contenders import crate_first, crate_newest, native, python, suture
from benchmarks.harness import Bar, Work, run
from benchmarks.lifecycle import LIMIT
from benchmarks.measure import Sample, Ticks, Watch
from benchmarks.peers import loops, pools
from taskvisor import Supervisor, TaskSpec


def run_specs(n: int, made_inside: bool) -> Sample:
    """By `run`, with the specs made before or as part of it."""
    ticks, ready, watch = Ticks(), Watch(), Watch()
    body = bodies.function(ticks)
    names = [f"t{i}" for i in range(n)]
    with watch.running() if made_inside else ready.running():
        specs = [TaskSpec.once(body, name=name) for name in names]
    with watch.running():
        Supervisor().run(specs)
    return watch.per(n, ticks.total())


def taskvisor_run(n: int) -> Sample:
    """Specs are ready."""
    return run_specs(n, made_inside=False)


def taskvisor_run_made(n: int) -> Sample:
    """Specs are made."""
    return run_specs(n, made_inside=True)


def taskvisor_shared(n: int) -> Sample:
    """One spec under n names, all results taken."""
    ticks, watch = Ticks(), Watch()
    names, specs = [f"t{i}" for i in range(n)], [TaskSpec.once(bodies.function(ticks))] * n
    with watch.running(), Supervisor() as sup:
        for handle in sup.add_many(specs, names=names):
            handle.result()
    return watch.per(n, ticks.total())


def pool_map(n: int) -> Sample:
    """A pool's map: its own form of a batch."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    def body(_: int) -> None:
        tick()

    with watch.running(), ThreadPoolExecutor() as pool:
        for _ in pool.map(body, range(n)):
            pass
    return watch.per(n, ticks.total())


WORKS = (
    Work(
        key="throughput",
        title="no-op tasks in one batch, until all have ended and it is closed",
        unit="µs per task",
        size=10_000,
        smoke=50,
        contenders=(
            python("taskvisor", taskvisor_run),
            python("taskvisor, made in the run", taskvisor_run_made),
            python("taskvisor, shared spec", taskvisor_shared),
            python("ThreadPoolExecutor", pools.submit_default),
            python("ThreadPoolExecutor.map", pool_map),
            python("asyncio", loops.on_asyncio, loops.gather, bodies.coroutine),
            python("uvloop", loops.on_uvloop, loops.gather, bodies.coroutine, needs=("uvloop",)),
            native("taskvisor, C bodies", "batch"),
            *crate_first("batch"),
            *crate_newest("batch"),
            suture("batch"),
            LIMIT,
        ),
        bars=(
            Bar("run(specs): ThreadPoolExecutor", "taskvisor", "ThreadPoolExecutor", at_least=25),
            Bar("C bodies, batch: crate 0.1.2", "taskvisor, C bodies", "crate 0.1.2", at_least=12),
            Bar("C bodies, batch: newest crate", "taskvisor, C bodies", "crate 0.9", at_least=20),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
