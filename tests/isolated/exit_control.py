"""`exit_control.py STATE ENDING`: a cell of the exit matrix with threads of Python's own.

What exit_cell.py has a supervisor do is done here by daemon threads. What this one takes for its
end, or crashes of, is not ours.
"""

import asyncio
import ctypes
import sys
import threading

from exit_ways import end, end_on_loop, forever, give_up_unless

ready = threading.Event()
never = threading.Event()


def waits() -> None:
    ready.set()
    never.wait()


def blocks_in_c() -> None:
    ready.set()
    ctypes.CDLL(None).pause()


def sleeps() -> None:
    ready.set()
    forever.acquire()


async def awaits() -> None:
    ready.set()
    await asyncio.sleep(1000)


def runs_a_loop() -> None:
    asyncio.run(awaits())


def nothing() -> None:
    ready.set()


def storms() -> None:
    while True:
        nothing()


class Node:
    """Garbage: in a cycle, and with a finalizer."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        self.last = "word"


def makes_garbage() -> None:
    ready.set()
    while True:
        Node()


TARGETS = {
    "idle": waits,
    "running": waits,
    "backoff": waits,
    "blocked": blocks_in_c,
    "swallowing": sleeps,
    "subscriber_busy": sleeps,
    "coroutine": runs_a_loop,
    "coroutine_swallowing": runs_a_loop,
    "storm": storms,
    "garbage": makes_garbage,
}


async def on_own_loop(ending: str) -> None:
    task = asyncio.get_running_loop().create_task(awaits())
    await asyncio.to_thread(give_up_unless, ready)
    try:
        await end_on_loop(ending)
    finally:
        task.cancel()


def main(state: str, ending: str) -> None:
    if state == "loop_of_main":
        asyncio.run(on_own_loop(ending))
        return
    for _ in range(2):
        threading.Thread(target=TARGETS[state], daemon=True).start()
    give_up_unless(ready)
    end(ending)


main(*sys.argv[1:])
