"""`taskvisor preview`: the delays of a backoff policy as a table."""

from __future__ import annotations

from collections.abc import Iterator

from taskvisor._core import format_duration, nanoseconds
from taskvisor.cli.arguments import Options
from taskvisor.cli.output import Output
from taskvisor.cli.table import lay_out

__all__ = ["preview"]

_HEAD = ["retry", "shortest", "longest", "waited, at least", "at most"]


def preview(options: Options) -> int:
    """Print one row per retry on stdout and return the exit code."""
    rows = list(_rows(options.policy.preview(options.retries)))
    for line in lay_out(_HEAD, rows, right={0, 1, 2, 3, 4}):
        Output("stdout").line(line)
    return 0


def _rows(ranges: list[tuple[float, float]]) -> Iterator[list[str]]:
    """Return the cells of each retry, with the sums so far."""
    least = most = 0.0
    for retry, (low, high) in enumerate(ranges, 1):
        least += low
        most += high
        yield [str(retry), *map(_text, (low, high, least, most))]


def _text(seconds: float) -> str:
    """Return a duration rounded to what a person reads: three decimals of its unit."""
    ns = nanoseconds(seconds, "delay")
    unit = next((unit for unit in (1_000_000_000, 1_000_000, 1_000) if ns >= unit), 1)
    return format_duration(round(ns, -len(str(unit // 1000)) + 1) if unit > 1 else ns)
