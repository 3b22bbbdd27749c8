"""What does a shutdown cost for each task that it stops?

100,000 tasks that have run once and pause for an hour; then `shutdown`, until it has returned.

What dominates: a step per slice of tasks, memory that is touched for the last time, and giving it
back. Nobody has to be woken: a task in a pause has no body.

How to read it: µs per task. asyncio's tasks must each be resumed to see that they are cancelled.
"""

from benchmarks.contenders import crate_first, crate_newest, native, python, suture
from benchmarks.harness import Bar, Work, run
from benchmarks.idle import paused, settle
from benchmarks.measure import Sample, Ticks, Watch
from benchmarks.peers import loops
from taskvisor import Supervisor


def taskvisor_shutdown(n: int) -> Sample:
    """n paused tasks."""
    ticks, watch = Ticks(), Watch()
    with Supervisor() as sup:
        handles = sup.add_many([paused(ticks)] * n, names=[f"t{i}" for i in range(n)])
        settle(handles)
        with watch.running():
            sup.shutdown()
    return watch.per(n, ticks.total())


WORKS = (
    Work(
        key="shutdown",
        title="shutdown of idle tasks",
        unit="µs per task",
        size=100_000,
        smoke=100,
        rounds=5,
        contenders=(
            python("taskvisor", taskvisor_shutdown),
            native("taskvisor, C bodies", "shutdown"),
            *crate_first("shutdown"),
            *crate_newest("shutdown"),
            suture("shutdown"),
            python("asyncio", loops.on_asyncio, loops.cancel_all),
        ),
        bars=(
            Bar("shutdown: crate 0.1.2", "taskvisor", "crate 0.1.2", at_least=3),
            Bar("shutdown: newest crate", "taskvisor", "crate 0.9", at_least=3),
            Bar(
                "shutdown, C bodies: crate 0.1.2", "taskvisor, C bodies", "crate 0.1.2", at_least=3
            ),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
