"""A coroutine body that would wait for itself is told so."""

import asyncio

import pytest
from waiting import SOON

import taskvisor as tv
from taskvisor import aio

WAITS = {
    "await": lambda sup, handle: handle,
    "outcome": lambda sup, handle: handle.outcome(),
    "result": lambda sup, handle: handle.result(),
    "handle.cancel": lambda sup, handle: handle.cancel(),
    "cancel": lambda sup, handle: sup.cancel("own"),
    "join": lambda sup, handle: sup.join(),
    "shutdown": lambda sup, handle: sup.shutdown(),
}
ASKS = {"handle.cancel", "cancel", "shutdown"}


@pytest.mark.rule("R8.39", "R0.46", "R0.47")
@pytest.mark.parametrize("way", WAITS)
@pytest.mark.parametrize("suspends", [False, True])
def test_body_that_waits_for_itself_is_told_and_its_request_was_made(way, suspends):
    async def main():
        go = asyncio.Event()
        told = []

        async def body():
            if suspends:
                await go.wait()
            try:
                await WAITS[way](sup, own[0])
            except RuntimeError as error:
                told.append(str(error))

        own = []
        async with aio.Supervisor() as sup:
            own.append(sup.add(tv.TaskSpec.once(body, name="own")))
            go.set()
            outcome = await own[0].outcome(SOON)
        assert ["own task or supervisor" in text for text in told] == [True]
        assert outcome.kind == ("canceled" if way in ASKS else "completed")

    asyncio.run(main())


@pytest.mark.rule("R8.39")
def test_task_that_a_body_has_made_may_wait_for_it():
    async def main():
        async def watch(handle):
            return (await handle.outcome()).kind

        async def body():
            watchers.append(asyncio.create_task(watch(own[0])))
            await asyncio.sleep(0)
            return "done"

        watchers, own = [], []
        async with aio.Supervisor() as sup:
            own.append(sup.add(tv.TaskSpec.once(body)))
            assert await own[0] == "done"
            assert await watchers[0] == "completed"

    asyncio.run(main())
