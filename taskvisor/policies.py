"""When a task runs again, and after how long.

Guarantees: policies are frozen, compare and hash by value and pickle. Durations are kept in whole
nanoseconds and read back as seconds. The delays are computed by the very code that schedules tasks,
so `BackoffPolicy.preview` shows what will happen.
"""

from __future__ import annotations

import math
from enum import StrEnum, auto
from typing import ClassVar, Literal, get_args

from taskvisor._checks import (
    Seconds,
    count,
    member,
    optional_seconds,
    seconds,
    shown,
    to_seconds,
)
from taskvisor._core import backoff_range, nanoseconds
from taskvisor._values import value

__all__ = ["BackoffPolicy", "JitterPolicy", "RestartPolicy"]

RestartKind = Literal["never", "on_failure", "always"]


@value(frozen=True, slots=True, init=False)
class RestartPolicy:
    """Whether a task whose body has ended runs again.

    Use the ready-made `NEVER`, `ON_FAILURE` and `ALWAYS`, or `always(interval)`; where a policy is
    asked for, the texts "never", "on_failure" and "always" are accepted too.

    kind: "never", "on_failure" or "always".
    interval: with "always", the pause after each success in seconds; None starts again at once.

    Raises ValueError for another kind or an interval with another kind than "always", TypeError for
    a kind that is no str.
    """

    kind: RestartKind
    interval: float | None

    NEVER: ClassVar[RestartPolicy]
    ON_FAILURE: ClassVar[RestartPolicy]
    ALWAYS: ClassVar[RestartPolicy]

    def __init__(self, kind: str, interval: Seconds | None = None) -> None:
        if not isinstance(kind, str):
            raise TypeError(f"restart must be a RestartPolicy or its text, not {shown(kind)}")
        kind = str.__str__(kind)
        kinds = get_args(RestartKind)
        if kind not in kinds:
            texts = ", ".join(map(repr, kinds))
            raise ValueError(f"restart must be one of {texts}, not {shown(kind)}")
        if interval is not None and kind != "always":
            raise ValueError(f"only 'always' takes an interval, not {kind!r}: {shown(interval)}")
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "interval", optional_seconds(interval, "interval"))

    @staticmethod
    def always(interval: Seconds | None = None) -> RestartPolicy:
        """Return the policy that restarts after success and failure alike.

        interval: the pause in seconds from the end of a successful body to its next start (a pause,
        not a rate). Zero is a pause of no length; None starts again at once.
        Raises ValueError if it is negative or not finite, TypeError if it is no duration.
        """
        return RestartPolicy("always", interval)


RestartPolicy.NEVER = RestartPolicy("never")
RestartPolicy.ON_FAILURE = RestartPolicy("on_failure")
RestartPolicy.ALWAYS = RestartPolicy("always")


class JitterPolicy(StrEnum):
    """How a delay is drawn around the computed one, `base`."""

    NONE = auto()
    """Exactly `base`."""
    FULL = auto()
    """From 0 to `base`."""
    EQUAL = auto()
    """From half of `base` to `base`."""
    DECORRELATED = auto()
    """From `first` to three times the delay drawn before, at most `max`."""


@value(frozen=True, slots=True, init=False)
class BackoffPolicy:
    """How long a task waits before retry n: `min(first * factor**n, max)`, then jitter.

    first: delay before the first retry, in seconds.
    max: longest delay, in seconds.
    factor: growth from one retry to the next, 1 or more.
    jitter: a JitterPolicy or its text.

    Raises ValueError for a duration that is negative or not finite, first > max, factor < 1 or not
    finite, or an unknown jitter; TypeError for what is no duration, number or jitter.
    """

    first: float
    max: float
    factor: float
    jitter: JitterPolicy

    def __init__(
        self,
        first: Seconds = 0.2,
        max: Seconds = 30.0,
        factor: float = 2.0,
        jitter: JitterPolicy | str = JitterPolicy.EQUAL,
    ) -> None:
        first = seconds(first, "first")
        max = seconds(max, "max")
        if first > max:
            raise ValueError(f"first must not be longer than max: {first!r} > {max!r}")
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "max", max)
        object.__setattr__(self, "factor", _growth(factor))
        object.__setattr__(self, "jitter", member(JitterPolicy, jitter, "jitter"))

    @classmethod
    def constant(
        cls, delay: Seconds, *, jitter: JitterPolicy | str = JitterPolicy.NONE
    ) -> BackoffPolicy:
        """Return the policy that waits `delay` seconds before every retry.

        jitter: a JitterPolicy or its text. Raises what the constructor raises.
        """
        return cls(first=delay, max=delay, factor=1.0, jitter=jitter)

    def next(self, attempt: int, previous: Seconds | None = None) -> float:
        """Draw one delay from the generator of the module `random` and return it, in seconds.

        attempt: which retry, counted from 0.
        previous: the delay drawn before, for DECORRELATED only; left out it is `first`.
        Raises ValueError for a negative attempt or duration, TypeError for what is none.
        """
        import random  # a supervisor draws without it

        ns = nanoseconds(self.first if previous is None else previous, "previous")
        return to_seconds(random.randint(*self._range(count(attempt, "attempt", 0), ns)))

    def preview(self, retries: int) -> list[tuple[float, float]]:
        """Return the lowest and the highest delay, in seconds, of each of the first retries.

        retries: how many of them, 0 or more.
        Raises ValueError for a negative number, TypeError for what is no int.
        """
        ranges = []
        previous = nanoseconds(self.first, "first")
        for attempt in range(count(retries, "retries", 0)):
            low, previous = self._range(attempt, previous)
            ranges.append((to_seconds(low), to_seconds(previous)))
        return ranges

    def _range(self, attempt: int, previous_ns: int) -> tuple[int, int]:
        """Return the bounds of the draw before retry `attempt`, in nanoseconds."""
        return backoff_range(
            nanoseconds(self.first, "first"),
            nanoseconds(self.max, "max"),
            self.factor,
            str(self.jitter),
            attempt,
            previous_ns,
        )


def _growth(factor: float) -> float:
    """Return a factor of a backoff as a finite float of 1 or more."""
    if isinstance(factor, bool) or not isinstance(factor, (int, float)):
        raise TypeError(f"factor must be a number, not {shown(factor)}")
    try:
        number = float(factor)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < 1.0:
        raise ValueError(f"factor must be finite and at least 1, not {shown(factor)}")
    return number
