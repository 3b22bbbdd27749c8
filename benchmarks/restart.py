"""What does one more attempt of a task cost?

A task under ALWAYS without a pause, its body a function that counts; then one whose body raises,
with a delay of zero; then a call that fails once and succeeds.

What dominates: after a success, one lock hold with two steps (the result, the next take), one clock
reading, two events, and the call of a Python function. After a failure, raising and catching the
exception, its text, and the delay's way through the timers.

How to read it: µs per attempt. `limit` attaches to Python, calls the same function and detaches,
and does nothing else. `with a stream` has an event stream that nobody reads: each event is stamped
and copied; without a receiver it is counted.
"""

import logging
from functools import partial

from benchmarks import bodies, limits
from benchmarks.contenders import crate_first, crate_newest, native, python, suture
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import MICRO, Sample, Ticks, Watch
from benchmarks.peers import loops, retries
from taskvisor import BackoffPolicy, RestartPolicy, Supervisor, TaskSpec

AT_ONCE = BackoffPolicy.constant(0.0)


def succeed(n: int, listened: bool) -> Sample:
    """n attempts that return, and one that ends it."""
    tick, watch = iter(range(n - 1)).__next__, Watch()

    def body() -> None:
        tick()

    spec = TaskSpec(body, restart=RestartPolicy.ALWAYS, max_retries=0)
    logging.getLogger("taskvisor").disabled = True  # the last attempt fails, to end the task
    with Supervisor() as sup:
        stream = sup.events() if listened else None
        with watch.running():
            outcome = sup.add(spec).outcome()
        if stream:
            stream.close()
    assert isinstance(outcome.exception, StopIteration), outcome
    return watch.per(n, outcome.attempts)


def taskvisor_again(n: int) -> Sample:
    """Nobody listens."""
    return succeed(n, listened=False)


def taskvisor_again_listened(n: int) -> Sample:
    """A stream is open."""
    return succeed(n, listened=True)


def limit_calls(n: int) -> Sample:
    """The same body, attached and called n times."""
    left = iter(range(n))
    tick = left.__next__

    def body() -> None:
        tick()

    seconds = limits.call_attached(body, n)
    return Sample(seconds * MICRO / n, n - len(list(left)))


def thread_by_hand(n: int) -> Sample:
    """A loop by hand, in Python, on the calling thread."""
    ticks, watch = Ticks(), Watch()
    body = bodies.function(ticks)
    with watch.running():
        for _ in range(n):
            body()
    return watch.per(n, ticks.total())


def taskvisor_failing(n: int) -> Sample:
    """n - 1 attempts raise, the last one returns."""
    ticks, watch = Ticks(), Watch()
    spec = TaskSpec.restartable(bodies.failing(ticks, n), backoff=AT_ONCE)
    with Supervisor() as sup, watch.running():
        sup.add(spec).result()
    return watch.per(n, ticks.total())


def taskvisor_one_retry(n: int) -> Sample:
    """n calls that fail once, each waited for."""
    ticks, watch = Ticks(), Watch()
    spec = TaskSpec.restartable(bodies.failing_first(ticks), backoff=AT_ONCE)
    with Supervisor() as sup, watch.running():
        for _ in range(n):
            sup.add(spec).result()
    return watch.per(n, ticks.total())


def limit_raising(n: int) -> Sample:
    """Raise and drop, attached."""
    ticks = Ticks()
    seconds = limits.call_attached(bodies.failing(ticks, n), n)
    return Sample(seconds * MICRO / n, ticks.total())


LIMIT = partial(python, "limit: attach and call")

WORKS = (
    Work(
        key="restart",
        title="one task, again and again after a success",
        unit="µs per attempt",
        size=100_000,
        smoke=200,
        contenders=(
            python("taskvisor", taskvisor_again),
            python("taskvisor, with a stream", taskvisor_again_listened),
            LIMIT(limit_calls, needs=(str(limits.EXTENSION),)),
            python("loop by hand", thread_by_hand),
            python("asyncio by hand", loops.on_asyncio, loops.again_by_hand),
            native("taskvisor, C body", "restart"),
            native("taskvisor, C body, with a stream", "restart", "1"),
            *crate_first("restart"),
            suture("restart"),
        ),
        bars=(
            Bar("restart: bare attach and call", "taskvisor", LIMIT.args[0], at_most=2.5),
            Bar("restart: crate 0.1.2", "taskvisor", "crate 0.1.2", at_least=3),
            Bar(
                "restart, with a stream: bare attach and call",
                "taskvisor, with a stream",
                LIMIT.args[0],
                at_most=2.5,
            ),
        ),
    ),
    Work(
        key="restart_newest",
        title="the same, few attempts: the newest crate waits a millisecond between starts",
        unit="µs per attempt",
        size=200,
        smoke=20,
        rounds=3,
        contenders=(python("taskvisor", taskvisor_again), *crate_newest("restart")),
        bars=(Bar("restart: newest crate", "taskvisor", "crate 0.9", at_least=3),),
    ),
    Work(
        key="restart_failing",
        title="one task, again and again after an exception, delay zero",
        unit="µs per attempt",
        size=5_000,
        smoke=100,
        contenders=(
            python("taskvisor", taskvisor_failing),
            python("asyncio by hand", loops.on_asyncio, loops.failing_by_hand),
            python(
                "asyncio by hand, never giving way", loops.on_asyncio, loops.failing_without_delay
            ),
            python("uvloop by hand", loops.on_uvloop, loops.failing_by_hand, needs=("uvloop",)),
            python("tenacity", retries.attempts, retries.tenacity_call, needs=("tenacity",)),
            python("stamina", retries.attempts, retries.stamina_endless, needs=("stamina",)),
            python("limit: attach, raise, drop", limit_raising, needs=(str(limits.EXTENSION),)),
        ),
        bars=(
            Bar("after an exception: asyncio", "taskvisor", "asyncio by hand", at_least=4),
            Bar("after an exception: tenacity", "taskvisor", "tenacity", at_least=60),
        ),
    ),
    Work(
        key="one_retry",
        title="a call that fails once, then succeeds; waited for",
        unit="µs per call",
        size=500,
        smoke=20,
        bodies=lambda size: 2 * size,
        contenders=(
            python("taskvisor", taskvisor_one_retry),
            python("tenacity", retries.one_retry, retries.tenacity_decorated, needs=("tenacity",)),
            python("stamina", retries.one_retry, retries.stamina_few, needs=("stamina",)),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
