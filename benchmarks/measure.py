"""What one round of one contender gives, and the statistics over rounds.

A contender plays in a process of its own and answers each round with a sample. Its `value` is what
is compared: a cost, so less is better, in the unit that its work names. `bodies` is how many
bodies really ran, counted by the bodies themselves: a runtime that loses work is fast.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Any

MICRO = 1e6


@dataclass
class Sample:
    """One round: the value, the bodies that ran, and figures worth a note."""

    value: float
    bodies: int
    notes: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> "Sample":
        """A program either gives the value or the seconds and what they were for."""
        value = answer.get("value")
        if value is None:
            value = answer["seconds"] * MICRO / answer["count"]
        return cls(value, answer["bodies"], answer.get("notes", {}))


class Ticks:
    """Counts bodies. `tick` is C, atomic under the GIL, and costs every contender the same."""

    def __init__(self) -> None:
        """Start at zero."""
        self.tick: Callable[[], int] = count().__next__
        self.before = 0

    def reset(self) -> None:
        """Begin again: what has been counted was to get warm."""
        self.before = self.tick() + 1

    def total(self) -> int:
        """How many ticks there were; to be asked once."""
        return self.tick() - self.before


class Watch:
    """Measures one stretch of time, in seconds."""

    seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time the block."""
        start = perf_counter()
        yield
        self.seconds += perf_counter() - start

    def per(self, units: int, bodies: int, **notes: float) -> Sample:
        """The sample of so many units: µs for each."""
        return Sample(self.seconds * MICRO / units, bodies, notes)


@dataclass(frozen=True)
class Spread:
    """A median with its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(statistics.median(values), low, high)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
