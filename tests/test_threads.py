"""Threads as Python sees them: named, traced, gone afterwards, and asleep while idle."""

import _thread
import contextvars
import io
import sys
import threading
import time
from pathlib import Path

import pytest
from programs import run_well
from waiting import SOON

import taskvisor as tv

TASKS = Path("/proc/self/task")


def waits(ctx):
    ctx.wait()


@pytest.mark.rule("R2.29")
def test_thread_of_a_body_has_its_workers_name(serve):
    def body():
        return threading.current_thread().name, Path("/proc/thread-self/comm").read_text().strip()

    name, system_name = serve().add(tv.TaskSpec.once(body)).result(SOON)
    assert not name.startswith("Dummy")
    assert name.startswith("taskvisor")
    assert name[:15] == system_name


@pytest.mark.rule("R2.29")
def test_threads_of_bodies_that_run_together_have_names_of_their_own(serve, gate):
    held = gate()

    def body():
        return held(threading.current_thread().name)

    sup = serve()
    handles = sup.add_many([tv.TaskSpec.once(body)] * 5, names=[str(n) for n in range(5)])
    held.wait_inside(5)
    known = {thread.name for thread in threading.enumerate()}
    held.open()
    names = {handle.result(SOON) for handle in handles}
    assert len(names) == 5
    assert names <= known


@pytest.mark.rule("R5.59")
def test_threading_knows_the_same_threads_after_a_shutdown_as_before():
    before = threading.enumerate()
    for _ in range(5):
        with tv.Supervisor(subscribers=[tv.LogWriter(io.StringIO())]) as sup:
            handles = sup.add_many(
                [tv.TaskSpec.once(lambda: threading.current_thread().name, name="x")] * 20,
                names=[str(n) for n in range(20)],
            )
            for handle in handles:
                handle.result(SOON)
        assert threading.enumerate() == before


@pytest.mark.rule("R5.59")
def test_name_of_a_worker_does_not_pass_to_a_later_thread():
    with tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(threading.current_thread)).outcome(SOON)
    names = []
    done = threading.Lock()
    for _ in range(20):
        done.acquire()

        def target():
            names.append(threading.current_thread().name)
            threading._active.pop(threading.get_ident(), None)
            done.release()

        _thread.start_new_thread(target, ())
        with done:
            pass
    assert [name for name in names if not name.startswith("Dummy")] == []


@pytest.mark.rule("R2.29")
def test_thread_locals_of_a_body_are_let_go_when_its_worker_leaves():
    class Local(threading.local):
        pass

    class Thing:
        def __del__(self):
            gone.set()

    gone = threading.Event()
    local = Local()

    def body():
        local.thing = Thing()

    with tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(body)).outcome(SOON)
    assert gone.wait(SOON)


@pytest.mark.rule("R2.29")
def test_trace_and_profile_hooks_of_threading_run_in_bodies():
    out = run_well("""
        import sys, threading
        import taskvisor as tv
        traced, profiled = set(), set()
        def trace(frame, event, arg):
            traced.add((frame.f_code.co_name, event))
            return trace
        def profile(frame, event, arg):
            profiled.add((frame.f_code.co_name, event))
        threading.settrace(trace)
        threading.setprofile(profile)
        def body():
            value = 1
            return value
        tv.Supervisor().run([tv.TaskSpec.once(body)])
        threading.settrace(None)
        threading.setprofile(None)
        print(sorted(event for name, event in traced if name == "body"))
        print(sorted(event for name, event in profiled if name == "body"))
    """)
    assert out == "['call', 'line', 'return']\n['call', 'return']\n"


@pytest.mark.rule("R2.29")
def test_body_is_not_traced_when_no_hook_is_set(serve):
    def body():
        return sys.gettrace(), sys.getprofile()

    if threading.gettrace() is None:
        assert serve().add(tv.TaskSpec.once(body)).result(SOON) == (None, None)


@pytest.mark.rule("R2.29")
def test_coverage_counts_the_lines_of_bodies(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import taskvisor as tv\n"
        "def body(ctx):\n"
        "    value = 40\n"
        "    if ctx.attempt < 2:\n"
        "        raise tv.Fail('again')\n"
        "    if value == 0:\n"
        "        value = 7\n"
        "    return value\n"
        "spec = tv.TaskSpec(body, backoff=tv.BackoffPolicy.constant(0))\n"
        "tv.Supervisor(subscribers=[tv.LogWriter()]).run([spec])\n"
    )
    out = run_well(f"""
        import coverage, runpy, sys, os
        os.chdir({str(tmp_path)!r})
        cov = coverage.Coverage(data_file=None)
        cov.start()
        runpy.run_path("program.py")
        cov.stop()
        print(cov.analysis("program.py")[2])
    """)
    assert out.splitlines()[-1] == "[7]"


@pytest.mark.rule("R2.28")
def test_body_has_a_context_of_its_own_on_whatever_worker(serve):
    variable = contextvars.ContextVar("variable", default="unset")

    def body(ctx):
        before = variable.get()
        variable.set("changed")
        if ctx.attempt < 3:
            raise tv.Fail(before)
        return before

    variable.set("at add")
    handle = serve().add(tv.TaskSpec(body, backoff=tv.BackoffPolicy.constant(0)))
    variable.set("after add")
    assert handle.result(SOON) == "at add"
    assert variable.get() == "after add"


def switches():
    """Voluntary and other context switches of all threads of the process but this one."""
    me = str(threading.get_native_id())
    found = {}
    for task in TASKS.iterdir():
        if task.name != me:
            status = (task / "status").read_text()
            counts = [line.split()[1] for line in status.splitlines() if "ctxt_switches" in line]
            found[task.name] = tuple(map(int, counts))
    return found


def assert_asleep():
    """Asserts that no thread is switched to over a while, once the idle workers have left."""
    deadline = time.monotonic() + 60
    before = switches()
    while True:
        time.sleep(2)  # the while that is looked at
        after = switches()
        if after == before:
            return
        assert time.monotonic() < deadline, (before, after)
        before = after


@pytest.mark.rule("R5.61", "R1.14")
def test_quiet_supervisor_with_a_thousand_waiting_tasks_makes_no_wake_ups(serve, recorder):
    sup = serve(recorder)
    names = [str(n) for n in range(1000)]
    sup.add_many([tv.TaskSpec.periodic(dict, 100_000)] * 1000, names=names)
    recorder.wait_for("backoff_scheduled", count=1000)
    assert_asleep()
    assert len(sup.list()) == 1000


@pytest.mark.rule("R5.61")
def test_supervisor_whose_thousand_bodies_all_wait_makes_no_wake_ups(serve, recorder):
    sup = serve(recorder)
    names = [str(n) for n in range(1000)]
    sup.add_many([tv.TaskSpec.once(waits)] * 1000, names=names)
    recorder.wait_for("task_starting", count=1000)
    assert_asleep()
    assert len(sup.snapshot()) == 1000
