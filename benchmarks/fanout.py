"""What does it cost that every event is heard?

10,000 no-op tasks, six events each, heard by none, one or eight receivers whose queues hold them
all. Each event is copied to each receiver's own queue under the lock; each receiver has a thread.

What dominates: with a Python subscriber the GIL, for the subscriber's calls and the bodies share
it; with eight in C the memory that 8 × 60,000 copies are written to and read from, on as many CPUs
as there are.

How to read it: µs per task until every receiver has got its last event. `outcomes only` stops when
all outcomes are there and lets the receivers catch up later. Nothing may be lost: a receiver that
misses one event breaks the benchmark.
"""

from threading import Event as Flag

from benchmarks import bodies
from benchmarks.contenders import crate_first, crate_newest, native, python
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import Sample, Ticks, Watch
from taskvisor import Event, EventKind, Supervisor, TaskSpec

EVENTS_OF_A_TASK = 6


class Receiver:
    """Counts; tells when it has heard of n ends."""

    def __init__(self, n: int) -> None:
        """Room for all."""
        self.name = "receiver"
        self.queue_capacity = n * EVENTS_OF_A_TASK + 16
        self.left = n
        self.heard = 0
        self.all = Flag()

    def on_event(self, event: Event) -> None:
        """Any kind counts; TaskRemoved is a task's last."""
        self.heard += 1
        if event.kind is EventKind.TASK_REMOVED:
            self.left -= 1
            if not self.left:
                self.all.set()


def heard_by(receivers: list[Receiver], n: int, wait: bool) -> Sample:
    """Add n tasks, wait for all outcomes and, if asked, for the receivers."""
    ticks, watch = Ticks(), Watch()
    spec, names = TaskSpec.once(bodies.function(ticks)), [f"t{i}" for i in range(n)]
    with Supervisor(subscribers=receivers) as sup, watch.running():
        handles = [sup.add(spec, name=name) for name in names]
        for handle in handles:
            handle.result()
        if wait:
            for receiver in receivers:
                receiver.all.wait()
    for receiver in receivers:
        assert receiver.heard >= n * EVENTS_OF_A_TASK, receiver.heard
    return watch.per(n, ticks.total())


def taskvisor_unheard(n: int) -> Sample:
    """Nobody listens."""
    return heard_by([], n, wait=True)


def taskvisor_one(n: int) -> Sample:
    """One Python subscriber."""
    return heard_by([Receiver(n)], n, wait=True)


def taskvisor_one_outcomes(n: int) -> Sample:
    """One Python subscriber that may be behind."""
    return heard_by([Receiver(n)], n, wait=False)


def named(contenders, suffix: str):
    """The variants of a crate, with a suffix to name and family."""
    return [c.but(name=f"{c.name}{suffix}", family=f"{c.family}{suffix}") for c in contenders]


WORKS = (
    Work(
        key="fanout",
        title="no-op tasks, every event heard by one",
        unit="µs per task",
        size=10_000,
        smoke=50,
        contenders=(
            python("taskvisor, one Python subscriber", taskvisor_one),
            python("taskvisor, one Python subscriber, outcomes only", taskvisor_one_outcomes),
            python("taskvisor, unheard", taskvisor_unheard),
            *named(crate_newest("fanout", "1"), ", one subscriber"),
            *named(crate_first("fanout", "1"), ", one subscriber"),
        ),
        bars=(
            Bar(
                "one Python subscriber: newest crate",
                "taskvisor, one Python subscriber",
                "crate 0.9, one subscriber",
                at_least=5,
            ),
        ),
    ),
    Work(
        key="fanout_eight",
        title="no-op tasks with C and Rust bodies, every event heard by eight",
        unit="µs per task",
        size=10_000,
        smoke=50,
        contenders=(
            native("taskvisor in C, eight receivers, outcomes only", "heard", "8"),
            native("taskvisor in C, eight receivers", "fanout", "8"),
            native("taskvisor in C, one receiver", "fanout", "1"),
            native("taskvisor in C, unheard", "fanout", "0"),
            *crate_newest("fanout", "8"),
            *crate_first("fanout", "8"),
        ),
        bars=(
            Bar(
                "eight C receivers: our own without, outcomes",
                "taskvisor in C, eight receivers, outcomes only",
                "taskvisor in C, unheard",
                at_least=0.7,
            ),
            Bar(
                "eight C receivers: our own without, all heard",
                "taskvisor in C, eight receivers",
                "taskvisor in C, unheard",
                at_least=0.7,
            ),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
