"""The end of a run: what became of each task, for people and for programs, and the exit code.

Guarantees: one row per task, in the order of the target and then of their coming; the exit code is
a function of what is told here.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field

from taskvisor.cli.book import BAD, Row
from taskvisor.cli.output import Output, brief, lines, one_line
from taskvisor.cli.screen import is_terminal, size_of
from taskvisor.cli.table import lay_out
from taskvisor.errors import GraceExceeded
from taskvisor.outcome import OutcomeKind

__all__ = ["Report"]

_HEAD = ("task", "outcome", "attempts", "failures", "time spent", "last error")


@dataclass(slots=True)
class Report:
    """What a run has come to.

    rows: the tasks; others: how many more have ended, by outcome; signal: the name of the one that
    stopped it; verdict: the error of a shutdown whose grace was exceeded; dropped: events that the
    rows' failures, errors and times lack; seconds: how long it all took.
    """

    rows: list[Row] = field(default_factory=list)
    others: Counter[OutcomeKind] = field(default_factory=Counter)
    signal: str | None = None
    verdict: GraceExceeded | None = None
    dropped: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """3 where a grace was exceeded, else 1 where a task ended failed or fatal, else 0."""
        counts = self.counts()
        if self.verdict is not None or counts[OutcomeKind.ABANDONED]:
            return 3
        return 1 if any(counts[kind] for kind in BAD) else 0

    def counts(self) -> Counter[OutcomeKind]:
        """Return how many tasks have ended how."""
        return self.others + Counter(row.outcome for row in self.rows if row.outcome is not None)

    # --- for people ------------------------------------------------------------------------------

    def print_text(self) -> None:
        """Print the table on stderr, cut to its width if it is a terminal."""
        out = Output("stderr")
        stream = sys.stderr
        width = size_of(stream)[0] if is_terminal(stream) else None
        rows = [_cells(row) for row in self.rows]
        for line in lay_out(_HEAD, rows, right={2, 3, 4}, width=width) if rows else []:
            out.line(line)
        for line in self._remarks():
            out.line(line)

    def _remarks(self) -> list[str]:
        counts = self.counts()
        total = counts.total()
        each = ", ".join(f"{counts[kind]} {kind}" for kind in OutcomeKind if counts[kind])
        remarks = [
            f"{total} {'task' if total == 1 else 'tasks'} in {self.seconds:.2f} s"
            + (f": {each}" if each else "")
        ]
        if more := self.others.total():
            remarks.append(f"{more} of them, added by other tasks, are not listed")
        if self.signal is not None:
            remarks.append(f"stopped by {self.signal}")
        if self.dropped:
            remarks.append(
                f"{self.dropped} events came too fast: failures, errors and times are incomplete"
            )
        if self.verdict is not None:
            remarks.append(one_line(str(self.verdict)))
            for name, stack in sorted(self.verdict.stacks.items()):
                remarks.append(f"{one_line(name)} is still at\n{lines(stack.rstrip())}")
        return remarks

    # --- for programs ----------------------------------------------------------------------------

    def print_json(self) -> None:
        """Print everything as one line of JSON, in ASCII, on stdout."""
        Output("stdout").line(json.dumps(self._as_dict()))

    def _as_dict(self) -> dict[str, object]:
        verdict = self.verdict
        return {
            "exit_code": self.exit_code,
            "signal": self.signal,
            "seconds": round(self.seconds, 6),
            "events_dropped": self.dropped,
            "grace_exceeded": None
            if verdict is None
            else {"grace": verdict.grace, "stuck": verdict.stuck, "stacks": verdict.stacks},
            "outcomes": {str(kind): number for kind, number in self.counts().items()},
            "tasks": [_entry(row) for row in self.rows],
        }


def _cells(row: Row) -> tuple[str, ...]:
    return (
        one_line(row.name),
        str(row.outcome),
        str(row.attempts),
        str(row.failures),
        f"{row.seconds:.2f} s",
        brief(row.last_error) or "-",
    )


def _entry(row: Row) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "outcome": str(row.outcome),
        "attempts": row.attempts,
        "failures": row.failures,
        "last_error": row.last_error,
        "exit_code": row.exit_code,
        "seconds": round(row.seconds, 6),
    }
