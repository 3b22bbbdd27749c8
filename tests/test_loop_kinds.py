"""Loops of other makes, in debug mode, and with task factories."""

import asyncio
import functools
import sys
import time

import pytest
import uvloop
from loops import HOUR, complaints, quiet, run, scenario, until
from programs import run as run_program
from recorder import Recorder

import taskvisor as tv
from taskvisor import aio

NOW = tv.BackoffPolicy.constant(0)
HAS_EAGER = sys.version_info >= (3, 12)


class Task(asyncio.Task):
    """What a factory of tests makes."""


def own_factory(loop, coroutine, **options):
    return Task(coroutine, loop=loop, **options)


def with_factory(factory):
    loop = asyncio.new_event_loop()
    loop.set_task_factory(factory)
    return loop


LOOPS = {
    "asyncio": asyncio.new_event_loop,
    "own factory": functools.partial(with_factory, own_factory),
    "uvloop": uvloop.new_event_loop,
}
if HAS_EAGER:
    LOOPS["eager factory"] = functools.partial(with_factory, asyncio.eager_task_factory)

every_loop = pytest.mark.parametrize("loop", LOOPS)
both_modes = pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])


# --- every loop ----------------------------------------------------------------------------------


async def at_once(ctx):
    return ctx.name


async def later(ctx):
    await asyncio.sleep(0.001)
    return asyncio.current_task().get_name()


async def third_time(ctx):
    if ctx.attempt < 3:
        await asyncio.sleep(0)
        raise ValueError("again")
    return ctx.name


async def fails():
    raise ValueError("down")


async def forever():
    await asyncio.Event().wait()


async def all_kinds_of_bodies(sup):
    bodies = [at_once, later, third_time]
    specs = [tv.TaskSpec.restartable(body, backoff=NOW) for body in bodies]
    for handle in sup.add_many(specs):
        assert await handle == handle.name
    with pytest.raises(ValueError, match="down"):
        await sup.add(tv.TaskSpec.once(fails))
    late = await sup.add(tv.TaskSpec.once(forever, timeout=0.005)).outcome()
    assert (late.kind, late.reason) == ("failed", "timed out after 5ms")


@every_loop
@both_modes
@pytest.mark.rule("R8.3", "R8.4")
def test_bodies_of_all_kinds_end_as_they_do_anywhere(loop, debug):
    async def main():
        recorder = Recorder()
        async with aio.Supervisor(subscribers=[recorder]) as sup:
            await all_kinds_of_bodies(sup)
            handle = sup.add(tv.TaskSpec.restartable(forever, name="stays"))
            await until(lambda: sup.is_alive(handle))
        assert (await handle.outcome()).kind == "canceled"
        assert recorder.words()[-1] == "all_stopped_within_grace"

    run(main, new_loop=LOOPS[loop], debug=debug)


@every_loop
@both_modes
@pytest.mark.rule("R8.3", "R8.10")
def test_body_that_asks_for_its_own_end_in_its_first_step_is_cancelled(loop, debug):
    async def body(ctx):
        assert ctx.supervisor.remove(ctx.id)
        try:
            await asyncio.sleep(HOUR)
        except asyncio.CancelledError:
            cancelled.append(ctx.cancel_reason)
            raise

    async def main():
        async with aio.Supervisor() as sup:
            assert (await sup.add(tv.TaskSpec.restartable(body)).outcome()).kind == "canceled"

    cancelled = []
    run(main, new_loop=LOOPS[loop], debug=debug)
    assert cancelled == ["removed"]


@every_loop
@both_modes
@pytest.mark.rule("R8.3", "R8.14")
def test_body_that_waits_for_its_token_in_its_first_step_prefers_it(loop, debug):
    async def body(ctx):
        woken = await ctx.wait_cancelled()
        await asyncio.sleep(0.005)
        return woken, asyncio.current_task().cancelling()

    async def main():
        async with aio.Supervisor() as sup:
            handle = sup.add(tv.TaskSpec.once(body))
            await until(lambda: sup.is_alive(handle))
            sup.remove(handle)
            assert (await handle.outcome()).value == (True, 0)

    run(main, new_loop=LOOPS[loop], debug=debug)


@every_loop
@both_modes
@pytest.mark.rule("R8.3", "R8.5")
def test_current_is_the_context_from_the_first_step_on(loop, debug):
    async def child():
        return tv.current()

    async def body(ctx):
        assert tv.current() is ctx
        assert await asyncio.create_task(child()) is ctx
        await asyncio.sleep(0)
        return tv.current() is ctx

    async def main():
        async with aio.Supervisor() as sup:
            assert await sup.add(tv.TaskSpec.once(body)) is True
            assert tv.current() is None

    run(main, new_loop=LOOPS[loop], debug=debug)


@every_loop
@pytest.mark.rule("R8.3", "R8.6")
def test_system_exit_of_a_first_step_is_recorded_and_leaves_the_loop(loop, recorder):
    async def body():
        sys.exit(3)

    async def main():
        async with aio.Supervisor(subscribers=[recorder]) as sup:
            sup.add(tv.TaskSpec.once(body, name="a"))
            await asyncio.sleep(HOUR)

    with pytest.raises(SystemExit) as caught:
        run(main, new_loop=LOOPS[loop])
    assert caught.value.code == 3
    assert "task_failed attempt=1 exit_code=3" in recorder.words("a")[3]
    assert recorder.words()[-1] == "all_stopped_within_grace"


@every_loop
@both_modes
@pytest.mark.rule("R8.40", "R8.43")
def test_loop_that_is_closed_ends_its_bodies_canceled(loop, debug, recorder):
    async def main():
        kept.append(aio.Supervisor(subscribers=[recorder]).serve())
        handles = kept[0].add_many([tv.TaskSpec.restartable(forever)] * 2, names=["a", "b"])
        await until(lambda: all(kept[0].is_alive(each) for each in handles))

    kept = []
    with quiet():
        made = LOOPS[loop]()
        made.set_debug(debug)
        made.run_until_complete(main())
        made.close()
        for name in "ab":
            assert recorder.removed(name)[-2].startswith("task_stopped")
    assert kept[0]._plain.shutdown() is None


@every_loop
@pytest.mark.rule("R8.41")
def test_loop_that_stands_still_for_a_while_goes_on(loop, recorder):
    async def begin():
        kept.append(aio.Supervisor(subscribers=[recorder]).serve())
        kept.append(kept[0].add(tv.TaskSpec.once(later)))

    async def end():
        value = await kept[1]
        await kept[0].shutdown()
        return value

    kept = []
    with quiet():
        made = LOOPS[loop]()
        made.run_until_complete(begin())
        assert made.run_until_complete(end()) == "later"
        made.close()


@every_loop
@both_modes
@pytest.mark.rule("R8.20")
def test_handle_of_a_plain_supervisor_is_awaited_on_it(loop, debug, serve):
    async def main():
        handles = sup.add_many([tv.TaskSpec.once(at_once)] * 20, names=map(str, range(20)))
        return [await handle for handle in handles]

    sup = serve()
    assert run(main, new_loop=LOOPS[loop], debug=debug) == [str(n) for n in range(20)]


# --- factories -----------------------------------------------------------------------------------


@pytest.mark.rule("R8.3")
def test_factory_of_the_loop_makes_the_tasks():
    async def body():
        return type(asyncio.current_task())

    async def main():
        async with aio.Supervisor() as sup:
            seen = [await sup.add(tv.TaskSpec.once(body))]
            asyncio.get_running_loop().set_task_factory(None)
            return [*seen, await sup.add(tv.TaskSpec.once(body))]

    assert run(main, new_loop=LOOPS["own factory"]) == [Task, asyncio.Task]


@pytest.mark.rule("R8.3", "R8.43")
def test_factory_that_raises_fails_the_attempt_and_the_next_one_may_work():
    def factory(loop, coroutine, **options):
        if tries.append(True) or len(tries) < 3:
            raise MemoryError("no tasks today")
        return asyncio.Task(coroutine, loop=loop, **options)

    async def main():
        async with aio.Supervisor() as sup:
            asyncio.get_running_loop().set_task_factory(factory)
            outcome = await sup.add(tv.TaskSpec.restartable(at_once, backoff=NOW)).outcome()
            asyncio.get_running_loop().set_task_factory(None)
            return outcome

    tries = []
    outcome = run(main)
    assert (outcome.kind, outcome.attempts) == ("completed", 3)


# --- debug mode ----------------------------------------------------------------------------------


@pytest.mark.rule("R8.43")
def test_slow_step_of_a_body_is_its_own_and_not_ours():
    async def slow():
        time.sleep(0.3)  # noqa: ASYNC251

    async def main():
        asyncio.get_running_loop().slow_callback_duration = 0.25
        async with aio.Supervisor() as sup:
            specs = [tv.TaskSpec.once(slow, name=f"slow {n}") for n in range(3)]
            for handle in sup.add_many(specs):
                await handle

    with asyncio.Runner(debug=True) as runner, quiet() as records:
        runner.run(main())
        told = [record.getMessage() for record in records]
        records.clear()
    assert [f"name='slow {n}'" in told[n] for n in range(3)] == [True] * 3
    assert not [line for line in told if "taskvisor" in line]


@pytest.mark.rule("R8.43")
@scenario
async def test_loop_goes_round_while_many_tasks_begin():
    count, rounds = 5000, 0
    async with aio.Supervisor() as sup:
        handles = sup.add_many([tv.TaskSpec.once(forever)] * count, names=map(str, range(count)))
        while handles[-1].state != "running":
            rounds += 1
            await asyncio.sleep(0)
    assert rounds > 2  # one for each millisecond that it takes us


# --- uvloop as the loop of a plain supervisor ----------------------------------------------------


@pytest.mark.rule("R8.1", "R8.8", "R8.43")
def test_private_loop_is_made_by_the_policy_of_asyncio(strict):
    ended = run_program("""
        import asyncio, warnings
        import uvloop
        import taskvisor as tv

        async def body(ctx):
            try:
                await asyncio.sleep(0)
                return type(asyncio.get_running_loop()).__module__
            finally:
                asyncio.get_running_loop().create_task(asyncio.sleep(3600))

        async def waits():
            await asyncio.Event().wait()

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        with tv.Supervisor() as sup:
            print(sup.add(tv.TaskSpec.once(body)).result(20))
            handle = sup.add(tv.TaskSpec.restartable(waits))
            while not sup.is_alive(handle):
                pass
        print(handle.outcome(0).kind.value)
    """)
    assert (ended.out, complaints(ended.err)) == ("uvloop\ncanceled\n", [])
