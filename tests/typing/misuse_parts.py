"""What must not type-check of the decorator, of aio and of testing; see misuse.py."""

from __future__ import annotations

import taskvisor as tv
from taskvisor import aio
from taskvisor.testing import ManualClock, Recorder, await_until, wait_until


def fetch(url: str) -> bytes:
    """A body."""
    return url.encode()


SPEC = tv.TaskSpec.once(fetch, args=("u",))

# --- the decorator -------------------------------------------------------------------------------

tv.task("fetch")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
tv.task(every="1s")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
tv.task(timeOut=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
tv.task(fetch, every=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
tv.task(grace=None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


@tv.task(name="poller", max_retries=3)
def poll(url: str) -> bytes:
    """A body that keeps its type."""
    return url.encode()


poll(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
TEXT: str = poll("u")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
tv.Supervisor().run(poll)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
tv.Supervisor().run(["poll"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


# --- aio -----------------------------------------------------------------------------------------


async def runs(sup: aio.SupervisorHandle, handle: aio.TaskHandle[bytes]) -> None:
    """What is a coroutine is awaited, and what is plain is not."""
    text: str = await handle  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    plain: bytes = handle.result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    await sup.add(SPEC).done()  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await sup.remove(handle)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    sup.add(fetch)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await sup.submit(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await sup.cancel(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await sup.join("1s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await sup.shutdown(None, False)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    for event in sup.events():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        print(event)
    print(sup.events().next(1).kind)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    with aio.Supervisor() as entered:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        print(entered)
    other: tv.TaskHandle[bytes] = handle  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(text, plain, other)


async def starts() -> None:
    """What a supervisor on a loop does not take."""
    await aio.run(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await aio.run([SPEC], grace=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await aio.Supervisor().run([SPEC], handle_signals=False)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    aio.Supervisor(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    aio.SupervisorHandle()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# --- testing -------------------------------------------------------------------------------------

CLOCK, EVENTS = ManualClock(), Recorder()
ManualClock(30)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
ManualClock(patience="30s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
CLOCK.advance("1s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
CLOCK.advance()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
CLOCK.sleeping = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
CLOCK.supervisor(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
CLOCK.supervisor(clock=CLOCK)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
NEXT: float = CLOCK.advance_to_next()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
EVENTS.wait_for("task_added", 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
EVENTS.wait_for("task_added", "a", 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
EVENTS.wait(lambda: True)  # type: ignore[misc, arg-type]  # pyright: ignore[reportArgumentType]
EVENTS.events.append("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
wait_until(True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def waits() -> None:
    """A wait on a loop is awaited."""
    words: list[str] = await_until(EVENTS.words)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(words, await wait_until(EVENTS.words))  # type: ignore[misc, arg-type]  # pyright: ignore[reportGeneralTypeIssues]
