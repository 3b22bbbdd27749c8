"""The figures as text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.harness import Result, Verdict
    from benchmarks.measure import Spread


def number(value: float) -> str:
    """Three digits that mean something."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def spread(figure: "Spread") -> str:
    """The median, and the quartiles behind it."""
    return f"{number(figure.median)} ({number(figure.low)} to {number(figure.high)})"


def columns(lines: "Sequence[Sequence[str]]") -> str:
    """The first column to the left, the others to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  "
        + "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def work_table(result: "Result") -> str:
    """One work: each contender's median, its quartiles, and how it stands to the first one."""
    work, first = result.work, result.rows[0].spread().median
    lines = [["", work.unit, "quartiles", "× first", f"{work.counted} ran"]]
    for row in result.rows:
        figure = row.spread()
        ratio = number(figure.median / first) if first else "-"
        span = f"{number(figure.low)} to {number(figure.high)}"
        ran = f"{row.samples[-1].bodies:,}"
        lines.append([row.name, number(figure.median), span, ratio, ran])
    absent = [f"  not at hand: {name} ({need})" for name, need in result.absent.items()]
    return "\n".join([f"\n{work.key}: {work.title}", columns(lines), *absent])


MET = {True: "met", False: "MISSED", None: "not at hand"}


def bar_line(verdict: "Verdict") -> list[str]:
    """One bar."""
    figure = spread(verdict.figure) if verdict.figure else "-"
    return [verdict.claim, verdict.limit, figure, MET[verdict.met]]


def bars_table(results: "Sequence[Result]") -> str:
    """Every bar of every work: the limit, what was measured, met or not."""
    lines = [bar_line(verdict) for result in results for verdict in result.verdicts]
    if not lines:
        return ""
    return "\nbars\n" + columns([["", "limit", "median (quartiles)", ""], *lines]) + "\n"
