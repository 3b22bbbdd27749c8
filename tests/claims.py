"""What the tests of slots share: submissions, the events so far, and a count of who is inside.

Guarantees: the count is kept by the bodies themselves under one lock, and a body that finds another
one inside its slot is remembered for good; `told` reads what was published before it was called.
"""

import threading
from collections import defaultdict
from contextlib import contextmanager

from recorder import lines
from waiting import SOON, until_asleep

import taskvisor as tv

FOREVER = 3600.0
CONTROLLER = tv.ControllerConfig()


def claim(admission, name, fn=int, *, slot="s", **options):
    """A submission of a task that runs once, unless the options say otherwise."""
    spec = tv.TaskSpec(fn, name=name, **{"restart": "never", **options})
    return tv.ControllerSpec(admission, spec, slot=slot)


def told(stream):
    """The events since the last call, as lines."""
    events = []
    while True:
        try:
            events.append(stream.next(timeout=0))
        except (TimeoutError, StopIteration):
            return lines(events)


def slots(sup):
    """What the controller shows: by slot its status, its owner's name and the names that wait."""
    return {
        info.name: (info.status, info.owner, info.waiting) for info in sup.controller_snapshot()
    }


def line_up(call, *args, **kwargs):
    """Calls in a thread and returns once it sleeps there; what is returned gives the answer."""
    answers = []

    def target():
        try:
            answers.append(call(*args, **kwargs))
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    until_asleep(thread.native_id)
    assert not answers, f"did not wait: {answers[0]!r}"

    def answer():
        thread.join(SOON)
        assert answers, "still waiting"
        return answers[0]

    return answer


def at_once(calls):
    """Makes all calls at the same time, each in a thread of its own; their results in order."""
    start = threading.Barrier(len(calls))
    results = [None] * len(calls)

    def target(n, call):
        start.wait(SOON)
        results[n] = call()

    threads = [threading.Thread(target=target, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive(), "still in its call"
    return results


class Inside:
    """Who is inside which slot, as the bodies count it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._now = defaultdict(int)
        self.order = defaultdict(list)
        self.peak = 0

    @contextmanager
    def __call__(self, slot):
        """Wraps a body: `with inside("s"): …`."""
        with self._lock:
            self._now[slot] += 1
            self.peak = max(self.peak, self._now[slot])
            self.order[slot].append(tv.current().name)
        try:
            yield
        finally:
            with self._lock:
                self._now[slot] -= 1
