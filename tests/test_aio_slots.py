"""Submissions and streams of an `aio` supervisor: their waits, and cancelling those."""

import asyncio

import pytest
from loops import HOUR, scenario, until
from recorder import Recorder, lines

import taskvisor as tv
from taskvisor import aio


async def answer():
    return 42


async def forever():
    await asyncio.Event().wait()


def claim(name, fn=forever):
    return tv.ControllerSpec.queue(tv.TaskSpec.once(fn, name=name), slot="s")


@pytest.mark.rule("R8.35")
@scenario
async def test_submit_waits_for_room_and_gives_the_handle():
    controller = tv.ControllerConfig(queue_capacity=1)
    async with aio.Supervisor(controller=controller) as sup:
        owner, waiting = await sup.submit(claim("a")), sup.try_submit(claim("b"))
        submitting = asyncio.create_task(sup.submit(claim("c", answer)))
        await asyncio.sleep(0.01)
        assert not submitting.done()
        sup.remove(owner)
        await until(submitting.done)
        assert (await waiting.cancel(), await submitting.result()) == (True, 42)


@pytest.mark.rule("R8.35")
@scenario
async def test_cancelled_submit_gives_up_its_place_in_line():
    recorder, controller = Recorder(), tv.ControllerConfig(queue_capacity=1)
    async with aio.Supervisor(controller=controller, subscribers=[recorder]) as sup:
        owner, _ = await sup.submit(claim("a")), await sup.submit(claim("b"))
        submitting = [asyncio.create_task(sup.submit(claim(name))) for name in "cd"]
        await asyncio.sleep(0.01)
        submitting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await submitting[0]
        sup.remove(owner)
        assert (await submitting[1]).name == "d"
        [slot] = sup.controller_snapshot()
        assert (slot.owner, list(slot.waiting)) == ("b", ["d"])
    assert not [line for line in recorder.words() if line.startswith("c:")]


@pytest.mark.rule("R8.35")
@pytest.mark.parametrize("timeout", [0, 0.02])
@scenario
async def test_submit_past_its_timeout_raises_controller_full(timeout):
    controller = tv.ControllerConfig(queue_capacity=1)
    async with aio.Supervisor(controller=controller) as sup:
        await sup.submit(claim("a"), HOUR)
        await sup.submit(claim("b"), HOUR)
        with pytest.raises(tv.ControllerFull):
            await sup.submit(claim("c"), timeout)
        assert sup.cancel_slot("s") == 2


@pytest.mark.rule("R8.35")
@scenario
async def test_submit_that_waits_when_a_shutdown_begins_raises_controller_closed():
    controller = tv.ControllerConfig(queue_capacity=1)
    async with aio.Supervisor(controller=controller) as sup:
        await sup.submit(claim("a"))
        await sup.submit(claim("b"))
        submitting = asyncio.create_task(sup.submit(claim("c")))
        await asyncio.sleep(0.01)
    with pytest.raises(tv.ControllerClosed):
        await submitting


@pytest.mark.rule("R8.36")
@scenario
async def test_events_are_an_async_iterator_that_ends_after_the_last_event():
    async with aio.Supervisor() as sup:
        stream = sup.events()
        await sup.add(tv.TaskSpec.once(answer))
        event = await stream.next()
        assert (event.kind, event.task) == ("task_add_requested", "answer")
    told = lines([event async for event in stream])
    assert told == [
        "answer: task_added",
        "answer: task_starting attempt=1",
        "answer: task_stopped attempt=1 duration",
        "answer: actor_exhausted attempt=1 reason=policy_exhausted_success",
        "answer: task_removed",
        "shutdown_requested",
        "all_stopped_within_grace",
    ]
    with pytest.raises(StopAsyncIteration):
        await stream.next()


@pytest.mark.rule("R8.36")
@scenario
async def test_stream_tells_once_of_each_gap_and_goes_on():
    async with aio.Supervisor() as sup:
        stream = sup.events(capacity=2)
        for n in range(5):
            sup.remove(f"nobody {n}")
        with pytest.raises(tv.Lagged) as caught:
            await anext(stream)
        assert (caught.value.count, stream.lost) == (8, 8)
        names = [(await anext(stream)).task for _ in range(2)]
        assert names == ["nobody 4", "nobody 4"]
        with pytest.raises(TimeoutError):
            await stream.next(timeout=0)
        with pytest.raises(TimeoutError):
            await stream.next(timeout=0.01)


@pytest.mark.rule("R8.36")
@scenario
async def test_closing_a_stream_ends_who_waits_for_it():
    async def reads():
        return [event async for event in stream]

    async with aio.Supervisor() as sup:
        async with sup.events() as stream:
            reading = asyncio.create_task(reads())
            await asyncio.sleep(0.01)
            assert not reading.done()
        assert await reading == []
        with sup.events() as other:
            pass
        assert [event async for event in other] == []


@pytest.mark.rule("R8.36")
@scenario
async def test_cancelled_read_loses_no_event():
    async with aio.Supervisor() as sup:
        stream = sup.events()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.005)
        sup.remove("nobody")
        kinds = [str((await stream.next()).kind) for _ in range(2)]
        assert kinds == ["task_remove_requested", "task_removed"]
