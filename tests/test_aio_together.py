"""Several `aio` supervisors, on one loop and on many, are independent of each other."""

import asyncio
import gc

import pytest
from loops import Stubborn, quiet, scenario, until
from recorder import Recorder
from waiting import SOON, in_thread

import taskvisor as tv
from taskvisor import aio


async def answer():
    return 42


async def forever():
    await asyncio.Event().wait()


@pytest.mark.rule("R8.38")
@scenario
async def test_supervisors_on_one_loop_are_independent_of_each_other():
    async def nests():
        async with aio.Supervisor() as inner:
            handle = inner.add(tv.TaskSpec.once(forever))
            await until(lambda: inner.is_alive(handle))
            with pytest.raises(tv.TaskAlreadyExists):
                inner.add(tv.TaskSpec.once(forever))
            outer.add(tv.TaskSpec.once(forever))
        return (await handle.outcome()).kind

    async with aio.Supervisor() as outer:
        assert await outer.add(tv.TaskSpec.once(nests)) == "canceled"
        assert outer.list() == ["forever"]


@pytest.mark.rule("R8.38")
@scenario
async def test_stuck_body_of_one_supervisor_holds_up_no_shutdown_of_another():
    stubborn = Stubborn()
    async with aio.Supervisor(subscribers=[Recorder()]) as first:
        async with aio.Supervisor() as second:
            first.add(tv.TaskSpec.once(stubborn))
            await until(lambda: stubborn.is_there)
            second.add(tv.TaskSpec.once(forever))
        assert stubborn.cancels == 0
        stubborn.let_go()
        await first.join()


@pytest.mark.rule("R8.38")
def test_supervisors_on_loops_of_many_threads_are_independent_of_each_other():
    async def main():
        async with aio.Supervisor() as sup:
            specs = [tv.TaskSpec.once(answer, name=str(n)) for n in range(20)]
            return [await handle for handle in sup.add_many(specs)]

    answers = [in_thread(asyncio.run, main()) for _ in range(6)]
    assert [each() for each in answers] == [[42] * 20] * 6


@pytest.mark.rule("R8.38")
def test_body_on_a_private_loop_may_enter_a_supervisor_there(serve, recorder):
    async def nests(ctx):
        async with aio.Supervisor(subscribers=[recorder]) as inner:
            inner.add(tv.TaskSpec.restartable(forever, name="inner"))
            await forever()

    sup = serve()
    handle = sup.add(tv.TaskSpec.restartable(nests))
    recorder.wait_line("inner", "task_starting")
    sup.shutdown()
    assert handle.outcome(0).kind == "canceled"
    assert recorder.words()[-1] == "all_stopped_within_grace"


@pytest.mark.rule("R8.38", "R8.40", "R8.8")
def test_supervisor_that_a_body_leaves_behind_on_a_private_loop_ends_with_that(serve, recorder):
    async def leaves():
        kept.append(aio.Supervisor(subscribers=[recorder]).serve())
        kept[0].add(tv.TaskSpec.once(forever, name="inner"))
        await until(lambda: kept[0].is_alive("inner"))

    kept = []
    sup = serve()
    with quiet():
        sup.add(tv.TaskSpec.once(leaves)).result(SOON)
        sup.shutdown()
        assert recorder.removed("inner")[-1] == "task_removed"


@pytest.mark.rule("R8.38")
@scenario
async def test_supervisor_that_is_dropped_on_its_loop_cancels_its_bodies():
    recorder = Recorder()
    sup = aio.Supervisor(subscribers=[recorder]).serve()
    handle = sup.add(tv.TaskSpec.restartable(forever, name="a"))
    await until(lambda: handle.state == "running")
    with pytest.warns(ResourceWarning, match="a running supervisor was dropped"):
        del sup
        gc.collect()
    with pytest.raises(tv.OutcomeError):
        await handle
    await until(lambda: recorder.words("a")[-1] == "task_removed")
