"""What does a deadline cost that is not reached, and how late does one come that is?

A task restarts again and again with a timeout of a minute around each attempt, and without. And
200 attempts wait past their deadlines while the main thread computes.

What dominates: arming and disarming a timeout is a place in a heap, under the lock that is held
anyway; no thread is woken for a deadline that is not the earliest one's. A deadline that is reached
is decided by a thread that never waits for the GIL, so what computes in Python does not delay it,
except where the CPU itself is taken.

How to read it: µs per attempt; the cost is the difference to the row without. Lateness is the 99th
percentile of the time between a deadline and its TimeoutHit, in ms; for asyncio that between a
`call_later`'s time and its call.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from time import monotonic, perf_counter

from benchmarks import bodies
from benchmarks.contenders import python
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import Sample, Ticks, Watch, percentile
from benchmarks.peers import loops
from taskvisor import Canceled, EventKind, RestartPolicy, Supervisor, TaskContext, TaskSpec

MILLI = 1e3


def again(n: int, timeout: float | None) -> Sample:
    """n attempts, each with that timeout."""
    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    def body() -> None:
        if tick() == n - 1:
            raise Canceled

    spec = TaskSpec(body, restart=RestartPolicy.ALWAYS, timeout=timeout)
    with Supervisor() as sup, watch.running():
        sup.add(spec).outcome()
    return watch.per(n, ticks.total())


def taskvisor_timeout(n: int) -> Sample:
    """A minute for each attempt."""
    return again(n, 60.0)


def taskvisor_plain(n: int) -> Sample:
    """No timeout."""
    return again(n, None)


def pool_timeout(n: int) -> Sample:
    """A pool's only timeout is on the wait: result(timeout)."""
    ticks, watch = Ticks(), Watch()
    body = bodies.function(ticks)
    with ThreadPoolExecutor(1) as pool:
        futures = [pool.submit(body) for _ in range(n)]
        with watch.running():
            for future in futures:
                future.result(60.0)
    return watch.per(n, ticks.total())


# --- lateness -------------------------------------------------------------------------------------

SPACING = 0.003  # seconds between deadlines


def compute_until(end: float) -> None:
    """Pure Python, never giving way by itself."""
    value = 0
    while monotonic() < end:
        for i in range(100):
            value += i


def taskvisor_late(n: int, busy: bool) -> Sample:
    """n deadlines, one each 3 ms."""
    ticks = Ticks()
    tick = ticks.tick

    def body(ctx: TaskContext) -> None:
        tick()
        ctx.wait()

    logging.getLogger("taskvisor").disabled = True  # each of them fails, as it should
    with Supervisor() as sup, sup.events(capacity=20 * n) as stream:
        for i in range(n):
            timeout = 0.2 + i * SPACING
            sup.add(TaskSpec.once(body, name=f"t{i}", timeout=timeout))
        end = monotonic() + 0.4 + n * SPACING
        if busy:
            compute_until(end)
        sup.join()
        sup.shutdown()
        late = lateness_of(stream)
    assert len(late) == n, len(late)
    value = percentile(late, 0.99) * MILLI
    return Sample(value, ticks.total(), {"worst_ms": max(late) * MILLI})


def lateness_of(stream) -> list[float]:
    """Seconds between each deadline and its TimeoutHit."""
    began, late = {}, []
    for event in stream:
        if event.kind is EventKind.TASK_STARTING:
            began[event.task] = event.at
        elif event.kind is EventKind.TIMEOUT_HIT:
            late.append(event.at - began[event.task] - event.timeout_ms / MILLI)
    return late


def taskvisor_late_busy(n: int) -> Sample:
    """While the main thread computes."""
    return taskvisor_late(n, busy=True)


def taskvisor_late_idle(n: int) -> Sample:
    """While it waits."""
    return taskvisor_late(n, busy=False)


def asyncio_late_busy(n: int) -> Sample:
    """call_later on a loop of its own thread, while the main thread computes."""
    late: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        start, done = loop.time() + 0.2, asyncio.Event()

        def ring(due: float) -> None:
            late.append(loop.time() - due)
            if len(late) == n:
                done.set()

        for i in range(n):
            due = start + i * SPACING
            loop.call_at(due, ring, due)
        await done.wait()

    thread = Thread(target=asyncio.run, args=(main(),))
    begin = perf_counter()
    thread.start()
    compute_until(monotonic() + 0.4 + n * SPACING)
    thread.join()
    assert perf_counter() - begin > n * SPACING
    value = percentile(late, 0.99) * MILLI
    return Sample(value, len(late), {"worst_ms": max(late) * MILLI})


WORKS = (
    Work(
        key="timeout",
        title="a timeout around each attempt that is not reached",
        unit="µs per attempt",
        size=50_000,
        smoke=100,
        contenders=(
            python("taskvisor, with a timeout", taskvisor_timeout),
            python("taskvisor, without", taskvisor_plain),
            python("asyncio.timeout", loops.on_asyncio, loops.guarded),
            python("asyncio, without", loops.on_asyncio, loops.again_by_hand),
            python("ThreadPoolExecutor, result(timeout)", pool_timeout),
        ),
        bars=(
            Bar(
                "a timeout that is not reached, on top, µs",
                "taskvisor, with a timeout",
                minus="taskvisor, without",
                at_most=0.2,
            ),
            Bar(
                "  the same for asyncio.timeout, µs (for comparison)",
                "asyncio.timeout",
                minus="asyncio, without",
                at_least=0,
            ),
        ),
    ),
    Work(
        key="lateness",
        title="deadlines reached while the main thread computes",
        unit="ms late, p99",
        size=200,
        smoke=5,
        rounds=5,
        contenders=(
            python("taskvisor", taskvisor_late_busy),
            python("taskvisor, main waits", taskvisor_late_idle),
            python("asyncio in a thread", asyncio_late_busy),
        ),
        bars=(Bar("a deadline's lateness, p99, ms", "taskvisor", at_most=1.5),),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
