"""The interpreter always ends: with the right code, in time, without a crash, whatever runs."""

import signal

import pytest
from exit_matrix import CODES, STATES, Run, complaint, play, verdict
from programs import ISOLATED, Ended, end_of, run, running


@pytest.mark.rule("R5.50", "R5.54")
@pytest.mark.parametrize("ending", CODES)
@pytest.mark.parametrize("state", STATES)
def test_exit_code_is_right_and_nothing_crashes(state, ending):
    assert complaint(ending, play("exit_cell", state, ending)) is None


def test_matrix_sees_an_end_without_our_exit_handlers():
    # A thread of the program's own waits for a task that nobody stops: the process never ends.
    assert complaint("exit", play("exit_cell", "planted", "exit", patience=3)).startswith("code -9")


def test_matrix_sees_a_wrong_code_a_crash_a_stray_line_and_a_late_end():
    quick = Run(0, "", 0.1)
    assert verdict("return", quick, quick) is None
    assert verdict("return", Run(3, "", 0.1), quick) is not None
    assert verdict("return", Run(-signal.SIGSEGV, "", 0.1), quick) is not None
    assert verdict("return", Run(0, "Exception ignored in: ...", 0.1), quick) is not None
    assert verdict("sigint", Run(-signal.SIGINT, "", 0.1), quick) is not None
    assert verdict("return", Run(0, "", 11), quick) is not None
    assert verdict("return", Run(0, "", 11), Run(0, "", 12)) is None


@pytest.mark.rule("R5.54", "R5.23", "R5.26")
@pytest.mark.parametrize("body", ["spins", "sleeps", "blocks_in_c"])
def test_body_that_never_returns_is_named_and_the_exit_code_holds(body):
    ended = run(ISOLATED / "exit_stuck.py", body)
    assert ended.code == 7, ended.err
    assert ended.out.splitlines() == [f"['{body}'] 0.2 abandoned", "True"]
    errors = [line for line in ended.err.splitlines() if line.startswith(("Fatal", "Exception"))]
    assert errors == []


@pytest.mark.rule("R5.50")
def test_supervisors_are_shut_down_together_at_exit():
    # One after the other their graces would take longer than the program may.
    ended = run("""
        import threading
        import taskvisor as tv
        lock = threading.Lock()
        lock.acquire()
        class Quiet:
            def on_event(self, event): pass
        config = tv.SupervisorConfig(grace=1)
        sups = []
        for n in range(60):
            started = threading.Event()
            def stuck():
                started.set()
                lock.acquire()
            sups.append(tv.Supervisor(config, subscribers=[Quiet()]).serve())
            sups[-1].add(tv.TaskSpec.once(stuck))
            assert started.wait(20)
    """)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.rule("R5.50")
def test_no_attempt_starts_once_exit_began():
    ended = run("""
        import threading
        import taskvisor as tv
        first = threading.Event()
        exiting = threading.Event()
        late = []
        class Watch:
            def on_event(self, event):
                if event.kind == tv.EventKind.SHUTDOWN_REQUESTED:
                    exiting.set()
                elif event.kind == tv.EventKind.TASK_STARTING and exiting.is_set():
                    print("started", event.task)
        def body(ctx):
            first.set()
            ctx.wait()
        sup = tv.Supervisor(tv.SupervisorConfig(max_concurrent=1), subscribers=[Watch()]).serve()
        handles = [sup.add(tv.TaskSpec.periodic(body, 0), name=str(n)) for n in range(50)]
        assert first.wait(20)
        import atexit
        atexit.register(lambda: print({h.outcome().kind.value for h in handles}))
    """)
    assert (ended.code, ended.err, ended.out) == (0, "", "{'canceled'}\n")


def test_keyboard_interrupt_in_the_exit_handler_ends_the_grace():
    source = """
        import threading
        import taskvisor as tv
        lock = threading.Lock()
        lock.acquire()
        started = threading.Event()
        def stuck():
            started.set()
            lock.acquire()
        class Watch:
            def on_event(self, event):
                if event.kind == tv.EventKind.SHUTDOWN_REQUESTED:
                    print("exiting", flush=True)
        sup = tv.Supervisor(tv.SupervisorConfig(grace=3600), subscribers=[Watch()]).serve()
        sup.add(tv.TaskSpec.once(stuck))
        assert started.wait(20)
    """
    with running(source) as process:
        assert process.stdout.readline() == "exiting\n"
        process.send_signal(signal.SIGINT)
        ended = end_of(process)
    assert "Fatal" not in ended.err


@pytest.mark.rule("R5.50")
def test_shutdown_already_running_keeps_its_earlier_deadline_at_exit():
    ended = run("""
        import threading
        import taskvisor as tv
        lock = threading.Lock()
        lock.acquire()
        started = threading.Event()
        def stuck():
            started.set()
            lock.acquire()
        class Quiet:
            def on_event(self, event): pass
        sup = tv.Supervisor(tv.SupervisorConfig(grace=3600), subscribers=[Quiet()]).serve()
        sup.add(tv.TaskSpec.once(stuck))
        assert started.wait(20)
        sup.shutdown(grace=0.1, wait=False)
    """)
    assert (ended.code, ended.err) == (0, "")


NEVER_LEFT = {
    "entered by hand": "sup = tv.Supervisor().__enter__()\nleave(sup)",
    "inside the block": "with tv.Supervisor() as sup:\n    leave(sup)",
    "in a frame": "leave(tv.Supervisor().serve())",
    "handle only": "task = tv.Supervisor().serve().add(spec)\nsys.exit(6)",
}


@pytest.mark.rule("R5.50", "R5.54")
@pytest.mark.parametrize("how", NEVER_LEFT)
def test_script_that_never_leaves_its_context_ends(how):
    prelude = (
        "import sys, threading, taskvisor as tv\n"
        "started = threading.Event()\n"
        "def body(ctx):\n"
        "    started.set()\n"
        "    ctx.wait()\n"
        "spec = tv.TaskSpec.once(body)\n"
        "def leave(sup):\n"
        "    sup.add(spec)\n"
        "    started.wait(20)\n"
        "    sys.exit(6)\n"
    )
    assert run(prelude + NEVER_LEFT[how]) == Ended(6, "", "")


def test_generator_that_holds_the_context_at_exit_does_not_crash():
    ended = run("""
        import sys, threading, taskvisor as tv
        started = threading.Event()
        def body(ctx):
            started.set()
            ctx.wait()
        def held():
            with tv.Supervisor() as sup:
                sup.add(tv.TaskSpec.once(body))
                yield sup
        generator = held()
        next(generator)
        assert started.wait(20)
        sys.exit(6)
    """)
    assert ended.code == 6
    assert "Fatal" not in ended.err
