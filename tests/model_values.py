"""What the model of the core is about: policies, errors, one task and timers, as plain values.

The generator of random numbers is splitmix64, one for each task, seeded as `Task.seed` says.
Durations and instants are whole nanoseconds. None stands for none: no interval, limit or reset.
"""

import math
from dataclasses import dataclass, field

NEVER = 2**63 - 1
IN_BODY = ("RUNNING", "OVERDUE", "STOPPING", "ABANDONED")
GAMMA = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Backoff:
    first: int
    max: int
    factor: float
    jitter: str

    def base(self, n: int) -> int:
        """min(first * factor**n, max), rounded to nearest; what is not finite is max."""
        delay = float(self.first)
        for _ in range(n):
            if delay == 0 or delay >= self.max:
                break
            delay *= self.factor
        return self.max if not math.isfinite(delay) or delay >= self.max else int(delay + 0.5)

    def range(self, n: int, previous: int) -> tuple[int, int]:
        if self.jitter == "none":
            return self.base(n), self.base(n)
        if self.jitter == "full":
            return 0, self.base(n)
        if self.jitter == "equal":
            return self.base(n) // 2, self.base(n)
        return self.first, max(self.first, min(self.max, 3 * previous))


@dataclass(frozen=True)
class Options:
    restart: str
    interval: int | None
    timeout: int
    reset: int | None
    grace: int
    retries: int | None
    backoff: Backoff


@dataclass(frozen=True)
class Config:
    max_concurrent: int  # 0: no limit
    seed: int
    subscriber_grace: int
    queue_capacity: int = 10
    max_slot_queue: int = 5
    grace: int = 0  # of a shutdown that the loss of an essential task begins


@dataclass(frozen=True)
class Error:
    """How an attempt failed: fail, fatal, timeout; or that it was canceled."""

    kind: str
    text: str = ""
    exit_code: int | None = None
    after: int = 0

    def __str__(self) -> str:
        return {
            "fail": f"execution failed: {self.text}",
            "fatal": f"fatal error (no retry): {self.text}",
            "canceled": "context canceled",
            "timeout": f"timed out after {duration(self.after)}",
        }[self.kind]


def duration(ns: int) -> str:
    """By its largest unit with a non-zero whole part, without trailing zeros."""
    for unit, name in ((10**9, "s"), (10**6, "ms"), (10**3, "µs")):
        if ns >= unit:
            digits = str(ns % unit).zfill(len(str(unit)) - 1).rstrip("0")
            return f"{ns // unit}{'.' if digits else ''}{digits}{name}"
    return f"{ns}ns"


def mixed(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


@dataclass(eq=False)
class Task:
    id: int
    name: str
    options: Options
    state: str = "RESERVED"
    entered: int = 0  # when it entered its state, counted over all tasks
    attempt: int = 0
    failures: int = 0
    started: int = 0
    delay: int = 0
    generator: int = 0
    cancelled: str | None = None
    timed_out: bool = False
    error: Error | None = None
    settled: bool = False
    slot: "Slot | None" = None
    admission: str = ""
    on_loop: bool = False
    essential: bool = False

    def seed(self, seed: int, place: int) -> None:
        self.generator = mixed((seed + GAMMA) % 2**64) ^ mixed(place)

    def draw(self) -> int:
        """The delay of the next retry, uniform over its range."""
        backoff = self.options.backoff
        previous = backoff.first if self.failures == 0 else self.delay
        low, high = backoff.range(self.failures, previous)
        if low < high:
            self.generator = (self.generator + GAMMA) % 2**64
            unit = (mixed(self.generator) >> 11) / 2**53
            low = min(high, low + int(unit * (high - low) + 0.5))
        self.delay = low
        return low

    def visible(self, due: int) -> dict:
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "attempt": self.attempt,
            "failures": self.failures,
            "alive": self.state in IN_BODY,
            **({"error": str(self.error)} if self.error else {}),
            **({"cancelled": self.cancelled} if self.cancelled else {}),
            **({"due": due} if due != NEVER else {}),
        }


@dataclass(eq=False)
class Slot:
    """One key: at most one owner, and who waits for it, the next owner first."""

    name: str
    owner: Task | None = None
    since: int = 0
    queue: list[Task] = field(default_factory=list)
    changed: int = 0  # when its owner or queue last changed, counted over all slots

    @property
    def status(self) -> str:
        return "terminating" if self.owner.cancelled else "running"

    def needs_room(self, admission: str) -> bool:
        """Would a submission lengthen the queue?"""
        if not self.owner:
            return False
        return admission == "queue" or (admission == "replace" and not self.queue)

    def visible(self) -> dict:
        return {
            "name": self.name,
            "status": self.status,
            "owner": self.owner.id,
            "since": self.since,
            "waiting": [task.id for task in self.queue],
        }


class Timers:
    """At most one for each owner; ordered by deadline, and of equal ones by who was armed first."""

    def __init__(self) -> None:
        self.armed: list[tuple[int, int, Task | None]] = []
        self.armings = 0

    def arm(self, owner: Task | None, at: int) -> None:
        assert not any(timer[2] is owner for timer in self.armed), "one timer for each"
        self.armings += 1
        self.armed.append((min(at, NEVER), self.armings, owner))

    def disarm(self, owner: Task | None) -> None:
        self.armed = [timer for timer in self.armed if timer[2] is not owner]

    def due(self, owner: Task | None) -> int:
        return next((timer[0] for timer in self.armed if timer[2] is owner), NEVER)

    def next_at(self) -> int:
        return min((timer[0] for timer in self.armed), default=NEVER)

    def take_first(self) -> Task | None:
        first = min(self.armed, key=lambda timer: timer[:2])
        self.armed.remove(first)
        return first[2]
