"""Waits on a loop, those that end well and those that are cancelled, expire or are dropped."""

import asyncio

import measure

import taskvisor as tv
from taskvisor import aio


async def answer() -> int:
    return 42


async def waits() -> None:
    await asyncio.Event().wait()


async def waits_for_token(ctx: tv.TaskContext) -> None:
    try:
        await asyncio.wait_for(ctx.wait_cancelled(), 0)
    except TimeoutError:
        await ctx.asleep(1000)


def claim(name: str) -> tv.ControllerSpec[None]:
    return tv.ControllerSpec.queue(tv.TaskSpec.once(waits, name=name), slot="s")


async def cancelled(awaitable: object) -> None:
    """Begins a wait and cancels it."""
    task = asyncio.ensure_future(awaitable)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def rounds(sup: aio.SupervisorHandle) -> None:
    assert await sup.add(tv.TaskSpec.once(answer)) == 42
    handle = sup.add(tv.TaskSpec.once(waits_for_token))
    handle.add_done_callback(type)
    for wait in (handle, handle.outcome(), sup.join(), handle.outcome(1000), sup.join(1000)):
        await cancelled(wait)
    begun = handle.__await__()
    next(begun)
    del begun
    async with sup.events() as stream:
        await cancelled(stream.next())
    await sup.submit(claim("a"))
    await sup.submit(claim("b"))
    await cancelled(sup.submit(claim("c")))
    sup.cancel_slot("s")
    await sup.cancel(handle)
    await sup.join()


def work() -> None:
    runner.run(rounds(sup))


async def enter() -> aio.SupervisorHandle:
    return aio.Supervisor(controller=tv.ControllerConfig(queue_capacity=1)).serve()


async def types() -> list[type]:
    """Those of a wait, which are nobody's to see."""
    handle = sup.add(tv.TaskSpec.once(waits))
    watch = handle._watch()
    begun = watch.__await__()
    sup.remove(handle)
    return [type(watch), type(begun)]


with asyncio.Runner() as runner:
    sup = runner.run(enter())
    of_waits = runner.run(types())
    measure.check(work, *of_waits, asyncio.Task, asyncio.Future, aio.TaskHandle, tv.EventStream)
    runner.run(sup.shutdown())
