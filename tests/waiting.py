"""Waiting for what other threads do: on a condition, or for the answer of a call made in a thread.

Guarantees: nothing here waits longer than SOON; what has not come by then fails the test.
"""

import os
import sys
import threading
from pathlib import Path

from taskvisor.testing import wait_until as until

SOON = 30.0

SANITIZED = "san.so" in os.environ.get("LD_PRELOAD", "")
HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()


def system_threads() -> set:
    """The numbers of this process's threads.

    While one leaves, a listing may miss another, so two must agree.
    """
    seen = None
    while seen != (now := set(os.listdir("/proc/self/task"))):
        seen = now
    return now


def in_thread(call, *args, **kwargs):
    """Calls in a thread of its own; what is returned joins it and gives the result or the error."""
    answers = []

    def target():
        try:
            answers.append(call(*args, **kwargs))
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=target)
    thread.start()

    def answer():
        thread.join(SOON)
        assert answers, "still waiting"
        return answers[0]

    return answer


def until_asleep(native_id):
    """Waits until a thread sleeps, and goes on sleeping: it is waiting for something far away."""
    status = Path(f"/proc/self/task/{native_id}/status")

    def look():
        lines = status.read_text().splitlines()
        return [line for line in lines if line.startswith(("State:", "voluntary_ctxt_switches:"))]

    pause = threading.Event()

    def sleeps():
        before = look()
        pause.wait(0.03)
        return "S (sleeping)" in before[0] and look() == before

    until(sleeps)
