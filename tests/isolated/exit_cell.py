"""`exit_cell.py STATE ENDING`: one cell of the exit matrix, a process that ends while in STATE.

Just before it ends it prints the time, in seconds of the monotonic clock, so that whoever waits for
it can tell how long the end took. See exit_ways.py for the endings, exit_control.py for the same
states without a supervisor.
"""

import asyncio
import ctypes
import sys
import threading

from exit_ways import end, end_on_loop, forever, give_up_unless

import taskvisor as tv
from taskvisor import aio

CONFIG = tv.SupervisorConfig(grace=0.1, subscriber_grace=0.1)

ready = threading.Event()


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


async def awaits() -> None:
    ready.set()
    await asyncio.sleep(1000)


async def awaits_on() -> None:
    ready.set()
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            pass


def comes_back(ctx: tv.TaskContext) -> None:
    if ctx.attempt == 50:
        ready.set()


class Node:
    """Garbage: in a cycle, and with a finalizer."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        self.last = "word"


def makes_garbage(ctx: tv.TaskContext) -> None:
    ready.set()
    while not ctx.cancelled:
        Node()


BODIES = {
    "running": waits,
    "backoff": fails,
    "blocked": blocks_in_c,
    "swallowing": swallows,
    "subscriber_busy": waits,
    "coroutine": awaits,
    "coroutine_swallowing": awaits_on,
}


def enter(state: str, handle: tv.SupervisorHandle) -> None:
    if state == "idle":
        ready.set()
    elif state == "storm":
        storms = tv.TaskSpec(comes_back, restart="always")
        handle.add_many([storms] * 8, names=[f"storm-{n}" for n in range(8)])
    elif state == "garbage":
        handle.add_many([tv.TaskSpec.once(makes_garbage)] * 2, names=["one", "other"])
    else:
        handle.add(tv.TaskSpec(BODIES[state], backoff=tv.BackoffPolicy.constant(1000)))


async def on_own_loop(ending: str) -> None:
    async with aio.Supervisor(CONFIG, subscribers=[Watcher(False)]) as supervisor:
        supervisor.add(tv.TaskSpec.once(awaits))
        await asyncio.to_thread(give_up_unless, ready)
        await end_on_loop(ending)


def forget_to_register() -> None:
    """A fault, planted to show that the matrix sees one: the exit handlers are not installed."""
    threading._register_atexit = lambda *args, **kwargs: None


def main(state: str, ending: str) -> None:
    if state == "loop_of_main":
        asyncio.run(on_own_loop(ending))
        return
    if state == "planted":
        forget_to_register()
        handle = tv.Supervisor().serve().add(tv.TaskSpec.once(waits))
        threading.Thread(target=handle.outcome).start()
    else:
        supervisor = tv.Supervisor(CONFIG, subscribers=[Watcher(state == "subscriber_busy")])
        kept = supervisor.serve()
        enter(state, kept)
    give_up_unless(ready)
    end(ending)


main(*sys.argv[1:])
