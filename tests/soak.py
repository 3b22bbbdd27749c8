"""Random operations from several threads for a given time; nothing may grow.

    python tests/soak.py SECONDS [SEED]

Guarantees: memory is sampled all the time, and the median of its last quarter is no more than
GROWTH above that of the second one (the first fills caches), however long the run is; in the end
threads, descriptors and references to the extension's types are what they were before. An operation
succeeds, or raises an error that is its own.

SOAK_PLANTED=1 keeps 10 kB for each operation: a fault that the run has to find.
"""

import asyncio
import contextlib
import logging
import os
import random
import resource
import statistics
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "isolated"))
import measure

import taskvisor as tv
from taskvisor import aio

THREADS = 4
NAMES = [f"task-{n}" for n in range(40)]
SLOTS = [f"slot-{n}" for n in range(6)]
GROWTH = 4 * 2**20  # bytes: arenas of threads come and go
SAMPLE = 0.25
SOON = 60.0

TYPES = (
    tv.Supervisor, tv.SupervisorHandle, tv.TaskSpec, tv.TaskHandle, tv.TaskContext,
    tv.CancellationToken, tv.Event, tv.EventStream,
)  # fmt: skip

planted: list[bytes] | None = [] if os.environ.get("SOAK_PLANTED") else None


class Counts:
    """A subscriber that is slow now and then, and raises now and then."""

    name = "counts"
    queue_capacity = 64

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()

    def on_event(self, event: tv.Event) -> None:
        self.kinds[event.kind] += 1
        if event.seq % 1000 == 0:
            raise LookupError("now and then")


class Formats(logging.Handler):
    """Formats each record, and forgets it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


# --- bodies --------------------------------------------------------------------------------------


def quick() -> list[int]:
    return [1]


def fails() -> None:
    raise ValueError("x" * 200)


def fatal() -> None:
    raise tv.Fatal("fatal", exit_code=1)


def waits(ctx: tv.TaskContext) -> bool:
    return ctx.wait(1.0)


def sleeps(ctx: tv.TaskContext) -> None:
    ctx.sleep(0.05)


def swallows(ctx: tv.TaskContext) -> None:
    ctx.wait(0.5)
    time.sleep(0.02)


def adds(ctx: tv.TaskContext) -> None:
    with contextlib.suppress(tv.TaskAlreadyExists, tv.ShuttingDown):
        ctx.supervisor.add(tv.TaskSpec.once(quick), name=f"of-{ctx.id}")


async def awaits() -> None:
    await asyncio.sleep(0.05)


async def awaits_long() -> None:
    await asyncio.sleep(30)


BODIES = [quick, fails, fatal, waits, sleeps, swallows, adds, awaits, awaits_long]


def some_spec(rng: random.Random) -> tv.TaskSpec:
    body = rng.choice(BODIES)
    first = rng.choice([0, 0.001, 0.02])
    return tv.TaskSpec(
        body,
        restart=rng.choice(["never", "on_failure", tv.RestartPolicy.always(0.01)]),
        backoff=tv.BackoffPolicy(first=first, max=0.05, jitter=rng.choice(list(tv.JitterPolicy))),
        max_retries=rng.choice([0, 1, 3, None]),
        timeout=rng.choice([None, 0.01, 0.5]),
        grace=rng.choice([0, 0.01, 1.0]),
    )


# --- operations ----------------------------------------------------------------------------------

EXPECTED = (
    tv.TaskAlreadyExists, tv.TaskRemoveTimeout, tv.ShuttingDown, tv.ControllerError, TimeoutError,
    tv.Lagged, tv.OutcomeError, StopIteration,
)  # fmt: skip


class Worker:
    """One thread's operations on the supervisor that all share, and on some of its own."""

    def __init__(self, seed: int, sup: tv.SupervisorHandle) -> None:
        self.rng = random.Random(seed)
        self.sup = sup
        self.handles: list[tv.TaskHandle] = []
        self.done: Counter[str] = Counter()

    def step(self) -> None:
        operation = self.rng.choices(OPERATIONS, WEIGHTS)[0]
        try:
            operation(self)
            self.done[operation.__name__] += 1
        except EXPECTED as error:
            self.done[type(error).__name__] += 1
        if planted is not None:
            planted.append(os.urandom(10_000))

    def keep(self, handle: tv.TaskHandle) -> None:
        self.handles.append(handle)
        del self.handles[:-20]

    def some_handle(self) -> tv.TaskHandle:
        return self.rng.choice(self.handles or [self.sup.add(tv.TaskSpec.once(quick))])

    def add(self) -> None:
        self.keep(self.sup.add(some_spec(self.rng), name=self.rng.choice(NAMES)))

    def add_many(self) -> None:
        names = self.rng.sample(NAMES, 3)
        for handle in self.sup.add_many([some_spec(self.rng)] * 3, names=names):
            self.keep(handle)

    def remove(self) -> None:
        self.sup.remove(self.rng.choice(NAMES))

    def cancel(self) -> None:
        self.sup.cancel(self.rng.choice(NAMES), timeout=self.rng.choice([0, 0.01, 0.1]))

    def submit(self) -> None:
        policy = self.rng.choice(list(tv.AdmissionPolicy))
        spec = tv.ControllerSpec(policy, some_spec(self.rng), slot=self.rng.choice(SLOTS))
        self.keep(self.sup.submit(spec, timeout=0.01))

    def cancel_slot(self) -> None:
        self.sup.cancel_slot(self.rng.choice(SLOTS), purge=self.rng.random() < 0.5)

    def look(self) -> None:
        self.sup.tasks(), self.sup.list(), self.sup.snapshot(), self.sup.subscribers()
        self.sup.controller_snapshot()

    def outcome(self) -> None:
        handle = self.some_handle()
        handle.add_done_callback(lambda handle: handle.state)
        handle.outcome(self.rng.choice([0, 0.01]))

    def stream(self) -> None:
        with self.sup.events(self.rng.choice([1, 16])) as stream:
            for _ in range(5):
                stream.next(0.01)

    def token(self) -> None:
        root = tv.CancellationToken()
        children = [root.child_token() for _ in range(5)]
        children[0].cancel()
        root.cancel()
        assert all(child.wait(SOON) for child in children)

    def own_supervisor(self) -> None:
        own = tv.Supervisor(tv.SupervisorConfig(grace=0.5), subscribers=[Counts()]).serve()
        own.add(some_spec(self.rng))
        if self.rng.random() < 0.5:
            with contextlib.suppress(tv.GraceExceeded):
                own.shutdown()
        # else it is dropped

    def own_loop(self) -> None:
        async def main() -> None:
            async with aio.Supervisor(tv.SupervisorConfig(grace=0.5)) as own:
                handle = own.add(some_spec(self.rng))
                await asyncio.sleep(0.01)
                await own.cancel(handle, timeout=1)

        with contextlib.suppress(tv.GraceExceeded):
            asyncio.run(main())


OPERATIONS: list[Callable[[Worker], None]] = [
    Worker.add, Worker.add_many, Worker.remove, Worker.cancel, Worker.submit, Worker.cancel_slot,
    Worker.look, Worker.outcome, Worker.stream, Worker.token, Worker.own_supervisor,
    Worker.own_loop,
]  # fmt: skip
WEIGHTS = [12, 4, 8, 4, 8, 2, 4, 8, 3, 4, 1, 1]


# --- the run -------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of memory in use now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Samples:
    """Memory over time."""

    def __init__(self, seconds: float) -> None:
        self.began = time.monotonic()
        self.seconds = seconds
        self.taken: list[tuple[float, int]] = []

    def take(self) -> float:
        now = time.monotonic() - self.began
        self.taken.append((now, resident()))
        return now

    def quarter(self, number: int) -> float:
        low, high = (number - 1) * self.seconds / 4, number * self.seconds / 4
        return statistics.median(size for at, size in self.taken if low <= at <= high)

    def growth(self) -> float:
        """Bytes, from the second quarter's median to the last one's."""
        return self.quarter(4) - self.quarter(2)


def play(workers: list[Worker], samples: Samples) -> list[BaseException]:
    """Has the workers work until the time is over; what they were not to raise."""
    over, errors = threading.Event(), []

    def work(worker: Worker) -> None:
        try:
            while not over.is_set():
                worker.step()
        except BaseException as error:
            errors.append(error)
            over.set()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    reported = 0.0
    while not over.wait(SAMPLE) and (now := samples.take()) < samples.seconds:
        if now - reported >= 10:
            reported = now
            report(now, workers, samples)
    over.set()
    for thread in threads:
        thread.join()
    return errors


def report(now: float, workers: list[Worker], samples: Samples) -> None:
    done = sum(sum(worker.done.values()) for worker in workers)
    size = samples.taken[-1][1] / 2**20
    text = f"{now:6.0f} s {done:9} operations {size:7.1f} MiB {measure.thread_count():4} threads"
    print(text, file=sys.stderr, flush=True)


def warm_up() -> None:
    """What is made once in a process: pools of executors, modules, a loop's descriptors."""
    with tv.Supervisor() as sup:
        for body in (quick, awaits):
            sup.add(tv.TaskSpec.once(body)).outcome(SOON)
        asyncio.run(asyncio.sleep(0))


def main(seconds: float, seed: int = 1) -> int:
    warnings.simplefilter("ignore", ResourceWarning)
    logger = logging.getLogger("taskvisor")
    logger.addHandler(Formats())
    logger.propagate = False
    warm_up()
    before = measure.counts(TYPES)
    config = tv.SupervisorConfig(grace=5, max_concurrent=16, seed=seed)
    controller = tv.ControllerConfig(queue_capacity=20, max_slot_queue=5)
    sup = tv.Supervisor(config, subscribers=[Counts()], controller=controller).serve()
    workers = [Worker(seed * 1000 + number, sup) for number in range(THREADS)]
    samples = Samples(seconds)
    errors = play(workers, samples)
    done = sum((worker.done for worker in workers), Counter())
    sup.shutdown()
    sup = workers = None  # type: ignore[assignment]
    wrong = [f"raised: {error!r}" for error in errors]
    wrong += measure.wait_for_counts(before, TYPES)  # a loop's thread may be about to close it
    if not errors and samples.growth() > GROWTH:
        wrong.append(f"memory grew by {samples.growth():.0f} bytes")
    print(f"{seconds:g} s, seed {seed}: {sum(done.values())} operations")
    print(", ".join(f"{name} {count}" for name, count in done.most_common()))
    if not errors:
        medians = ", ".join(f"{samples.quarter(n) / 2**20:.2f}" for n in range(1, 5))
        print(f"median memory of each quarter, in MiB: {medians}")
        print(f"growth {samples.growth():.0f} bytes, allowed {GROWTH}")
    print(f"failed: {'; '.join(wrong)}" if wrong else "passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), *map(int, sys.argv[2:])))
