"""What every test has: a limit, a check that no thread is left, and supervisors that are shut down.

Teardown runs backwards: gates open, then supervisors shut down, then the threads are counted, and
the limit is lifted last. So a failing test ends as a passing one does.
"""

import faulthandler
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from gates import Gate
from recorder import Recorder
from waiting import system_threads

import taskvisor as tv

LIMIT = 120.0
PATIENCE = 30.0

_stderr = pytest.StashKey[int]()


def pytest_configure(config):
    """Keeps the real stderr for the dump of a test that hangs."""
    config.stash[_stderr] = os.dup(2)


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
def serve():
    """serve(*subscribers, controller=None, **config): the handle of a served Supervisor.

    All are shut down at the end.
    """
    served = []

    def start(*subscribers, controller=None, **config):
        config = tv.SupervisorConfig(**config)
        sup = tv.Supervisor(config, subscribers=subscribers, controller=controller)
        served.append(sup.serve())
        return served[-1]

    yield start
    for handle in reversed(served):
        with suppress(tv.GraceExceeded):  # the threads that it leaves are what is looked at
            handle.shutdown(grace=PATIENCE / 2)


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
