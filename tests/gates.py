"""Bodies whose progress a test holds in its hands.

Guarantees: whoever waits for a count is woken by every change of it, all under one condition; a
coroutine looks whether the gate is open and says where it waits in one hold of that condition's
lock, so `open` finds it; a body that nobody lets go fails after PATIENCE seconds instead of
hanging.
"""

import asyncio
import threading
from contextlib import suppress

PATIENCE = 60.0


def on_loop():
    """Whether this code runs on an asyncio loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Gate:
    """A body that ignores its token: each call comes in, is held until the gate opens, and returns.

    Its result is what it was called with, or "through". `through` is the same as a coroutine
    function, which ignores its cancellations too; elsewhere than on a loop it is the plain call.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._open = False
        self._held = []  # a loop and a future of it, for each coroutine that is held
        self._came = 0
        self._went = 0
        self._peak = 0

    def __call__(self, result="through"):
        assert not on_loop(), "it would block the loop: await through() instead"
        self._count_in()
        with self._changed:
            let_go = self._changed.wait_for(lambda: self._open, PATIENCE)
        self._count_out(let_go)
        return result

    async def through(self, result="through"):
        """The same, for coroutines and plain bodies alike."""
        if not on_loop():
            return self(result)
        self._count_in()
        self._count_out(await self._opened(asyncio.get_running_loop()))
        return result

    async def _opened(self, loop):
        """Waits whatever happens; False: nobody opens the gate."""
        opened, end = loop.create_future(), loop.time() + PATIENCE
        with self._changed:
            if self._open:
                return True
            self._held.append((loop, opened))
        while not opened.done() and loop.time() < end:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([opened], timeout=end - loop.time())
        return opened.done()

    def _count_in(self):
        with self._changed:
            self._came += 1
            self._peak = max(self._peak, self._came - self._went)
            self._changed.notify_all()

    def _count_out(self, let_go):
        with self._changed:
            self._went += 1
            self._changed.notify_all()
        assert let_go, "nobody opened the gate"

    def open(self):
        """Lets everybody through from now on."""
        with self._changed:
            self._open = True
            held, self._held = self._held, []
            self._changed.notify_all()
        for loop, opened in held:
            with suppress(RuntimeError):  # that loop is closed
                loop.call_soon_threadsafe(_settle, opened)

    def wait_inside(self, count=1):
        """Waits until `count` calls have come in, in all."""
        with self._changed:
            seen = self._changed.wait_for(lambda: self._came >= count, PATIENCE)
        assert seen, f"{self._came} of {count} came"

    @property
    def came(self):
        """How many calls came in so far."""
        with self._changed:
            return self._came

    @property
    def peak(self):
        """The most calls that were inside at one time."""
        with self._changed:
            return self._peak


def _settle(future):
    if not future.done():
        future.set_result(None)
