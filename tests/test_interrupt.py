"""Signals during a call: an exception out of a handler leaves it, and what was asked goes on."""

import os
import signal
import threading
from contextlib import contextmanager

import pytest
from waiting import SOON, until, until_asleep

import taskvisor as tv


class HandlerError(Exception):
    """Raised by the signal handler of a test."""


def send():
    """Sends the main thread a signal, at once."""
    os.kill(os.getpid(), signal.SIGUSR1)


def send_to_sleeper():
    """Sends the main thread a signal once it sleeps in its call."""
    until_asleep(threading.main_thread().native_id)
    send()


@contextmanager
def handled_by(handler):
    """SIGUSR1 has this handler."""
    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, previous)


@pytest.fixture
def raising():
    """SIGUSR1 raises HandlerError in the main thread."""

    def handler(number, frame):
        raise HandlerError

    with handled_by(handler):
        yield


@pytest.mark.rule("R5.9")
@pytest.mark.parametrize("handle_signals", [True, False])
def test_exception_out_of_a_handler_stops_run_and_leaves_it(recorder, raising, handle_signals):
    def body(ctx):
        send_to_sleeper()
        ctx.wait()
        ended.append(ctx.cancel_reason)

    ended = []
    sup = tv.Supervisor(subscribers=[recorder])
    with pytest.raises(HandlerError):
        sup.run([tv.TaskSpec.once(body)], handle_signals=handle_signals)
    assert ended == ["shutdown"]
    assert recorder.words()[-4:] == [
        "shutdown_requested",
        "body: task_stopped attempt=1 duration",
        "body: task_removed",
        "all_stopped_within_grace",
    ]


@pytest.mark.rule("R0.51")
def test_exception_out_of_a_handler_leaves_shutdown_which_goes_on(serve, recorder, gate, raising):
    held = gate()

    def body(ctx):
        ctx.wait()
        send_to_sleeper()
        return held()

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(body))
    recorder.wait_line("body", "task_starting")
    with pytest.raises(HandlerError):
        sup.shutdown()
    held.wait_inside()
    assert not handle.done()
    held.open()
    assert sup.shutdown() is None
    assert handle.outcome(0).value == "through"


@pytest.mark.rule("R0.51")
def test_exception_out_of_a_handler_leaves_cancel_and_the_removal_goes_on(
    serve, recorder, gate, raising
):
    held = gate()

    def body(ctx):
        ctx.wait()
        send_to_sleeper()
        return held()

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(body))
    recorder.wait_line("body", "task_starting")
    with pytest.raises(HandlerError):
        handle.cancel(timeout=None)
    assert sup.list() == ["body"]
    held.open()
    assert recorder.removed("body")[-1] == "task_removed"
    assert handle.outcome(0).kind == "canceled"


WAITING = {
    "outcome": lambda sup, handle, stream: handle.outcome(),
    "outcome with a timeout": lambda sup, handle, stream: handle.outcome(100_000),
    "result": lambda sup, handle, stream: handle.result(),
    "join": lambda sup, handle, stream: sup.join(),
    "join with a timeout": lambda sup, handle, stream: sup.join(100_000),
    "next": lambda sup, handle, stream: [stream.next() for _ in range(100)],
    "for": lambda sup, handle, stream: list(stream),
    "token": lambda sup, handle, stream: tv.CancellationToken().wait(),
    "token with a timeout": lambda sup, handle, stream: tv.CancellationToken().wait(100_000),
}


@pytest.mark.rule("R0.51", "R0.40")
@pytest.mark.parametrize("call", WAITING)
def test_exception_out_of_a_handler_leaves_every_waiting_call(serve, gate, raising, call):
    held = gate()
    sup = serve()
    handle = sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    stream = sup.events()
    sender = threading.Thread(target=send_to_sleeper)
    with pytest.raises(HandlerError):
        sender.start()
        WAITING[call](sup, handle, stream)
    sender.join()
    assert not handle.done()
    held.open()
    assert handle.result(SOON) == "through"


@pytest.mark.rule("R0.51")
def test_signal_in_the_moment_before_the_sleep_leaves_the_call_too(serve, raising):
    # The call itself wakes the body that sends the signal, so some fall between check and sleep.
    left = threading.Event()

    def body(ctx):
        ctx.wait()
        send()
        return left.wait(SOON / 2)

    sup = serve()
    for n in range(300):
        left.clear()
        handle = sup.add(tv.TaskSpec.once(body))
        until(lambda handle=handle: sup.is_alive(handle))
        with pytest.raises(HandlerError):
            handle.cancel(timeout=None)
        left.set()
        assert handle.outcome(SOON).value is True, f"not seen in round {n}"
        assert sup.join(SOON)


@pytest.mark.rule("R0.51")
def test_handler_that_raises_nothing_does_not_end_a_waiting_call(serve, gate):
    held = gate()
    seen = []

    def handler(number, frame):
        seen.append(number)
        held.open()

    sup = serve()
    handle = sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    with handled_by(handler):
        sender = threading.Thread(target=send_to_sleeper)
        sender.start()
        assert handle.result(SOON) == "through"  # only the handler lets it through
        sender.join()
    assert seen == [signal.SIGUSR1]


@pytest.mark.rule("R0.52")
def test_signal_handler_may_call_the_supervisor(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    answers = []

    def handler(number, frame):
        answers.append(sup.add(tv.TaskSpec.once(dict)).outcome(SOON).kind)
        answers.append(sup.list())
        answers.append(sup.remove("Gate"))
        held.open()

    handle = sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    with handled_by(handler):
        sender = threading.Thread(target=send_to_sleeper)
        sender.start()
        assert handle.outcome(SOON).kind == "canceled"
        sender.join()
    assert answers == ["completed", ["Gate"], True]


@pytest.mark.rule("R0.52", "R5.5", "R5.6")
def test_signal_handler_inside_shutdown_may_shut_down_too(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    told = []

    def handler(number, frame):
        with pytest.raises(tv.GraceExceeded) as caught:
            sup.shutdown(grace=0.02)
        told.append(caught.value.grace)

    def body(ctx):
        ctx.wait()
        send_to_sleeper()
        held()

    sup.add(tv.TaskSpec.once(body))
    recorder.wait_line("body", "task_starting")
    with handled_by(handler), pytest.raises(tv.GraceExceeded) as caught:
        sup.shutdown(grace=100_000)
    assert told == [0.02] == [caught.value.grace]
