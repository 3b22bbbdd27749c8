"""Cancelling a coroutine: its token, its asyncio task, once more at half the grace, then abandoned.

The pauses are those of the loop's clock, which the tests move; a grace that is to end is a short
one, and is waited for.
"""

import asyncio

import pytest
from loops import HOUR, Stubborn, both, outcome_of, scenario, supervised, until
from recorder import Recorder

import taskvisor as tv

SHORT = 0.05


@both
@pytest.mark.rule("R8.10")
@scenario
async def test_cancel_sets_the_token_and_cancels_the_asyncio_task_once(kind):
    async def body(ctx):
        for _ in range(2):
            try:
                await asyncio.sleep(HOUR)
            except asyncio.CancelledError:
                seen.append((ctx.cancelled, ctx.cancel_reason, ctx.token.is_cancelled))
                break
        await asyncio.sleep(0.01)  # a clean-up that is not disturbed
        seen.append(asyncio.current_task().cancelling())

    seen = []
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body))
        await until(lambda: sup.is_alive(handle))
        assert sup.remove(handle)
        outcome = await outcome_of(handle)
    assert seen == [(True, "removed", True), 1]
    assert (outcome.kind, outcome.attempts) == ("canceled", 1)


@both
@pytest.mark.rule("R8.10")
@scenario
async def test_swallowed_cancel_is_repeated_once_at_half_the_grace(kind):
    body = Stubborn()
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body, grace=HOUR))
        await until(lambda: body.is_there)
        sup.remove(handle)
        await body.cancelled(1)
        await until(lambda: body.clock.delays)
        body.clock.move(HOUR / 2 - 100)
        await asyncio.sleep(0.02)
        assert body.cancels == 1
        body.clock.move(200)
        await body.cancelled(2)
        body.clock.move(10 * HOUR)
        await asyncio.sleep(0.02)
        assert body.cancels == 2
        assert body.clock.delays == [pytest.approx(HOUR / 2, abs=60)]
        assert not handle.done()
        body.let_go()
        assert (await outcome_of(handle)).kind == "canceled"


@both
@pytest.mark.rule("R8.10")
@scenario
async def test_body_that_goes_on_past_its_grace_is_abandoned_and_its_name_freed_at_its_end(kind):
    body, recorder = Stubborn(), Recorder()
    async with supervised(kind, recorder) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body, name="stuck", grace=SHORT))
        await until(lambda: body.is_there)
        sup.remove(handle)
        outcome = await outcome_of(handle)
        assert outcome.kind == "abandoned"
        await body.cancelled(2)
        assert (sup.list(), sup.snapshot()) == (["stuck"], ["stuck"])
        body.let_go()
        await until(lambda: sup.list() == [])
        assert outcome == await outcome_of(handle)
    assert recorder.words("stuck")[-3:] == [
        "grace_exceeded attempt=1",
        "task_stopped attempt=1 duration",
        "task_removed",
    ]


@both
@pytest.mark.rule("R8.10")
@scenario
async def test_in_a_shutdown_half_of_what_is_left_until_its_deadline_counts(kind):
    body = Stubborn()
    async with supervised(kind, grace=HOUR / 4) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body, grace=HOUR))
        await until(lambda: body.is_there)
        asked = sup.shutdown(wait=False)
        if kind == "aio":
            await asked
        await until(lambda: body.clock.delays)
        assert body.clock.delays == [pytest.approx(HOUR / 8, abs=30)]
        body.let_go()
        assert (await outcome_of(handle)).kind == "canceled"


@both
@pytest.mark.rule("R8.10")
@scenario
async def test_grace_of_zero_cancels_once_and_abandons_at_once(kind):
    body = Stubborn()
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body, grace=0))
        await until(lambda: body.is_there)
        sup.remove(handle)
        assert (await outcome_of(handle)).kind == "abandoned"
        await body.cancelled(1)
        body.clock.move(HOUR)
        await asyncio.sleep(0.02)
        assert (body.cancels, body.clock.delays) == (1, [])
        body.let_go()


@both
@pytest.mark.rule("R8.11")
@scenario
async def test_timeout_cancels_again_and_again_until_the_body_ends(kind):
    body, recorder = Stubborn(), Recorder()
    async with supervised(kind, recorder) as sup:
        spec = tv.TaskSpec.once(body, name="late", timeout=0.01, grace=HOUR)
        handle = sup.add(spec)
        await until(lambda: body.is_there)
        await body.cancelled(1)
        for times in range(2, 7):
            body.clock.move(HOUR / 2)
            await body.cancelled(times)
        assert body.clock.delays == [HOUR / 2] * 6
        assert (handle.state, handle.done()) == ("stopping", False)
        body.let_go()
        outcome = await outcome_of(handle)
        body.clock.move(HOUR)
        await asyncio.sleep(0.02)
    assert (outcome.kind, outcome.reason) == ("failed", "timed out after 10ms")
    assert (outcome.value, body.cancels) == ("through", 6)
    assert recorder.words("late")[3:5] == [
        "timeout_hit attempt=1 timeout_ms=10",
        "task_failed attempt=1 duration reason=timed out after 10ms",
    ]


@both
@pytest.mark.rule("R8.11")
@pytest.mark.parametrize(("grace", "pause"), [(0, 0.01), (0.002, 0.01), (30, 15)])
@scenario
async def test_pause_between_cancels_of_a_timeout_is_half_the_grace_and_ten_milliseconds_at_least(
    kind, grace, pause
):
    body = Stubborn()
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.once(body, timeout=0.005, grace=grace))
        await until(lambda: body.is_there and len(body.clock.delays) > 0)
        assert body.clock.delays[0] == pause
        assert not handle.done()
        body.let_go()
        assert (await outcome_of(handle)).kind == "failed"


@both
@pytest.mark.rule("R8.11", "R8.10")
@scenario
async def test_cancel_of_an_overdue_body_begins_its_grace_and_ends_the_repetition(kind):
    body = Stubborn()
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.once(body, timeout=0.01, grace=HOUR))
        await until(lambda: body.is_there)
        await body.cancelled(1)
        sup.remove(handle)
        await body.cancelled(2)
        await until(lambda: len(body.clock.delays) == 2)
        body.clock.move(HOUR)
        await body.cancelled(3)
        body.clock.move(HOUR)
        await asyncio.sleep(0.02)
        assert (body.cancels, len(body.clock.delays)) == (3, 2)
        body.let_go()
        assert (await outcome_of(handle)).kind == "canceled"


@both
@pytest.mark.rule("R8.11")
@scenario
async def test_attempt_after_a_timeout_comes_when_the_late_one_has_ended(kind):
    async def body(ctx):
        running.append(ctx.attempt)
        try:
            if ctx.attempt == 1:
                await asyncio.sleep(HOUR)
            return list(running)
        except asyncio.CancelledError:
            assert ctx.cancel_reason == "timeout"
            await asyncio.sleep(0.01)
            raise
        finally:
            running.remove(ctx.attempt)

    running = []
    async with supervised(kind) as sup:
        now = tv.BackoffPolicy.constant(0)
        handle = sup.add(tv.TaskSpec.restartable(body, timeout=0.01, backoff=now, grace=HOUR))
        await until(lambda: handle.done() or handle.state == "done")
        outcome = await outcome_of(handle)
    assert outcome.kind == "completed"
    assert outcome.value == [outcome.attempts]


@both
@pytest.mark.rule("R8.12")
@scenario
async def test_cancelled_before_its_first_step_a_body_runs_no_line(kind):
    async def first(ctx):
        ran.append(ctx.name)
        loop = asyncio.get_running_loop()
        loop.call_soon(remove)

    def remove():
        second = sup.add(tv.TaskSpec.once(other, name="other"))
        handles.append((second, sup.remove(second)))

    async def other():
        ran.append("other")

    ran, handles, recorder = [], [], Recorder()
    async with supervised(kind, recorder) as sup:
        sup.add(tv.TaskSpec.once(first))
        await until(lambda: handles)
        assert (await outcome_of(handles[0][0])).kind == "canceled"
    assert (ran, handles[0][1]) == (["first"], True)
    assert "task_failed" not in recorder.words("other")


@both
@pytest.mark.rule("R8.13")
@scenario
async def test_cancellation_that_nobody_asked_of_us_is_a_failure(kind):
    async def body(ctx):
        asyncio.current_task().cancel("somebody else")
        await asyncio.sleep(HOUR)

    async with supervised(kind, Recorder()) as sup:
        handle = sup.add(tv.TaskSpec.once(body))
        outcome = await outcome_of(handle)
    assert outcome.kind == "failed"
    assert outcome.reason == "execution failed: CancelledError: not requested"
    assert type(outcome.exception) is asyncio.CancelledError
    assert outcome.exception.args == ("somebody else",)


@both
@pytest.mark.rule("R8.13")
@scenario
async def test_cancelling_the_attempts_own_token_cancels_no_asyncio_task(kind):
    async def body(ctx):
        ctx.token.cancel()
        await asyncio.sleep(0.01)
        return ctx.cancelled, ctx.cancel_reason, asyncio.current_task().cancelling()

    async with supervised(kind) as sup:
        outcome = await outcome_of(sup.add(tv.TaskSpec.once(body)))
    assert (outcome.kind, outcome.value) == ("completed", (True, None, 0))


@both
@pytest.mark.rule("R8.13")
@scenario
async def test_cancelled_error_after_a_cancel_is_a_clean_stop(kind):
    async def body(ctx):
        await asyncio.Event().wait()

    recorder = Recorder()
    async with supervised(kind, recorder) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body, name="a"))
        await until(lambda: sup.is_alive(handle))
        sup.remove(handle)
        assert (await outcome_of(handle)).kind == "canceled"
    assert recorder.words("a")[-2:] == ["task_stopped attempt=1 duration", "task_removed"]
