"""What a worker thread looks like to Python: its name, its trace hooks, its stack, its end.

The threads here are bare ones, as the runtime's are: `threading` did not start them.
"""

import _thread
import os
import signal
import sys
import threading
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from taskvisor import _hooks


def in_bare_thread(function):
    """What `function` returns, or raises, called in a thread that `threading` did not start."""
    answers = SimpleQueue()

    def run():
        try:
            answers.put((function(), None))
        except BaseException as error:
            answers.put((None, error))

    _thread.start_new_thread(run, ())
    value, error = answers.get(timeout=60)
    if error is not None:
        raise error
    return value


@contextmanager
def begun(name="worker"):
    _hooks.worker_begin(name)
    try:
        yield
    finally:
        _hooks.worker_end()


@contextmanager
def hook_set(kind, hook):
    """The trace or profile hook of new threads."""
    before = getattr(threading, f"get{kind}")()
    getattr(threading, f"set{kind}")(hook)
    try:
        yield
    finally:
        getattr(threading, f"set{kind}")(before)


def seen_body():
    return 1


class TestIdentity:
    def test_the_thread_has_its_name(self):
        def body():
            with begun("taskvisor-worker-1"):
                return threading.current_thread().name

        assert in_bare_thread(body) == "taskvisor-worker-1"

    def test_it_is_listed_while_it_lives_and_not_after(self):
        def body():
            before = threading.enumerate()
            with begun():
                during = set(threading.enumerate()) - set(before)
                mine = threading.current_thread()
            return mine, during, before == threading.enumerate()

        mine, during, restored = in_bare_thread(body)
        assert during == {mine}
        assert restored
        assert mine not in threading.enumerate()

    def test_nothing_is_inherited_from_an_ended_thread_with_the_same_ident(self):
        def body():
            stale = threading.current_thread()
            stale.name = "stale"
            with begun("fresh"):
                mine = threading.current_thread()
            return stale, mine

        stale, mine = in_bare_thread(body)
        assert mine is not stale
        assert (stale.name, mine.name) == ("stale", "fresh")

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_an_end_in_a_forked_child_waits_for_no_thread_of_the_parent(self):
        held, release = threading.Event(), threading.Event()

        def hold():
            with threading._active_limbo_lock:
                held.set()
                release.wait(60)

        _thread.start_new_thread(hold, ())
        assert held.wait(60)
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            _hooks.worker_end()
            os._exit(0)
        release.set()
        assert os.waitpid(child, 0)[1] == 0


class TestTracing:
    def test_the_trace_hook_of_new_threads_sees_what_runs(self):
        names = []

        def trace(frame, event, arg):
            names.append(frame.f_code.co_name)

        def body():
            with begun():
                seen_body()
            installed = sys.gettrace()
            names.append("ended")
            seen_body()
            return installed

        with hook_set("trace", trace):
            assert in_bare_thread(body) is None
        assert names.count("seen_body") == 1
        assert names.index("seen_body") < names.index("ended") == len(names) - 1

    def test_the_profile_hook_of_new_threads_sees_what_runs(self):
        names = []

        def profile(frame, event, arg):
            if event == "call":
                names.append(frame.f_code.co_name)

        def body():
            with begun():
                seen_body()
            installed = sys.getprofile()
            seen_body()
            return installed

        with hook_set("profile", profile):
            assert in_bare_thread(body) is None
        assert names.count("seen_body") == 1

    def test_without_hooks_nothing_is_traced(self):
        def body():
            with begun():
                return sys.gettrace(), sys.getprofile()

        with hook_set("trace", None), hook_set("profile", None):
            assert in_bare_thread(body) == (None, None)

    def test_a_hook_that_cannot_be_installed_is_reported_and_stops_nothing(self, monkeypatch):
        def broken():
            raise RuntimeError("no hook")

        reported = []
        monkeypatch.setattr(threading, "excepthook", reported.append)
        monkeypatch.setattr(threading, "gettrace", broken)

        def body():
            with begun("named"):
                return threading.current_thread().name

        assert in_bare_thread(body) == "named"
        assert [(str(one.exc_value), one.thread.name) for one in reported] == [("no hook", "named")]


class TestStacks:
    def test_the_stack_of_a_blocked_body_is_told_as_text(self):
        ready, release = SimpleQueue(), threading.Event()

        def stuck_in_here():
            ready.put(threading.get_ident())
            release.wait(60)

        _thread.start_new_thread(stuck_in_here, ())
        ident = ready.get(timeout=60)
        try:
            texts = _hooks.stacks({"stuck": ident})
        finally:
            release.set()
        assert list(texts) == ["stuck"]
        assert "in stuck_in_here" in texts["stuck"]
        assert __file__ in texts["stuck"]

    def test_a_thread_without_python_frame_has_an_empty_stack(self):
        assert _hooks.stacks({"gone": -1}) == {"gone": ""}
        assert _hooks.stacks({}) == {}

    def test_without_a_way_to_look_every_stack_is_empty(self, monkeypatch):
        monkeypatch.delattr(sys, "_current_frames")
        assert _hooks.stacks({"me": threading.get_ident()}) == {"me": ""}
