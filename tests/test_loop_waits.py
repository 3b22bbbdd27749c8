"""Waits on a loop: a handle is awaited on any of them; a call that would block one raises."""

import asyncio
import threading

import pytest
from gates import Gate
from loops import HOUR, both, outcome_of, run, scenario, supervised, until
from recorder import Recorder
from waiting import SOON

import taskvisor as tv
from taskvisor import aio


async def answer():
    return 42


async def fails():
    raise ValueError("down")


async def forever():
    await asyncio.Event().wait()


# --- awaiting a handle ---------------------------------------------------------------------------


@both
@pytest.mark.rule("R8.20")
@scenario
async def test_awaited_handle_gives_the_value_now_and_later(kind):
    async with supervised(kind) as sup:
        for body, value in [(answer, 42), (dict, {})]:
            handle = sup.add(tv.TaskSpec.once(body))
            assert await handle == value
            assert await handle == value


@both
@pytest.mark.rule("R8.20")
@scenario
async def test_awaited_handle_raises_as_result_does(kind):
    def stops():
        raise StopIteration

    async with supervised(kind, Recorder()) as sup:
        with pytest.raises(ValueError, match="down"):
            await sup.add(tv.TaskSpec.once(fails))
        with pytest.raises(RuntimeError) as caught:
            await sup.add(tv.TaskSpec.once(stops))
        assert type(caught.value.__cause__) is StopIteration
        removed = sup.add(tv.TaskSpec.once(forever))
        sup.remove(removed)
        with pytest.raises(tv.OutcomeError) as ended:
            await removed
        assert ended.value.outcome.kind == "canceled"


@pytest.mark.rule("R8.20")
def test_handle_of_a_plain_supervisor_is_awaited_on_several_loops_at_once(serve, gate):
    async def awaits():
        return await asyncio.gather(handle, handle, asyncio.wait_for(handle, SOON))

    def on_own_loop():
        results.append(run(awaits))

    results = []
    held = gate()
    handle = serve().add(tv.TaskSpec.once(held))
    threads = [threading.Thread(target=on_own_loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    held.wait_inside()
    held.open()
    for thread in threads:
        thread.join(SOON)
    assert results == [["through"] * 3] * 4


@both
@pytest.mark.rule("R8.20")
@scenario
async def test_cancelled_await_ends_the_wait_and_never_the_task(kind):
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.once(forever))

        async def waits():
            await handle

        waiting = [asyncio.create_task(waits()) for _ in range(3)]
        await until(lambda: sup.is_alive(handle))
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handle, 0.01)
        assert sup.is_alive(handle)
        assert not waiting[1].done()
        sup.remove(handle)
        ended = await asyncio.gather(*waiting[1:], return_exceptions=True)
        assert [each.outcome.kind for each in ended] == ["canceled", "canceled"]


@both
@pytest.mark.rule("R8.20")
@scenario
async def test_body_awaits_other_tasks_of_its_own_supervisor(kind):
    async def body(ctx):
        return await ctx.supervisor.add(tv.TaskSpec.once(answer, name="inner"))

    async with supervised(kind) as sup:
        assert await sup.add(tv.TaskSpec.once(body)) == 42


@both
@pytest.mark.rule("R8.20")
@scenario
async def test_await_that_was_begun_and_dropped_leaves_nothing_behind(kind):
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.once(forever))
        for _ in range(3):
            begun = handle.__await__()
            next(begun)
            del begun
        sup.remove(handle)
        await outcome_of(handle)


@pytest.mark.rule("R8.22")
def test_await_outside_asyncio_says_that_it_is_not_supported(serve):
    async def awaits(handle):
        await handle

    sup = serve()
    handle = sup.add(tv.TaskSpec.once(forever))
    coroutine = awaits(handle)
    with pytest.raises(RuntimeError, match=r"no asyncio event loop is running here \(.*trio"):
        coroutine.send(None)
    sup.remove(handle)


# --- calls that would block ----------------------------------------------------------------------


def refused(call, *args, **kwargs):
    """The text of the RuntimeError that a call raises in place of waiting."""
    with pytest.raises(RuntimeError) as caught:
        call(*args, **kwargs)
    assert type(caught.value) is RuntimeError
    return str(caught.value)


class Calls:
    """What would wait in a body, by the context and a task that runs for ever."""

    @staticmethod
    def outcome(ctx, other):
        other.outcome()

    @staticmethod
    def outcome_in_time(ctx, other):
        other.outcome(timeout=HOUR)

    @staticmethod
    def result(ctx, other):
        other.result()

    @staticmethod
    def cancel_by_handle(ctx, other):
        other.cancel()

    @staticmethod
    def cancel_by_name(ctx, other):
        ctx.supervisor.cancel("other", timeout=None)

    @staticmethod
    def join(ctx, other):
        ctx.supervisor.join()

    @staticmethod
    def shutdown(ctx, other):
        ctx.supervisor.shutdown()

    @staticmethod
    def stream(ctx, other):
        ctx.supervisor.events().next()

    @staticmethod
    def token(ctx, other):
        ctx.token.wait()

    @staticmethod
    def child_token(ctx, other):
        ctx.token.child_token().wait(HOUR)

    @staticmethod
    def context_wait(ctx, other):
        ctx.wait()

    @staticmethod
    def context_sleep(ctx, other):
        ctx.sleep(HOUR)


async def begun(sup):
    """Another task of a supervisor, whose body has begun."""
    other = sup.add(tv.TaskSpec.once(forever, name="other"))
    await until(lambda: other.state == "running")
    return other


NAMES = [name for name in vars(Calls) if not name.startswith("_")]
ASKS = {"cancel_by_handle", "cancel_by_name", "shutdown"}


@both
@pytest.mark.rule("R8.21")
@pytest.mark.parametrize("name", NAMES)
@scenario
async def test_call_that_would_block_the_loop_raises_at_once_and_its_request_stands(kind, name):
    async def body(ctx):
        other = await begun(ctx.supervisor)
        return refused(getattr(Calls, name), ctx, other), other

    async with supervised(kind, Recorder()) as sup:
        handle = sup.add(tv.TaskSpec.once(body))
        outcome = await outcome_of(handle)
        text, other = outcome.value
        if name not in ASKS:
            assert not other.done()
            sup.remove(other.id)
        await until(other.done)
        assert other.outcome(0).kind == "canceled"
    assert outcome.kind == ("canceled" if name == "shutdown" else "completed")
    assert "loop" in text


@both
@pytest.mark.rule("R8.21")
@pytest.mark.parametrize(("name", "awaited"), [("wait", "wait_cancelled"), ("sleep", "asleep")])
@scenario
async def test_waits_of_a_context_name_what_is_to_be_awaited_in_their_place(kind, name, awaited):
    async def body(ctx):
        return refused(getattr(ctx, name), HOUR)

    async with supervised(kind) as sup:
        assert awaited in await sup.add(tv.TaskSpec.once(body))


@both
@pytest.mark.rule("R8.21")
@scenario
async def test_timeout_of_zero_never_waits_so_it_is_not_refused(kind):
    async def body(ctx):
        other = await begun(ctx.supervisor)
        for call in (other.outcome, other.result):
            with pytest.raises(TimeoutError):
                call(0)
        with pytest.raises(tv.TaskRemoveTimeout):
            other.cancel(timeout=0)
        with ctx.supervisor.events() as stream, pytest.raises(TimeoutError):
            stream.next(0)
        ctx.sleep(0)
        return ctx.wait(0), ctx.token.wait(0), ctx.supervisor.join(0)

    async with supervised(kind) as sup:
        assert await sup.add(tv.TaskSpec.once(body)) == (False, False, False)


@both
@pytest.mark.rule("R8.21")
@scenario
async def test_what_is_there_already_is_given_on_the_loop(kind):
    async def body(ctx):
        other = ctx.supervisor.add(tv.TaskSpec.once(answer))
        await other
        with ctx.supervisor.events() as stream:
            ctx.supervisor.remove("nobody")
            event = stream.next()
        ctx.token.cancel()
        with pytest.raises(tv.Canceled):
            ctx.sleep(HOUR)
        return other.outcome().value, other.result(), event.kind, ctx.wait(), other.cancel()

    async with supervised(kind) as sup:
        values = await sup.add(tv.TaskSpec.once(body))
    assert values == (42, 42, "task_remove_requested", True, False)


@both
@pytest.mark.rule("R8.21")
@scenario
async def test_plain_body_of_the_same_supervisor_may_wait(kind):
    def body(ctx):
        return ctx.supervisor.add(tv.TaskSpec.once(answer)).result(SOON)

    async with supervised(kind) as sup:
        assert await sup.add(tv.TaskSpec.once(body)) == 42


@both
@pytest.mark.rule("R8.21")
@scenario
async def test_body_may_wait_for_a_thread_that_waits_for_a_task(kind):
    async def body(ctx):
        other = ctx.supervisor.add(tv.TaskSpec.once(answer))
        return await asyncio.to_thread(other.result, SOON)

    async with supervised(kind) as sup:
        assert await sup.add(tv.TaskSpec.once(body)) == 42


@both
@pytest.mark.rule("R8.21")
@scenario
async def test_submit_that_would_wait_for_room_is_refused_and_leaves_nothing_behind(kind):
    async def body(ctx):
        plain = ctx.supervisor
        plain.submit(claim("owner"))
        plain.submit(claim("waits"))
        text = refused(plain.submit, claim("third"))
        with pytest.raises(tv.ControllerFull):
            plain.submit(claim("third"), timeout=0)
        waiting = plain.controller_snapshot()[0].waiting
        plain.cancel_slot("s")
        return text, waiting

    def claim(name):
        return tv.ControllerSpec.queue(tv.TaskSpec.once(forever, name=name), slot="s")

    controller = tv.ControllerConfig(queue_capacity=1)
    made = (aio if kind == "aio" else tv).Supervisor(controller=controller)
    sup = made.serve()
    text, waiting = await sup.add(tv.TaskSpec.once(body))
    assert "loop" in text
    assert list(waiting) == ["waits"]
    if kind == "aio":
        await sup.shutdown()
    else:
        await asyncio.to_thread(sup.shutdown)


@both
@pytest.mark.rule("R8.21")
@scenario
async def test_run_of_another_supervisor_and_its_shutdown_in_a_body_are_not_refused(kind):
    # Its own loop is another one: nothing there waits for this one.
    async def body():
        inner = tv.Supervisor()
        inner.run([tv.TaskSpec.once(answer)], handle_signals=False)
        with tv.Supervisor() as served:
            return served.add(tv.TaskSpec.once(answer)).result(SOON)

    async with supervised(kind) as sup:
        assert await sup.add(tv.TaskSpec.once(body)) == 42


@pytest.mark.rule("R8.21")
@scenario
async def test_loop_of_an_aio_supervisor_counts_from_its_entry_on():
    held = Gate()
    async with aio.Supervisor() as sup:
        plain = sup._plain
        handle = plain.add(tv.TaskSpec.once(held))
        held.wait_inside()
        for call in (handle.outcome, handle.result, plain.join, handle.cancel, plain.shutdown):
            assert "loop" in refused(call)
        held.open()


@pytest.mark.rule("R8.21")
@scenario
async def test_loop_that_runs_no_body_of_a_supervisor_may_wait_for_it():
    with tv.Supervisor() as sup:
        assert sup.add(tv.TaskSpec.once(answer)).result(SOON) == 42
        assert sup.join(SOON)
