"""`exit_cell.py STATE EXIT`: one cell of the exit matrix, a process that ends while in STATE."""

import ctypes
import os
import signal
import sys
import threading

import taskvisor as tv

ready = threading.Event()
forever = threading.Lock()
forever.acquire()


class Watcher:
    """Keeps failures out of the log, says when a backoff begins, and blocks for ever if told to."""

    name = "watcher"
    queue_capacity = 16

    def __init__(self, busy: bool) -> None:
        self.busy = busy

    def on_event(self, event: tv.Event) -> None:
        if event.kind == tv.EventKind.BACKOFF_SCHEDULED:
            ready.set()
        if self.busy:
            ready.set()
            forever.acquire()


def waits(ctx: tv.TaskContext) -> None:
    ready.set()
    ctx.wait()


def fails() -> None:
    raise ValueError("again")


def blocks_in_c() -> None:
    ready.set()
    ctypes.CDLL(None).pause()


def swallows(ctx: tv.TaskContext) -> None:
    ready.set()
    try:
        ctx.sleep(1000)
    except tv.Canceled:
        forever.acquire()


BODIES = {
    "running": waits,
    "backoff": fails,
    "blocked": blocks_in_c,
    "swallowing": swallows,
    "subscriber_busy": waits,
}


def interrupt_with(number: int) -> None:
    os.kill(os.getpid(), number)
    forever.acquire()


def main(state: str, ending: str) -> None:
    config = tv.SupervisorConfig(grace=0.1, subscriber_grace=0.1)
    supervisor = tv.Supervisor(config, subscribers=[Watcher(state == "subscriber_busy")])
    handle = supervisor.serve()
    if state == "idle":
        ready.set()
    else:
        handle.add(tv.TaskSpec(BODIES[state], backoff=tv.BackoffPolicy.constant(1000)))
    if not ready.wait(20):
        os._exit(99)
    if ending == "exit":
        sys.exit(3)
    if ending == "exception":
        raise KeyError("boom")
    if ending == "os_exit":
        os._exit(5)
    if ending == "sigint":
        interrupt_with(signal.SIGINT)
    if ending == "sigterm":
        interrupt_with(signal.SIGTERM)


main(*sys.argv[1:])
