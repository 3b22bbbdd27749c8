"""Who takes part: a function of a benchmark file, or a program in C, Rust or Go.

Each contender lives in a process of its own, with its own heap and warm caches, and waits there
between its rounds. The protocol is the same for all languages: a line with a size comes in, the
work is done once, a line of JSON goes out.
"""

import importlib.util
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from benchmarks.measure import Sample

ROOT = Path(__file__).resolve().parent.parent
BUILT = Path(os.environ.get("TASKVISOR_BENCH_BUILD", ROOT / "build" / "bench"))
PATIENCE = 180.0  # seconds that one round may take before it counts as hung


class Absent(Exception):
    """This contender is not at hand on this machine."""


class Broken(Exception):
    """A round did not do its work."""


@dataclass(frozen=True)
class Contender:
    """One row of a table."""

    name: str
    command: tuple[str, ...]
    family: str = ""  # variants of one peer; a comparison takes the fastest of them
    needs: tuple[str, ...] = ()  # modules, or programs that have to be built
    times: int = 1  # the work's size is multiplied by this
    cpus: frozenset[int] = frozenset()  # pinned to these
    fresh: bool = False  # a new process for each round
    bodies: Callable[[int], int] | None = None  # instead of the work's
    may_lose: bool = False  # its row shows how many ran, fewer is no reason to fail

    def but(self, **changes: object) -> "Contender":
        """A variant of it."""
        return replace(self, **changes)

    def missing(self) -> str | None:
        """What it needs and is not there."""
        for need in self.needs:
            there = Path(need).exists() if os.sep in need else importlib.util.find_spec(need)
            if not there:
                return Path(need).name if os.sep in need else need
        return None


def place(function: Callable) -> str:
    """Where the player finds it, also when its module runs as __main__."""
    module = function.__module__
    if module == "__main__":
        module = sys.modules["__main__"].__spec__.name
    return f"{module}:{function.__name__}"


def python(name: str, function: Callable[..., Sample], *parts: Callable, **options) -> Contender:
    """A contender in Python: a function of its parts and the size that returns a sample.

    Parts are functions too, known by their names: a kind of body, what goes on beside it.
    """
    command = (sys.executable, "-m", "benchmarks.player", *map(place, (function, *parts)))
    return Contender(name, command, **options)


def native(name: str, work: str, *arguments: str, **options) -> Contender:
    """Our runtime with bodies in C, through csrc/taskvisor.h."""
    program = str(BUILT / "native")
    return Contender(name, (program, work, *arguments), needs=(program,), **options)


def variants(family: str, program: Path, work: str, arguments: Sequence[str]) -> list[Contender]:
    """A crate on both of tokio's runtimes: which is faster depends on the work."""
    return [
        Contender(
            f"{family} ({flavour.replace('_', ' ')})",
            (str(program), work, flavour, *arguments),
            family=family,
            needs=(str(program),),
        )
        for flavour in ("current_thread", "multi_thread")
    ]


CRATE_FIRST = "crate 0.1.2"
CRATE_NEWEST = "crate 0.9"


def crate_first(work: str, *arguments: str) -> list[Contender]:
    """The Rust crate's first release."""
    return variants(CRATE_FIRST, BUILT / "rust" / "release" / "first", work, arguments)


def crate_newest(work: str, *arguments: str) -> list[Contender]:
    """The Rust crate's newest release."""
    return variants(CRATE_NEWEST, BUILT / "rust" / "release" / "newest", work, arguments)


def suture(work: str, *arguments: str) -> Contender:
    """Go's supervisor."""
    program = str(BUILT / "suture")
    return Contender("Go suture v4", (program, work, *arguments), needs=(program,))


class Seat:
    """A contender's process, while its work is being played. A context manager."""

    def __init__(self, contender: Contender) -> None:
        """Raise Absent where the contender is not at hand."""
        if missing := contender.missing():
            raise Absent(missing)
        self.contender = contender
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Seat":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """End the process, whatever it does."""
        if self.process is None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

    def arrive(self) -> subprocess.Popen[bytes]:
        """The process, started when there is none."""
        if self.process is None:
            cpus = self.contender.cpus
            command = [*self.contender.command]
            if cpus:
                command = ["taskset", "-c", ",".join(map(str, sorted(cpus))), *command]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
            )
        return self.process

    def play(self, size: int) -> Sample:
        """One round. Broken where there is no answer."""
        process = self.arrive()
        process.stdin.write(f"{size * self.contender.times}\n".encode())
        process.stdin.flush()
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            process.kill()
            raise Broken(f"{self.contender.name}: no answer within {PATIENCE:.0f} s")
        line = process.stdout.readline()
        if not line:
            raise Broken(f"{self.contender.name}: its process ended, code {process.wait()}")
        sample = Sample.from_json(json.loads(line))
        if self.contender.fresh:
            self.leave()
        return sample
