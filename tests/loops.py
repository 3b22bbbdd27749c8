"""Programs on asyncio loops, whose clock a test holds in its hands, and what the loops say of them.

Guarantees: `run` fails when asyncio's logger had anything to tell: of a task that was destroyed
while it was pending, of an exception that nobody retrieved, of a slow callback. (A coroutine that
was never awaited is a warning, and so an error, wherever pytest runs.) The time of a `Clock` goes
on as ever until it is moved, so nothing that waits for it hangs.
"""

import asyncio
import functools
import gc
import inspect
import logging
import re
import weakref
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest
from waiting import SOON

import taskvisor as tv
from taskvisor import aio

HOUR = 3600.0

both = pytest.mark.parametrize("kind", ["aio", "private"])


class Clock:
    """The clock of the running loop, and the delays after which cancels are to be repeated."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.delays = []
        self._ahead = 0.0
        self._now = self.loop.time
        self._call_later = self.loop.call_later
        self.loop.time = lambda: self._now() + self._ahead
        self.loop.call_later = self._set

    def _set(self, delay, callback, *args, **kwargs):
        if getattr(callback, "__name__", "") == "taskvisor_cancel_again":
            self.delays.append(delay)
        return self._call_later(delay, callback, *args, **kwargs)

    def move(self, seconds):
        """Moves it ahead, from any thread; what is due then is called soon."""
        self._ahead += seconds
        self.loop.call_soon_threadsafe(int)


@contextmanager
def quiet():
    """Fails if asyncio logs anything meanwhile; what is garbage by then is collected first."""
    records = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = records.append
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    try:
        yield records
        for _ in range(2):
            gc.collect()
        assert not records, [record.getMessage() for record in records]
    finally:
        logger.removeHandler(handler)


def run(main, *, new_loop=None, debug=False):
    """What a coroutine function returns, run as a program of its own."""
    with quiet(), asyncio.Runner(loop_factory=new_loop, debug=debug) as runner:
        try:
            return runner.run(main())
        finally:
            Stubborn.let_all_go()


def scenario(test):
    """A test that is a coroutine function, run on a loop of its own."""

    @functools.wraps(test)
    def program(**given):
        run(functools.partial(test, **given))

    return program


async def until(condition):
    """Waits until a condition is true, or what a coroutine function returns is."""
    for _ in range(int(SOON / 0.002)):
        answer = condition()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        await asyncio.sleep(0.002)
    raise AssertionError("did not come true")


@asynccontextmanager
async def supervised(kind, *subscribers, **config):
    """The handle of a supervisor: one of `aio`, or a plain one, whose loop is a private one.

    An error of the block ends its grace at once.
    """
    config = tv.SupervisorConfig(**config)
    sup = (aio if kind == "aio" else tv).Supervisor(config, subscribers=subscribers).serve()
    try:
        yield sup
    except BaseException:
        with suppress(tv.GraceExceeded):
            await shut_down(sup, 0)
        raise
    await shut_down(sup)


async def shut_down(sup, grace=None):
    """Shuts down a supervisor of either kind and waits for that."""
    if isinstance(sup, aio.SupervisorHandle):
        await sup.shutdown(grace)
    else:
        await asyncio.to_thread(sup.shutdown, grace)


async def outcome_of(handle):
    """The outcome of a task, which a TaskHandle of either kind stands for."""
    with suppress(Exception):
        await handle
    answer = handle.outcome(0)
    return await answer if inspect.isawaitable(answer) else answer


def complaints(err):
    """What a program in development mode had to complain of; a slow machine is none of it."""
    return [line for line in err.splitlines() if not _SLOW.fullmatch(line)]


_SLOW = re.compile(r"Executing <.*> took [\d.]+ seconds")
_stubborn = weakref.WeakSet()


class Stubborn:
    """A coroutine body that swallows its cancellations, and counts them, until it is let go."""

    def __init__(self):
        self.cancels = 0
        self.clock = None
        _stubborn.add(self)
        self._let_go = None

    async def __call__(self):
        self._let_go = asyncio.Event()
        self.clock = Clock()
        while not self._let_go.is_set():
            try:
                await self._let_go.wait()
            except asyncio.CancelledError:
                self.cancels += 1
        return "through"

    @property
    def is_there(self):
        """Whether its body has begun."""
        return self.clock is not None

    def let_go(self):
        """Lets it return, from any thread."""
        self.clock.loop.call_soon_threadsafe(self._let_go.set)

    @staticmethod
    def let_all_go():
        """Lets all return: a test that fails leaves none behind."""
        for each in list(_stubborn):
            if each.is_there and not each.clock.loop.is_closed():
                each.let_go()

    async def cancelled(self, times):
        """Waits until it has been cancelled so often."""
        await until(lambda: self.cancels >= times)
