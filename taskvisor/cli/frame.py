"""One picture of the tasks: which of them are worth a line, and what stands in it.

Guarantees: a frame is made of copies alone, has at most the asked number of rows, and counts
whatever it does not show. Tasks keep their order, that of their ids, so that rows do not jump.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from taskvisor.cli.book import Row
from taskvisor.cli.output import brief, one_line
from taskvisor.outcome import OutcomeKind, TaskInfo, TaskState

__all__ = ["HEAD", "Frame", "make_frame"]

HEAD = ("task", "state", "attempt", "next start", "last error")

# From what a person has to look at to what goes by itself.
_INTEREST = (
    TaskState.ABANDONED,
    OutcomeKind.FATAL,
    OutcomeKind.FAILED,
    TaskState.STOPPING,
    TaskState.BACKOFF,
    TaskState.RUNNING,
    TaskState.WAITING,
    TaskState.PAUSED,
    TaskState.QUEUED,
    OutcomeKind.CANCELED,
    OutcomeKind.COMPLETED,
    OutcomeKind.REJECTED,  # has no line, but is counted
)
_RANK = {str(state): rank for rank, state in enumerate(_INTEREST)}


@dataclass(frozen=True, slots=True)
class Line:
    """What is to be shown of one task."""

    id: int
    name: str
    state: str
    attempt: int
    next_start_in: float | None
    last_error: str | None

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the texts below HEAD."""
        wait = "" if self.next_start_in is None else f"{self.next_start_in:.1f} s"
        attempt = str(self.attempt or "")
        return one_line(self.name), self.state, attempt, wait, brief(self.last_error)


@dataclass(frozen=True, slots=True)
class Frame:
    """The lines to show, and one that counts all tasks."""

    lines: list[Line]
    foot: str


def make_frame(
    tasks: Iterable[TaskInfo], ended: Iterable[Row], others: Mapping[OutcomeKind, int], room: int
) -> Frame:
    """Return the frame of at most `room` tasks.

    tasks: what is registered; ended: the rows of those that are not any more; others: how many more
    have ended without a row.
    """
    all_lines = {row.id: _of_row(row) for row in ended}
    all_lines.update((info.id, _of_info(info)) for info in tasks)
    counts = Counter(line.state for line in all_lines.values())
    counts.update({str(kind): number for kind, number in others.items()})
    chosen = sorted(all_lines.values(), key=lambda line: (_RANK[line.state], line.id))[
        : max(room, 0)
    ]
    hidden = counts.total() - len(chosen)
    return Frame(sorted(chosen, key=lambda line: line.id), _foot(counts, hidden))


def _of_row(row: Row) -> Line:
    return Line(row.id, row.name, str(row.outcome), row.attempts, None, row.last_error)


def _of_info(info: TaskInfo) -> Line:
    return Line(
        info.id, info.name, str(info.state), info.attempt, info.next_start_in, info.last_error
    )


def _foot(counts: Counter[str], hidden: int) -> str:
    total = counts.total()
    parts = [f"{counts[state]} {state}" for state in _RANK if counts[state]]
    text = f"{total} {'task' if total == 1 else 'tasks'}: {', '.join(parts) or 'none yet'}"
    return text + (f" ({hidden} not shown)" if hidden else "")
