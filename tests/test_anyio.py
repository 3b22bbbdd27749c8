"""anyio in bodies, and aio supervisors in programs of anyio."""

import asyncio
import threading

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from loops import Stubborn, both, outcome_of, quiet, scenario, supervised, until
from recorder import Recorder

import taskvisor as tv
from taskvisor import aio


async def forever():
    await asyncio.Event().wait()


@both
@pytest.mark.rule("R8.2")
@scenario
async def test_anyio_works_in_a_body(kind):
    async def child(number):
        await anyio.sleep(0.001)
        seen.append(number)

    async def body(ctx):
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(child, number)
        with anyio.move_on_after(0.005) as scope:
            await anyio.sleep_forever()
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.005):
                await ctx.wait_cancelled()
        thread = await anyio.to_thread.run_sync(threading.get_ident)
        back = await anyio.to_thread.run_sync(anyio.from_thread.run, anyio.sleep, 0)
        name = await anyio.to_thread.run_sync(lambda: tv.current().name)
        return sorted(seen), scope.cancelled_caught, thread != threading.get_ident(), back, name

    seen = []
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.once(body, name="a"))
        assert await handle == ([0, 1, 2], True, True, None, "a")


@both
@pytest.mark.rule("R8.2", "R8.10")
@scenario
async def test_cancel_reaches_the_children_of_a_group_of_anyio(kind):
    async def child():
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.005)
            cancelled.append(True)
            raise

    async def body():
        async with anyio.create_task_group() as group:
            group.start_soon(child)
            group.start_soon(child)
            await anyio.lowlevel.checkpoint()
            began.append(True)

    began, cancelled = [], []
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body))
        await until(lambda: began)
        sup.remove(handle)
        assert (await outcome_of(handle)).kind == "canceled"
    assert cancelled == [True, True]


backends = pytest.mark.parametrize("options", [{}, {"use_uvloop": True}], ids=["asyncio", "uvloop"])


def run_anyio(main, options):
    with quiet():
        return anyio.run(main, backend="asyncio", backend_options=options)


@backends
@pytest.mark.rule("R8.2", "R8.30")
def test_aio_supervisor_in_a_program_of_anyio_is_shut_down_within_a_shield(options):
    async def main():
        with anyio.move_on_after(0.02) as scope:
            async with aio.Supervisor() as sup:
                handle = sup.add(tv.TaskSpec.restartable(forever))
                try:
                    await anyio.sleep_forever()
                finally:
                    with anyio.CancelScope(shield=True):
                        await sup.shutdown()
        return scope.cancelled_caught, (await handle.outcome()).kind

    assert run_anyio(main, options) == (True, "canceled")


@backends
@pytest.mark.rule("R8.33")
def test_scope_of_anyio_cancels_again_while_the_block_is_left_which_ends_the_grace(options):
    async def main():
        with anyio.move_on_after(0.02) as scope:
            async with aio.Supervisor(subscribers=[recorder]) as sup:
                sup.add(tv.TaskSpec.once(stubborn))
                await until(lambda: stubborn.is_there)
                await anyio.sleep_forever()
        stubborn.let_go()
        await until(lambda: sup.list() == [])
        return scope.cancelled_caught

    recorder, stubborn = Recorder(), Stubborn()
    assert run_anyio(main, options) is True
    assert recorder.words()[-1] == "grace_exceeded"
