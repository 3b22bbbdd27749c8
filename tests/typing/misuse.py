"""What must not type-check. Each line says which errors it is for: mypy's, then pyright's.

A checker that finds no error on such a line fails, as `warn_unused_ignores` and
`reportUnnecessaryTypeIgnoreComment` are on.
"""

from __future__ import annotations

import taskvisor as tv


def fetch(url: str) -> bytes:
    """A body."""
    return url.encode()


SPEC = tv.TaskSpec.once(fetch, args=("u",))

# --- describing a task ---------------------------------------------------------------------------

tv.TaskSpec("fetch")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec(fetch, "u")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
tv.TaskSpec(fetch, args="u")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec(fetch, args=["u"])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec(fetch, kwargs=["u"])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec(fetch, retries=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
tv.TaskSpec(fetch, timeout="5s")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec(fetch, grace=None)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec(fetch, restart=None)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec(fetch, max_retries=1.5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec(fetch, backoff=0.5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tv.TaskSpec.once(fetch, restart="always")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
tv.TaskSpec.periodic(fetch)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
SPEC.replace(timeOut=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
SPEC.timeout = 3.0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
NARROWER: tv.TaskSpec[int] = SPEC  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class Sub(tv.TaskSpec[int]):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    """Specs are final."""


# --- running it ----------------------------------------------------------------------------------


def runs(sup: tv.SupervisorHandle, handle: tv.TaskHandle[bytes]) -> None:
    """What a handle and a supervisor do not take or give."""
    sup.add(fetch)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sup.add_many(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sup.cancel(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sup.shutdown(None, False)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    sup.submit(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sup.join("1s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    text: str = handle.result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    data: bytes = handle.outcome().value  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    handle.name = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    handle.add_done_callback(lambda: None)  # type: ignore[misc, arg-type]  # pyright: ignore[reportArgumentType]
    print(text, data)
    print(tv.current().name)  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]


class NoObserver:
    """Lacks on_event."""


class WrongObserver(tv.Subscribe):
    """Has one that takes nothing."""

    def on_event(self) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Hear of nothing."""


tv.Supervisor(subscribers=[NoObserver()])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
tv.Supervisor(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
tv.Supervisor().run(SPEC)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
tv.Supervisor().add(SPEC)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

# --- values --------------------------------------------------------------------------------------

tv.SupervisorConfig(60.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
tv.SupervisorConfig(grace="1m")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
tv.SupervisorConfig().grace = 1.0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
tv.BackoffPolicy(jitter=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
tv.RestartPolicy.always("1s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
tv.ControllerSpec.queue(fetch)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
tv.Event("task_added", what="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
raise tv.GraceExceeded  # type: ignore[call-arg]  # pyright: ignore[reportGeneralTypeIssues]
