"""Calls while the interpreter ends: answered, refused or let go, and none of them blocks."""

import pytest
from programs import ISOLATED, run


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


@pytest.mark.rule("R5.53")
def test_finalizers_that_call_a_supervisor_at_exit_do_not_hang():
    ended = run("""
        import sys, taskvisor as tv
        class Late:
            refusal = tv.ShuttingDown  # the names of the module may be gone by then
            def __init__(self, sup):
                self.sup = sup
            def __del__(self):
                for call in (self.sup.list, self.sup.join, self.sup.shutdown):
                    try:
                        call()
                    except self.refusal:
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
