"""Hostile bodies and callbacks: each gets its result or its error, and nothing else is touched."""

import asyncio
import ctypes
import gc
import sys
import threading
import weakref

import pytest
from kinds import every_kind, plain_bodies, plain_supervisors, sleep, wait
from programs import run_well
from recorder import described
from waiting import SOON, until

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

NOW = tv.BackoffPolicy.constant(0)


async def waits(ctx):
    await wait(ctx)


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.rule("R1.71")
def test_deep_recursion_is_an_ordinary_failure(serve, recorder):
    def body():
        return body()

    sup = serve(recorder)
    outcome = sup.add(tv.TaskSpec.once(body)).outcome(SOON)
    assert outcome.kind == "failed"
    assert outcome.reason.startswith("execution failed: RecursionError: maximum recursion depth")
    assert sup.add(tv.TaskSpec.once(dict)).result(SOON) == {}


@pytest.mark.rule("R1.71")
def test_finalizer_that_raises_is_reported_as_python_does_and_the_body_counts(serve, monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: reported.append(info.exc_type))

    class Raises:
        def __del__(self):
            raise LookupError

    def body():
        Raises()
        return Raises()

    handle = serve().add(tv.TaskSpec.once(body))
    assert type(handle.result(SOON)) is Raises
    del handle
    until(lambda: gc.collect() >= 0 and len(reported) == 2)
    assert reported == [LookupError, LookupError]


@plain_bodies
@pytest.mark.rule("R1.71")
def test_finalizers_of_dropped_arguments_may_call_the_supervisor(serve):
    class Calls:
        def __del__(self):
            answers.append(sup.list())
            answers.append(sup.add(tv.TaskSpec.once(dict, name="late")).result(SOON))

    def body(held):
        return None

    answers = []
    sup = serve()
    sup.add(tv.TaskSpec.once(body, args=(Calls(),))).outcome(SOON)
    until(lambda: len(answers) == 2)
    assert answers == [[], {}]


@pytest.mark.rule("R1.71")
def test_value_with_a_hostile_comparison_is_just_a_value(serve):
    class Hostile:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

        def __bool__(self):
            raise RuntimeError

        def __repr__(self):
            raise RuntimeError

        def __getattr__(self, name):
            raise RuntimeError(name)

    value = Hostile()
    handle = serve().add(tv.TaskSpec.once(lambda: value, name="a"))
    assert handle.result(SOON) is value


@pytest.mark.rule("R1.64")
@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, BaseException])
def test_base_exceptions_out_of_a_body_are_failures(serve, recorder, error):
    def body():
        raise error("x")

    sup = serve(recorder)
    outcome = sup.add(tv.TaskSpec.once(body)).outcome(SOON)
    assert (outcome.kind, type(outcome.exception)) == ("failed", error)
    assert outcome.reason == f"execution failed: {error.__name__}: x"
    assert sup.add(tv.TaskSpec.once(dict)).result(SOON) == {}


@plain_bodies
def test_exception_thrown_into_a_body_from_outside_is_its_failure(serve, recorder, gate):
    held = gate()
    threads = []

    def body():
        threads.append(threading.get_ident())
        held()
        for _ in range(10**9):
            pass

    handle = serve(recorder).add(tv.TaskSpec.once(body))
    held.wait_inside()
    thrown = ctypes.py_object(ZeroDivisionError)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threads[0]), thrown)
    held.open()
    outcome = handle.outcome(SOON)
    assert (outcome.kind, outcome.reason) == ("failed", "execution failed: ZeroDivisionError")


@pytest.mark.rule("R1.20", "R1.71")
def test_body_that_swallows_its_cancel_is_still_canceled_in_the_end(serve, recorder):
    async def body(ctx):
        for _ in range(3):
            try:
                await sleep(ctx, 1000)
            except tv.Canceled:
                continue
        return "done"

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(body))
    recorder.wait_line("body", "task_starting")
    assert handle.cancel() is True
    assert (handle.outcome().kind, handle.outcome().value) == ("canceled", "done")


@pytest.mark.rule("R0.52", "R1.20")
def test_body_that_cancels_itself_ends_canceled(serve, recorder):
    def body(ctx):
        return ctx.supervisor.remove(ctx.name), ctx.cancel_reason

    handle = serve(recorder).add(tv.TaskSpec.restartable(body))
    outcome = handle.outcome(SOON)
    assert (outcome.kind, outcome.value) == ("canceled", (True, "removed"))
    assert outcome.attempts == 1


@pytest.mark.rule("R0.52", "R4.9")
def test_body_that_adds_its_own_name_again_is_refused(serve):
    def body(ctx):
        with pytest.raises(tv.TaskAlreadyExists):
            ctx.supervisor.add(tv.TaskSpec.once(body))

    assert serve().add(tv.TaskSpec.once(body)).outcome(SOON).kind == "completed"


@plain_bodies
@pytest.mark.rule("R0.52")
def test_chain_of_bodies_each_adding_and_removing_the_next(serve):
    def body(ctx, depth):
        if depth == 0:
            return 0
        spec = tv.TaskSpec.once(body, name=f"at-{depth}", args=(depth - 1,))
        ctx.supervisor.remove(ctx.supervisor.add(tv.TaskSpec.once(waits, name=f"gone-{depth}")))
        return 1 + ctx.supervisor.add(spec).result(SOON)

    sup = serve()
    assert sup.add(tv.TaskSpec.once(body, name="top", args=(50,))).result(SOON) == 50
    assert sup.join(SOON) is True


@pytest.mark.rule("R0.52")
def test_bodies_that_add_and_cancel_each_other_all_end(serve):
    async def body(ctx, number):
        for other in range(20):
            if other != number:
                ctx.supervisor.remove(f"task-{other}")
                try:
                    ctx.supervisor.add(tv.TaskSpec.once(waits), name=f"new-{number}-{other}")
                except tv.ShuttingDown:
                    return
        await wait(ctx)

    sup = serve()
    specs = [tv.TaskSpec.once(body, args=(n,)) for n in range(20)]
    handles = sup.add_many(specs, names=[f"task-{n}" for n in range(20)])
    sup.add(tv.TaskSpec.once(lambda ctx: ctx.supervisor.shutdown(wait=False), name="stops"))
    sup.shutdown()
    assert all(handle.done() for handle in handles)
    assert sup.list() == []


@plain_bodies
@pytest.mark.rule("R1.47")
@pytest.mark.parametrize("kind", ["coroutine", "Future"])
def test_coroutine_or_future_in_place_of_a_value_is_closed_and_a_failure(serve, recorder, kind):
    made = []

    async def coroutine():
        pass

    def body():
        if kind == "coroutine":
            made.append(coroutine())
        else:
            loop = asyncio.new_event_loop()
            made.append(loop.create_future())
            loop.close()
        return made[0]

    outcome = serve(recorder).add(tv.TaskSpec.once(body)).outcome(SOON)
    assert outcome.kind == "failed"
    assert outcome.reason == f"execution failed: TypeError: body returned a {kind}"
    if kind == "coroutine":
        with pytest.raises(RuntimeError):
            made[0].send(None)  # closed, so it warns of nothing
    else:
        assert made[0].cancelled()


@pytest.mark.rule("R1.71")
def test_body_that_closes_or_replaces_standard_streams_harms_nobody():
    out = run_well("""
        import sys
        import taskvisor as tv
        def body():
            sys.stderr = None
            sys.stdout, mine = None, sys.stdout
            raise ValueError
        out, err = sys.stdout, sys.stderr
        tv.Supervisor(subscribers=[tv.LogWriter()]).run([tv.TaskSpec.once(body)])
        sys.stdout, sys.stderr = out, err
        print("alive")
    """)
    assert out.splitlines()[-1] == "alive"


@plain_supervisors
@pytest.mark.rule("R4.54", "R4.55")
def test_done_callbacks_that_add_remove_raise_and_call_back(serve, caplog):
    answers = []
    called = threading.Event()

    def callback(handle):
        answers.append(handle.outcome(0).kind)
        answers.append(sup.add(tv.TaskSpec.once(dict, name="added")).result(SOON))
        answers.append(sup.remove("waits"))
        handle.add_done_callback(lambda again: answers.append("nested"))
        called.set()
        raise LookupError("callback")

    sup = serve()
    waiting = sup.add(tv.TaskSpec.once(waits))
    first = sup.add(tv.TaskSpec.once(list))
    first.add_done_callback(callback)
    assert called.wait(SOON)
    assert waiting.outcome(SOON).kind == "canceled"
    sup.shutdown()
    assert answers == ["completed", {}, True, "nested"]
    assert [r.exc_info[0] for r in caplog.records if r.name == "taskvisor"] == [LookupError]


@plain_supervisors
@pytest.mark.rule("R4.55")
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_base_exception_out_of_a_done_callback_is_logged_and_ends_nothing(serve, caplog, error):
    def callback(handle):
        raise error("callback")

    sup = serve()
    handle = sup.add(tv.TaskSpec.once(waits))
    handle.add_done_callback(callback)
    handle.add_done_callback(lambda handle: second.set())
    second = threading.Event()
    sup.remove(handle)
    assert second.wait(SOON)
    assert sup.add(tv.TaskSpec.once(dict)).result(SOON) == {}
    sup.shutdown()
    records = [r for r in caplog.records if r.name == "taskvisor"]
    assert [(r.levelname, r.exc_info[0]) for r in records] == [("ERROR", error)]


@pytest.mark.kinds("plain", "coroutine-aio")
def test_collector_run_in_bodies_beside_everything_else_harms_nobody(serve, of_kind, recorder):
    class Node:
        pass

    refs = []

    def body():
        node = Node()
        node.self = node
        refs.append(weakref.ref(node))
        gc.collect()

    sup = serve(recorder)
    count = 10 if of_kind.has_coroutines else 50  # those of threads find each other at it
    names = [str(n) for n in range(count)]
    handles = sup.add_many([tv.TaskSpec.once(body)] * count, names=names)
    for _ in range(10):
        gc.collect()
    assert {handle.outcome(SOON).kind for handle in handles} == {"completed"}
    gc.collect()
    assert [ref() for ref in refs] == [None] * count


@pytest.mark.rule("R2.4", "R4.32")
def test_everything_at_once_still_gives_each_task_one_outcome(serve, recorder):
    sup = serve(recorder, max_concurrent=4)

    def flaky(ctx):
        if ctx.attempt < 3:
            raise ValueError("x" * 5000)
        if ctx.id % 3 == 0:
            raise tv.Fatal("third")
        if ctx.id % 5 == 0:
            ctx.supervisor.remove(ctx.id)
        return ctx.attempt

    names = [str(n) for n in range(100)]
    handles = sup.add_many([tv.TaskSpec(flaky, backoff=NOW)] * 100, names=names)
    outcomes = [handle.outcome(SOON) for handle in handles]
    for handle, outcome in zip(handles, outcomes, strict=True):
        expected = "fatal" if handle.id % 3 == 0 else "completed"
        if expected == "completed" and handle.id % 5 == 0:
            expected = "canceled"
        assert (outcome.kind, outcome.attempts) == (expected, 3)
    sup.shutdown()
    for name in names:
        kinds = [described(event).split()[0] for event in recorder.of(name)]
        assert kinds.count("task_removed") == 1
        assert kinds[-1] == "task_removed"
        assert kinds.count("task_starting") == 3
