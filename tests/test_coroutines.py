"""Coroutine functions as task bodies: what counts as one, its asyncio task, its context."""

import asyncio
import contextvars
import functools
import inspect
import sys
import threading
import types
from unittest.mock import AsyncMock

import pytest
from loops import HOUR, both, outcome_of, scenario, supervised, until
from recorder import Recorder
from waiting import SOON

import taskvisor as tv
from taskvisor import aio

VAR = contextvars.ContextVar("var", default="unset")


async def answer(value=42):
    await asyncio.sleep(0)
    return value


async def value_of(kind, body, **options):
    """What a body returned."""
    async with supervised(kind) as sup:
        return await sup.add(tv.TaskSpec.once(body, **options))


# --- what counts as one --------------------------------------------------------------------------


class Thing:
    async def method(self, ctx):
        return await answer(type(self)), ctx.name

    @staticmethod
    async def of_none(ctx):
        return await answer("static"), ctx.name

    @classmethod
    async def of_class(cls, ctx):
        return await answer(cls), ctx.name


class Callable:
    async def __call__(self, ctx):
        return await answer("called"), ctx.name


class Marked:
    """Not a coroutine function to inspect but for its mark; it returns a coroutine."""

    def __call__(self, ctx):
        return self.inner(ctx)

    async def inner(self, ctx):
        return await answer("inner"), ctx.name


def decorated(fn):
    @functools.wraps(fn)
    async def wrapper(*args, **kwargs):
        return await fn(*args, **kwargs)

    return wrapper


@decorated
async def wrapped(ctx):
    return await answer("wrapped"), ctx.name


async def named(ctx):
    return await answer("function"), ctx.name


@types.coroutine
def generator_based():
    yield


async def awaits_a_generator(ctx):
    await generator_based()
    return "generator", ctx.name


BODIES = {
    "function": (named, "function"),
    "lambda of a partial": (functools.partial(named), "function"),
    "partial of a partial": (functools.partial(functools.partial(named)), "function"),
    "bound method": (Thing().method, Thing),
    "partial of a method": (functools.partial(Thing.method, Thing()), Thing),
    "static method": (Thing.of_none, "static"),
    "class method": (Thing.of_class, Thing),
    "decorated": (wrapped, "wrapped"),
    "callable object": (Callable(), "called"),
    "partial of a callable object": (functools.partial(Callable()), "called"),
    "mock": (AsyncMock(return_value=("mock", "a")), "mock"),
    "awaits a generator": (awaits_a_generator, "generator"),
}


@both
@pytest.mark.rule("R8.1")
@pytest.mark.parametrize("name", BODIES)
@scenario
async def test_coroutine_function_of_any_form_runs_on_the_loop(kind, name):
    body, value = BODIES[name]
    assert await value_of(kind, body, name="a") == (value, "a")


@pytest.mark.rule("R8.1")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="markcoroutinefunction came with 3.12")
def test_function_that_is_marked_as_a_coroutine_function_is_one(serve):
    def made(ctx):
        return named(ctx)

    def thread():
        return threading.current_thread().name

    marked = inspect.markcoroutinefunction(made)
    sup = serve()
    assert sup.add(tv.TaskSpec.once(marked, name="a")).result(SOON) == ("function", "a")
    instance = inspect.markcoroutinefunction(Marked())
    assert sup.add(tv.TaskSpec.once(instance, name="b")).result(SOON) == ("inner", "b")


@pytest.mark.rule("R8.1")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="markcoroutinefunction came with 3.12")
def test_marked_function_that_returns_no_coroutine_fails_and_says_so(serve, recorder):
    marked = inspect.markcoroutinefunction(lambda: 42)
    outcome = serve(recorder).add(tv.TaskSpec.once(marked, name="a")).outcome(SOON)
    told = "TypeError: body is a coroutine function and returned no coroutine but int"
    assert outcome.reason == f"execution failed: {told}"


@both
@pytest.mark.rule("R8.43")
@scenario
async def test_plain_function_that_returns_a_coroutine_fails_and_it_is_closed(kind):
    async with supervised(kind, Recorder()) as sup:
        outcome = await outcome_of(sup.add(tv.TaskSpec.once(lambda: answer())))
    assert outcome.reason == "execution failed: TypeError: body returned a coroutine"


# --- the asyncio task ----------------------------------------------------------------------------


@both
@pytest.mark.rule("R8.2")
@scenario
async def test_attempt_is_one_asyncio_task_named_after_the_task(kind):
    async def body(ctx):
        task = asyncio.current_task()
        seen.append(task)
        assert task in asyncio.all_tasks()
        if ctx.attempt < 3:
            raise ValueError("again")
        return type(task), task.get_name(), task.get_coro().__name__

    seen = []
    now = tv.BackoffPolicy.constant(0)
    async with supervised(kind) as sup:
        spec = tv.TaskSpec.restartable(body, name="named", backoff=now)
        assert await sup.add(spec) == (asyncio.Task, "named", "body")
    assert len(set(seen)) == 3
    assert all(task.done() for task in seen)


@both
@pytest.mark.rule("R8.2")
@scenario
async def test_body_has_arguments_of_its_spec(kind):
    async def body(first, *rest, ctx=None, key):
        return first, rest, ctx, key

    value = await value_of(kind, body, args=(1, 2, 3), kwargs={"key": 4})
    assert value == (1, (2, 3), None, 4)


@both
@pytest.mark.rule("R8.2")
@scenario
async def test_each_attempt_has_a_fresh_copy_of_the_context_of_add(kind):
    async def body(ctx):
        seen.append(VAR.get())
        VAR.set(f"set by attempt {ctx.attempt}")
        await asyncio.sleep(0)
        seen.append(VAR.get())
        if ctx.attempt < 2:
            raise ValueError("again")

    seen = []
    now = tv.BackoffPolicy.constant(0)
    async with supervised(kind) as sup:
        VAR.set("of add")
        handle = sup.add(tv.TaskSpec.restartable(body, backoff=now))
        VAR.set("after add")
        await handle
    assert seen == ["of add", "set by attempt 1", "of add", "set by attempt 2"]
    assert VAR.get() == "after add"


@both
@pytest.mark.rule("R8.2")
@scenario
async def test_timeouts_task_groups_and_tasks_of_asyncio_work_in_a_body(kind):
    async def body():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await asyncio.sleep(HOUR)
        assert asyncio.current_task().cancelling() == 0
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(n)) for n in range(3)]
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(HOUR))
                group.create_task(asyncio.wait_for(asyncio.sleep(HOUR), 0.005))
        return [task.result() for task in tasks]

    assert await value_of(kind, body) == [0, 1, 2]


@both
@pytest.mark.rule("R8.2", "R8.10")
@scenario
async def test_cancel_of_a_task_reaches_the_tasks_of_its_group(kind):
    async def child():
        try:
            await asyncio.sleep(HOUR)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def body():
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(child())
            await asyncio.sleep(0)
            began.append(True)

    began, cancelled = [], []
    async with supervised(kind) as sup:
        handle = sup.add(tv.TaskSpec.restartable(body))
        await until(lambda: began)
        sup.remove(handle)
        assert (await outcome_of(handle)).kind == "canceled"
    assert cancelled == [True] * 3


@both
@pytest.mark.rule("R8.4")
@scenario
async def test_error_of_a_group_is_the_error_of_the_attempt(kind):
    async def fails():
        raise KeyError("inner")

    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())

    async with supervised(kind, Recorder()) as sup:
        outcome = await outcome_of(sup.add(tv.TaskSpec.once(body)))
    assert outcome.kind == "failed"
    assert [type(each) for each in outcome.exception.exceptions] == [KeyError]
    assert outcome.reason.startswith("execution failed: ExceptionGroup: unhandled errors in a Task")


# --- current() -----------------------------------------------------------------------------------


@both
@pytest.mark.rule("R8.5")
@scenario
async def test_current_is_the_context_in_the_body_its_tasks_and_its_threads(kind):
    def seen():
        found = tv.current()
        return found is not None and (found.name, found.attempt)

    async def later():
        await asyncio.sleep(0)
        return seen()

    async def body(ctx):
        assert tv.current() is ctx
        await asyncio.sleep(0)
        assert tv.current() is ctx
        of_task = await asyncio.create_task(later())
        of_thread = await asyncio.to_thread(seen)
        of_callback = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: of_callback.set_result(seen()))
        bare = await asyncio.get_running_loop().run_in_executor(None, seen)
        return of_task, of_thread, await of_callback, bare

    assert await value_of(kind, body, name="a") == (("a", 1), ("a", 1), ("a", 1), False)
    assert tv.current() is None


@both
@pytest.mark.rule("R8.5")
@scenario
async def test_current_is_that_of_each_of_many_bodies_that_take_turns(kind):
    async def body(ctx):
        for _ in range(5):
            await asyncio.sleep(0)
            assert tv.current() is ctx
        return ctx.name

    async with supervised(kind) as sup:
        specs = [tv.TaskSpec.once(body, name=str(n)) for n in range(10)]
        assert [await each for each in sup.add_many(specs)] == [str(n) for n in range(10)]


@both
@pytest.mark.rule("R8.5")
@scenario
async def test_current_is_none_where_the_attempt_has_ended(kind):
    async def left_behind():
        before.append(tv.current().name)
        await ended.wait()
        return tv.current()

    async def body():
        tasks.append(asyncio.create_task(left_behind()))
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)

    tasks, before, loops, ended = [], [], [], asyncio.Event()
    async with supervised(kind) as sup:
        await sup.add(tv.TaskSpec.once(body))
        loops[0].call_soon_threadsafe(ended.set)
        await until(lambda: tasks[0].done())
    assert before == ["body"]
    assert tasks[0].result() is None


@pytest.mark.rule("R8.5")
@scenario
async def test_what_a_body_adds_gets_its_own_context_and_not_that_of_the_body():
    async def inner(ctx):
        return tv.current() is ctx, ctx.name

    async def body(ctx):
        plain = ctx.supervisor.add(tv.TaskSpec.once(lambda: tv.current().name, name="plain"))
        return await ctx.supervisor.add(tv.TaskSpec.once(inner)), await plain

    async with aio.Supervisor() as sup:
        assert await sup.add(tv.TaskSpec.once(body)) == ((True, "inner"), "plain")
