"""taskvisor.aio: the names of the plain supervisor, those that can wait as coroutines."""

import asyncio
import inspect
import threading

import pytest
from gates import Gate
from loops import Stubborn, run, scenario, until
from recorder import Recorder

import taskvisor as tv
from taskvisor import aio


async def answer():
    return 42


async def forever():
    await asyncio.Event().wait()


def names_of(kind):
    """The public names of a class, and those of its context manager and awaiting."""
    magic = {"__await__", "__iter__", "__next__", "__enter__", "__exit__"}
    return {name for name in dir(kind) if not name.startswith("_")} | (magic & set(dir(kind)))


def parameters(method):
    """The parameters of a method but the first."""
    of_method = list(inspect.signature(method).parameters.values())
    return [(each.name, each.default) for each in of_method[1:]]


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.rule("R8.30")
@pytest.mark.parametrize("kind", ["Supervisor", "SupervisorHandle", "TaskHandle", "EventStream"])
def test_names_are_those_of_the_plain_ones(kind):
    of_loop = {
        "__iter__": "__aiter__",
        "__next__": "__anext__",
        "__enter__": "__aenter__",
        "__exit__": "__aexit__",
    }
    plain, ours = getattr(tv, kind), getattr(aio, kind)
    missing = {name for name in names_of(plain) if not hasattr(ours, of_loop.get(name, name))}
    assert missing == set()
    known = {*names_of(plain), *map(of_loop.get, names_of(plain))}
    assert names_of(ours) - known <= {"__enter__", "__exit__"}


@pytest.mark.rule("R8.30")
@scenario
async def test_what_can_wait_gives_a_coroutine_and_all_else_is_plain():
    waits = {
        "SupervisorHandle": {"submit", "cancel", "join", "shutdown"},
        "TaskHandle": {"outcome", "result", "cancel"},
        "EventStream": {"next"},
    }
    claim = tv.ControllerSpec.queue(tv.TaskSpec.once(answer))
    given = {"spec": claim, "task": 0, "specs": [], "slot": "s", "fn": print}
    async with aio.Supervisor(controller=tv.ControllerConfig()) as sup:
        handle = sup.add(tv.TaskSpec.once(answer, name="other"))
        await handle
        for each in (sup, handle, sup.events()):
            found = set()
            for name in sorted(names_of(type(each)) - {"add", "add_many", "__await__"}):
                method = getattr(each, name)
                if not name.startswith("_") and callable(method):
                    wanted = [
                        given[key] for key in inspect.signature(method).parameters if key in given
                    ]
                    made = method(*wanted)
                    if inspect.iscoroutine(made):
                        found.add(name)
                        made.close()
            assert found == waits[type(each).__name__]


@pytest.mark.rule("R8.30")
@pytest.mark.parametrize("kind", ["SupervisorHandle", "TaskHandle", "EventStream"])
def test_parameters_are_those_of_the_plain_ones(kind):
    plain, ours = getattr(tv, kind), getattr(aio, kind)
    for name in sorted(names_of(plain)):
        of_plain = getattr(plain, name)
        if not name.startswith("_") and callable(of_plain):
            assert parameters(getattr(ours, name)) == parameters(of_plain), name


@pytest.mark.rule("R8.30")
@scenario
async def test_every_call_of_a_handle_answers_as_the_plain_one_does():
    held = Gate()
    async with aio.Supervisor(subscribers=[Recorder()]) as sup:
        handle = sup.add(tv.TaskSpec.once(answer))
        assert await handle == await handle.result() == (await handle.outcome()).value == 42
        assert (handle.name, handle.done(), handle.state) == ("answer", True, "done")
        assert repr(handle).startswith("<aio.TaskHandle")
        first, second = sup.add_many([tv.TaskSpec.once(forever)] * 2, names=["a", "b"])
        assert second.id == first.id + 1 == handle.id + 2
        sup.add(tv.TaskSpec.once(held, name="c"))
        await until(lambda: sup.snapshot() == ["a", "b", "c"])
        assert sup.list() == [info.name for info in sup.tasks()] == ["a", "b", "c"]
        assert (sup.is_alive("a"), sup.is_alive(second), sup.is_alive(handle)) == (
            True,
            True,
            False,
        )
        assert [info.name for info in sup.subscribers()] == ["recorder"]
        assert (sup.remove(first), sup.remove(handle), sup.remove("z")) == (True, False, False)
        assert (await sup.cancel(second.id), await sup.cancel("b")) == (True, False)
        held.open()
        assert await sup.join() is True
        assert await second.cancel() is False
        with pytest.raises(tv.OutcomeError):
            await second


@pytest.mark.rule("R8.30")
@scenario
async def test_waits_of_handles_raise_past_their_timeouts():
    stubborn = Stubborn()
    async with aio.Supervisor() as sup:
        handle = sup.add(tv.TaskSpec.once(stubborn, name="a", grace=0))
        await until(lambda: stubborn.is_there)
        for timeout in (0, 0.01):
            with pytest.raises(TimeoutError):
                await handle.outcome(timeout)
            with pytest.raises(TimeoutError):
                await handle.result(timeout=timeout)
            assert await sup.join(timeout) is False
        with pytest.raises(tv.TaskRemoveTimeout) as caught:
            await sup.cancel("a", timeout=0.01)
        assert (caught.value.name, caught.value.timeout) == ("a", 0.01)
        with pytest.raises(tv.TaskRemoveTimeout) as caught:
            await handle.cancel()
        assert caught.value.timeout == 0
        assert (await handle.outcome()).kind == "abandoned"
        stubborn.let_go()
        assert await handle.cancel(None) is False


@pytest.mark.rule("R8.30")
@scenario
async def test_one_of_many_cancels_is_told_that_it_was_the_first():
    stubborn = Stubborn()
    async with aio.Supervisor() as sup:
        handle = sup.add(tv.TaskSpec.once(stubborn))
        await until(lambda: stubborn.is_there)
        asks = [asyncio.create_task(sup.cancel(handle)) for _ in range(5)]
        await stubborn.cancelled(1)
        assert not any(each.done() for each in asks)
        stubborn.let_go()
        assert sorted(await asyncio.gather(*asks)) == [False] * 4 + [True]


@pytest.mark.rule("R8.30")
@scenario
async def test_errors_are_those_of_the_plain_supervisor():
    made = aio.Supervisor()
    async with made as sup:
        sup.add(tv.TaskSpec.once(forever, name="a"))
        with pytest.raises(tv.TaskAlreadyExists):
            sup.add(tv.TaskSpec.once(forever, name="a"))
        with pytest.raises(tv.ControllerNotConfigured):
            await sup.submit(tv.ControllerSpec.queue(tv.TaskSpec.once(forever)))
        with pytest.raises(tv.AlreadyRunning):
            made.serve()
        with pytest.raises(tv.AlreadyRunning):
            await made.run([tv.TaskSpec.once(answer)])
    with pytest.raises(tv.ShuttingDown):
        sup.add(tv.TaskSpec.once(answer))
    assert (sup.list(), sup.remove("a"), await sup.cancel("a")) == ([], False, False)
    assert await sup.shutdown() is None


@pytest.mark.rule("R8.30", "R8.1")
@scenario
async def test_plain_bodies_run_on_workers_and_coroutines_on_the_loop():
    async def where():
        return threading.get_ident(), asyncio.get_running_loop()

    async with aio.Supervisor() as sup:
        here = threading.get_ident(), asyncio.get_running_loop()
        assert await sup.add(tv.TaskSpec.once(where)) == here
        assert await sup.add(tv.TaskSpec.once(threading.get_ident)) != threading.get_ident()
        threads = {thread.name for thread in threading.enumerate()}
        assert "taskvisor-loop" not in threads


@scenario
async def test_context_of_a_body_has_the_plain_handle():
    async def body(ctx):
        return type(ctx.supervisor)

    async with aio.Supervisor() as sup:
        assert await sup.add(tv.TaskSpec.once(body)) is tv.SupervisorHandle


# --- another loop --------------------------------------------------------------------------------


CALLS = {
    "add": lambda sup, handle: sup.add(tv.TaskSpec.once(answer)),
    "add_many": lambda sup, handle: sup.add_many([]),
    "submit": lambda sup, handle: sup.submit(tv.ControllerSpec.queue(tv.TaskSpec.once(answer))),
    "try_submit": lambda sup, handle: sup.try_submit(
        tv.ControllerSpec.queue(tv.TaskSpec.once(answer))
    ),
    "remove": lambda sup, handle: sup.remove(handle),
    "cancel": lambda sup, handle: sup.cancel(handle),
    "cancel_slot": lambda sup, handle: sup.cancel_slot("s"),
    "join": lambda sup, handle: sup.join(),
    "shutdown": lambda sup, handle: sup.shutdown(wait=False),
    "list": lambda sup, handle: sup.list(),
    "tasks": lambda sup, handle: sup.tasks(),
    "snapshot": lambda sup, handle: sup.snapshot(),
    "is_alive": lambda sup, handle: sup.is_alive(handle),
    "subscribers": lambda sup, handle: sup.subscribers(),
    "controller_snapshot": lambda sup, handle: sup.controller_snapshot(),
    "events": lambda sup, handle: sup.events(),
    "enter": lambda sup, handle: sup.__aenter__(),
    "leave": lambda sup, handle: sup.__aexit__(None, None, None),
    "await": lambda sup, handle: handle.__await__(),
    "outcome": lambda sup, handle: handle.outcome(),
    "result": lambda sup, handle: handle.result(),
    "cancel of the handle": lambda sup, handle: handle.cancel(),
    "add_done_callback": lambda sup, handle: handle.add_done_callback(print),
}


@pytest.mark.rule("R8.31")
@pytest.mark.parametrize("name", CALLS)
@scenario
async def test_call_from_another_loop_or_none_names_both(name):
    def answer_here():
        try:
            made = CALLS[name](sup, handle)
            if inspect.iscoroutine(made):
                made.send(None)
        except Exception as error:
            return type(error), str(error)
        return made

    async def on_another_loop():
        there.append(repr(asyncio.get_running_loop()))
        return answer_here()

    there = []
    async with aio.Supervisor(controller=tv.ControllerConfig()) as sup:
        handle = sup.add(tv.TaskSpec.once(forever))
        here = f"this supervisor belongs to {asyncio.get_running_loop()!r}; it was used "
        told = await asyncio.to_thread(asyncio.run, on_another_loop())
        assert told == (RuntimeError, f"{here}on {there[0]}")
        assert await asyncio.to_thread(answer_here) == (RuntimeError, f"{here}outside any loop")
        assert sup.list() == ["forever"]


@pytest.mark.rule("R8.31")
@scenario
async def test_stream_is_read_on_its_own_loop_only():
    def ask(stream):
        with pytest.raises(RuntimeError, match="outside any loop"):
            stream.next().send(None)

    async with aio.Supervisor() as sup:
        await asyncio.to_thread(ask, sup.events())


@pytest.mark.rule("R8.31")
def test_serving_needs_a_running_loop():
    sup = aio.Supervisor()
    with pytest.raises(RuntimeError, match="no asyncio event loop is running here"):
        sup.serve()
    assert run(lambda: serves(sup)) == 42


async def serves(sup):
    async with sup as handle:
        return await handle.add(tv.TaskSpec.once(answer))


# --- done callbacks ------------------------------------------------------------------------------


@pytest.mark.rule("R8.32")
@scenario
async def test_done_callback_is_called_once_on_the_loop_with_the_handle():
    calls = []

    def callback(handle):
        calls.append((handle, handle.state, threading.get_ident(), asyncio.get_running_loop()))

    async with aio.Supervisor() as sup:
        handle = sup.add(tv.TaskSpec.once(threading.get_ident))
        handle.add_done_callback(callback)
        await until(lambda: len(calls) == 1)
        handle.add_done_callback(callback)
        assert len(calls) == 1  # never at once: as asyncio has it
        await until(lambda: len(calls) == 2)
    here = (handle, "done", threading.get_ident(), asyncio.get_running_loop())
    assert calls == [here, here]


@pytest.mark.rule("R8.32")
@scenario
async def test_done_callback_of_an_abandoned_task_is_called_then():
    stubborn, calls = Stubborn(), []
    async with aio.Supervisor(subscribers=[Recorder()]) as sup:
        handle = sup.add(tv.TaskSpec.once(stubborn, grace=0))
        handle.add_done_callback(lambda handle: calls.append(handle.state))
        await until(lambda: stubborn.is_there)
        sup.remove(handle)
        await until(lambda: calls)
        stubborn.let_go()
        await sup.join()
        await asyncio.sleep(0.01)
    assert calls == ["abandoned"]


@pytest.mark.rule("R8.32")
def test_errors_of_a_done_callback_are_logged(caplog):
    def callback(handle):
        raise KeyError("oops")

    async def main():
        async with aio.Supervisor() as sup:
            handle = sup.add(tv.TaskSpec.once(answer))
            handle.add_done_callback(callback)
            with pytest.raises(TypeError):
                handle.add_done_callback(None)
            await handle
            await until(lambda: caplog.records)

    run(main)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("taskvisor", "ERROR")
    assert "oops" in str(record.exc_info[1])


def test_module_names_are_listed():
    assert sorted(aio.__all__) == [
        "EventStream", "Supervisor", "SupervisorHandle", "TaskHandle", "run",
    ]  # fmt: skip
    assert aio.TaskHandle.__module__ == "taskvisor.aio"
