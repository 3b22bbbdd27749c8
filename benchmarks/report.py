"""Writes the tables and the plot of docs/performance.md from what `make bench` has measured.

`python -m benchmarks.report build/bench/results.json`: what stands between the markers in the page
is replaced, the rest is left as it is.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.contenders import ROOT
from benchmarks.tables import MET, number

PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "performance.svg"


def markdown(header: list[str], lines: list[list[str]]) -> str:
    """A table: the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *lines])


def about(results: dict[str, Any]) -> str:
    """When, where, on what."""
    machine = results["machine"]
    return (
        f"Measured {machine['date']} at revision {machine['revision']} on {machine['cpu']}, "
        f"{machine['system']}, {machine['python']}; load at the start {machine['load']}; "
        f"{results['seconds']:.0f} s in all."
    )


def spread(figure: dict[str, float] | None) -> str:
    """The median and its quartiles."""
    if figure is None:
        return "–"
    return f"{number(figure['median'])} ({number(figure['low'])} to {number(figure['high'])})"


def bars(results: dict[str, Any]) -> str:
    """Every bar, met or not."""
    lines = [
        [bar["claim"].strip(), bar["limit"], spread(bar["figure"]), MET[bar["met"]].lower()]
        for work in results["works"]
        for bar in work["bars"]
    ]
    return markdown(["bar", "limit", "median (quartiles)", ""], lines)


def work_table(work: dict[str, Any]) -> str:
    """One work's contenders."""
    first = work["rows"][0]["median"]
    lines = [
        [
            row["name"],
            number(row["median"]),
            f"{number(row['low'])} to {number(row['high'])}",
            number(row["median"] / first) if first else "–",
            f"{row['bodies']:,}",
        ]
        for row in work["rows"]
    ]
    header = ["", work["unit"], "quartiles", "× first", f"{work['counted']} ran"]
    absent = [f"Not at hand: {name} ({need})." for name, need in work["absent"].items()]
    title = f"### {work['key']}: {work['title']}"
    return "\n\n".join([title, markdown(header, lines), *absent])


def replaced(page: str, name: str, text: str) -> str:
    """The page with what stands between the markers of that name replaced."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    return before + begin + "\n" + text + "\n\n" + end + rest.split(end)[1]


# --- the plot -------------------------------------------------------------------------------------

PLOTTED = (
    ("lifecycle", "a no-op task: add … result"),
    ("throughput", "a no-op task in a batch"),
    ("restart", "one more attempt"),
    ("restart_failing", "one more attempt after an exception"),
    ("one_by_one", "add, wait, add the next"),
    ("add_cancel", "add and cancel a waiting task"),
    ("slots", "a submission through slots"),
    ("cold", "supervisor, one task, closed"),
    ("shutdown", "stop of an idle task"),
)


def color(name: str) -> str:
    """Ours, the limits, each peer."""
    for part, tone in (
        ("taskvisor", "tab:blue"),
        ("limit", "black"),
        ("crate", "tab:orange"),
        ("suture", "tab:cyan"),
        ("ThreadPool", "tab:green"),
        ("asyncio", "tab:red"),
        ("uvloop", "tab:pink"),
    ):
        if part in name:
            return tone
    return "tab:gray"


def plot(results: dict[str, Any]) -> None:
    """One panel per work, µs, logarithmic, quartiles as error bars."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "taskvisor"
    from matplotlib import pyplot

    works = {work["key"]: work for work in results["works"]}
    panels = [(works[key], title) for key, title in PLOTTED if key in works]
    figure, axes = pyplot.subplots(3, 3, figsize=(15, 12), layout="constrained")
    for axis, (work, title) in zip(axes.flat, panels, strict=False):
        rows = sorted(work["rows"], key=lambda row: -row["median"])
        medians = [row["median"] for row in rows]
        errors = [
            [row["median"] - row["low"] for row in rows],
            [row["high"] - row["median"] for row in rows],
        ]
        names = [row["name"] for row in rows]
        axis.barh(names, medians, xerr=errors, color=[color(name) for name in names])
        axis.set_xscale("log")
        axis.set_title(f"{title} ({work['unit']})", fontsize=10)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(about(results), fontsize=8)
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    """Replace the page's tables, draw the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="what `make bench` wrote")
    results = json.loads(parser.parse_args().results.read_text())
    page = PAGE.read_text(encoding="utf-8")
    page = replaced(page, "about", about(results))
    page = replaced(page, "bars", bars(results))
    tables = "\n\n".join(work_table(work) for work in results["works"])
    PAGE.write_text(replaced(page, "tables", tables), encoding="utf-8")
    plot(results)


if __name__ == "__main__":
    main()
