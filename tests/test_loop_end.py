"""Loops that are closed under a supervisor, that stop and go on, and that are dropped."""

import asyncio
import gc
import weakref

import pytest
from loops import Stubborn, quiet, run, until
from waiting import SOON, in_thread
from waiting import until as until_here

import taskvisor as tv
from taskvisor import aio


@pytest.fixture
def loop():
    """A loop that does not run, and is closed at the end; asyncio has nothing to complain of."""
    with quiet():
        made = asyncio.new_event_loop()
        yield made
        made.close()


async def forever(ctx):
    await asyncio.Event().wait()


class Waits:
    """A coroutine body that waits for ever, and keeps how it was ended."""

    def __init__(self):
        self.began = False
        self.ended_by = None
        self.context = None

    async def __call__(self, ctx):
        self.context = ctx
        self.began = True
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            self.ended_by = type(error)
            raise


@pytest.fixture
def enter(loop, recorder):
    """enter(*specs, **config): a supervisor on the loop, which stands still when all have begun."""
    kept = []

    async def main(specs, config):
        sup = aio.Supervisor(tv.SupervisorConfig(**config), subscribers=[recorder]).serve()
        kept.append(sup)  # dropped it would be shut down
        handles = sup.add_many(specs)
        await until(lambda: all(sup.is_alive(each) for each in handles))
        return sup, handles

    return lambda *specs, **config: loop.run_until_complete(main(specs, config))


# --- closed under us -----------------------------------------------------------------------------


@pytest.mark.rule("R8.40", "R8.43")
def test_loop_closed_under_its_bodies_ends_them_canceled(loop, enter, recorder):
    bodies = [Waits(), Waits()]
    specs = [tv.TaskSpec.restartable(body, name=f"b{n}") for n, body in enumerate(bodies)]
    enter(*specs)
    loop.close()
    for name in ("b0", "b1"):
        assert recorder.removed(name)[-2:] == ["task_stopped attempt=1 duration", "task_removed"]
    assert [body.ended_by for body in bodies] == [GeneratorExit, GeneratorExit]
    assert [body.context.cancel_reason for body in bodies] == ["shutdown", "shutdown"]


@pytest.mark.rule("R8.40", "R8.43")
def test_every_other_task_of_a_supervisor_whose_loop_is_closed_ends_canceled_too(
    loop, enter, recorder
):
    def plain(ctx):
        ctx.wait()

    def fails():
        raise ValueError("again")

    bodies = [Waits(), plain]
    later = tv.BackoffPolicy.constant(1000)
    specs = [tv.TaskSpec.restartable(body, name=f"b{n}") for n, body in enumerate(bodies)]
    sup, _ = enter(*specs, backoff=later)
    plain_handle = bodies[0].context.supervisor
    handles = [
        plain_handle.add(tv.TaskSpec.restartable(fails, name="backs off")),
        plain_handle.add(tv.TaskSpec.restartable(forever, name="never starts")),
    ]
    recorder.wait_line("backs off", "backoff_scheduled")
    loop.close()
    assert [each.outcome(SOON).kind for each in handles] == ["canceled", "canceled"]
    assert plain_handle.shutdown() is None
    assert recorder.words()[-1] == "all_stopped_within_grace"
    assert sup._plain.list() == []


@pytest.mark.rule("R8.40", "R8.43")
def test_loop_closed_before_it_has_run_ends_what_was_added(loop, recorder):
    async def serve():
        return aio.Supervisor(subscribers=[recorder]).serve()

    sup = loop.run_until_complete(serve())
    plain = sup._plain
    handle = plain.add(tv.TaskSpec.restartable(forever, name="a"))
    loop.close()
    assert handle.outcome(SOON) == tv.TaskOutcome(kind=tv.OutcomeKind.CANCELED)
    assert recorder.removed("a") == ["task_add_requested", "task_added", "task_removed"]
    with pytest.raises(tv.ShuttingDown):
        plain.add(tv.TaskSpec.restartable(forever, name="b"))


@pytest.mark.rule("R8.40", "R8.43")
def test_loop_closed_over_an_idle_supervisor_shuts_that_down(loop, enter, recorder):
    sup, _ = enter()
    loop.close()
    recorder.wait_for("all_stopped_within_grace")
    with pytest.raises(RuntimeError, match="belongs to"):
        run(sup.shutdown)


@pytest.mark.rule("R8.40", "R8.43")
def test_waits_of_a_closed_loop_are_dropped_without_a_word(loop, enter, recorder):
    async def waits():
        waiting = [asyncio.ensure_future(each) for each in (handle, handle.outcome(), sup.join())]
        await asyncio.sleep(0.01)
        return waiting

    sup, [handle] = enter(tv.TaskSpec.once(forever))
    waiting = loop.run_until_complete(waits())
    for each in waiting:
        each._log_destroy_pending = False  # they are the caller's, and he leaves them behind
    loop.close()
    recorder.removed("forever")
    assert not any(each.done() for each in waiting)


@pytest.mark.rule("R8.40")
def test_body_that_is_cancelled_already_when_its_loop_is_closed_ends_canceled(
    loop, enter, recorder
):
    stubborn = Stubborn()
    sup, [handle] = enter(tv.TaskSpec.once(stubborn, name="a"))

    async def asks():
        assert sup.remove(handle)
        await stubborn.cancelled(1)

    loop.run_until_complete(asks())
    loop.close()
    assert recorder.removed("a")[-2:] == ["task_stopped attempt=1 duration", "task_removed"]


@pytest.mark.rule("R8.40")
def test_abandoned_body_of_a_closed_loop_frees_its_name(loop, enter, recorder):
    stubborn = Stubborn()
    sup, [handle] = enter(tv.TaskSpec.once(stubborn, name="a", grace=0))

    async def abandoned():
        sup.remove(handle)
        return await handle.outcome()

    assert loop.run_until_complete(abandoned()).kind == "abandoned"
    loop.close()
    recorder.removed("a")
    assert sup._plain.list() == []


@pytest.mark.rule("R8.40")
def test_loop_closed_in_the_middle_of_a_shutdown_completes_it(loop, enter, recorder):
    stubborn = Stubborn()
    sup, _ = enter(tv.TaskSpec.once(stubborn))

    async def begins():
        await sup.shutdown(wait=False)
        await stubborn.cancelled(1)

    loop.run_until_complete(begins())
    loop.close()
    assert sup._plain.shutdown() is None
    assert recorder.words()[-1] == "all_stopped_within_grace"


@pytest.mark.rule("R8.40", "R8.43")
@pytest.mark.parametrize("ending", ["returns", "raises"])
def test_body_that_ends_in_the_last_round_of_its_loop_has_ended_so(loop, recorder, ending):
    async def body():
        await asyncio.sleep(0)
        loop.stop()  # after this round; asyncio calls the task's callbacks in the next one
        if ending == "raises":
            raise ValueError("down")

    async def main():
        kept.append(aio.Supervisor(subscribers=[recorder]).serve())
        kept[0].add(tv.TaskSpec.once(body, name="a"))

    kept = []
    loop.run_until_complete(main())
    loop.run_forever()
    loop.close()
    failed = "task_failed attempt=1 duration reason=execution failed: ValueError: down"
    stopped = "task_stopped attempt=1 duration"
    assert recorder.removed("a")[-2:] == [
        failed if ending == "raises" else stopped,
        "task_removed",
    ]


@pytest.mark.rule("R8.38", "R8.40")
def test_supervisors_of_other_loops_go_on_when_one_loop_is_closed(loop, enter, recorder, serve):
    enter(tv.TaskSpec.once(forever))
    other = serve()
    handle = other.add(tv.TaskSpec.once(forever))
    until_here(lambda: other.is_alive(handle))
    loop.close()
    recorder.removed("forever")
    assert other.is_alive(handle)


@pytest.mark.rule("R8.7")
@pytest.mark.parametrize("kind", ["aio", "private"])
def test_body_that_closes_its_own_loop_fails_and_the_loop_goes_on(kind, serve, recorder):
    async def body():
        asyncio.get_running_loop().close()

    async def well():
        return 42

    async def in_aio():
        async with aio.Supervisor(subscribers=[recorder]) as sup:
            failed = await sup.add(tv.TaskSpec.once(body)).outcome()
            return failed, await sup.add(tv.TaskSpec.once(well))

    if kind == "aio":
        outcome, value = run(in_aio)
    else:
        sup = serve(recorder)
        outcome = sup.add(tv.TaskSpec.once(body)).outcome(SOON)
        value = sup.add(tv.TaskSpec.once(well)).result(SOON)
    assert (outcome.kind, value) == ("failed", 42)
    assert outcome.reason == "execution failed: RuntimeError: Cannot close a running event loop"


# --- stopped, and started again ------------------------------------------------------------------


@pytest.mark.rule("R8.41")
@pytest.mark.parametrize("where", ["here", "in another thread"])
def test_loop_that_is_stopped_and_started_again_goes_on_where_it_was(loop, recorder, where):
    def turn(main):
        return loop.run_until_complete(main()) if where == "here" else in_thread(later, main)()

    def later(main):
        return loop.run_until_complete(main())

    async def counts(ctx):
        for number in range(3):
            steps.append(number)
            await events[number].wait()
        return steps

    async def begin():
        events.extend(asyncio.Event() for _ in range(3))
        sup = aio.Supervisor(subscribers=[recorder]).serve()
        handle = sup.add(tv.TaskSpec.once(counts))
        await until(lambda: steps == [0])
        return sup, handle

    async def go_on():
        events[0].set()
        await until(lambda: steps == [0, 1])

    async def end():
        events[1].set()
        events[2].set()
        value = await handle
        await sup.shutdown()
        return value

    steps, events = [], []
    sup, handle = loop.run_until_complete(begin())
    turn(go_on)
    assert turn(end) == [0, 1, 2]


@pytest.mark.rule("R8.41")
def test_what_is_asked_of_a_loop_while_it_stands_still_is_done_when_it_goes_on(
    loop, enter, recorder
):
    bodies = [Waits(), Waits()]
    specs = [tv.TaskSpec.once(body, name=f"b{n}") for n, body in enumerate(bodies)]
    sup, handles = enter(*specs)
    plain = bodies[0].context.supervisor
    added = plain.add(tv.TaskSpec.once(forever, name="added"))
    assert plain.remove("b0")
    assert (added.state, bodies[0].ended_by) == ("waiting", None)

    async def go_on():
        await until(lambda: sup.is_alive("added"))
        removed = await handles[0].outcome()
        await sup.shutdown()
        return removed

    assert loop.run_until_complete(go_on()).kind == "canceled"
    assert bodies[0].ended_by is asyncio.CancelledError
    assert added.outcome(SOON).kind == "canceled"


@pytest.mark.rule("R8.41", "R8.10")
def test_shutdown_of_a_supervisor_whose_loop_stands_still_ends_at_its_grace(loop, enter, recorder):
    body = Waits()
    enter(tv.TaskSpec.once(body, name="a"))
    plain = body.context.supervisor
    with pytest.raises(tv.GraceExceeded) as caught:
        plain.shutdown(grace=0.05)
    assert caught.value.stuck == ["a"]
    assert "in __call__" in caught.value.stacks["a"]
    loop.run_until_complete(asyncio.sleep(0.01))
    assert body.ended_by is asyncio.CancelledError


# --- dropped -------------------------------------------------------------------------------------


@pytest.mark.rule("R8.40")
def test_loop_that_is_dropped_unclosed_is_collected_and_its_supervisor_shut_down(recorder):
    async def main():
        aio.Supervisor(subscribers=[recorder]).serve().add(tv.TaskSpec.once(dict))
        await asyncio.sleep(0.01)

    loop = asyncio.new_event_loop()
    ref = weakref.ref(loop)
    with pytest.warns(ResourceWarning):
        loop.run_until_complete(main())
        del loop
        until_here(lambda: gc.collect() >= 0 and ref() is None)
    assert recorder.removed("dict")[-1] == "task_removed"
