"""Signals: run() stops by them and gives back the handlers; elsewhere they are left alone."""

import os
import signal
import threading
from pathlib import Path

import pytest
from programs import run_well
from waiting import system_threads

import taskvisor as tv

PRELUDE = """
import os, signal, sys, threading
import taskvisor as tv
events = []
class Keep:
    def on_event(self, event):
        events.append(event.kind.value)
def waits(ctx):
    os.kill(os.getpid(), NUMBER)
    ctx.wait()
    return ctx.cancel_reason
sup = tv.Supervisor(subscribers=[Keep()])
"""


def run_with_signal(number, source):
    """What a program printed whose body `waits` sends it a signal."""
    prelude = PRELUDE.replace("NUMBER", f"signal.{number.name}")
    return run_well(prelude + source)


@pytest.mark.rule("R5.1", "R5.20", "R5.22")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_run_which_then_returns(number):
    out = run_with_signal(
        number,
        "print(sup.run([tv.TaskSpec.once(waits)]))\nprint(events[-4:])\nprint('alive')\n",
    )
    kinds = ["shutdown_requested", "task_stopped", "task_removed", "all_stopped_within_grace"]
    assert out == f"None\n{kinds}\nalive\n"


@pytest.mark.rule("R5.3")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_previous_handlers_are_not_called_and_come_back(number):
    out = run_with_signal(
        number,
        """
def mine(number, frame):
    print("mine", number)
signal.signal(signal.SIGINT, mine)
signal.signal(signal.SIGTERM, mine)
sup.run([tv.TaskSpec.once(waits)])
print(signal.getsignal(signal.SIGINT) is mine, signal.getsignal(signal.SIGTERM) is mine)
signal.raise_signal(signal.SIGTERM)
""",
    )
    assert out == f"True True\nmine {signal.SIGTERM.value}\n"


@pytest.mark.rule("R5.3")
def test_default_and_ignored_handlers_come_back_after_a_natural_end():
    out = run_well("""
        import signal
        import taskvisor as tv
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        tv.Supervisor().run([tv.TaskSpec.once(dict)])
        print(before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)))
        signal.raise_signal(signal.SIGTERM)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            print("interrupted")
    """)
    assert out == "True\ninterrupted\n"


@pytest.mark.rule("R5.3")
def test_handlers_come_back_when_run_raises():
    out = run_well("""
        import signal
        import taskvisor as tv
        before = signal.getsignal(signal.SIGINT)
        spec = tv.TaskSpec.once(dict)
        try:
            tv.Supervisor().run([spec, spec])
        except tv.TaskAlreadyExists as error:
            print(error.name, signal.getsignal(signal.SIGINT) is before)
    """)
    assert out == "dict True\n"


@pytest.mark.rule("R5.7", "R5.8", "R5.1")
@pytest.mark.parametrize(
    ("first", "second"), [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGTERM)]
)
def test_second_signal_ends_the_grace_at_once(first, second):
    out = run_with_signal(
        first,
        f"""
release = threading.Event()
def stuck(ctx):
    waits(ctx)
    os.kill(os.getpid(), signal.{second.name})
    release.wait(60)
sup = tv.Supervisor(tv.SupervisorConfig(grace=100_000), subscribers=[Keep()])
try:
    sup.run([tv.TaskSpec.once(stuck)])
except tv.GraceExceeded as error:
    print(error.grace, error.stuck, events[-1])
    print(error)
release.set()
""",
    )
    assert out.splitlines() == [
        "0.0 ['stuck'] grace_exceeded",
        'shutdown timeout 0ns exceeded; stuck: ["stuck"]',
    ]


@pytest.mark.rule("R5.1", "R5.23")
def test_run_raises_the_verdict_of_a_signal():
    out = run_with_signal(
        signal.SIGTERM,
        """
release = threading.Event()
def stuck(ctx):
    waits(ctx)
    release.wait(60)
sup = tv.Supervisor(tv.SupervisorConfig(grace=0.05), subscribers=[Keep()])
try:
    sup.run([tv.TaskSpec.once(stuck)])
except tv.GraceExceeded as error:
    print(error.grace, error.stuck)
release.set()
""",
    )
    assert out == "0.05 ['stuck']\n"


@pytest.mark.rule("R5.1", "R4.70")
def test_signal_that_comes_at_any_moment_of_run_is_not_lost():
    # The sender is not in step with run: each round the first signal falls somewhere else
    # in it. One that comes outside meets our own handler, and the sender tries again.
    out = run_well("""
        import os, signal, threading
        import taskvisor as tv
        def waits(ctx):
            ctx.wait()
        landed = threading.Event()
        signal.signal(signal.SIGTERM, lambda number, frame: landed.set())
        def sender(delay, ended):
            threading.Event().wait(delay)
            while not ended.is_set():
                landed.clear()
                os.kill(os.getpid(), signal.SIGTERM)
                landed.wait()
        for n in range(50):
            ended = threading.Event()
            thread = threading.Thread(target=sender, args=(n * 0.0001, ended))
            thread.start()
            tv.Supervisor().run([tv.TaskSpec.once(waits)])
            ended.set()
            landed.set()
            thread.join()
        print("done")
    """)
    assert out == "done\n"


@pytest.mark.rule("R5.2", "R4.72")
def test_run_outside_the_main_thread_is_refused_before_anything_is_accepted(recorder):
    sup = tv.Supervisor(subscribers=[recorder])
    errors = []

    def target():
        try:
            sup.run([tv.TaskSpec.once(dict)])
        except tv.SignalSetupFailed as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert recorder.events == []
    sup.run([tv.TaskSpec.once(dict)], handle_signals=False)
    assert recorder.words()[-1] == "dict: task_removed"


@pytest.mark.rule("R5.4")
def test_run_without_handling_leaves_signals_alone():
    seen = []

    def handler(number, frame):
        seen.append(number)

    def body():
        os.kill(os.getpid(), signal.SIGTERM)
        return signal.getsignal(signal.SIGTERM) is handler

    previous = signal.signal(signal.SIGTERM, handler)
    try:
        sup = tv.Supervisor()
        sup.run([tv.TaskSpec.once(body)], handle_signals=False)
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert seen == [signal.SIGTERM]


@pytest.mark.rule("R5.4")
def test_run_works_in_any_thread_without_handling(recorder):
    sup = tv.Supervisor(subscribers=[recorder])
    specs = [tv.TaskSpec.once(dict)]
    thread = threading.Thread(target=lambda: sup.run(specs, handle_signals=False))
    thread.start()
    thread.join()
    assert recorder.words()[-1] == "dict: task_removed"


@pytest.mark.rule("R5.9", "R5.4")
def test_keyboard_interrupt_leaves_a_run_that_handles_no_signals():
    out = run_with_signal(
        signal.SIGINT,
        """
try:
    sup.run([tv.TaskSpec.once(waits)], handle_signals=False)
except KeyboardInterrupt:
    print(events[-1])
""",
    )
    assert out == "all_stopped_within_grace\n"


@pytest.mark.rule("R5.60")
def test_threads_of_a_supervisor_block_all_signals(serve, recorder, gate):
    held = gate()
    before = system_threads()
    sup = serve(recorder)
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    ours = system_threads() - before
    assert len(ours) >= 3  # timer, subscriber, worker
    wanted = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGALRM]
    for task in ours:
        status = Path(f"/proc/self/task/{task}/status").read_text()
        blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
        assert all(blocked >> (number - 1) & 1 for number in wanted), status
