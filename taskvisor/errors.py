"""The exceptions: those a body raises to steer its task, and those a caller is told.

Guarantees: an error keeps its values as attributes, its text says what to do where something can be
done, errors of one type with the same values are equal, and all of them pickle and copy, subclasses
with a constructor of their own too (cause and traceback stay behind, as with every exception).
"""

from __future__ import annotations

import copyreg
import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from taskvisor._checks import Seconds, count, optional_seconds, seconds, shown, whole
from taskvisor._core import format_duration, nanoseconds
from taskvisor.outcome import TaskOutcome

__all__ = [
    "AlreadyRunning",
    "Canceled",
    "ControllerClosed",
    "ControllerError",
    "ControllerFull",
    "ControllerNotConfigured",
    "Fail",
    "Fatal",
    "GraceExceeded",
    "InternalError",
    "Lagged",
    "OutcomeError",
    "ShuttingDown",
    "SignalSetupFailed",
    "SupervisorError",
    "TaskAlreadyExists",
    "TaskError",
    "TaskRemoveTimeout",
]

REASON_BYTES = 4096
"""How much UTF-8 a reason may take; the rest is cut off."""

_NAMES_SHOWN = 20

_new = copyreg.__newobj__  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


class _Valued(Exception):
    """Equality, hash and pickling by the text and the attributes."""

    def _values(self) -> tuple[object, ...]:
        values = vars(self)
        return (self.args, {name: values[name] for name in values if name != "__notes__"})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), str(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructor is left out, so a subclass may take what arguments it likes. args is part
        # of the state because OSError.__new__ would drop it.
        return _new, (type(self),), {**vars(self), "args": self.args}


class TaskError(_Valued):
    """Base of what a body raises to say how its attempt ended."""


class _Ended(TaskError):
    """An end with a reason and perhaps an exit code."""

    # For subclasses that do not call this constructor.
    reason: str = ""
    exit_code: int | None = None

    def __init__(self, reason: str, exit_code: int | None = None) -> None:
        self.reason = _bounded(reason)
        if exit_code is not None:
            exit_code = whole(exit_code, "exit_code", -(2**31), 2**31 - 1)
        self.exit_code = exit_code
        super().__init__(self.reason)


class Fail(_Ended):
    """Raised by a body: this attempt failed; it is retried if the policy allows.

    reason: why, for people; it is also the error's text. Cut at 4 KiB of UTF-8; lone surrogates are
    written as backslash escapes.
    exit_code: an int in 32 bits that goes with the failure, or None.

    Any other exception out of a body is a failure too. Raises TypeError for a reason that is no str
    or an exit code that is no int, ValueError for an exit code out of range.
    """


class Fatal(_Ended):
    """Raised by a body: this attempt failed and no other may follow, under every policy.

    Takes and raises what `Fail` does.
    """


class Canceled(TaskError):
    """Raised by a body to end its task as canceled; `TaskContext.check` and `sleep` raise it."""

    def __init__(self) -> None:
        super().__init__("context canceled")


class SupervisorError(_Valued):
    """Base of what the calls of a supervisor raise.

    message: the text; left out it is the usual one of the type.
    """

    usual: ClassVar[str] = "the supervisor could not do what was asked"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(self.usual if message is None else message)


class TaskAlreadyExists(SupervisorError):
    """A task of this name is registered, or still being removed.

    name: the name that is taken.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"task '{name}' already exists in registry")


class TaskRemoveTimeout(SupervisorError, TimeoutError):
    """A `cancel` did not see its task end in time; the removal goes on.

    name: the task's.
    timeout: seconds the caller would wait; None if the end of a shutdown came first.
    """

    def __init__(self, name: str, timeout: Seconds | None) -> None:
        self.name = name
        self.timeout: float | None = optional_seconds(timeout, "timeout")
        if timeout is None:
            text = f"task '{name}' had not ended when the shutdown was complete"
        else:
            text = f"task '{name}' has not ended within {_length(timeout)}; its removal goes on"
        super().__init__(text)


class GraceExceeded(SupervisorError, TimeoutError):
    """The verdict of a shutdown that did not see every task end in time.

    grace: the shortest grace that was in force, in seconds.
    stuck: the sorted names of the tasks that had not ended.
    stacks: for each of them the Python stack of its body as text, taken just after the verdict;
    empty for a body that had no Python frame or ended meanwhile.
    """

    def __init__(
        self, grace: Seconds, stuck: Iterable[str], stacks: Mapping[str, str] | None = None
    ) -> None:
        self.grace: float = seconds(grace, "grace")
        self.stuck: list[str] = list(stuck)
        self.stacks: dict[str, str] = dict(stacks or {})
        names = json.dumps(self.stuck[:_NAMES_SHOWN], ensure_ascii=False)
        more = len(self.stuck) - _NAMES_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        super().__init__(f"shutdown timeout {_length(grace)} exceeded; stuck: {names}{rest}")


class ShuttingDown(SupervisorError):
    """Admission is closed: the supervisor, or the interpreter, is shutting down."""

    usual = "the supervisor is shutting down and takes no more tasks"


class AlreadyRunning(SupervisorError):
    """A Supervisor runs or serves once."""

    usual = "this Supervisor has run or served already; make a new one"


class SignalSetupFailed(SupervisorError):
    """`run` could not install its signal handlers; nothing was accepted."""

    usual = "signals can be handled in the main thread only; pass handle_signals=False elsewhere"


class OutcomeError(SupervisorError):
    """`result()` of a task that ended with neither a value nor an exception of its own.

    outcome: the TaskOutcome.
    """

    def __init__(self, outcome: TaskOutcome[Any]) -> None:
        self.outcome = outcome
        reason = f": {outcome.reason}" if outcome.reason else ""
        super().__init__(f"the task ended {outcome.kind}{reason}")


class InternalError(SupervisorError):
    """A check inside the runtime failed, which is a bug of taskvisor; nothing more can be done."""

    usual = "an internal check failed; the supervisor is unusable, please report it"


class ControllerError(SupervisorError):
    """Base of what submissions to slots raise."""

    usual = "the controller could not do what was asked"


class ControllerNotConfigured(ControllerError):
    """The supervisor was made without a controller."""

    usual = "no controller; make the Supervisor with controller=ControllerConfig()"


class ControllerFull(ControllerError):
    """The controller's queues had no room in time."""

    usual = "the controller's queues are full"


class ControllerClosed(ControllerError):
    """Admission is closed: the supervisor is shutting down."""

    usual = "the supervisor is shutting down and takes no more submissions"


class Lagged(SupervisorError):
    """An event stream lost events to a full queue; its reader can go on with the oldest kept.

    count: how many were lost since the reader was last told, 1 or more.
    """

    def __init__(self, count: int) -> None:
        self.count: int = _lost(count)
        super().__init__(f"{self.count} events were lost: the stream's queue was full")


def _lost(number: int) -> int:
    return count(number, "count")


def _length(duration: Seconds) -> str:
    """Return a duration by its largest unit, as `1.5s`."""
    return format_duration(nanoseconds(duration, "duration"))


def _bounded(reason: str) -> str:
    """Return a reason as a plain str of valid UTF-8, cut at a character."""
    if not isinstance(reason, str):
        raise TypeError(f"reason must be a str, not {shown(reason)}")
    # A character takes a byte at least, so no more of a long text needs to be looked at.
    head = str.__str__(reason)[:REASON_BYTES].encode("utf-8", "backslashreplace")
    return head[:REASON_BYTES].decode("utf-8", "ignore")
