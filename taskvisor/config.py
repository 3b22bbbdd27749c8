"""What a supervisor is set to, and what its tasks inherit.

Guarantees: a config is frozen, checked whole at construction, compares and hashes by value,
pickles.
"""

from __future__ import annotations

from typing import SupportsIndex

from taskvisor._checks import (
    Seconds,
    count,
    optional_count,
    optional_seconds,
    seconds,
    shown,
    whole,
)
from taskvisor._values import value
from taskvisor.policies import BackoffPolicy, RestartPolicy

__all__ = ["SupervisorConfig"]

_SEED_MAX = 2**64 - 1


@value(frozen=True, slots=True, init=False)
class SupervisorConfig:
    """The settings of a Supervisor; all are keywords and have defaults.

    Of the supervisor:

    grace: seconds a shutdown waits for the bodies to end; also a task's own grace after a cancel.
    subscriber_grace: seconds all subscribers together have, after the verdict of a shutdown, to
    handle what is queued for them.
    max_concurrent: how many bodies may run at once; None for no limit.
    bus_capacity: how many events a stream made by `events()` keeps for its reader by default.
    seed: where the draws of every backoff start, 0 to 2**64 - 1, so that they can be repeated; None
    takes it from the system.

    Inherited by every TaskSpec that leaves them out:

    restart: a RestartPolicy or its text.
    backoff: a BackoffPolicy.
    timeout: seconds an attempt may take; None or zero for no limit.
    max_retries: consecutive failed attempts that are tried again; None for no limit.
    reset_after: seconds a failed attempt must have run for its predecessors to be forgotten; None
    never forgets them.

    Raises ValueError for a negative or not finite duration, a count below 1 (`max_retries` below
    0), a seed out of range, an unknown restart text; TypeError for a value of another type.
    """

    grace: float
    subscriber_grace: float
    max_concurrent: int | None
    bus_capacity: int
    seed: int | None
    restart: RestartPolicy
    backoff: BackoffPolicy
    timeout: float | None
    max_retries: int | None
    reset_after: float | None

    def __init__(
        self,
        *,
        grace: Seconds = 60.0,
        subscriber_grace: Seconds = 5.0,
        max_concurrent: SupportsIndex | None = None,
        bus_capacity: SupportsIndex = 1024,
        seed: SupportsIndex | None = None,
        restart: RestartPolicy | str = RestartPolicy.ON_FAILURE,
        backoff: BackoffPolicy = BackoffPolicy(),  # noqa: B008 (frozen)
        timeout: Seconds | None = None,
        max_retries: SupportsIndex | None = None,
        reset_after: Seconds | None = 60.0,
    ) -> None:
        put = object.__setattr__
        put(self, "grace", seconds(grace, "grace"))
        put(self, "subscriber_grace", seconds(subscriber_grace, "subscriber_grace"))
        put(self, "max_concurrent", optional_count(max_concurrent, "max_concurrent"))
        put(self, "bus_capacity", count(bus_capacity, "bus_capacity"))
        put(self, "seed", None if seed is None else whole(seed, "seed", 0, _SEED_MAX))
        put(self, "restart", _restart(restart))
        put(self, "backoff", _backoff(backoff))
        put(self, "timeout", optional_seconds(timeout, "timeout"))
        put(self, "max_retries", optional_count(max_retries, "max_retries", 0))
        put(self, "reset_after", optional_seconds(reset_after, "reset_after"))


def _restart(value: RestartPolicy | str) -> RestartPolicy:
    """Return a restart policy given itself or its text."""
    return value if isinstance(value, RestartPolicy) else RestartPolicy(value)


def _backoff(value: BackoffPolicy) -> BackoffPolicy:
    """Return a backoff policy, which has no text."""
    if not isinstance(value, BackoffPolicy):
        raise TypeError(f"backoff must be a BackoffPolicy, not {shown(value)}")
    return value
