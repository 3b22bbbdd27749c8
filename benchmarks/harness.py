"""Interleaved rounds of all contenders of a work, medians, ratios, bars.

All contenders of a work take turns within one run, in another order each round, so that what
disturbs the machine disturbs all of them. A ratio is formed within each round and its median is
given, with quartiles. No figure is ever a reason to fail; a benchmark that does not run is, and
so is one whose bodies did not all run.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.contenders import ROOT, Absent, Broken, Contender, Seat
from benchmarks.measure import Sample, Spread
from benchmarks.tables import bars_table, work_table

ROUNDS = 9
SMOKE_ROUNDS = 1


@dataclass(frozen=True)
class Bar:
    """What is claimed of `ours`.

    Against `than`: at_least times faster, or at_most times its cost. Without: at_most in the
    work's unit, after `minus` has been taken off.
    """

    claim: str
    ours: str
    than: str | None = None
    minus: str | None = None
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Work:
    """One question put to several contenders."""

    key: str
    title: str
    unit: str
    size: int
    smoke: int
    contenders: Sequence[Contender]
    bars: Sequence[Bar] = ()
    rounds: int = ROUNDS
    bodies: Callable[[int], int] = field(default=lambda size: size)
    counted: str = "bodies"  # what `bodies` counts


@dataclass
class Row:
    """One contender's rounds."""

    name: str
    family: str
    samples: list[Sample] = field(default_factory=list)

    def spread(self) -> Spread:
        """Over the values."""
        return Spread.of([sample.value for sample in self.samples])


@dataclass
class Verdict:
    """A bar, judged: the figure, its spread, whether it is met. None: nobody to compare with."""

    claim: str
    work: str
    figure: Spread | None
    met: bool | None
    limit: str


@dataclass
class Result:
    """What a work gave."""

    work: Work
    size: int
    rows: list[Row]
    absent: dict[str, str]
    verdicts: list[Verdict] = field(default_factory=list)


def say(text: str) -> None:
    """Tell how far it is; figures go to standard output."""
    print(text, file=sys.stderr, flush=True)


def check_bodies(work: Work, contender: Contender, size: int, sample: Sample) -> None:
    """Raise Broken unless every body ran, and ran once."""
    expected = (contender.bodies or work.bodies)(size * contender.times)
    if sample.bodies != expected and not contender.may_lose:
        raise Broken(
            f"{work.key}, {contender.name}: {sample.bodies} of {expected} {work.counted} ran"
        )


def play(work: Work, *, smoke: bool, rounds: int | None) -> Result:
    """All rounds of one work."""
    size = work.smoke if smoke else work.size
    rounds = SMOKE_ROUNDS if smoke else min(rounds or work.rounds, work.rounds)
    result = Result(work, size, [], {})
    with ExitStack() as stack:
        seats = []
        for contender in work.contenders:
            try:
                seats.append(stack.enter_context(Seat(contender)))
            except Absent as absent:
                result.absent[contender.name] = str(absent)
        rows = {seat: Row(seat.contender.name, seat.contender.family) for seat in seats}
        say(f"{work.key}: {work.title}")
        if not smoke:
            warm_up(work, seats)
        order = random.Random(work.key)
        for number in range(rounds):
            say(f"{work.key}: round {number + 1} of {rounds}")
            for seat in order.sample(seats, len(seats)):
                sample = seat.play(size)
                check_bodies(work, seat.contender, size, sample)
                rows[seat].samples.append(sample)
        result.rows = list(rows.values())
    result.verdicts = [judge(bar, result) for bar in work.bars]
    return result


def warm_up(work: Work, seats: Sequence[Seat]) -> None:
    """A small round of each that nobody measures; not of those that are new in each round."""
    for seat in seats:
        if not seat.contender.fresh:
            check_bodies(work, seat.contender, work.smoke, seat.play(work.smoke))


# --- bars -----------------------------------------------------------------------------------------


def find(rows: Sequence[Row], name: str) -> Row | None:
    """The row of that name, or the fastest of the family of that name."""
    named = [row for row in rows if name in (row.name, row.family) and row.samples]
    return min(named, key=lambda row: row.spread().median, default=None)


def paired(ours: Row, other: Row, form: Callable[[float, float], float]) -> Spread:
    """A figure of each round, from the two values of that round."""
    pairs = zip(ours.samples, other.samples, strict=True)
    return Spread.of([form(mine.value, its.value) for mine, its in pairs])


def judge(bar: Bar, result: Result) -> Verdict:
    """Is the bar met by the median?"""
    limit = f"≥ {bar.at_least:g}" if bar.at_least is not None else f"≤ {bar.at_most:g}"
    ours = find(result.rows, bar.ours)
    reference = bar.than or bar.minus
    other = find(result.rows, reference) if reference else None
    figure: Spread | None
    if ours is None or (reference and other is None):
        figure = None
    elif bar.minus and other:
        figure = paired(ours, other, lambda mine, its: mine - its)
    elif bar.than and other and bar.at_least is not None:
        figure = paired(ours, other, lambda mine, its: its / mine)
    elif bar.than and other:
        figure = paired(ours, other, lambda mine, its: mine / its)
    else:
        figure = ours.spread()
    return Verdict(bar.claim, result.work.key, figure, is_met(bar, figure), limit)


def is_met(bar: Bar, figure: Spread | None) -> bool | None:
    """By its median."""
    if figure is None:
        return None
    if bar.at_least is not None:
        return figure.median >= bar.at_least
    return figure.median <= bar.at_most


# --- a run ----------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [s for s in cpuinfo.read_text().splitlines() if s.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    head = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "revision": head.stdout.strip(),
        "cpu": f"{len(os.sched_getaffinity(0))} × {model}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_implementation() + " " + platform.python_version(),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def as_json(results: Sequence[Result], about: dict[str, str], seconds: float) -> dict[str, object]:
    """All that was measured."""
    return {
        "machine": about,
        "seconds": round(seconds, 1),
        "works": [
            {
                "key": result.work.key,
                "title": result.work.title,
                "unit": result.work.unit,
                "size": result.size,
                "counted": result.work.counted,
                "absent": result.absent,
                "rows": [
                    {
                        "name": row.name,
                        "family": row.family,
                        **asdict(row.spread()),
                        "bodies": row.samples[-1].bodies,
                        "samples": [asdict(sample) for sample in row.samples],
                    }
                    for row in result.rows
                ],
                "bars": [asdict(verdict) for verdict in result.verdicts],
            }
            for result in results
        ],
    }


def parse(description: str | None, keys: Sequence[str]) -> argparse.Namespace:
    """The command line, the same for every file."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, one round: does it run?")
    parser.add_argument("--rounds", type=int, help="at most so many rounds of each work")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all samples there")
    parser.add_argument("--only", nargs="+", choices=keys, help="these works alone")
    return parser.parse_args()


def run(works: Sequence[Work], description: str | None) -> None:
    """Play the works, print tables; exit with 1 if one of them did not run."""
    arguments = parse(description, [work.key for work in works])
    begin, about, broken = time.monotonic(), machine(), []
    results = []
    for work in works:
        if arguments.only and work.key not in arguments.only:
            continue
        try:
            result = play(work, smoke=arguments.smoke, rounds=arguments.rounds)
        except Broken as error:
            broken.append(str(error))
            say(f"BROKEN {error}")
            continue
        results.append(result)
        print(work_table(result), flush=True)
    seconds = time.monotonic() - begin
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(as_json(results, about, seconds), indent=1))
    if not arguments.smoke:
        print(bars_table(results))
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"{len(results)} works in {seconds:.0f} s, {len(broken)} broken")
    if broken:
        sys.exit(1)
