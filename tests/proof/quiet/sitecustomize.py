"""Imported by each interpreter of a run under ASan: os.fork waits until all other threads sleep.

ASan's allocator is not made for a fork: a lock that a thread of the parent has at that moment stays
taken in the child, which then waits for it for ever. A thread that sleeps has none of them, or
waits for one that is awake.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 5.0  # who forks beside threads that never sleep takes the risk


def others() -> dict[str, list[str]]:
    """Of each other thread: its state, and how often it went to sleep."""
    seen = {}
    for thread in Path("/proc/self/task").iterdir():
        if thread.name == str(threading.get_native_id()):
            continue
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = (thread / "status").read_text().splitlines()
            seen[thread.name] = [
                line for line in lines if line.startswith(("State:", "voluntary_ctxt_switches:"))
            ]
    return seen


def until_quiet() -> None:
    """Two looks that agree: nobody was awake between them."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        before = others()
        if all("S (sleeping)" in lines[0] for lines in before.values()) and others() == before:
            return
        time.sleep(0.001)


os.register_at_fork(before=until_quiet)
