"""The ways in which a process ends, for exit_cell.py, exit_control.py and exit_loop.py."""

import asyncio
import os
import signal
import sys
import threading
import time

forever = threading.Lock()
forever.acquire()

SIGNALS = {"sigint": signal.SIGINT, "sigterm": signal.SIGTERM}

# A shell starts what it runs in the background with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)


def give_up_unless(ready: threading.Event) -> None:
    """Ends the process with code 99 where the state that it is to end in does not come."""
    if not ready.wait(20):
        os._exit(99)


def leave(ending: str) -> None:
    """Leaves as code may; else it is left to return."""
    if ending == "exit":
        sys.exit(3)
    if ending == "exception":
        raise KeyError("boom")
    if ending == "os_exit":
        os._exit(5)


def end(ending: str) -> None:
    """Tells the time, and leaves, or is sent a signal."""
    os.write(1, f"{time.monotonic()}\n".encode())
    leave(ending)
    if ending in SIGNALS:
        os.kill(os.getpid(), SIGNALS[ending])
        forever.acquire()


async def end_on_loop(ending: str) -> None:
    """The same in a coroutine: there Ctrl-C cancels what is awaited."""
    if ending not in SIGNALS:
        end(ending)
        return
    os.write(1, f"{time.monotonic()}\n".encode())
    os.kill(os.getpid(), SIGNALS[ending])
    await asyncio.sleep(1000)
