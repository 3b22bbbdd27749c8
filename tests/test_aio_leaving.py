"""Leaving an `aio` supervisor and `aio.run`: what is waited for, and what a cancellation does."""

import asyncio
import threading

import pytest
from loops import HOUR, Stubborn, run, scenario, until
from recorder import Recorder
from waiting import SOON

import taskvisor as tv
from taskvisor import aio


async def answer():
    return 42


async def forever():
    await asyncio.Event().wait()


class Tidies:
    """A coroutine body that takes until it is told to clean up."""

    def __init__(self):
        self.began = self.tidies = False
        self.done = asyncio.Event()

    async def __call__(self):
        self.began = True
        try:
            await asyncio.Event().wait()
        finally:
            self.tidies = True
            await self.done.wait()


# --- the block -----------------------------------------------------------------------------------


@scenario
async def test_leaving_shuts_down_and_waits_until_all_is_cleaned_up():
    recorder = Recorder()
    async with aio.Supervisor(subscribers=[recorder]) as sup:
        handle = sup.add(tv.TaskSpec.once(forever))
        await until(lambda: sup.is_alive(handle))
    assert handle.done()
    assert recorder.words()[-1] == "all_stopped_within_grace"


@scenario
async def test_block_without_coroutines_waits_for_its_plain_bodies():
    def body(ctx):
        ctx.wait()
        return "stopped"

    async with aio.Supervisor() as sup:
        handle = sup.add(tv.TaskSpec.once(body))
        await until(lambda: sup.is_alive(handle))
    assert (await handle.outcome()).value == "stopped"


@scenario
async def test_verdict_is_raised_to_who_leaves_if_nobody_was_told():
    stubborn = Stubborn()
    config = tv.SupervisorConfig(grace=0.02)
    with pytest.raises(tv.GraceExceeded) as caught:
        async with aio.Supervisor(config, subscribers=[Recorder()]) as sup:
            sup.add(tv.TaskSpec.once(stubborn, name="stuck"))
            await until(lambda: stubborn.is_there)
    assert caught.value.stuck == ["stuck"]
    stubborn.let_go()
    await until(lambda: sup.list() == [])


@scenario
async def test_verdict_that_somebody_was_told_is_not_raised_again():
    stubborn = Stubborn()
    async with aio.Supervisor(subscribers=[Recorder()]) as sup:
        sup.add(tv.TaskSpec.once(stubborn))
        await until(lambda: stubborn.is_there)
        for _ in range(2):
            with pytest.raises(tv.GraceExceeded):
                await sup.shutdown(grace=0.02)
    stubborn.let_go()
    await until(lambda: sup.list() == [])


@scenario
async def test_error_of_the_block_goes_on_with_the_verdict_as_its_note():
    stubborn = Stubborn()
    with pytest.raises(KeyError) as caught:
        async with aio.Supervisor(tv.SupervisorConfig(grace=0), subscribers=[Recorder()]) as sup:
            sup.add(tv.TaskSpec.once(stubborn, name="stuck"))
            await until(lambda: stubborn.is_there)
            raise KeyError("of the block")
    assert caught.value.__notes__ == ['shutdown timeout 0ns exceeded; stuck: ["stuck"]']
    stubborn.let_go()
    await until(lambda: sup.list() == [])


async def left_by(sup, body):
    """A task that leaves the block of a supervisor, and waits for that, its body having begun."""

    async def block():
        async with sup as handle:
            handle.add(tv.TaskSpec.once(body, name="a"))
            await until(lambda: body.is_there if isinstance(body, Stubborn) else body.began)

    leaving = asyncio.create_task(block())
    await until(lambda: body.cancels if isinstance(body, Stubborn) else body.tidies)
    await asyncio.sleep(0)
    assert not leaving.done()
    return leaving


@pytest.mark.rule("R8.33")
@scenario
async def test_cancelled_while_it_leaves_ends_the_grace_at_once_and_is_raised_at_the_end():
    recorder, stubborn = Recorder(), Stubborn()
    leaving = await left_by(aio.Supervisor(subscribers=[recorder]), stubborn)
    leaving.cancel("enough")
    with pytest.raises(asyncio.CancelledError) as caught:
        await leaving
    assert recorder.words()[-1] == "grace_exceeded"
    assert any("stuck" in note for note in notes_of(caught.value))
    stubborn.let_go()


def notes_of(error):
    """The notes of an error and of what it came from: asyncio makes a new one for each await."""
    notes = []
    while error is not None:
        notes += getattr(error, "__notes__", [])
        error = error.__context__
    return notes


class Holds(Recorder):
    """A subscriber that is held at the verdict until it is let go."""

    def __init__(self):
        super().__init__()
        self.came, self.let_go = threading.Event(), threading.Event()

    def on_event(self, event):
        super().on_event(event)
        if event.kind in (tv.EventKind.GRACE_EXCEEDED, tv.EventKind.ALL_STOPPED_WITHIN_GRACE):
            self.came.set()
            self.let_go.wait(SOON)


@pytest.mark.rule("R8.33")
@pytest.mark.parametrize("in_time", [True, False])
@scenario
async def test_cancelled_after_the_verdict_waits_until_the_subscribers_have_drained(in_time):
    async def block():
        async with aio.Supervisor(config, subscribers=[holds]) as sup:
            sup.add(tv.TaskSpec.once(body))
            await until(lambda: body.is_there if isinstance(body, Stubborn) else body.began)

    holds = Holds()
    config = tv.SupervisorConfig(grace=HOUR if in_time else 0, subscriber_grace=HOUR)
    body = Tidies() if in_time else Stubborn()
    if in_time:
        body.done.set()
    leaving = asyncio.create_task(block())
    await until(holds.came.is_set)
    for _ in range(2):
        leaving.cancel()
        await asyncio.sleep(0.01)
    assert not leaving.done()
    holds.let_go.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await leaving
    assert notes_of(caught.value) == (
        [] if in_time else ['shutdown timeout 0ns exceeded; stuck: ["Stubborn"]']
    )
    if not in_time:
        body.let_go()


@pytest.mark.rule("R8.33")
@scenario
async def test_cancelled_again_and_again_while_it_leaves_still_completes():
    recorder, stubborn = Recorder(), Stubborn()
    leaving = await left_by(aio.Supervisor(subscribers=[recorder]), stubborn)
    while not leaving.done():
        leaving.cancel()
        await asyncio.sleep(0)
    assert leaving.cancelled()
    assert recorder.words()[-1] == "grace_exceeded"
    stubborn.let_go()


@pytest.mark.rule("R8.33")
@scenario
async def test_timeout_around_the_block_is_a_timeout():
    # asyncio.timeout knows its own cancellation by the count of the task's.
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02), aio.Supervisor() as sup:
            handle = sup.add(tv.TaskSpec.once(forever))
            await forever()
    assert (await handle.outcome()).kind == "canceled"
    assert asyncio.current_task().cancelling() == 0


@scenario
async def test_cancelled_shutdown_stops_waiting_and_goes_on():
    recorder, tidies = Recorder(), Tidies()
    async with aio.Supervisor(subscribers=[recorder]) as sup:
        sup.add(tv.TaskSpec.once(tidies))
        await until(lambda: tidies.began)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sup.shutdown(), 0.02)
        assert sup.snapshot() == ["Tidies"]
        tidies.done.set()
        assert await sup.shutdown() is None
    assert recorder.words()[-1] == "all_stopped_within_grace"


# --- run -----------------------------------------------------------------------------------------


@pytest.mark.rule("R8.34")
@scenario
async def test_run_returns_when_all_have_ended_and_everything_is_cleaned_up():
    recorder, ran = Recorder(), []

    async def coroutine():
        await asyncio.sleep(0.01)
        ran.append("coroutine")

    specs = [tv.TaskSpec.once(coroutine), tv.TaskSpec.once(lambda: ran.append("plain"), name="p")]
    assert await aio.Supervisor(subscribers=[recorder]).run(specs) is None
    assert sorted(ran) == ["coroutine", "plain"]
    assert not {"shutdown_requested", "all_stopped_within_grace"} & set(recorder.words())
    assert recorder.words()[-1].endswith("task_removed")


@pytest.mark.rule("R8.34")
def test_run_of_the_module_takes_specs_and_a_config(caplog):
    async def fails():
        raise ValueError("down")

    spec = tv.TaskSpec(fails, name="a")
    config = tv.SupervisorConfig(max_retries=2, backoff=tv.BackoffPolicy.constant(0))
    assert run(lambda: aio.run([spec], config)) is None
    [record] = caplog.records
    assert "max_retries_exceeded(2/2)" in record.getMessage()


@pytest.mark.rule("R8.34")
@scenario
async def test_run_of_nothing_returns_and_a_refused_one_raises_and_neither_counts():
    sup = aio.Supervisor()
    assert await sup.run() is None
    with pytest.raises(tv.TaskAlreadyExists):
        await sup.run([tv.TaskSpec.once(answer)] * 2)
    with pytest.raises(TypeError):
        await sup.run([answer])
    assert await sup.run([tv.TaskSpec.once(answer)]) is None
    with pytest.raises(tv.AlreadyRunning):
        await sup.run([tv.TaskSpec.once(answer)])


@pytest.mark.rule("R8.34")
@scenario
async def test_cancelled_run_shuts_down_with_the_grace_and_raises_then():
    recorder, tidies = Recorder(), Tidies()
    specs = [tv.TaskSpec.restartable(tidies, name="a")]
    ran = asyncio.create_task(aio.Supervisor(subscribers=[recorder]).run(specs))
    await until(lambda: tidies.began)
    ran.cancel()
    await until(lambda: tidies.tidies)
    await asyncio.sleep(0.02)
    assert not ran.done()
    tidies.done.set()
    with pytest.raises(asyncio.CancelledError):
        await ran
    assert recorder.words()[-1] == "all_stopped_within_grace"


@pytest.mark.rule("R8.34")
@scenario
async def test_run_that_is_cancelled_again_ends_the_grace():
    recorder, stubborn = Recorder(), Stubborn()
    specs = [tv.TaskSpec.restartable(stubborn, name="a")]
    ran = asyncio.create_task(aio.Supervisor(subscribers=[recorder]).run(specs))
    await until(lambda: stubborn.is_there)
    ran.cancel()
    await stubborn.cancelled(1)
    await asyncio.sleep(0.02)
    assert not ran.done()
    ran.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await ran
    assert recorder.words()[-1] == "grace_exceeded"
    assert any("stuck" in note for note in notes_of(caught.value))
    stubborn.let_go()
