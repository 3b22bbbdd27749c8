"""What every test has: a limit, a check that no thread is left, and supervisors that are shut down.

Teardown runs backwards: gates open, then supervisors shut down, then the threads are counted, and
the limit is lifted last. So a failing test ends as a passing one does.

A test that is marked with kinds runs once for each, and then asyncio must have nothing to complain
of at its end.
"""

import asyncio
import faulthandler
import gc
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from gates import Gate
from kinds import AS_GIVEN, KINDS, Supervised
from onloop import Loop, Served
from recorder import Recorder
from waiting import system_threads

import taskvisor as tv
from taskvisor import aio, pytest_plugin

LIMIT = 120.0
PATIENCE = 30.0

_stderr = pytest.StashKey[int]()


def pytest_configure(config):
    """Has our own plugin, installed or not; keeps the real stderr to dump a test that hangs."""
    if not config.pluginmanager.has_plugin("taskvisor"):
        config.pluginmanager.register(pytest_plugin, "taskvisor")
    config.stash[_stderr] = os.dup(2)
    # Ignored, by us and by every program we start, where a shell runs us in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "kinds(*names): of body and supervisor it is run with")


def pytest_generate_tests(metafunc):
    """Runs a test for each of its kinds."""
    mark = metafunc.definition.get_closest_marker("kinds")
    if "of_kind" in metafunc.fixturenames and mark and mark.args:
        metafunc.parametrize("of_kind", mark.args, indirect=True)


def pytest_collection_finish():
    """Spares each `gc.collect` of a test what is there to stay: modules, the tests themselves."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config):
    os.close(config.stash[_stderr])


def _threads() -> set:
    """The threads of the process, those that Python knows and those of the system."""
    return {*threading.enumerate(), *system_threads()}


def _told(threads: set) -> list:
    """Those threads, and what the system calls the ones that it knows by number."""
    told = []
    for each in threads:
        with suppress(OSError, TypeError):
            each += " " + Path(f"/proc/self/task/{each}/comm").read_text().strip()
        told.append(each)
    return told


def _left_of(before: set) -> set:
    """Waits until no thread is left that was not there before; what stays is returned."""
    deadline = time.monotonic() + PATIENCE
    while (left := _threads() - before) and time.monotonic() < deadline:
        time.sleep(0.005)
    return left


@pytest.fixture(autouse=True)
def _bounded(request):
    """Ends the process with all stacks after LIMIT; fails a test that leaves threads."""
    faulthandler.dump_traceback_later(LIMIT, exit=True, file=request.config.stash[_stderr])
    try:
        before = _threads()
        yield
        left = _left_of(before)
        assert not left, f"threads left: {_told(left)}"
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def recorder():
    """A subscriber that keeps every event."""
    return Recorder()


@pytest.fixture
def of_kind(request, caplog):
    """The kind of body and of supervisor that this test is run with."""
    name = getattr(request, "param", None)
    yield KINDS[name] if name else AS_GIVEN
    records = [*caplog.get_records("call"), *caplog.records]
    told = [each.getMessage() for each in records if name and each.name == "asyncio"]
    assert not told, told


@pytest.fixture
def serve(of_kind):
    """serve(*subscribers, controller=None, clock=None, **config): the handle of a Supervisor.

    It is served, on a ManualClock if one is given. As far as the test is marked so, it is something
    like it of another kind. All are shut down at the end.
    """
    served, loops, clocks = [], [], []

    def start(*subscribers, controller=None, clock=None, **config):
        config = tv.SupervisorConfig(**config)
        options = dict(subscribers=subscribers, controller=controller)
        clocks.extend([clock] if clock else [])
        if of_kind.is_aio:
            loops[:] = loops or [Loop()]
            make = clock.aio_supervisor if clock else aio.Supervisor
            handle = Served(loops[0], make(config, **options))
        else:
            make = clock.supervisor if clock else tv.Supervisor
            handle = make(config, **options).serve()
        served.append(handle)
        return Supervised(of_kind, handle) if of_kind.make else handle

    yield start
    for clock in clocks:
        clock._release()
    for handle in reversed(served):
        with suppress(tv.GraceExceeded):  # the threads that it leaves are what is looked at
            handle.shutdown(grace=PATIENCE / 2)
    for loop in loops:
        loop.close()


@pytest.fixture
def run(of_kind):
    """run(specs, *subscribers, controller=None, **config): runs tasks until all have ended."""

    def start(specs, *subscribers, controller=None, **config):
        config, specs = tv.SupervisorConfig(**config), of_kind.specs(specs)
        options = dict(subscribers=subscribers, controller=controller)
        if of_kind.is_aio:
            return asyncio.run(aio.Supervisor(config, **options).run(specs))
        return tv.Supervisor(config, **options).run(specs, handle_signals=False)

    return start


@pytest.fixture
def gate(serve):
    """gate(): a body that is held until it is opened; all open before supervisors shut down."""
    gates = []

    def make():
        gates.append(Gate())
        return gates[-1]

    yield make
    for each in gates:
        each.open()


@pytest.fixture
def strict(monkeypatch):
    """Programs run in development mode, and every warning is an error in them."""
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
