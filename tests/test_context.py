"""The context of a body: who it is, whether and why it is asked to stop, and waiting for that."""

import threading
import time
from datetime import timedelta

import pytest
from kinds import every_kind, plain_bodies, sleep, wait
from waiting import SOON

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]


@pytest.mark.rule("R2.20")
def test_context_tells_who_runs_and_for_whom(serve):
    sup = serve()

    def body(ctx):
        return ctx.name, ctx.id, ctx.attempt, type(ctx.token), ctx.supervisor.list()

    handle = sup.add(tv.TaskSpec.once(body, name="me"))
    token_type = tv.CancellationToken
    assert handle.result(SOON) == ("me", handle.id, 1, token_type, ["me"])


@pytest.mark.rule("R0.24", "R8.5")
def test_current_is_the_context_in_a_body_and_none_outside(serve):
    def body(ctx):
        return tv.current() is ctx, tv.current().name

    assert tv.current() is None
    assert serve().add(tv.TaskSpec.once(body)).result(SOON) == (True, "body")
    assert tv.current() is None


@pytest.mark.rule("R2.21")
def test_each_attempt_has_a_fresh_token(serve):
    tokens = []

    def body(ctx):
        tokens.append(ctx.token)
        ctx.token.cancel()
        if ctx.attempt < 3:
            raise tv.Fail("again")

    handle = serve().add(tv.TaskSpec(body, backoff=tv.BackoffPolicy.constant(0)))
    assert handle.outcome(SOON).kind == "completed"
    assert len(set(map(id, tokens))) == 3


@pytest.mark.rule("R2.22")
def test_live_attempt_is_not_cancelled_and_has_no_reason(serve):
    def body(ctx):
        return ctx.cancelled, ctx.cancel_reason, ctx.token.is_cancelled

    assert serve().add(tv.TaskSpec.once(body)).result(SOON) == (False, None, False)


async def told(ctx):
    """Waits until it is asked to stop; the result is what its context then says."""
    answer = await wait(ctx, SOON)
    return answer, ctx.cancelled, ctx.cancel_reason, ctx.token.is_cancelled


@pytest.mark.rule("R2.22", "R2.23", "R4.21")
@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (lambda sup: sup.remove("told"), "removed"),
        (lambda sup: sup.cancel("told"), "removed"),
        (lambda sup: sup.shutdown(), "shutdown"),
    ],
)
def test_body_learns_why_it_is_asked_to_stop(serve, recorder, stop, reason):
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(told))
    recorder.wait_line("told", "task_starting")
    stop(sup)
    outcome = handle.outcome(SOON)
    assert outcome.kind == "canceled"
    assert outcome.value == (True, True, reason, True)
    assert isinstance(outcome.value[2], tv.CancelReason)


@pytest.mark.rule("R2.22", "R2.6")
def test_timed_out_body_is_told_the_timeout_and_the_first_reason_stays(serve, recorder, gate):
    held = gate()
    reasons = []

    async def body(ctx):
        await wait(ctx, SOON)
        reasons.append(ctx.cancel_reason)
        await held.through()
        reasons.append(ctx.cancel_reason)

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(body, timeout=0.02))
    held.wait_inside()
    sup.remove(handle)
    held.open()
    assert handle.outcome(SOON).kind == "canceled"
    assert reasons == ["timeout", "timeout"]


@pytest.mark.rule("R2.22")
def test_reason_of_a_removal_stays_when_a_shutdown_follows(serve, gate):
    held = gate()

    async def body(ctx):
        await held.through()
        return ctx.cancel_reason

    sup = serve()
    handle = sup.add(tv.TaskSpec.once(body))
    held.wait_inside()
    sup.remove(handle)
    sup.shutdown(wait=False)
    held.open()
    assert handle.outcome(SOON).value == "removed"


@pytest.mark.rule("R2.26")
def test_cancelling_the_token_of_a_body_is_seen_there_and_decides_nothing(serve, recorder):
    async def body(ctx):
        child = ctx.token.child_token()
        ctx.token.cancel()
        seen = (
            ctx.cancelled,
            ctx.token.is_cancelled,
            child.is_cancelled,
            await wait(ctx),
            ctx.cancel_reason,
        )
        with pytest.raises(tv.Canceled):
            ctx.check()
        with pytest.raises(tv.Canceled):
            await sleep(ctx, 1000)
        return seen

    handle = serve(recorder).add(tv.TaskSpec.restartable(body))
    outcome = handle.outcome(SOON)
    assert (outcome.kind, outcome.value) == ("completed", (True, True, True, True, None))
    assert recorder.removed("body")[-2:] == [
        "actor_exhausted attempt=1 reason=policy_exhausted_success",
        "task_removed",
    ]


@pytest.mark.rule("R2.26")
def test_body_that_cancels_its_token_and_fails_is_retried(serve):
    def body(ctx):
        ctx.token.cancel()
        if ctx.attempt == 1:
            raise tv.Fail("first")
        return ctx.attempt

    handle = serve().add(tv.TaskSpec.restartable(body, backoff=tv.BackoffPolicy.constant(0)))
    assert handle.result(SOON) == 2


@pytest.mark.rule("R2.27")
def test_child_of_a_bodys_token_cancels_neither_body_nor_task(serve):
    def body(ctx):
        ctx.token.child_token().cancel()
        return ctx.cancelled, ctx.token.is_cancelled

    handle = serve().add(tv.TaskSpec.once(body))
    assert handle.result(SOON) == (False, False)


@plain_bodies
@pytest.mark.rule("R2.27")
def test_cancelled_task_cancels_the_children_of_its_token(serve, recorder):
    children = []

    def body(ctx):
        children.append(ctx.token.child_token())
        recorder.on_event(tv.Event("task_starting", task="made"))
        return children[0].wait(SOON)

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(body))
    recorder.wait_line("made", "task_starting")
    assert handle.cancel() is True
    assert handle.outcome().value is True


def test_token_of_an_ended_attempt_stays_as_it_was(serve):
    handle = serve().add(tv.TaskSpec.once(lambda ctx: ctx.token, name="a"))
    token = handle.result(SOON)
    assert token.is_cancelled is False
    assert token.wait(0) is False


@pytest.mark.rule("R2.23", "R8.14")
def test_wait_of_a_live_attempt_returns_false_after_its_timeout(serve):
    async def body(ctx):
        short = timedelta(milliseconds=1)
        return await wait(ctx, 0), await wait(ctx, 0.01), await wait(ctx, short)

    assert serve().add(tv.TaskSpec.once(body)).result(SOON) == (False, False, False)


@pytest.mark.rule("R2.24", "R8.14")
def test_sleep_returns_after_its_seconds(serve):
    async def body(ctx):
        begin = time.monotonic()
        return await sleep(ctx, 0.03), time.monotonic() - begin

    answer, took = serve().add(tv.TaskSpec.once(body)).result(SOON)
    assert answer is None
    assert took >= 0.03


@pytest.mark.rule("R2.24", "R2.25", "R8.14")
@pytest.mark.parametrize("how", ["sleep", "check"])
def test_sleep_and_check_raise_canceled_once_the_attempt_is_cancelled(serve, recorder, gate, how):
    held = gate()

    async def body(ctx):
        ctx.check()
        await held.through()
        if how == "sleep":
            await sleep(ctx, 1000)
        ctx.check()

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(body))
    held.wait_inside()
    sup.remove(handle)
    held.open()
    outcome = handle.outcome(SOON)
    assert (outcome.kind, type(outcome.exception)) == ("canceled", tv.Canceled)
    assert str(outcome.exception) == "context canceled"
    assert recorder.removed("body")[-2:] == ["task_stopped attempt=1 duration", "task_removed"]


@pytest.mark.rule("R2.24", "R8.14")
def test_sleeping_body_is_woken_by_the_cancel(serve, recorder):
    async def sleeper(ctx):
        await sleep(ctx, 100_000)

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(sleeper))
    recorder.wait_line("sleeper", "task_starting")
    assert handle.cancel(SOON) is True


@pytest.mark.kinds("coroutine")
@pytest.mark.rule("R8.14")
def test_bodies_that_wait_for_their_cancel_go_on_with_that_however_many_a_loop_is_told_of(serve):
    came, busy, go_on = threading.Semaphore(0), threading.Event(), threading.Event()

    async def body(ctx):
        came.release()
        return await wait(ctx)

    def holds_the_loop():
        busy.set()
        go_on.wait(SOON)

    sup = serve()
    handles = sup.add_many([tv.TaskSpec.once(body)] * 200, names=[str(n) for n in range(200)])
    for _ in handles:
        assert came.acquire(timeout=SOON)
    sup.add(tv.TaskSpec.once(holds_the_loop))
    assert busy.wait(SOON)
    for handle in handles:
        sup.remove(handle)
    go_on.set()
    assert {handle.outcome(SOON).value for handle in handles} == {True}


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), None, "1", True])
def test_sleep_refuses_what_is_no_duration(serve, bad):
    async def body(ctx):
        with pytest.raises((TypeError, ValueError)):
            await sleep(ctx, bad)

    assert serve().add(tv.TaskSpec.once(body)).outcome(SOON).kind == "completed"


def test_context_cannot_be_made_or_changed(serve):
    def body(ctx):
        with pytest.raises(TypeError):
            type(ctx)()
        for field in ("name", "id", "attempt", "cancelled", "other"):
            with pytest.raises(AttributeError):
                setattr(ctx, field, 1)

    assert serve().add(tv.TaskSpec.once(body)).outcome(SOON).kind == "completed"


@pytest.mark.rule("R2.22")
def test_kept_context_still_answers_after_its_task_ended(serve):
    handle = serve().add(tv.TaskSpec.once(lambda ctx: ctx, name="kept"))
    ctx = handle.result(SOON)
    assert (ctx.name, ctx.id, ctx.attempt) == ("kept", handle.id, 1)
    assert (ctx.cancelled, ctx.cancel_reason, ctx.wait(0)) == (False, None, False)
