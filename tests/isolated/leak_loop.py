"""Loops that come and go: with a supervisor that is left well, and closed under one that is not."""

import asyncio
import gc

import measure

import taskvisor as tv
from taskvisor import aio


class Quiet:
    """Keeps failures out of the log."""

    def on_event(self, event: tv.Event) -> None:
        pass


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def waits(begun: asyncio.Event) -> None:
    begun.set()
    await asyncio.Event().wait()


async def well() -> None:
    async with aio.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(waits, args=(asyncio.Event(),)))
        assert await sup.add(tv.TaskSpec.once(answer)) == 42


async def badly() -> tuple[aio.SupervisorHandle, aio.TaskHandle[None]]:
    sup, begun = aio.Supervisor(subscribers=[Quiet()]).serve(), asyncio.Event()
    handle = sup.add(tv.TaskSpec.restartable(waits, args=(begun,)))
    await begun.wait()
    awaiting = asyncio.ensure_future(handle)
    await asyncio.sleep(0)
    awaiting.cancel()
    return sup, handle


def work() -> None:
    asyncio.run(well())
    loop = asyncio.new_event_loop()
    sup, handle = loop.run_until_complete(badly())
    loop.close()
    sup._plain.shutdown()
    assert handle.done()


def type_of_ours() -> type:
    """The type of what a loop has of us, which is nobody's to see."""

    async def look() -> type:
        async with aio.Supervisor():
            names = [type(each) for each in gc.get_objects() if type(each).__name__ == "Loop"]
            return next(each for each in names if each.__module__ == "taskvisor._core")

    return asyncio.run(look())


measure.check(work, type_of_ours(), asyncio.Task, aio.TaskHandle, aio.SupervisorHandle)
