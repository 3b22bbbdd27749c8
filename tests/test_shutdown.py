"""Shutdown: what it does in which order, who is told, and what is left to call after it."""

import threading

import pytest
from kinds import every_kind, plain_bodies, plain_supervisors, wait
from recorder import lines
from waiting import SOON, in_thread, until

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4", "R8.30")]


async def waits(ctx):
    """A body that stops when it is asked to; its result is the reason."""
    await wait(ctx)
    return ctx.cancel_reason


def verdict(call, *args, **kwargs):
    """The GraceExceeded that a call raises."""
    with pytest.raises(tv.GraceExceeded) as caught:
        call(*args, **kwargs)
    return caught.value


@pytest.mark.rule("R5.20", "R5.21", "R5.22", "R4.45")
def test_clean_shutdown_is_requested_cancels_and_gives_its_verdict_last(serve, recorder):
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(waits))
    recorder.wait_line("waits", "task_starting")
    assert sup.shutdown() is None
    assert recorder.words() == [
        "waits: task_add_requested",
        "waits: task_added",
        "waits: task_starting attempt=1",
        "shutdown_requested",
        "waits: task_stopped attempt=1 duration",
        "waits: task_removed",
        "all_stopped_within_grace",
    ]
    assert handle.outcome().value is tv.CancelReason.SHUTDOWN


@pytest.mark.rule("R5.20", "R5.22")
def test_shutdown_of_an_idle_supervisor_has_both_events_and_nothing_else(serve, recorder):
    serve(recorder).shutdown()
    assert recorder.words() == ["shutdown_requested", "all_stopped_within_grace"]


@pytest.mark.rule("R5.21", "R1.24", "R1.7")
def test_tasks_without_a_body_running_end_at_once(serve, recorder):
    def fails():
        raise tv.Fail("again")

    sup = serve(recorder, max_concurrent=1)
    backoff = sup.add(tv.TaskSpec(fails, backoff=tv.BackoffPolicy.constant(100_000)))
    recorder.wait_line("fails", "backoff_scheduled")
    paused = sup.add(tv.TaskSpec.periodic(dict, 100_000, name="paused"))
    recorder.wait_line("paused", "backoff_scheduled")
    running = sup.add(tv.TaskSpec.once(waits))
    recorder.wait_line("waits", "task_starting")
    queued = sup.add(tv.TaskSpec.once(waits, name="queued"))
    sup.shutdown()
    kinds = {h.name: h.outcome().kind for h in (backoff, paused, running, queued)}
    assert set(kinds.values()) == {tv.OutcomeKind.CANCELED}
    assert recorder.words("fails")[5:] == ["task_removed"]
    assert recorder.words("paused")[5:] == ["task_removed"]
    assert recorder.words("queued") == ["task_add_requested", "task_added", "task_removed"]
    assert queued.outcome().attempts == 0


@pytest.mark.rule("R5.12", "R5.20", "R4.3")
def test_shutdown_without_waiting_closes_admission_and_goes_on(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    assert sup.shutdown(wait=False) is None
    with pytest.raises(tv.ShuttingDown):
        sup.add(tv.TaskSpec.once(waits))
    with pytest.raises(tv.ShuttingDown):
        sup.add_many([tv.TaskSpec.once(waits)])
    assert sup.list() == ["Gate"]
    held.open()
    assert handle.outcome(SOON).kind == "canceled"
    assert sup.shutdown() is None
    assert "waits" not in {event.task for event in recorder.events}


@pytest.mark.rule("R0.43")
def test_join_waiting_when_the_shutdown_completes_returns_false_while_a_body_is_left(serve, gate):
    held = gate()
    sup = serve()
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    waiting = in_thread(sup.join)
    verdict(sup.shutdown, grace=0.02)
    assert waiting() is False
    assert sup.join() is False
    assert sup.join(timeout=SOON) is False


@pytest.mark.rule("R0.43", "R4.64")
def test_join_is_true_after_a_clean_shutdown(serve):
    sup = serve()
    sup.add(tv.TaskSpec.once(waits))
    sup.shutdown()
    assert sup.join() is True


@pytest.mark.rule("R0.44")
def test_cancel_waiting_when_the_shutdown_completes_raises_remove_timeout(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(held, grace=100_000))
    held.wait_inside()
    waiting = in_thread(handle.cancel, timeout=None)
    recorder.wait_line("Gate", "task_remove_requested")
    verdict(sup.shutdown, grace=0.02)
    error = waiting()
    assert type(error) is tv.TaskRemoveTimeout
    assert error.name == "Gate"


@pytest.mark.rule("R4.45")
def test_task_whose_own_grace_ends_first_is_abandoned_by_it(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(held, grace=0.02))
    held.wait_inside()
    sup.shutdown(grace=100_000, wait=False)
    recorder.wait_line("Gate", "grace_exceeded attempt=1")
    assert handle.outcome(0).kind == "abandoned"
    held.open()
    assert sup.shutdown() is None
    assert recorder.words()[-4:] == [
        "Gate: grace_exceeded attempt=1",
        "Gate: task_stopped attempt=1 duration",
        "Gate: task_removed",
        "all_stopped_within_grace",
    ]
    assert handle.outcome(0).kind == "abandoned"


@pytest.mark.rule("R5.23")
def test_task_abandoned_before_is_stuck_as_long_as_its_body_runs(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(held, grace=0))
    held.wait_inside()
    sup.remove(handle)
    recorder.wait_line("Gate", "grace_exceeded")
    assert verdict(sup.shutdown, grace=0.02).stuck == ["Gate"]


@pytest.mark.rule("R5.27")
def test_every_event_is_delivered_before_shutdown_returns(serve, gate):
    held = gate()
    seen = []

    class Slow:
        def on_event(self, event):
            held()
            seen.append(event.kind)

    sup = serve(Slow(), subscriber_grace=1000)
    sup.add_many([tv.TaskSpec.once(dict)] * 100, names=[str(n) for n in range(100)])
    sup.join()
    waiting = in_thread(sup.shutdown)
    held.open()
    assert waiting() is None
    assert len(seen) == 100 * 6 + 2
    assert seen[-1] == "all_stopped_within_grace"


@pytest.mark.rule("R5.27")
def test_stuck_subscribers_hold_a_shutdown_for_one_common_grace_only(serve, recorder, clock, gate):
    held = gate()

    class Stuck:
        def on_event(self, event):
            held()

    stuck = [Stuck() for _ in range(80)]
    sup = serve(*stuck, recorder, clock=clock, subscriber_grace=60)
    waiting = in_thread(sup.shutdown)
    recorder.wait_for("all_stopped_within_grace")
    assert clock.advance_to_next() == 60
    assert waiting() is None
    assert recorder.words()[-1] == "all_stopped_within_grace"


@plain_supervisors
@pytest.mark.rule("R4.54", "R5.29")
def test_done_callbacks_have_run_when_shutdown_returns(serve, gate):
    held = gate()
    called = []

    def callback(handle):
        called.append(held(handle.outcome(0).kind))

    sup = serve(subscriber_grace=1000)
    names = [str(n) for n in range(5)]
    for handle in sup.add_many([tv.TaskSpec.once(waits)] * 5, names=names):
        handle.add_done_callback(callback)
    waiting = in_thread(sup.shutdown)
    held.wait_inside()
    held.open()
    assert waiting() is None
    assert called == ["canceled"] * 5


@plain_supervisors
@pytest.mark.rule("R5.27")
def test_stuck_done_callback_holds_a_shutdown_for_the_subscriber_grace_only(serve, gate):
    held = gate()
    sup = serve(subscriber_grace=0.1)
    handle = sup.add(tv.TaskSpec.once(waits))
    handle.add_done_callback(held)
    waiting = in_thread(sup.shutdown)
    assert waiting() is None


@pytest.mark.rule("R5.40", "R6.10", "R5.27")
def test_diagnostics_are_published_after_the_verdict_and_delivered(serve, recorder):
    class Raises:
        name = "raises"

        def on_event(self, event):
            if event.kind == tv.EventKind.ALL_STOPPED_WITHIN_GRACE:
                raise ValueError("too late")

    sup = serve(Raises(), recorder)
    stream = sup.events()
    sup.shutdown()
    assert recorder.words() == [
        "shutdown_requested",
        "all_stopped_within_grace",
        "raises: subscriber_panicked reason=ValueError: too late",
    ]
    assert list(stream) == recorder.events


@pytest.mark.rule("R4.21", "R4.24")
def test_task_that_a_shutdown_cancels_is_already_being_removed(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    sup.shutdown(wait=False)
    assert sup.remove(handle) is False
    cancelling = in_thread(handle.cancel, timeout=None)
    held.open()
    assert cancelling() is False
    sup.shutdown()
    assert "task_remove_requested" not in recorder.words("Gate")


@pytest.mark.rule("R5.28", "R6.30")
def test_streams_end_after_the_verdict(serve):
    sup = serve()
    stream = sup.events()
    reading = in_thread(lambda: lines(stream))
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    sup.shutdown()
    assert reading()[-2:] == ["shutdown_requested", "all_stopped_within_grace"]


@plain_bodies
@pytest.mark.rule("R5.29", "R5.59")
def test_threads_are_gone_when_shutdown_returns_but_those_inside_a_body(
    serve, recorder, clock, gate
):
    held = gate()
    before = set(threading.enumerate())
    sup = serve(recorder, clock=clock)
    sup.add_many([tv.TaskSpec.once(held)] * 2, names=["a", "b"])
    sup.add_many([tv.TaskSpec.once(waits)] * 20, names=[str(n) for n in range(20)])
    recorder.wait_for("task_starting", count=22)
    sup.shutdown(wait=False)
    recorder.wait_for("task_removed", count=20)
    assert clock.advance_to_next() == 60
    verdict(sup.shutdown)
    left = [each.name for each in set(threading.enumerate()) - before]
    assert len([name for name in left if name.startswith("taskvisor")]) == 2


@pytest.mark.rule("R5.31", "R5.40", "R4.71")
def test_natural_end_of_run_gives_no_verdict(run, recorder):
    assert run([tv.TaskSpec.once(dict)], recorder) is None
    assert recorder.words() == [
        "dict: task_add_requested",
        "dict: task_added",
        "dict: task_starting attempt=1",
        "dict: task_stopped attempt=1 duration",
        "dict: actor_exhausted attempt=1 reason=policy_exhausted_success",
        "dict: task_removed",
    ]


@pytest.mark.rule("R5.40", "R5.41")
def test_body_that_returns_after_the_verdict_publishes_nothing(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    verdict(sup.shutdown, grace=0.02)
    before = recorder.words()
    assert (sup.list(), sup.snapshot(), sup.is_alive(handle)) == (["Gate"], ["Gate"], True)
    assert [info.state for info in sup.tasks()] == [tv.TaskState.ABANDONED]
    held.open()
    until(lambda: sup.list() == [])
    assert (sup.snapshot(), sup.is_alive(handle), sup.tasks(), sup.join()) == ([], False, [], True)
    assert handle.state is tv.TaskState.DONE
    assert handle.outcome().kind == "abandoned"
    assert recorder.words() == before


@pytest.mark.rule("R5.42", "R5.43", "R4.3")
def test_every_call_answers_after_the_shutdown(serve, recorder):
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(dict))
    assert handle.result(SOON) == {}
    sup.shutdown()
    count = len(recorder.events)
    assert (sup.list(), sup.tasks(), sup.snapshot()) == ([], [], [])
    assert sup.is_alive(handle) is sup.is_alive("dict") is sup.is_alive(handle.id) is False
    assert sup.remove(handle) is sup.remove("dict") is sup.remove(handle.id) is False
    assert sup.cancel(handle) is sup.cancel("dict") is handle.cancel() is False
    (info,) = sup.subscribers()
    assert (info.name, info.queued, info.delivered) == ("recorder", 0, count)
    assert list(sup.events()) == []
    assert (handle.state, handle.done(), handle.result(0)) == ("done", True, {})
    for refused in (sup.add, lambda spec: sup.add_many([spec])):
        with pytest.raises(tv.ShuttingDown):
            refused(tv.TaskSpec.once(dict))
    assert len(recorder.events) == count


@pytest.mark.rule("R5.43")
def test_remove_and_cancel_of_a_body_left_behind_return_false(serve, gate):
    held = gate()
    sup = serve()
    handle = sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    verdict(sup.shutdown, grace=0)
    assert sup.remove(handle) is sup.cancel(handle) is sup.cancel("Gate", timeout=None) is False


@pytest.mark.rule("R5.20", "R4.3")
def test_body_that_adds_during_the_shutdown_is_refused(serve):
    async def body(ctx):
        await wait(ctx)
        with pytest.raises(tv.ShuttingDown):
            ctx.supervisor.add(tv.TaskSpec.once(dict))
        return "refused"

    sup = serve()
    handle = sup.add(tv.TaskSpec.once(body))
    until(lambda: sup.is_alive(handle))
    sup.shutdown()
    assert handle.outcome(0).value == "refused"


@pytest.mark.rule("R5.21")
def test_many_tasks_of_every_state_are_all_cancelled(serve):
    sup = serve()
    names = [str(n) for n in range(3000)]
    handles = sup.add_many([tv.TaskSpec.periodic(dict, 100_000)] * 3000, names=names)
    sup.shutdown()
    assert {handle.outcome(0).kind for handle in handles} == {tv.OutcomeKind.CANCELED}
    assert sup.list() == []
