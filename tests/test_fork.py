"""A fork is refused, not corrupted: no old supervisor works in the child, a new one does."""

import pytest
from programs import ISOLATED, run, run_well
from waiting import SANITIZED

STATES = ["idle", "running", "coroutine", "shutting_down", "ended"]
CALLS = [
    "add", "add_many", "remove", "cancel", "join", "list", "tasks", "snapshot", "is_alive",
    "subscribers", "events", "shutdown",
]  # fmt: skip

# Other forks there wait until all threads sleep: tests/proof/quiet.
KEEPS_LOCKS = pytest.mark.skipif(
    SANITIZED, reason="ASan's allocator keeps in the child the locks of threads that were awake"
)


def fork_in(state: str, what: str) -> list[str]:
    """What the child printed; asserts that child and parent ended well."""
    lines = run_well(ISOLATED / "fork_state.py", state, what).splitlines()
    assert lines[-2:] == ["child 5", "parent []"]
    return lines[:-2]


@pytest.mark.rule("R5.56")
@pytest.mark.parametrize("what", ["exit", "os_exit", "drop"])
@pytest.mark.parametrize("state", STATES)
def test_forked_child_ends_with_its_own_exit_code(state, what):
    assert fork_in(state, what) == []


@pytest.mark.parametrize("state", STATES)
def test_forked_child_can_exec(state):
    assert fork_in(state, "exec") == ["executed"]


@pytest.mark.rule("R5.57")
@pytest.mark.parametrize("state", STATES)
def test_forked_child_can_run_a_supervisor_of_its_own(state):
    assert fork_in(state, "own") == ["own 42"]


@pytest.mark.rule("R5.55")
@pytest.mark.parametrize("state", STATES)
def test_every_call_of_an_old_supervisor_in_the_child_names_the_fork(state):
    assert fork_in(state, "calls") == [f"{call} RuntimeError True" for call in CALLS]


@pytest.mark.rule("R5.60")
def test_supervisor_made_but_never_run_before_the_fork_warns_of_no_thread():
    # On 3.12 and later os.fork warns when the process has threads.
    out = run_well("""
        import os, warnings
        import taskvisor as tv
        sup = tv.Supervisor(subscribers=[tv.LogWriter()])
        warnings.simplefilter("error")
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        print(os.waitpid(pid, 0)[1])
    """)
    assert out == "0\n"


BODY_THAT_FORKS = """
    import os
    import taskvisor as tv
    events = []
    class Keep:
        def on_event(self, event):
            events.append(event.kind.value)
    def body():
        pid = os.fork()
        if pid == 0:
            {child}
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with tv.Supervisor(subscribers=[Keep()]) as sup:
        print("child", sup.add(tv.TaskSpec.once(body)).result(20))
    print(events.count("task_starting"), events.count("task_stopped"))
"""


@pytest.mark.rule("R5.58")
@pytest.mark.parametrize(
    ("child", "code"),
    [("return 7", 0), ("raise ValueError('in the child')", 1), ("os._exit(9)", 9)],
)
def test_body_that_forks_and_ends_in_the_child_ends_the_child(child, code):
    ended = run(BODY_THAT_FORKS.format(child=child))
    assert (ended.code, ended.out) == (0, f"child {code}\n1 1\n")
    last = ended.err.splitlines()[-1:]  # an error in the child is not lost in silence
    assert last == (["ValueError: in the child"] if code == 1 else [])


FORKS = """
    import os, sys, threading
    import taskvisor as tv
    forked = threading.Event()
    ended = []
    def forks():
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            {child}
            return
        ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        forked.set()
    class Watch:
        def on_event(self, event):
            if {in_subscriber} and event.kind == tv.EventKind.TASK_STARTING and not ended:
                forks()
    first = threading.Event()
    with tv.Supervisor(tv.SupervisorConfig(max_concurrent=1), subscribers=[Watch()]) as sup:
        handle = sup.add(tv.TaskSpec.once(first.wait, name="first"))
        if not {in_subscriber}:
            handle.add_done_callback(lambda handle: forks())
        write = lambda: print("ran", os.getpid() == parent, flush=True)
        parent = os.getpid()
        sup.add_many([tv.TaskSpec.once(write)] * 3, names=["a", "b", "c"])
        first.set()
        assert forked.wait(20)
        assert sup.join(20)
    print("child", *ended)
"""


@pytest.mark.rule("R5.58")
@pytest.mark.parametrize("where", ["subscriber", "callback"])
@pytest.mark.parametrize(
    ("child", "code"), [("pass", 0), ("raise ValueError('in the child')", 1), ("os._exit(9)", 9)]
)
def test_subscriber_or_callback_that_forks_and_ends_in_the_child_ends_the_child(where, child, code):
    # Whoever goes on there would run tasks of the parent a second time.
    ended = run(FORKS.format(child=child, in_subscriber=where == "subscriber"))
    assert ended.code == 0, ended.err
    assert sorted(ended.out.splitlines()) == [f"child {code}", *["ran True"] * 3]
    assert ("ValueError: in the child" in ended.err) is (code == 1)


def test_callback_that_forks_is_the_callers_own_where_it_is_called_at_once():
    out = run_well("""
        import os, sys
        import taskvisor as tv
        pids = []
        with tv.Supervisor() as sup:
            handle = sup.add(tv.TaskSpec.once(dict))
            handle.outcome(20)
            handle.add_done_callback(lambda handle: pids.append(os.fork()))
            if pids[0] == 0:
                os._exit(7)
            print(os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]))
    """)
    assert out == "7\n"


def test_matrix_sees_a_fork_that_the_runtime_is_not_told_of():
    # A planted fault: without the handler the child takes the old supervisor for its own.
    out = run_well("""
        import os
        os.register_at_fork = lambda **hooks: None
        import taskvisor as tv
        with tv.Supervisor() as sup:
            sup.add(tv.TaskSpec.once(dict)).outcome(20)
            pid = os.fork()
            if pid == 0:
                print(sup.list(), flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
    """)
    assert out == "[]\n"


def test_multiprocessing_by_fork_works_beside_a_running_supervisor():
    out = run_well("""
        import multiprocessing
        import taskvisor as tv
        def double(n):
            return 2 * n
        def waits(ctx):
            ctx.wait()
        with tv.Supervisor() as sup:
            sup.add(tv.TaskSpec.once(waits))
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(double, range(5)))
            print(sup.list())
    """)
    assert out == "[0, 2, 4, 6, 8]\n['waits']\n"


@pytest.mark.rule("R5.55")
def test_stream_and_outcome_of_an_old_supervisor_do_not_block_the_child():
    out = run_well("""
        import os, sys, threading
        import taskvisor as tv
        started = threading.Event()
        def waits(ctx):
            started.set()
            ctx.wait()
        with tv.Supervisor() as sup:
            stream = sup.events()
            handle = sup.add(tv.TaskSpec.once(waits))
            assert started.wait(20)
            for _ in range(3):
                stream.next(20)
            pid = os.fork()
            if pid == 0:
                for call in (handle.outcome, handle.result, handle.cancel, stream.next):
                    try:
                        call()
                    except RuntimeError as error:
                        print("fork" in str(error))
                sys.stdout.flush()
                os._exit(0)
            print(os.waitpid(pid, 0)[1])
    """)
    assert out == "True\nTrue\nTrue\nTrue\n0\n"


@pytest.mark.rule("R5.57", "R5.56")
@KEEPS_LOCKS
def test_forks_at_any_moment_leave_children_that_can_supervise():
    # Threads keep the core busy, so that forks happen while its lock is held.
    out = run_well("""
        import os, threading
        import taskvisor as tv
        def nothing():
            pass
        spec = tv.TaskSpec.once(nothing)
        stop = threading.Event()
        def adds(sup, number):
            while not stop.is_set():
                sup.add(spec, name=f"task-{number}").outcome(20)
                sup.list()
        with tv.Supervisor() as sup:
            adders = [threading.Thread(target=adds, args=(sup, n)) for n in range(2)]
            for adder in adders:
                adder.start()
            statuses = set()
            for _ in range(20):
                pid = os.fork()
                if pid == 0:
                    with tv.Supervisor() as own:
                        own.add(spec).outcome(20)
                    os._exit(0)
                statuses.add(os.waitpid(pid, 0)[1])
            stop.set()
            for adder in adders:
                adder.join()
        print(statuses)
    """)
    assert out == "{0}\n"


@pytest.mark.rule("R5.57", "R5.56")
@KEEPS_LOCKS
@pytest.mark.parametrize("round", range(8))
def test_fork_while_threads_begin_leaves_a_child_that_can_supervise(round):
    # CPython without a GIL stops the world for the ninth thread state: about now.
    out = run_well("""
        import gc, os
        import taskvisor as tv
        class Nothing:
            def on_event(self, event):
                pass
        with tv.Supervisor(subscribers=[Nothing() for _ in range(7)]):
            pid = os.fork()
            if pid == 0:
                with tv.Supervisor() as own:
                    own.add(tv.TaskSpec.once(dict)).outcome(20)
                gc.collect()
                os._exit(0)
            print(os.waitpid(pid, 0)[1])
    """)
    assert out == "0\n"
