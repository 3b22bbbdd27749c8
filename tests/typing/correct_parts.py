"""Correct use of the decorator, of aio and of testing, with the types a reader would expect."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, assert_type

import taskvisor as tv
from taskvisor import aio
from taskvisor.testing import ManualClock, Recorder, await_until, wait_until

# --- the decorator -------------------------------------------------------------------------------


@tv.task
def bare(ctx: tv.TaskContext, times: int = 1) -> str:
    """A function that stays what it is."""
    return ctx.name * times


@tv.task(every=30, name="poller", timeout=timedelta(seconds=5), fatal=KeyError, essential=True)
async def poll(url: str = "u") -> bytes:
    """A coroutine that stays one."""
    return url.encode()


@tv.task(restart="never", args=("u",), kwargs={"retries": 1})
def fetch(url: str, *, retries: int) -> bytes:
    """A function with arguments."""
    return url.encode() * retries


async def decorated(ctx: tv.TaskContext) -> None:
    """What is decorated is called and awaited as before, and taken where specs are."""
    assert_type(await poll("u"), bytes)
    assert_type(bare(ctx, times=2), str)
    assert_type(fetch("u", retries=1), bytes)
    assert_type(tv.TaskSpec(fetch), tv.TaskSpec[bytes])
    tv.Supervisor().run([bare, poll, tv.TaskSpec.once(dict)])
    tv.Supervisor().run(sys.modules[__name__], handle_signals=False)


# --- values are dataclasses ----------------------------------------------------------------------


def values(config: tv.SupervisorConfig, info: tv.TaskInfo) -> None:
    """What `dataclasses` takes and gives."""
    assert_type(dataclasses.replace(config, grace=1.0), tv.SupervisorConfig)
    assert_type(dataclasses.asdict(info), dict[str, Any])
    match info:
        case tv.TaskInfo(id=number, state=tv.TaskState.RUNNING):
            assert_type(number, int)


# --- aio -----------------------------------------------------------------------------------------


async def handles(sup: aio.SupervisorHandle, spec: tv.TaskSpec[bytes]) -> None:
    """What can wait is a coroutine, all else is plain."""
    one, two = sup.add_many([spec, spec], names=["a", "b"])
    assert_type(one, aio.TaskHandle[bytes])
    assert_type(await one.outcome(timeout=1), tv.TaskOutcome[bytes])
    assert_type(await two.cancel(timeout=None), bool)
    assert_type(one.state, tv.TaskState)
    assert_type(one.done(), bool)
    one.add_done_callback(lambda done: print(done.id))
    submission = tv.ControllerSpec.queue(spec)
    assert_type(await sup.submit(submission, timeout=timedelta(seconds=1)), aio.TaskHandle[bytes])
    assert_type(sup.try_submit(submission), aio.TaskHandle[bytes])
    assert_type(sup.remove(one), bool)
    assert_type(await sup.cancel("b", timeout=1.5), bool)
    assert_type(sup.cancel_slot("s", purge=False), int)
    assert_type(await sup.join(timeout=1), bool)
    assert_type(sup.tasks()[0].state, tv.TaskState)
    assert_type(sup.controller_snapshot(), list[tv.SlotInfo])
    assert_type(await sup.shutdown(grace=1, wait=False), None)


async def streams(sup: aio.SupervisorHandle) -> AsyncIterator[tv.Event]:
    """A stream is both kinds of context manager."""
    async with sup.events(capacity=10) as stream:
        assert_type(await stream.next(timeout=1), tv.Event)
        assert_type(stream.lost, int)
        async for event in stream:
            yield event
    with sup.events() as other:
        other.close()


async def supervisors(body: tv.TaskSpec[None]) -> None:
    """Served, as a context manager, run with specs and with decorated functions."""
    sup = aio.Supervisor(tv.SupervisorConfig(), subscribers=[Recorder()], controller=None)
    assert_type(sup.serve(), aio.SupervisorHandle)
    await sup.run([body, poll])
    await aio.run([poll], tv.SupervisorConfig(grace=1))


async def contexts(ctx: tv.TaskContext) -> None:
    """The waits of a coroutine."""
    assert_type(await ctx.wait_cancelled(timeout=1), bool)
    await ctx.asleep(timedelta(hours=1))
    assert_type(ctx.supervisor, tv.SupervisorHandle)


# --- testing -------------------------------------------------------------------------------------


def clocks(spec: tv.TaskSpec[int]) -> Iterator[tv.TaskHandle[int]]:
    """A clock makes supervisors of both kinds."""
    clock, events = ManualClock(patience=timedelta(seconds=5)), Recorder()
    with clock.supervisor(tv.SupervisorConfig(), subscribers=[events]) as sup:
        assert_type(sup, tv.SupervisorHandle)
        yield sup.add(spec)
    assert_type(clock.aio_supervisor(controller=tv.ControllerConfig()), aio.Supervisor)
    clock.advance(1)
    clock.advance(timedelta(days=1))
    assert_type(clock.advance_to_next(), float | None)
    assert_type((clock.now(), clock.sleeping), tuple[float, int])


async def waits(events: Recorder) -> None:
    """A wait gives what its condition gave."""
    assert_type(events.wait_for("task_added", "a", count=2, timeout=1), tv.Event)
    assert_type(events.wait(lambda seen: seen[-1] if seen else None), tv.Event)
    assert_type(events.of(kind=tv.EventKind.TASK_ADDED), list[tv.Event])
    assert_type(events.words("a"), list[str])
    assert_type(wait_until(lambda: len(events.events)), int)
    assert_type(await await_until(lambda: events.words(), timeout=1), list[str])
