"""The exit matrix: processes that end in every way, in every state, each beside a control.

    python tests/exit_matrix.py [RUNS] [SEED]

Guarantees: a run passes when its exit code and what it wrote are exactly those of its ending, and
its end took less than LIMIT seconds (or its control's did not either). An end that takes longer
than EXPECTED where its control's does not is counted as slow, and is no failure. The control is the
same state made of Python's own threads; what it does wrong is counted apart.
"""

import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

from programs import ISOLATED, running

STATES = [
    "idle", "running", "backoff", "blocked", "swallowing", "subscriber_busy", "coroutine",
    "coroutine_swallowing", "loop_of_main", "storm", "garbage",
]  # fmt: skip
CODES = {
    "return": 0,
    "exit": 3,
    "exception": 1,
    "os_exit": 5,
    "sigint": -signal.SIGINT,
    "sigterm": -signal.SIGTERM,
}
LAST_LINES = {"exception": "KeyError: 'boom'\n", "sigint": "KeyboardInterrupt\n"}

STRAY = ["Exception ignored", "Fatal", "Warning", "never retrieved", "was destroyed"]

GRACE = 0.2  # a task's and the subscribers', one after the other
EXPECTED = 2.0 + GRACE
LIMIT = 10.0
PATIENCE = 60.0
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One process: its exit code, what it wrote on stderr, how many seconds its end took."""

    code: int
    err: str
    seconds: float


def play(program: str, state: str, ending: str, patience: float = PATIENCE) -> Run:
    """Runs a cell, or its control, to its end; one that has none is killed (code -9)."""
    with running(ISOLATED / f"{program}.py", state, ending) as process:
        try:
            out, err = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        ended = time.monotonic()
    began = float(out) if out.count("\n") == 1 else ended
    return Run(process.returncode, err, ended - began)


def complaint(ending: str, run: Run) -> str | None:
    """What is wrong with how a process ended."""
    if run.code != CODES[ending]:
        return f"code {run.code} instead of {CODES[ending]}\n{run.err}"
    last = LAST_LINES.get(ending)
    if last is None:
        good = run.err == ""
    else:
        good = run.err.startswith("Traceback (most recent call last):\n")
        good = good and run.err.endswith(last) and not any(text in run.err for text in STRAY)
    return None if good else f"wrote\n{run.err}"


def verdict(ending: str, ours: Run, control: Run) -> str | None:
    """What is wrong with a run of ours, seen beside its control's."""
    late = ours.seconds > LIMIT >= control.seconds
    return complaint(ending, ours) or (f"took {ours.seconds:.1f} s" if late else None)


class Tally:
    """What came of all runs."""

    def __init__(self) -> None:
        self.runs = 0
        self.failures: list[str] = []
        self.slow = 0
        self.strange_controls: Counter[str] = Counter()
        self.times: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.control_times: dict[tuple[str, str], list[float]] = defaultdict(list)

    def take(self, state: str, ending: str, ours: Run, control: Run) -> None:
        self.runs += 1
        self.times[state, ending].append(ours.seconds)
        self.control_times[state, ending].append(control.seconds)
        self.slow += ours.seconds > EXPECTED >= control.seconds
        if complaint(ending, control):
            self.strange_controls[f"{state}, {ending}: code {control.code}"] += 1
        wrong = verdict(ending, ours, control)
        if wrong:
            self.failures.append(f"{state}, {ending}: {wrong}")
            print(f"\n{self.failures[-1]}", file=sys.stderr)

    def rows(self) -> list[str]:
        """Slowest end in seconds, ours and the control's, by state and ending."""
        lines = [f"{'slowest end, ours/control':26}" + "".join(f"{e:>12}" for e in CODES)]
        for state in STATES:
            cells = [self.cell(state, ending) for ending in CODES]
            lines.append(f"{state:26}" + "".join(f"{cell:>12}" for cell in cells))
        return lines

    def cell(self, state: str, ending: str) -> str:
        if not self.times[state, ending]:
            return "-"
        ours, control = self.times[state, ending], self.control_times[state, ending]
        return f"{max(ours):.2f}/{max(control):.2f}"

    def print(self) -> None:
        print(f"CPython {sys.version.split()[0]}: {self.runs} runs")
        print("\n".join(self.rows()))
        print(f"failed: {len(self.failures)}")
        for failure in self.failures[:SHOWN]:
            print(f"  {failure}")
        print(f"slow (over {EXPECTED} s, the control not): {self.slow}")
        print(f"controls that ended strangely: {sum(self.strange_controls.values())}")
        for line, count in self.strange_controls.most_common():
            print(f"  {count} times {line}")


def cells(runs: int, seed: int) -> list[tuple[str, str]]:
    """All cells in turn, each turn in another order."""
    every = [(state, ending) for state in STATES for ending in CODES]
    order = random.Random(seed)
    chosen: list[tuple[str, str]] = []
    while len(chosen) < runs:
        chosen += order.sample(every, len(every))
    return chosen[:runs]


def main(runs: int = len(STATES) * len(CODES), seed: int = 1) -> int:
    tally = Tally()
    for state, ending in cells(runs, seed):
        ours = play("exit_cell", state, ending)
        tally.take(state, ending, ours, play("exit_control", state, ending))
        if tally.runs % 20 == 0 or tally.runs == runs:
            text = f"\r{tally.runs} of {runs} runs, {len(tally.failures)} failed"
            print(text, end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    tally.print()
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
