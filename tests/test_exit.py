"""The interpreter always ends: with the right code, in time, without a crash, whatever runs."""

import signal

import pytest
from programs import ISOLATED, Ended, end_of, run, running

STATES = ["idle", "running", "backoff", "blocked", "swallowing", "subscriber_busy"]
CODES = {
    "return": 0,
    "exit": 3,
    "exception": 1,
    "os_exit": 5,
    "sigint": -signal.SIGINT,
    "sigterm": -signal.SIGTERM,
}
LAST_LINES = {"exception": "KeyError: 'boom'\n", "sigint": "KeyboardInterrupt\n"}


def assert_only_traceback(err: str, last_line: str) -> None:
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith(last_line)
    assert err.count("Traceback") == 1


@pytest.mark.rule("R5.50", "R5.54")
@pytest.mark.parametrize("ending", CODES)
@pytest.mark.parametrize("state", STATES)
def test_exit_code_is_right_and_nothing_crashes(state, ending):
    ended = run(ISOLATED / "exit_cell.py", state, ending)
    assert ended.code == CODES[ending], ended.err
    assert ended.out == ""
    if ending in LAST_LINES:
        assert_only_traceback(ended.err, LAST_LINES[ending])
    else:
        assert ended.err == ""


@pytest.mark.rule("R5.54", "R5.23", "R5.26")
@pytest.mark.parametrize("body", ["spins", "sleeps", "blocks_in_c"])
def test_body_that_never_returns_is_named_and_the_exit_code_holds(body):
    ended = run(ISOLATED / "exit_stuck.py", body)
    assert ended.code == 7, ended.err
    assert ended.out.splitlines() == [f"['{body}'] 0.2 abandoned", "True"]
    errors = [line for line in ended.err.splitlines() if line.startswith(("Fatal", "Exception"))]
    assert errors == []


@pytest.fixture(scope="module")
def late_calls() -> dict[str, dict[str, str]]:
    ended = run(ISOLATED / "exit_calls.py")
    assert (ended.code, ended.err) == (0, "")
    stages: dict[str, dict[str, str]] = {"before": {}, "after": {}}
    for line in ended.out.splitlines():
        stage, call, result = line.split(" ", 2)
        stages[stage][call] = result
    return stages


@pytest.mark.rule("R5.52")
def test_no_supervisor_starts_once_exit_handlers_run(late_calls):
    refused = {"run", "serve", "add", "add_many"}
    assert {late_calls["before"][call] for call in refused} == {"ShuttingDown"}


@pytest.mark.rule("R5.50", "R5.42")
def test_supervisor_shut_down_by_exit_answers_in_exit_handlers(late_calls):
    answers = {k: v for k, v in late_calls["before"].items() if k not in {"run", "serve"}}
    assert answers == {
        "add": "ShuttingDown",
        "add_many": "ShuttingDown",
        "remove": "False",
        "cancel": "False",
        "join": "True",
        "list": "[]",
        "tasks": "[]",
        "snapshot": "[]",
        "is_alive": "False",
        "subscribers": "[]",
        "events": "[]",
        "shutdown": "None",
        "outcome": "canceled",
        "stream": "all_stopped_within_grace",
    }


@pytest.mark.rule("R5.53")
def test_every_call_after_the_exit_handlers_raises_shutting_down(late_calls):
    free = {"outcome", "stream"}
    after = {k: v for k, v in late_calls["after"].items() if k not in free}
    assert set(after.values()) == {"ShuttingDown"}


def test_outcome_can_be_read_after_the_exit_handlers(late_calls):
    assert late_calls["after"]["outcome"] == "canceled"


@pytest.mark.rule("R5.53")
def test_no_waiting_call_blocks_after_the_exit_handlers():
    ended = run("""
        import atexit, threading
        def late():
            for name, call in calls.items():
                try:
                    call()
                except Exception:
                    pass
                print(name)
        atexit.register(late)
        import taskvisor as tv
        lock = threading.Lock()
        lock.acquire()
        started = threading.Event()
        contexts = []
        def stuck(ctx):
            contexts.append(ctx)
            started.set()
            lock.acquire()
        class Quiet:
            def on_event(self, event): pass
        config = tv.SupervisorConfig(grace=0.1)
        sup = tv.Supervisor(config, subscribers=[Quiet()]).serve()
        handle = sup.add(tv.TaskSpec.once(stuck))
        stream = sup.events()
        token = tv.CancellationToken()
        assert started.wait(20)
        calls = {
            "join": sup.join, "shutdown": sup.shutdown, "outcome": handle.outcome,
            "result": handle.result, "cancel": handle.cancel, "next": stream.next,
            "ctx.wait": contexts[0].wait, "token.wait": token.wait,
        }
    """)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.split() == [
        "join",
        "shutdown",
        "outcome",
        "result",
        "cancel",
        "next",
        "ctx.wait",
        "token.wait",
    ]


@pytest.mark.rule("R5.51")
def test_non_daemon_threads_in_waiting_calls_are_let_go_at_exit():
    ended = run("""
        import sys, threading
        import taskvisor as tv
        lock = threading.Lock()
        lock.acquire()
        started = threading.Event()
        def stuck():
            started.set()
            lock.acquire()
        class Quiet:
            def on_event(self, event): pass
        config = tv.SupervisorConfig(grace=0.1)
        sup = tv.Supervisor(config, subscribers=[Quiet()]).serve()
        handle = sup.add(tv.TaskSpec.once(stuck))
        stream = sup.events()
        assert started.wait(20)
        def waiter(name, call):
            try:
                result = call()
            except Exception as error:
                result = type(error).__name__
            sys.stdout.write(f"{name} {result}\\n")
        calls = {
            "outcome": lambda: handle.outcome().kind,
            "result": handle.result,
            "join": sup.join,
            "cancel": lambda: handle.cancel(timeout=None),
            "stream": lambda: [event.kind for event in stream][-1],
        }
        for name, call in calls.items():
            threading.Thread(target=waiter, args=(name, call)).start()
        sys.exit(4)
    """)
    assert (ended.code, ended.err) == (4, "")
    results = dict(line.split() for line in ended.out.splitlines())
    assert results == {
        "outcome": "abandoned",
        "result": "OutcomeError",
        "join": "False",
        "cancel": "TaskRemoveTimeout",
        "stream": "grace_exceeded",
    }


@pytest.mark.rule("R5.51", "R5.54")
def test_daemon_threads_in_waiting_calls_do_not_disturb_the_exit():
    ended = run("""
        import sys, threading
        import taskvisor as tv
        lock = threading.Lock()
        lock.acquire()
        started = threading.Event()
        contexts = []
        def stuck(ctx):
            contexts.append(ctx)
            started.set()
            lock.acquire()
        class Quiet:
            def on_event(self, event): pass
        config = tv.SupervisorConfig(grace=0.1)
        sup = tv.Supervisor(config, subscribers=[Quiet()]).serve()
        handle = sup.add(tv.TaskSpec.once(stuck))
        stream = sup.events()
        token = tv.CancellationToken()
        assert started.wait(20)
        def waiter(call):
            while True:
                try:
                    call()
                except Exception:
                    pass
        calls = [
            handle.outcome, handle.result, sup.join, handle.cancel, sup.shutdown, stream.next,
            token.wait, contexts[0].wait,
        ]
        for call in calls:
            threading.Thread(target=waiter, args=(call,), daemon=True).start()
        sys.exit(4)
    """)
    assert (ended.code, ended.err) == (4, "")


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


@pytest.mark.rule("R5.53")
def test_finalizers_that_call_a_supervisor_at_exit_do_not_hang():
    ended = run("""
        import sys, taskvisor as tv
        class Late:
            def __init__(self, sup):
                self.sup = sup
            def __del__(self):
                for call in (self.sup.list, self.sup.join, self.sup.shutdown):
                    try:
                        call()
                    except tv.ShuttingDown:
                        pass
        late = Late(tv.Supervisor().serve())
        sys.exit(6)
    """)
    assert (ended.code, ended.err) == (6, "")


@pytest.mark.rule("R5.53")
def test_daemon_thread_calling_a_supervisor_during_finalization_does_not_crash():
    ended = run("""
        import sys, threading, taskvisor as tv
        sup = tv.Supervisor().serve()
        busy = threading.Event()
        def caller():
            while True:
                try:
                    sup.list()
                except tv.ShuttingDown:
                    return
                busy.set()
        threading.Thread(target=caller, daemon=True).start()
        assert busy.wait(20)
        sys.exit(6)
    """)
    assert (ended.code, ended.err) == (6, "")
