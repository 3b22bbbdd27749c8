"""How soon does a body start after `add`, and how soon is an event heard?

A caller adds a task and blocks until its body has begun; a subscriber compares an event's stamp
with the clock when it gets it.

What dominates: one wake-up of a thread that sleeps, and the GIL, which the thread that woke it may
still hold. A caller that goes on computing keeps the GIL for a switch interval (5 ms): that is
CPython's rule, and `sys.setswitchinterval` is its knob.

How to read it: the median over the tasks of a round, in µs; each task is added when nothing else
goes on. The limit is a bare hand-over between two Python threads.
"""

from queue import SimpleQueue
from statistics import median
from threading import Semaphore, Thread
from time import perf_counter, time

from benchmarks.contenders import python
from benchmarks.harness import Work, run
from benchmarks.measure import MICRO, Sample, percentile
from taskvisor import Event, EventKind, Supervisor, TaskSpec


def sample_of(delays: list[float]) -> Sample:
    """The median, and the tail as a note."""
    return Sample(median(delays) * MICRO, len(delays), {"p99_us": percentile(delays, 0.99) * MICRO})


def taskvisor_start(n: int) -> Sample:
    """From before `add` to the body, the caller blocking."""
    began, delays = SimpleQueue(), []

    def body() -> None:
        began.put(perf_counter())

    spec = TaskSpec.once(body)
    with Supervisor() as sup:
        sup.add(spec).result()
        began.get()
        for _ in range(n):
            start = perf_counter()
            handle = sup.add(spec)
            delays.append(began.get() - start)
            handle.result()
    return sample_of(delays)


def thread_start(n: int) -> Sample:
    """From before `put` to a thread that waits in `get`."""
    asked, began, delays = SimpleQueue(), SimpleQueue(), []

    def serve() -> None:
        while asked.get():
            began.put(perf_counter())

    thread = Thread(target=serve)
    thread.start()
    for _ in range(n):
        start = perf_counter()
        asked.put(True)
        delays.append(began.get() - start)
    asked.put(False)
    thread.join()
    return sample_of(delays)


class Stopwatch:
    """Compares each TaskStopped with the clock."""

    name = "stopwatch"
    queue_capacity = 1 << 16

    def __init__(self) -> None:
        """Nothing heard yet."""
        self.delays: list[float] = []
        self.heard = Semaphore(0)

    def on_event(self, event: Event) -> None:
        """One stop, one delay."""
        if event.kind is EventKind.TASK_STOPPED:
            self.delays.append(time() - event.at)
            self.heard.release()


def taskvisor_event(n: int) -> Sample:
    """From TaskStopped to a Python subscriber, the caller blocking."""
    stopwatch, spec = Stopwatch(), TaskSpec.once(int)
    with Supervisor(subscribers=[stopwatch]) as sup:
        for _ in range(n):
            sup.add(spec).result()
            stopwatch.heard.acquire()
    return sample_of(stopwatch.delays)


WORKS = (
    Work(
        key="start_latency",
        title="from add to the body, the caller blocking",
        unit="µs, median",
        size=500,
        smoke=10,
        contenders=(
            python("taskvisor", taskvisor_start),
            python("limit: SimpleQueue to a thread", thread_start),
        ),
    ),
    Work(
        key="event_latency",
        title="from an event to a Python subscriber, the caller blocking",
        unit="µs, median",
        size=500,
        smoke=10,
        contenders=(
            python("taskvisor", taskvisor_event),
            python("limit: SimpleQueue to a thread", thread_start),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
