"""Bodies whose progress a test holds in its hands.

Guarantees: whoever waits for a count is woken by every change of it, all under one condition; a
body that nobody lets go fails after PATIENCE seconds instead of hanging.
"""

import threading

PATIENCE = 60.0


class Gate:
    """A body that ignores its token: each call comes in, is held until the gate opens, and returns.

    Its result is what it was called with, or "through".
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._open = False
        self._came = 0
        self._went = 0
        self._peak = 0

    def __call__(self, result="through"):
        with self._changed:
            self._came += 1
            self._peak = max(self._peak, self._came - self._went)
            self._changed.notify_all()
            let_go = self._changed.wait_for(lambda: self._open, PATIENCE)
            self._went += 1
            self._changed.notify_all()
        assert let_go, "nobody opened the gate"
        return result

    def open(self):
        """Lets everybody through from now on."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

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
