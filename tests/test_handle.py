"""What a TaskHandle tells: outcome, result, state, callbacks, and a wait on an asyncio loop."""

import asyncio
import logging
import threading

import pytest
from kinds import every_kind, plain_supervisors, wait

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4", "R8.30")]

FOREVER = 3600.0


def raises(error: BaseException):
    """A body that raises."""

    def body():
        raise error

    return body


async def idle(ctx):
    """A body that ends as soon as it is asked to."""
    return await wait(ctx)


def in_thread(call):
    """A thread that runs `call`, and where it puts what that returned or raised."""
    results = []

    def run():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


@plain_supervisors
@pytest.mark.rule("R4.57")
def test_handle_tells_id_and_name_and_cannot_be_changed(serve):
    handle = serve().add(tv.TaskSpec(idle, name="a"))
    assert (type(handle.id), handle.name) == (int, "a")
    for name in ("id", "name", "state", "other"):
        with pytest.raises(AttributeError):
            setattr(handle, name, 1)
    with pytest.raises(TypeError):
        tv.TaskHandle()


@pytest.mark.rule("R4.57", "R4.60")
def test_state_follows_the_task(serve, recorder, gate):
    sup, held, first = serve(recorder, max_concurrent=1), gate(), gate()
    sup.add(tv.TaskSpec(first, name="first"))
    first.wait_inside()
    handle = sup.add(tv.TaskSpec.periodic(held, FOREVER, name="a"))
    states = [handle.state]
    first.open()
    held.wait_inside()
    states.append(handle.state)
    held.open()
    recorder.wait_line("a", "backoff_scheduled")
    states.append(handle.state)
    assert not handle.done()
    sup.cancel(handle)
    states.append(handle.state)
    assert states == ["waiting", "running", "paused", "done"]
    assert all(isinstance(state, tv.TaskState) for state in states)
    assert handle.done()


@pytest.mark.rule("R4.50", "R0.45")
@pytest.mark.parametrize("wait", ["outcome", "result"])
@pytest.mark.parametrize("timeout", [0, 0.02])
def test_waiting_for_a_task_that_goes_on_is_a_timeout_error(serve, gate, wait, timeout):
    held = gate()
    handle = serve().add(tv.TaskSpec(held, name="a"))
    with pytest.raises(TimeoutError) as caught:
        getattr(handle, wait)(timeout=timeout)
    assert not isinstance(caught.value, tv.TaskRemoveTimeout)
    held.open()
    assert handle.outcome().kind == "completed"


@pytest.mark.rule("R0.40")
def test_timeout_of_none_waits_until_it_has_ended(serve, gate):
    sup, held = serve(), gate()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    stream = sup.events()
    waits = [
        in_thread(lambda: handle.outcome(timeout=None).kind),
        in_thread(lambda: handle.result(timeout=None)),
        in_thread(lambda: sup.join(timeout=None)),
        in_thread(lambda: sup.cancel(handle, timeout=None)),
    ]
    assert stream.next(timeout=30).kind == "task_remove_requested"
    rest = in_thread(lambda: stream.next(timeout=None).kind)
    assert not any(results for _, results in [*waits, rest])
    held.open()
    for thread, _ in [*waits, rest]:
        thread.join(timeout=30)
    kinds = [results[0] for _, results in waits]
    assert kinds[0] == "canceled"
    assert isinstance(kinds[1], tv.OutcomeError)
    assert kinds[2:] == [True, True]
    assert rest[1] == ["task_stopped"]


@pytest.mark.rule("R4.50", "R4.33", "R4.35")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (lambda: 3, "completed"),
        (raises(tv.Fail("x")), "failed"),
        (raises(tv.Fatal("x")), "fatal"),
        (raises(tv.Canceled()), "canceled"),
        (raises(KeyboardInterrupt()), "failed"),
    ],
)
def test_outcome_never_raises_for_how_the_task_ended(serve, body, kind):
    handle = serve().add(tv.TaskSpec.once(body, name="a"))
    outcome = handle.outcome(timeout=30)
    assert isinstance(outcome, tv.TaskOutcome)
    assert (outcome.kind, outcome.attempts, outcome.rejection) == (kind, 1, None)
    assert handle.outcome(timeout=0) == outcome


@pytest.mark.rule("R4.51", "R4.33")
def test_result_is_the_very_object_the_body_returned(serve):
    value = object()
    handle = serve().add(tv.TaskSpec(lambda: value))
    assert handle.result(timeout=30) is value
    assert handle.outcome(timeout=0).value is value
    assert handle.outcome(timeout=0).exception is None


@pytest.mark.rule("R4.52")
@pytest.mark.parametrize(
    "error", [tv.Fail("x", exit_code=3), tv.Fatal("y"), OSError(5, "io"), SystemExit(4)]
)
def test_result_of_a_failed_task_raises_what_the_body_raised(serve, error):
    handle = serve().add(tv.TaskSpec.once(raises(error)))
    expected = type(error) if isinstance(error, Exception) else tv.OutcomeError
    for _ in range(2):
        with pytest.raises(expected) as caught:
            handle.result(timeout=30)
        assert handle.outcome().exception is error
        if isinstance(error, Exception):
            assert caught.value is error
        else:
            assert caught.value.outcome == handle.outcome()


@pytest.mark.rule("R4.52")
def test_result_raises_the_error_of_the_last_attempt(serve):
    errors = [OSError("1"), ValueError("2"), KeyError("3")]
    left = iter(errors)

    def body():
        raise next(left)

    spec = tv.TaskSpec(body, max_retries=2, backoff=tv.BackoffPolicy.constant(0))
    handle = serve().add(spec)
    with pytest.raises(KeyError):
        handle.result(timeout=30)
    assert handle.outcome().exception is errors[2]


@pytest.mark.rule("R4.53")
def test_result_of_a_canceled_task_is_an_outcome_error(serve):
    sup = serve()
    handle = sup.add(tv.TaskSpec(idle, name="a"))
    sup.cancel(handle, timeout=30)
    with pytest.raises(tv.OutcomeError) as caught:
        handle.result(timeout=30)
    assert caught.value.outcome is handle.outcome() or caught.value.outcome == handle.outcome()
    assert caught.value.outcome.kind == "canceled"


@pytest.mark.rule("R4.53")
@pytest.mark.parametrize("error", [tv.Fail("x"), None])
def test_result_of_a_timed_out_task_is_an_outcome_error_whatever_the_body_did(serve, error):
    async def body(ctx):
        await wait(ctx)
        if error:
            raise error
        return 5

    handle = serve().add(tv.TaskSpec.once(body, timeout=0.01))
    with pytest.raises(tv.OutcomeError) as caught:
        handle.result(timeout=30)
    assert caught.value.outcome.reason == "timed out after 10ms"
    assert caught.value.outcome.kind == "failed"


@pytest.mark.rule("R4.53")
def test_result_of_an_abandoned_task_is_an_outcome_error(serve, gate):
    sup, held = serve(), gate()
    handle = sup.add(tv.TaskSpec(held, grace=0))
    held.wait_inside()
    sup.remove(handle)
    with pytest.raises(tv.OutcomeError) as caught:
        handle.result(timeout=30)
    assert caught.value.outcome.kind == "abandoned"


@pytest.mark.rule("R4.33")
def test_outcome_keeps_only_what_the_last_attempt_left(serve):
    ends = iter([tv.Fail("x"), None])

    def body():
        if end := next(ends):
            raise end
        return "second"

    spec = tv.TaskSpec(body, backoff=tv.BackoffPolicy.constant(0))
    outcome = serve().add(spec).outcome(timeout=30)
    assert outcome == tv.TaskOutcome("completed", value="second", attempts=2)


@pytest.mark.rule("R4.33", "R4.34")
def test_outcome_of_a_task_cancelled_between_attempts_keeps_the_last_error(serve, recorder):
    error, sup = tv.Fail("x"), serve(recorder)
    spec = tv.TaskSpec(raises(error), name="a", backoff=tv.BackoffPolicy.constant(FOREVER))
    handle = sup.add(spec)
    recorder.wait_line("a", "backoff_scheduled")
    sup.cancel(handle, timeout=30)
    outcome = handle.outcome(timeout=0)
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("canceled", None, 1)
    assert outcome.exception is error


@pytest.mark.rule("R4.54", "R8.32")
def test_done_callback_gets_the_handle_once_at_the_outcome(serve, gate):
    held, called, done = gate(), [], threading.Semaphore(0)
    sup = serve()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()

    def callback(given):
        called.append((given is handle, given.done(), given.outcome(timeout=0).kind))
        done.release()

    handle.add_done_callback(callback)
    assert called == []
    held.open()
    assert done.acquire(timeout=30)
    sup.shutdown()
    assert called == [(True, True, "completed")]


@plain_supervisors
@pytest.mark.rule("R4.54")
def test_done_callback_added_after_the_end_is_called_at_once(serve):
    handle = serve().add(tv.TaskSpec(int))
    handle.outcome(timeout=30)
    called = []
    handle.add_done_callback(lambda given: called.append((given is handle, threading.get_ident())))
    assert called == [(True, threading.get_ident())]


@pytest.mark.rule("R4.54")
def test_done_callbacks_are_all_called_one_added_twice_twice(serve, gate):
    held, sup = gate(), serve()
    handle = sup.add(tv.TaskSpec(held))
    called = []
    for mark in "abba":
        handle.add_done_callback(lambda _, mark=mark: called.append(mark))
    held.open()
    sup.join(timeout=30)
    sup.shutdown()
    assert sorted(called) == ["a", "a", "b", "b"]


@pytest.mark.rule("R4.54", "R4.41")
def test_done_callback_comes_at_the_abandonment_and_not_again_at_the_end(serve, gate):
    held, sup, called = gate(), serve(), []
    seen = threading.Event()
    handle = sup.add(tv.TaskSpec(held, grace=0))
    held.wait_inside()
    handle.add_done_callback(lambda h: (called.append(h.outcome(timeout=0).kind), seen.set()))
    sup.remove(handle)
    assert seen.wait(30)
    held.open()
    sup.join(timeout=30)
    sup.shutdown()
    assert called == ["abandoned"]


@pytest.mark.rule("R4.54")
def test_done_callback_of_a_dropped_handle_is_called(serve, gate):
    held, sup, called = gate(), serve(), []
    sup.add(tv.TaskSpec(held, name="a")).add_done_callback(lambda h: called.append(h.name))
    held.open()
    sup.join(timeout=30)
    sup.shutdown()
    assert called == ["a"]


@pytest.mark.rule("R4.55", "R8.32")
@pytest.mark.parametrize("late", [False, True])
def test_exception_of_a_done_callback_is_logged_and_touches_nothing(serve, gate, caplog, late):
    logs_and_goes_on(serve(), gate(), caplog, late, ValueError("cb"))


@plain_supervisors
@pytest.mark.rule("R4.55")
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_exit_of_a_done_callback_is_logged_and_touches_nothing(serve, gate, caplog, late, error):
    logs_and_goes_on(serve(), gate(), caplog, late, error)


def logs_and_goes_on(sup, held, caplog, late, error):
    """A done callback raises `error`, which becomes one record; another one is called."""
    called = []
    handle = sup.add(tv.TaskSpec(held))

    def bad(_):
        raise error

    if late:
        held.open()
        handle.outcome(timeout=30)
    handle.add_done_callback(bad)
    handle.add_done_callback(called.append)
    held.open()
    assert handle.outcome(timeout=30).kind == "completed"
    sup.shutdown()
    (record,) = [r for r in caplog.records if r.name == "taskvisor"]
    assert (record.levelno, record.exc_info[1]) == (logging.ERROR, error)
    assert called == [handle]


@pytest.mark.rule("R4.54")
@pytest.mark.parametrize("fn", [None, 3, "f"])
def test_done_callback_must_be_callable(serve, fn):
    handle = serve().add(tv.TaskSpec(int))
    with pytest.raises(TypeError):
        handle.add_done_callback(fn)


@pytest.mark.rule("R4.58", "R4.26")
def test_cancel_of_a_handle_cancels_its_task(serve, recorder):
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec(idle, name="a"))
    assert handle.cancel(timeout=30) is True
    assert handle.cancel() is False
    assert "task_remove_requested reason=manual_cancel" in recorder.removed("a")


@pytest.mark.rule("R4.58", "R4.25")
def test_cancel_of_a_handle_never_reaches_a_later_task_of_its_name(serve):
    sup = serve()
    old = sup.add(tv.TaskSpec(int, name="a"))
    old.outcome(timeout=30)
    new = sup.add(tv.TaskSpec(idle, name="a"))
    assert old.cancel(timeout=30) is False
    assert not new.done()


@plain_supervisors
@pytest.mark.rule("R4.56", "R8.20")
def test_await_gives_the_value(serve, gate):
    held = gate()
    sup = serve()

    async def main():
        handle = sup.add(tv.TaskSpec(held, args=("v",)))
        asyncio.get_running_loop().call_soon(held.open)
        return await handle, await handle

    assert asyncio.run(main()) == ("v", "v")


@plain_supervisors
@pytest.mark.rule("R4.56", "R8.20", "R4.52", "R4.53")
def test_await_raises_as_result_does(serve):
    sup = serve()
    error = OSError("x")

    async def main():
        with pytest.raises(OSError, match="x") as caught:
            await sup.add(tv.TaskSpec.once(raises(error), name="a"))
        with pytest.raises(tv.OutcomeError) as ended:
            await sup.add(tv.TaskSpec(raises(tv.Canceled()), name="b"))
        return caught.value, ended.value.outcome.kind

    assert asyncio.run(main()) == (error, "canceled")


@plain_supervisors
@pytest.mark.rule("R4.56", "R8.20")
def test_loop_goes_on_while_a_handle_is_awaited_and_many_can_be(serve, gate):
    held, sup = gate(), serve()

    async def main():
        handles = [sup.add(tv.TaskSpec(held, args=(n,), name=f"t{n}")) for n in range(50)]
        waiting = asyncio.gather(*handles)
        ticks = 0
        while not (all(h.state == "running" for h in handles) or ticks > 3000):
            await asyncio.sleep(0.01)
            ticks += 1
        held.open()
        return await waiting

    assert asyncio.run(main()) == list(range(50))


@plain_supervisors
@pytest.mark.rule("R4.56", "R8.20")
def test_cancelled_await_leaves_the_task_alone(serve, gate):
    held, sup = gate(), serve()
    handle = sup.add(tv.TaskSpec(held))

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handle, 0.02)
        assert not handle.done()
        held.open()
        return await handle

    assert asyncio.run(main()) == "through"


@plain_supervisors
@pytest.mark.rule("R4.56", "R8.20")
def test_await_on_two_loops_at_a_time(serve, gate):
    held, sup = gate(), serve()
    handle = sup.add(tv.TaskSpec(held))
    values = []

    async def main():
        values.append(await handle)

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    held.open()
    for thread in threads:
        thread.join()
    assert values == ["through", "through"]


@plain_supervisors
@pytest.mark.rule("R4.56", "R8.20")
def test_loop_that_is_closed_before_the_end_is_no_trouble(serve, gate, caplog):
    held, sup = gate(), serve()
    handle = sup.add(tv.TaskSpec(held))

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.ensure_future(_await(handle)), 0.02)

    asyncio.run(main())
    held.open()
    assert handle.result(timeout=30) == "through"
    sup.shutdown()
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def _await(handle):
    return await handle
