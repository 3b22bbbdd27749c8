"""What a coroutine body awaits of its context: `wait_cancelled` and `asleep`; and its stack."""

import asyncio

import pytest
from loops import HOUR, Clock, Stubborn, both, outcome_of, run, scenario, supervised, until
from recorder import Recorder
from waiting import SOON

import taskvisor as tv
from taskvisor import aio
from taskvisor.testing import wait_until


async def value_of(kind, body, **options):
    """What a body returned."""
    async with supervised(kind) as sup:
        return await sup.add(tv.TaskSpec.once(body, **options))


@both
@pytest.mark.rule("R8.14")
@scenario
async def test_wait_cancelled_is_false_past_its_timeout(kind):
    async def body(ctx):
        clock = Clock()
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, clock.move, HOUR)
        return [await ctx.wait_cancelled(HOUR), await ctx.wait_cancelled(timeout=0), ctx.cancelled]

    assert await value_of(kind, body) == [False, False, False]


@both
@pytest.mark.rule("R8.14")
@scenario
async def test_wait_cancelled_of_zero_lets_the_loop_go_round_once(kind):
    async def body(ctx):
        went = []
        asyncio.get_running_loop().call_soon(went.append, True)
        await ctx.wait_cancelled(0)
        return went

    assert await value_of(kind, body) == [True]


@both
@pytest.mark.rule("R8.14")
@pytest.mark.parametrize("timeout", [None, HOUR])
@scenario
async def test_body_that_waits_for_its_token_goes_on_and_its_asyncio_task_is_left_alone(
    kind, timeout
):
    async def body(ctx):
        waits.append(True)
        woken = await ctx.wait_cancelled(timeout)
        await asyncio.sleep(0.01)
        return woken, ctx.cancel_reason, asyncio.current_task().cancelling()

    waits = []
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body))
        await until(lambda: waits)
        sup.remove(handle)
        outcome = await outcome_of(handle)
    assert (outcome.kind, outcome.value) == ("canceled", (True, "removed", 0))


@both
@pytest.mark.rule("R8.14", "R8.10")
@scenario
async def test_body_that_preferred_its_token_is_cancelled_at_half_its_grace_if_it_is_still_there(
    kind,
):
    async def body(ctx):
        clocks.append(Clock())
        await ctx.wait_cancelled()
        clocks.append(None)
        try:
            await asyncio.sleep(10 * HOUR)
        except asyncio.CancelledError:
            return asyncio.current_task().cancelling()

    clocks = []
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body, grace=HOUR))
        await until(lambda: clocks)
        sup.remove(handle)
        await until(lambda: len(clocks) == 2)
        assert clocks[0].delays == [pytest.approx(HOUR / 2, abs=60)]
        assert not handle.done()
        clocks[0].move(HOUR / 2)
        assert (await outcome_of(handle)).value == 1


@both
@pytest.mark.rule("R8.14")
@scenario
async def test_wait_cancelled_hears_of_a_timeout(kind):
    async def body(ctx):
        return await ctx.wait_cancelled(), ctx.cancel_reason

    async with supervised(kind, Recorder()) as sup:
        outcome = await outcome_of(sup.add(tv.TaskSpec.once(body, timeout=0.01)))
    assert (outcome.kind, outcome.value) == ("failed", (True, "timeout"))


@both
@pytest.mark.rule("R8.14")
@scenario
async def test_asleep_returns_none_after_its_time_and_raises_canceled_as_soon_as_cancelled(kind):
    async def body(ctx):
        clock = Clock()
        asyncio.get_running_loop().call_later(0.01, clock.move, HOUR)
        slept = await ctx.asleep(HOUR)
        asyncio.get_running_loop().call_later(0.01, ctx.token.cancel)
        with pytest.raises(tv.Canceled):
            await ctx.asleep(10 * HOUR)
        with pytest.raises(tv.Canceled):
            await ctx.asleep(0)
        return slept

    assert await value_of(kind, body) is None


@both
@pytest.mark.rule("R8.14")
@scenario
async def test_task_that_sleeps_by_its_context_stops_cleanly(kind):
    async def body(ctx):
        sleeps.append(True)
        await ctx.asleep(HOUR)

    sleeps, recorder = [], Recorder()
    async with supervised(kind, recorder) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body, name="a"))
        await until(lambda: sleeps)
        sup.remove(handle)
        assert (await outcome_of(handle)).kind == "canceled"
    assert recorder.words("a")[-2:] == ["task_stopped attempt=1 duration", "task_removed"]


@both
@pytest.mark.rule("R8.14")
@scenario
async def test_wait_in_a_task_that_the_body_made_keeps_no_cancel_from_the_body(kind):
    async def body(ctx):
        helper = asyncio.create_task(ctx.wait_cancelled())
        helpers.append(helper)
        try:
            await asyncio.sleep(HOUR)
        except asyncio.CancelledError:
            return await helper, asyncio.current_task().cancelling()

    helpers = []
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.once(body))
        await until(lambda: helpers)
        sup.remove(handle)
        assert (await outcome_of(handle)).value == (True, 1)


@both
@pytest.mark.rule("R8.14")
@scenario
async def test_wait_that_is_cancelled_by_others_leaves_the_body_to_be_cancelled_as_ever(kind):
    async def body(ctx):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await ctx.wait_cancelled()
        waits.append(True)
        try:
            await asyncio.sleep(HOUR)
        except asyncio.CancelledError:
            return asyncio.current_task().cancelling()

    waits = []
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.once(body))
        await until(lambda: waits)
        sup.remove(handle)
        assert (await outcome_of(handle)).value == 1


@both
@scenario
async def test_waits_of_a_context_take_seconds_and_say_what_they_do_not_take(kind):
    async def body(ctx):
        for wrong, error in [(-1, ValueError), ("1", TypeError), (float("nan"), ValueError)]:
            with pytest.raises(error):
                await ctx.wait_cancelled(wrong)
            with pytest.raises(error):
                await ctx.asleep(wrong)
        with pytest.raises(TypeError):
            await ctx.asleep(None)
        return "told"

    assert await value_of(kind, body) == "told"


@pytest.mark.rule("R8.14")
def test_context_that_has_been_kept_is_waited_for_on_another_loop_of_another_thread(serve):
    # As a plain body does that runs a loop of its own.
    async def waits(ctx):
        return await ctx.wait_cancelled(SOON)

    def body(ctx):
        began.append(True)
        return run(lambda: waits(ctx))

    began = []
    sup = serve()
    handle = sup.add(tv.TaskSpec.once(body))
    wait_until(lambda: began)
    sup.remove(handle)
    assert handle.outcome(SOON).value is True


# --- stacks --------------------------------------------------------------------------------------


async def inner_wait(body):
    await body()


@both
@pytest.mark.rule("R8.15")
@scenario
async def test_stack_of_a_stuck_coroutine_has_its_frames_and_those_that_it_awaits(kind):
    async def outer_wait():
        await inner_wait(stubborn)

    stubborn = Stubborn()
    config = tv.SupervisorConfig(grace=0.02)
    sup = (aio if kind == "aio" else tv).Supervisor(config, subscribers=[Recorder()]).serve()
    sup.add(tv.TaskSpec.once(outer_wait, name="stuck"))
    await until(lambda: stubborn.is_there)
    with pytest.raises(tv.GraceExceeded) as caught:
        if kind == "aio":
            await sup.shutdown()
        else:
            await asyncio.to_thread(sup.shutdown)
    stubborn.let_go()
    assert caught.value.stuck == ["stuck"]
    stack = caught.value.stacks["stuck"]
    lines = [line.split(", in ")[1] for line in stack.splitlines() if line.startswith("  File")]
    assert lines[:4] == ["outer_wait", "inner_wait", "__call__", "wait"]
    assert "await inner_wait(stubborn)" in stack
    await until(lambda: sup.snapshot() == [])
