"""`exit_loop.py WHERE STATE EXIT`: a process that ends while coroutines of a supervisor are there.

WHERE: in a private loop; or of `aio`, on a loop that stands still (left), is run by a thread
(thread), or by the main thread, where the ending is that of the main coroutine (main). Printed is
what a subscriber hears of the end, and the state of the task after it. The grace is an hour, which
nobody is to wait for, and a short one for the body that swallows its cancels.
"""

import asyncio
import atexit
import sys
import threading

from exit_ways import give_up_unless, leave

import taskvisor as tv
from taskvisor import aio

began = threading.Event()


def say(word: str) -> None:
    print(word + "\n", end="", flush=True)


class Watcher:
    """Says what concerns all."""

    def on_event(self, event: tv.Event) -> None:
        if event.task is None:
            say(event.kind.value)


async def waits() -> None:
    began.set()
    await asyncio.Event().wait()


async def tidies() -> None:
    began.set()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)


async def waits_for_token(ctx: tv.TaskContext) -> None:
    began.set()
    await ctx.wait_cancelled()


async def swallows() -> None:
    began.set()
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


async def fails() -> None:
    began.set()
    raise ValueError("again")


BODIES = {
    "waiting": waits,
    "tidying": tidies,
    "preferring": waits_for_token,
    "swallowing": swallows,
    "backoff": fails,
}
kept: list[object] = []
handles: list[tv.TaskHandle[None] | aio.TaskHandle[None]] = []


def spec_of(state: str) -> tv.TaskSpec[None]:
    return tv.TaskSpec(BODIES[state], name="a", backoff=tv.BackoffPolicy.constant(1000))


def config_of(state: str) -> tv.SupervisorConfig:
    return tv.SupervisorConfig(grace=0.1 if state == "swallowing" else 3600)


async def serve(state: str) -> object:
    """Serves on this loop; what is returned keeps it."""
    supervisor = aio.Supervisor(config_of(state), subscribers=[Watcher()]).serve()
    if state != "idle":
        handles.append(supervisor.add(spec_of(state)))
        await asyncio.to_thread(give_up_unless, began)
    return supervisor


async def serve_and_leave(state: str, ending: str) -> None:
    kept.append(await serve(state))
    leave(ending)


def close(loop: asyncio.AbstractEventLoop, thread: threading.Thread | None) -> None:
    """A loop that nobody closes is a warning of asyncio's."""
    if thread:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
    loop.close()


def serve_privately(state: str) -> tv.SupervisorHandle:
    supervisor = tv.Supervisor(config_of(state), subscribers=[Watcher()]).serve()
    if state != "idle":
        handles.append(supervisor.add(spec_of(state)))
        give_up_unless(began)
    return supervisor


def main(where: str, state: str, ending: str) -> None:
    if where == "private":
        kept.append(serve_privately(state))
    elif where == "main":
        asyncio.run(serve_and_leave(state, ending))
    else:
        loop = asyncio.new_event_loop()
        kept.append(loop.run_until_complete(serve(state)))
        thread = None
        if where == "thread":
            thread = threading.Thread(target=loop.run_forever, daemon=True)
            thread.start()
        atexit.register(close, loop, thread)
    leave(ending)


def say_states() -> None:
    say(" ".join(str(handle.state) for handle in handles) or "none")


atexit.register(say_states)
main(*sys.argv[1:])
