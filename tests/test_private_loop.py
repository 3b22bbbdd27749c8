"""The private loop of a plain supervisor: its thread, what is left in it, and its end."""

import asyncio
import threading

import pytest
from claims import at_once
from loops import HOUR, Stubborn, quiet, run
from loops import until as until_on_loop
from recorder import Recorder
from waiting import SOON, until

import taskvisor as tv
from taskvisor import aio

COUNT = 4000


@pytest.mark.rule("R8.1")
def test_private_loop_is_one_thread_that_begins_with_the_first_coroutine(serve):
    async def body():
        return threading.current_thread().name, threading.get_native_id()

    sup = serve()
    sup.add(tv.TaskSpec.once(dict)).result(SOON)
    assert "taskvisor-loop" not in [each.name for each in threading.enumerate()]
    seen = {sup.add(tv.TaskSpec.once(body)).result(SOON) for _ in range(5)}
    assert len(seen) == 1
    name, number = seen.pop()
    assert name.startswith("taskvisor")
    assert number != threading.get_native_id()


@pytest.mark.rule("R8.8")
def test_shutdown_joins_the_private_loop_and_closes_it():
    async def body():
        return asyncio.get_running_loop(), threading.current_thread()

    with quiet(), tv.Supervisor() as sup:
        loop, thread = sup.add(tv.TaskSpec.once(body)).result(SOON)
        assert not loop.is_closed()
    assert loop.is_closed()
    assert thread not in threading.enumerate()


@pytest.mark.rule("R8.8", "R8.43")
def test_tasks_that_bodies_leave_behind_in_a_private_loop_are_cancelled_at_its_end():
    async def leaves():
        left.append(asyncio.create_task(asyncio.sleep(HOUR)))
        left.append(asyncio.create_task(tidies_up()))
        await asyncio.sleep(0)  # until both have begun: else there is nothing to tidy up

    async def tidies_up():
        try:
            await asyncio.sleep(HOUR)
        finally:
            await asyncio.sleep(0.01)
            tidied.append(True)

    left, tidied = [], []
    with quiet(), tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(leaves)).result(SOON)
        assert not any(task.done() for task in left)
    assert [task.cancelled() for task in left] == [True, True]
    assert tidied == [True]


@pytest.mark.rule("R8.8")
def test_private_loop_with_an_abandoned_body_is_written_off_and_leaves_when_that_ends():
    stubborn = Stubborn()
    sup = tv.Supervisor(tv.SupervisorConfig(grace=0.02), subscribers=[Recorder()]).serve()
    sup.add(tv.TaskSpec.once(stubborn, name="stuck"))
    until(lambda: stubborn.is_there)
    with pytest.raises(tv.GraceExceeded):
        sup.shutdown()
    loop = stubborn.clock.loop
    assert loop.is_running()
    stubborn.let_go()
    until(loop.is_closed)
    assert sup.snapshot() == []


@pytest.mark.rule("R8.8")
def test_async_generators_of_a_private_loop_are_closed_at_its_end():
    async def numbers():
        try:
            yield 1
        finally:
            closed.append(asyncio.get_running_loop())

    async def body():
        kept.append(numbers())
        return await anext(kept[0])

    kept, closed = [], []
    with quiet(), tv.Supervisor() as sup:
        assert sup.add(tv.TaskSpec.once(body)).result(SOON) == 1
        assert closed == []
    assert len(closed) == 1


# --- many at once --------------------------------------------------------------------------------


@pytest.mark.rule("R8.1")
def test_first_coroutines_of_many_threads_at_once_begin_one_loop(serve):
    async def body():
        return id(asyncio.get_running_loop())

    with quiet():
        for _ in range(10):
            sup = serve()
            adds = [lambda n=n, s=sup: s.add(tv.TaskSpec.once(body, name=str(n))) for n in range(8)]
            assert len({handle.result(SOON) for handle in at_once(adds)}) == 1
            sup.shutdown()


@pytest.mark.rule("R8.1", "R8.10")
@pytest.mark.parametrize("kind", ["aio", "private"])
def test_thousands_of_coroutines_sleep_at_once_and_leave(kind, serve):
    async def sleeps():
        await asyncio.sleep(HOUR)

    def fill(sup):
        names = [str(n) for n in range(COUNT)]
        return sup.add_many([tv.TaskSpec.once(sleeps)] * COUNT, names=names)

    async def in_aio():
        async with aio.Supervisor() as sup:
            handles = fill(sup)
            await until_on_loop(lambda: len(sup.snapshot()) == COUNT)
            assert sum(map(sup.remove, handles[::2])) == COUNT // 2
            assert {(await each.outcome()).kind for each in handles[::2]} == {"canceled"}
            assert len(sup.snapshot()) == COUNT // 2
        return [(await each.outcome()).kind for each in handles]

    if kind == "aio":
        kinds = run(in_aio)
    else:
        sup = serve()
        handles = fill(sup)
        until(lambda: len(sup.snapshot()) == COUNT)
        assert sum(map(sup.remove, handles[::2])) == COUNT // 2
        assert {each.outcome(SOON).kind for each in handles[::2]} == {"canceled"}
        sup.shutdown()
        kinds = [each.outcome(0).kind for each in handles]
    assert kinds == ["canceled"] * COUNT
