"""Does it cost more when there is much of it already?

With 1,000, 10,000, 100,000 and a million idle tasks there: add some more, cancel those in their
pause, run some that do nothing.

What dominates: cache misses. The tables grow without moving what they hold, so no single call pays
for the growth.

How to read it: µs per task that was added, cancelled or completed. Those that are there already
were put there before the first round, by the same process.
"""

from benchmarks.contenders import Contender, python
from benchmarks.harness import Bar, Work, run
from benchmarks.idle import paused, settle
from benchmarks.measure import Sample, Ticks, Watch
from taskvisor import Supervisor, SupervisorHandle, TaskHandle, TaskSpec

MOST = 2_000  # that are measured in a round


class Crowd:
    """Idle tasks that stay between the rounds of a process."""

    def __init__(self, n: int) -> None:
        """Put n there."""
        self.n = n
        self.ticks = Ticks()
        tick = self.ticks.tick
        self.paused = paused(self.ticks)
        self.once = TaskSpec.once(lambda: tick() * 0)
        self.sup: SupervisorHandle = Supervisor().serve()
        names = [f"t{i}" for i in range(n)]
        self.handles = self.sup.add_many([self.paused] * n, names=names)
        settle(self.handles)
        self.more = [f"more{i}" for i in range(min(n, MOST))]

    def add(self) -> list[TaskHandle]:
        """Some more."""
        return [self.sup.add(self.paused, name=name) for name in self.more]


crowd: Crowd | None = None


def crowd_of(n: int) -> Crowd:
    """The one there is, if it is of that size."""
    global crowd
    if crowd is None or crowd.n != n:
        if crowd:
            crowd.sup.shutdown()
        crowd = Crowd(n)
    crowd.ticks.reset()
    return crowd


def add(n: int) -> Sample:
    """Add; cancelling is not timed."""
    there, watch = crowd_of(n), Watch()
    with watch.running():
        handles = there.add()
    settle(handles)
    for handle in handles:
        handle.cancel()
    return watch.per(len(handles), there.ticks.total())


def cancel(n: int) -> Sample:
    """Cancel; adding is not timed."""
    there, watch = crowd_of(n), Watch()
    handles = there.add()
    settle(handles)
    with watch.running():
        for handle in handles:
            handle.cancel()
    return watch.per(len(handles), there.ticks.total())


def complete(n: int) -> Sample:
    """Add some that do nothing, take their results."""
    there, watch = crowd_of(n), Watch()
    with watch.running():
        handles = [there.sup.add(there.once, name=name) for name in there.more]
        for handle in handles:
            handle.result()
    return watch.per(len(handles), there.ticks.total())


def crowds(function) -> list[Contender]:
    """The same beside larger and larger crowds."""
    return [
        python(f"beside {1000 * times:,}", function, times=times) for times in (10, 1, 100, 1000)
    ]


def work(function) -> Work:
    """One operation beside each crowd."""
    name = function.__name__
    return Work(
        key=f"scale_{name}",
        title=f"{name}, with so many idle tasks there already",
        unit="µs per task",
        size=1_000,
        smoke=5,
        rounds=7,
        bodies=lambda size: min(size, MOST),
        contenders=crowds(function),
        bars=(
            Bar(f"{name} at a million: at 10,000", "beside 1,000,000", "beside 10,000", at_most=2),
        ),
    )


WORKS = (work(add), work(cancel), work(complete))

if __name__ == "__main__":
    run(WORKS, __doc__)
