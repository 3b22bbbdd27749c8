"""The pytest plugin: fixtures `clock`, `events` and `supervisor`, and the marker `taskvisor`.

Installed with the package; `-p no:taskvisor` turns it off. A fixture of a test suite's own that has
one of these names comes before it, as ever in pytest.

Guarantees: a test that does not ask for one of the fixtures gets nothing of this: no thread is
started, no asyncio imported. A test that passes and leaves tasks behind fails at its end, with
their names; whatever it leaves is cancelled, and waited for up to `GRACE` seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from taskvisor.errors import ControllerNotConfigured, GraceExceeded
from taskvisor.supervisor import Supervisor, SupervisorHandle
from taskvisor.testing import ManualClock, Recorder

# What a task that is just ending may take to leave; what bodies get to end when a test is over.
SETTLING = 2.0
GRACE = 5.0

_failed = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "taskvisor(config=None, *, subscribers=(), controller=None): what the fixture supervisor "
        "is made of, as taskvisor.Supervisor",
    )


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Note that a test has not passed, so that what it has left says nothing new."""
    if call.when == "call":
        item.stash[_failed] = call.excinfo is not None


@pytest.fixture
def clock() -> ManualClock:
    """Return a `taskvisor.testing.ManualClock`; the fixture `supervisor` is on it then."""
    return ManualClock()


@pytest.fixture
def events() -> Recorder:
    """Return a `taskvisor.testing.Recorder`, which has subscribed to the fixture `supervisor`."""
    return Recorder()


@pytest.fixture
def supervisor(request: pytest.FixtureRequest, events: object) -> Iterator[SupervisorHandle]:
    """Serve a Supervisor and shut it down at the end; yield its SupervisorHandle.

    On the fixture `clock` where the test has that, else on the system's clock. The marker
    `@pytest.mark.taskvisor(SupervisorConfig(...), controller=...)` says what it is made of. Fails
    where the test leaves tasks that have not ended, or that wait in a slot: join(), cancel() or
    remove them first, or shut it down.
    """
    clock = request.getfixturevalue("clock") if "clock" in request.fixturenames else None
    clock = clock if isinstance(clock, ManualClock) else None
    sup = _make(request.node.get_closest_marker("taskvisor"), events, clock).serve()
    yield sup
    has_passed = not request.node.stash.get(_failed, True)
    left = _left(sup) if has_passed else []
    stuck = _end(sup, clock)
    if left:
        pytest.fail(_complaint(left, stuck), pytrace=False)


def _make(mark: pytest.Mark | None, events: object, clock: ManualClock | None) -> Supervisor:
    args, options = (mark.args, dict(mark.kwargs)) if mark else ((), {})
    heard = [events] if hasattr(events, "on_event") else []
    options["subscribers"] = [*heard, *options.get("subscribers", ())]
    return clock.supervisor(*args, **options) if clock else Supervisor(*args, **options)


def _left(sup: SupervisorHandle) -> list[str]:
    """Return the tasks that are there when the test is over, each with its state."""
    sup.join(SETTLING)
    left = [f"{task.name!r} ({task.state})" for task in sup.tasks()]
    with suppress(ControllerNotConfigured):
        for slot in sup.controller_snapshot():
            left += [f"{name!r} (queued in {slot.name!r})" for name in slot.waiting]
    return left


def _end(sup: SupervisorHandle, clock: ManualClock | None) -> list[str]:
    """Shut down; return the names of those whose bodies have not ended by the end of the grace."""
    if clock:
        clock._release()
    try:
        sup.shutdown(GRACE)
    except GraceExceeded as exceeded:
        return [repr(name) for name in exceeded.stuck]
    return []


def _complaint(left: list[str], stuck: list[str]) -> str:
    told = f"the test has left tasks behind: {', '.join(left)}"
    return told + (f"; stuck past its grace: {', '.join(stuck)}" if stuck else "")
