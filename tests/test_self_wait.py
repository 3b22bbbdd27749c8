"""Waiting for oneself: the request is made, then RuntimeError raised in place of a wait."""

import threading

import pytest
from waiting import SOON

import taskvisor as tv


def refused(call, *args, **kwargs):
    """The text of the RuntimeError that a call raises in place of waiting."""
    with pytest.raises(RuntimeError) as caught:
        call(*args, **kwargs)
    assert type(caught.value) is RuntimeError
    return str(caught.value)


def run_body(sup, body, **options):
    """What a body returned; an assertion that failed in it fails here."""
    return sup.add(tv.TaskSpec.once(body, **options)).result(SOON)


OWN_TASK = {
    "cancel by id": lambda ctx, handle: ctx.supervisor.cancel(ctx.id),
    "cancel by name": lambda ctx, handle: ctx.supervisor.cancel(ctx.name, timeout=None),
    "cancel by handle": lambda ctx, handle: handle.cancel(),
    "outcome": lambda ctx, handle: handle.outcome(),
    "outcome in time": lambda ctx, handle: handle.outcome(100_000),
    "result": lambda ctx, handle: handle.result(),
}


@pytest.mark.rule("R0.46")
@pytest.mark.parametrize("call", OWN_TASK)
def test_body_cannot_wait_for_its_own_task(serve, call):
    handles = []
    given = threading.Event()

    def body(ctx):
        given.wait(SOON)
        return refused(OWN_TASK[call], ctx, handles[0])

    sup = serve()
    handles.append(sup.add(tv.TaskSpec.once(body)))
    given.set()
    outcome = handles[0].outcome(SOON)
    assert outcome.kind == ("canceled" if "cancel" in call else "completed")
    assert outcome.value


@pytest.mark.rule("R0.46", "R4.26")
def test_cancel_of_oneself_is_asked_for_all_the_same(serve, recorder):
    def body(ctx):
        refused(ctx.supervisor.cancel, ctx.id)
        return ctx.cancel_reason

    handle = serve(recorder).add(tv.TaskSpec.restartable(body))
    assert handle.outcome(SOON).value == "removed"
    assert recorder.removed("body")[-3:] == [
        "task_remove_requested reason=manual_cancel",
        "task_stopped attempt=1 duration",
        "task_removed",
    ]


@pytest.mark.rule("R0.47", "R5.20")
def test_shutdown_out_of_a_body_is_started_and_not_waited_for(serve, recorder):
    sup = serve(recorder)

    def body(ctx):
        refused(ctx.supervisor.shutdown)
        return ctx.cancel_reason

    handle = sup.add(tv.TaskSpec.once(body))
    assert handle.outcome(SOON).value == "shutdown"
    assert sup.shutdown() is None
    assert recorder.words()[3:] == [
        "shutdown_requested",
        "body: task_stopped attempt=1 duration",
        "body: task_removed",
        "all_stopped_within_grace",
    ]


@pytest.mark.rule("R0.47", "R5.10")
def test_body_cannot_leave_the_context_of_its_own_supervisor(serve):
    sup = serve()

    def body(ctx):
        refused(sup.__exit__, None, None, None)
        return ctx.cancel_reason

    assert sup.add(tv.TaskSpec.once(body)).outcome(SOON).value == "shutdown"


@pytest.mark.rule("R0.47")
def test_grace_of_a_shutdown_out_of_a_body_counts(serve, gate):
    held = gate()
    sup = serve()

    def body(ctx):
        refused(sup.shutdown, grace=0.02)
        held()

    sup.add(tv.TaskSpec.once(body))
    held.wait_inside()
    with pytest.raises(tv.GraceExceeded) as caught:
        sup.shutdown()
    assert caught.value.grace == 0.02


@pytest.mark.rule("R0.47")
@pytest.mark.parametrize("timeout", [None, 100_000])
def test_join_out_of_a_body_of_the_same_supervisor_is_refused(serve, timeout):
    sup = serve()
    assert run_body(sup, lambda ctx: refused(sup.join, timeout), name="a")


@pytest.mark.rule("R0.45")
def test_timeout_of_zero_never_waits_so_it_is_not_refused(serve):
    def body(ctx):
        handle = handles[0] if given.wait(SOON) else None
        with pytest.raises(TimeoutError) as caught:
            handle.outcome(0)
        with pytest.raises(TimeoutError):
            handle.result(timeout=0)
        with pytest.raises(tv.TaskRemoveTimeout) as removal:
            handle.cancel(timeout=0)
        joined = ctx.supervisor.join(0)
        return type(caught.value), (removal.value.name, removal.value.timeout), joined

    handles = []
    given = threading.Event()
    handles.append(serve().add(tv.TaskSpec.once(body)))
    given.set()
    assert handles[0].outcome(SOON).value == (TimeoutError, ("body", 0), False)


@pytest.mark.rule("R0.49")
def test_remove_and_shutdown_without_waiting_work_in_a_body(serve, recorder):
    sup = serve(recorder)

    def body(ctx):
        answers = [ctx.supervisor.remove(ctx.id), ctx.supervisor.remove(ctx.name)]
        return [*answers, ctx.supervisor.shutdown(wait=False), ctx.cancel_reason]

    handle = sup.add(tv.TaskSpec.once(body))
    assert handle.outcome(SOON).value == [True, False, None, "removed"]
    assert sup.shutdown() is None


@pytest.mark.rule("R0.52")
def test_body_may_wait_for_other_tasks_and_other_supervisors(serve):
    sup, other = serve(), serve()

    def body(ctx):
        first = ctx.supervisor.add(tv.TaskSpec.once(dict)).result()
        assert other.add(tv.TaskSpec.once(list)).result() == []
        assert other.join() is True
        other.shutdown()
        return first

    assert run_body(sup, body) == {}


@pytest.mark.rule("R0.52")
def test_body_may_serve_and_run_supervisors_of_its_own(serve):
    def body():
        with tv.Supervisor() as inner:
            served = inner.add(tv.TaskSpec.once(dict)).result()
        tv.Supervisor().run([tv.TaskSpec.once(dict)], handle_signals=False)
        return served

    assert run_body(serve(), body) == {}


@pytest.mark.rule("R4.73")
def test_run_of_its_own_supervisor_in_a_body_is_refused():
    def body():
        with pytest.raises(tv.AlreadyRunning):
            sup.run([tv.TaskSpec.once(dict)], handle_signals=False)
        seen.append("refused")

    seen = []
    sup = tv.Supervisor()
    sup.run([tv.TaskSpec.once(body)], handle_signals=False)
    assert seen == ["refused"]


@pytest.mark.rule("R0.47")
def test_thread_made_by_a_body_is_not_the_body(serve, gate):
    held = gate()
    sup = serve()
    joined = []

    def body():
        thread = threading.Thread(target=lambda: joined.append(sup.join(SOON)))
        thread.start()
        held()
        return thread

    handle = sup.add(tv.TaskSpec.once(body))
    held.wait_inside()
    held.open()
    handle.result(SOON).join()
    assert joined == [True]


@pytest.mark.rule("R0.50")
def test_shutdown_resolves_a_body_that_waits_for_its_own_permit(serve, recorder):
    def waits_for_its_permit(ctx):
        second = ctx.supervisor.add(tv.TaskSpec.once(dict, name="second"))
        return second.outcome().kind

    sup = serve(recorder, max_concurrent=1)
    first = sup.add(tv.TaskSpec.once(waits_for_its_permit))
    recorder.wait_line("second", "task_added")
    sup.shutdown()
    assert first.outcome(0).value == "canceled"


class Asks:
    """A subscriber that calls once, at the first event, and keeps what came of it."""

    def __init__(self, call):
        self.call = call
        self.asked = threading.Event()
        self.answer = None

    def on_event(self, event):
        if not self.asked.is_set():
            try:
                self.answer = self.call()
            except Exception as error:
                self.answer = error
            self.asked.set()


@pytest.mark.rule("R0.48", "R5.20")
def test_shutdown_out_of_a_subscriber_is_started_and_not_waited_for(serve, recorder):
    asks = Asks(lambda: sup.shutdown())
    sup = serve(asks, recorder)
    handle = sup.add(tv.TaskSpec.once(lambda ctx: ctx.wait(), name="a"))
    assert handle.outcome(SOON).kind == "canceled"
    assert sup.shutdown() is None
    assert type(asks.answer) is RuntimeError
    assert recorder.words().count("shutdown_requested") == 1


@pytest.mark.rule("R0.49")
def test_remove_and_shutdown_without_waiting_work_in_a_subscriber(serve):
    asks = Asks(lambda: (sup.remove("a"), sup.shutdown(wait=False)))
    sup = serve(asks)
    sup.add(tv.TaskSpec.once(lambda ctx: ctx.wait(), name="a"))
    assert asks.asked.wait(SOON)
    assert sup.shutdown() is None
    assert asks.answer in {(True, None), (False, None)}


@pytest.mark.rule("R0.52")
def test_subscriber_may_wait_for_tasks(serve):
    def call():
        added = sup.add(tv.TaskSpec.once(dict, name="added"))
        return added.result(SOON), sup.cancel("a"), sup.join(SOON)

    asks = Asks(call)
    sup = serve(asks)
    sup.add(tv.TaskSpec.once(lambda ctx: ctx.wait(), name="a"))
    assert asks.asked.wait(SOON)
    assert asks.answer == ({}, True, True)


@pytest.mark.rule("R0.48")
def test_subscriber_may_shut_down_another_supervisor(serve):
    asks = Asks(lambda: other.shutdown())
    sup, other = serve(asks), serve()
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    assert asks.asked.wait(SOON)
    assert asks.answer is None
    with pytest.raises(tv.ShuttingDown):
        other.add(tv.TaskSpec.once(dict))


def test_done_callback_may_start_a_shutdown_and_no_call_of_it_hangs(serve):
    answers = []

    def callback(handle):
        answers.append(sup.shutdown(wait=False))
        try:
            answers.append(sup.shutdown())
        except RuntimeError as error:
            answers.append(error)

    sup = serve(subscriber_grace=0.5)
    handle = sup.add(tv.TaskSpec.once(lambda ctx: ctx.wait(), name="a"))
    handle.add_done_callback(callback)
    sup.remove(handle)
    assert handle.outcome(SOON).kind == "canceled"
    sup.shutdown()
    assert answers[0] is None
