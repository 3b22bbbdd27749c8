"""What does it cost to manage tasks while the supervisor runs?

`add` until it is accepted; add and cancel of a task that waits; many added, then all shut down
(churn); a list of them all.

What dominates: `add` is the allocation of task and handle and one lock hold. Cancelling a task in
backoff is one lock hold and no thread: it has no body that must end. In the Rust crate and in Go a
cancelled task is woken, ends itself, and whoever cancels hears of it through channels.

How to read it: µs per task. Bodies run once before they wait, outside the timed stretch, which is
the sum of adding and cancelling.
"""

from benchmarks.contenders import crate_first, crate_newest, native, python, suture
from benchmarks.harness import Bar, Work, run
from benchmarks.idle import paused, settle, until
from benchmarks.measure import Sample, Ticks, Watch
from benchmarks.peers import loops
from taskvisor import BackoffPolicy, Supervisor, TaskSpec, TaskState

HOUR = BackoffPolicy.constant(3600.0)


def taskvisor_accept(n: int) -> Sample:
    """Add n that run once and then pause."""
    ticks, watch = Ticks(), Watch()
    spec, names = paused(ticks), [f"t{i}" for i in range(n)]
    with Supervisor() as sup:
        with watch.running():
            handles = [sup.add(spec, name=name) for name in names]
        settle(handles)
    return watch.per(n, ticks.total())


def taskvisor_add_cancel(n: int) -> Sample:
    """Add n that fail, wait until all are in backoff, cancel each."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    def body() -> None:
        tick()
        raise ValueError("no")

    spec, names = TaskSpec.restartable(body, backoff=HOUR), [f"t{i}" for i in range(n)]
    with Supervisor() as sup:
        with watch.running():
            handles = [sup.add(spec, name=name) for name in names]
        until(lambda: all(handle.state is TaskState.BACKOFF for handle in handles))
        with watch.running():
            for handle in handles:
                handle.cancel()
    return watch.per(n, ticks.total())


def taskvisor_churn(n: int) -> Sample:
    """Add n that run once and then pause, shut down."""
    ticks, watch = Ticks(), Watch()
    spec, names = paused(ticks), [f"t{i}" for i in range(n)]
    with Supervisor() as sup:
        with watch.running():
            handles = [sup.add(spec, name=name) for name in names]
        settle(handles)
        with watch.running():
            sup.shutdown()
    return watch.per(n, ticks.total())


def taskvisor_list(n: int) -> Sample:
    """One `list` of n tasks."""
    ticks, watch = Ticks(), Watch()
    with Supervisor() as sup:
        handles = sup.add_many([paused(ticks)] * n, names=[f"t{i}" for i in range(n)])
        settle(handles)
        with watch.running():
            names = sup.list()
        assert len(names) == n
    return watch.per(n, ticks.total())


WORKS = (
    Work(
        key="add",
        title="one add, until it is accepted",
        unit="µs per task",
        size=5_000,
        smoke=50,
        contenders=(
            python("taskvisor", taskvisor_accept),
            native("taskvisor, C bodies", "accept"),
            *crate_first("accept"),
            *crate_newest("accept"),
            suture("accept"),
        ),
    ),
    Work(
        key="add_cancel",
        title="add and cancel of a task that waits",
        unit="µs per task",
        size=2_000,
        smoke=50,
        contenders=(
            python("taskvisor", taskvisor_add_cancel),
            python("asyncio", loops.on_asyncio, loops.create_and_cancel),
            python("uvloop", loops.on_uvloop, loops.create_and_cancel, needs=("uvloop",)),
            native("taskvisor, C bodies", "add_cancel"),
            *crate_first("add_cancel"),
            *crate_newest("add_cancel"),
            suture("add_cancel"),
        ),
        bars=(
            Bar("add + cancel: crate 0.1.2", "taskvisor", "crate 0.1.2", at_least=5),
            Bar("add + cancel: newest crate", "taskvisor", "crate 0.9", at_least=5),
        ),
    ),
    Work(
        key="churn",
        title="add many that run and pause, then shut all down",
        unit="µs per task",
        size=5_000,
        smoke=50,
        contenders=(python("taskvisor", taskvisor_churn),),
    ),
    Work(
        key="list",
        title="the names of all tasks",
        unit="µs per task",
        size=1_000,
        smoke=50,
        contenders=(
            python("taskvisor", taskvisor_list),
            native("taskvisor in C, all records", "list"),
            *crate_first("list"),
            *crate_newest("list"),
            suture("list"),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
