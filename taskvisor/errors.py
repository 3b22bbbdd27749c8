"""The exceptions: those a body raises to steer its task, and those a caller is told.

Guarantees: an error keeps its values as attributes, its text says what to do where something can be
done, errors of one type with the same values are equal, and all of them pickle and copy, subclasses
with a constructor of their own too (cause and traceback stay behind, as with every exception).
"""

from __future__ import annotations

import copyreg
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
    """Base of what a body raises to say how its attempt ended.

    What to do: raise `Fail`, `Fatal` or `Canceled` in a body. A caller meets one of them where
    `result()` raises what the last attempt raised.
    """


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

    What to do: raise it where trying again may help, and `Fatal` where it cannot. Any other
    exception out of a body is a failure too. Where `result()` raises it, no retry was left.
    Raises TypeError for a reason that is no str or an exit code that is no int, ValueError for
    an exit code out of range.
    """


class Fatal(_Ended):
    """Raised by a body: this attempt failed and no other may follow, under every policy.

    reason, exit_code: as of `Fail`, which says too what is raised for bad ones.

    What to do: raise it where trying again cannot help (a wrong password, say); or name the
    exceptions of which that is so in `TaskSpec(fatal=...)`.
    """


class Canceled(TaskError):
    """Raised by a body to end its task as canceled; `TaskContext.check` and `sleep` raise it.

    What to do: let it leave the body, after cleaning up in a `finally`. A body that catches it and
    goes on may be abandoned when its grace is over.
    """

    def __init__(self) -> None:
        super().__init__("context canceled")


class SupervisorError(_Valued):
    """Base of what the calls of a supervisor raise.

    message: the text; left out it is the usual one of the type.

    What to do: catch the types below it; this one where any of them is handled alike.
    """

    usual: ClassVar[str] = "the supervisor could not do what was asked"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(self.usual if message is None else message)


class TaskAlreadyExists(SupervisorError):
    """A task of this name is registered, or still being removed.

    name: the name that is taken.

    What to do: give each task a name of its own (`add(spec, name=...)`), or `cancel(name)` the one
    there, which returns when the name is free. Where the newest is to take over by itself, use a
    slot: `submit(ControllerSpec.replace(spec))`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"task '{name}' already exists in registry")


class TaskRemoveTimeout(SupervisorError, TimeoutError):
    """A `cancel` did not see its task end in time; the removal goes on.

    name: the task's.
    timeout: seconds the caller would wait; None if the end of a shutdown came first.

    What to do: the body does not heed its cancel. Have it look at `ctx.cancelled` or wait with
    `ctx.sleep`, or wait longer: `cancel(task, timeout=None)`. The name stays taken until the body
    has returned.
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

    What to do: look in `stacks` where the bodies are, and have them heed their cancel there; or
    raise the `grace`, of the SupervisorConfig or of that one TaskSpec. They still run.
    """

    def __init__(
        self, grace: Seconds, stuck: Iterable[str], stacks: Mapping[str, str] | None = None
    ) -> None:
        self.grace: float = seconds(grace, "grace")
        self.stuck: list[str] = list(stuck)
        self.stacks: dict[str, str] = dict(stacks or {})
        names = _listed(self.stuck[:_NAMES_SHOWN])
        more = len(self.stuck) - _NAMES_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        super().__init__(f"shutdown timeout {_length(grace)} exceeded; stuck: {names}{rest}")


class ShuttingDown(SupervisorError):
    """Admission is closed: the supervisor, or the interpreter, is shutting down.

    What to do: nothing, where work that comes late may be let go; else hand it to who comes next. A
    supervisor does not open again: make a new one.
    """

    usual = "the supervisor is shutting down and takes no more tasks"


class AlreadyRunning(SupervisorError):
    """A Supervisor runs or serves once.

    What to do: make a new Supervisor for each run; its config may be the same object.
    """

    usual = "this Supervisor has run or served already; make a new one"


class SignalSetupFailed(SupervisorError):
    """`run` could not install its signal handlers; nothing was accepted.

    What to do: call `run` in the main thread, or with `handle_signals=False` elsewhere, and have
    the application's own handler call `shutdown(wait=False)`.
    """

    usual = "signals can be handled in the main thread only; pass handle_signals=False elsewhere"


class OutcomeError(SupervisorError):
    """`result()` of a task that ended with neither a value nor an exception of its own.

    outcome: the TaskOutcome.

    What to do: look at `outcome.kind` (and `outcome.rejection`); call `outcome()` instead of
    `result()` where such an end is expected.
    """

    def __init__(self, outcome: TaskOutcome[Any]) -> None:
        self.outcome = outcome
        reason = f": {outcome.reason}" if outcome.reason else ""
        super().__init__(f"the task ended {outcome.kind}{reason}")


class InternalError(SupervisorError):
    """A check inside the runtime failed, which is a bug of taskvisor.

    What to do: report it, with what was printed on stderr, and end the process: the supervisor is
    of no use any more, while its bodies may still run.
    """

    usual = "an internal check failed; the supervisor is unusable, please report it"


class ControllerError(SupervisorError):
    """Base of what submissions to slots raise.

    What to do: catch the types below it; a submission that its slot rejects raises none of them,
    but has the outcome REJECTED.
    """

    usual = "the controller could not do what was asked"


class ControllerNotConfigured(ControllerError):
    """The supervisor was made without a controller.

    What to do: make it with one: `Supervisor(controller=ControllerConfig())`.
    """

    usual = "no controller; make the Supervisor with controller=ControllerConfig()"


class ControllerFull(ControllerError):
    """The controller's queues had no room in time.

    What to do: send the caller away, or wait: `submit(spec, timeout=None)`. Where it happens often,
    work comes faster than it is done; a larger `ControllerConfig(queue_capacity=...)` only puts it
    off.
    """

    usual = "the controller's queues are full"


class ControllerClosed(ControllerError):
    """Admission is closed: the supervisor is shutting down.

    What to do: as for ShuttingDown: let the work go, or hand it to who comes next.
    """

    usual = "the supervisor is shutting down and takes no more submissions"


class Lagged(SupervisorError):
    """An event stream lost events to a full queue; its reader can go on with the oldest kept.

    count: how many were lost since the reader was last told, 1 or more.

    What to do: read on, the stream is as good as before; and where no event may be missed, read
    faster or ask for a larger `events(capacity=...)`. Never decide by events alone: outcomes,
    `tasks()` and `join()` lose nothing.
    """

    def __init__(self, count: int) -> None:
        self.count: int = _lost(count)
        super().__init__(f"{self.count} events were lost: the stream's queue was full")


def _lost(number: int) -> int:
    return count(number, "count")


def _listed(names: list[str]) -> str:
    """Return names as `["a", "b"]`."""
    import json  # who imports the package need not pay for it

    return json.dumps(names, ensure_ascii=False)


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
