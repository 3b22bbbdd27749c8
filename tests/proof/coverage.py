"""Which lines and branches of csrc/core and csrc/rt the tests in C and the simulator reach.

Every branch of the core that is not reached stands in the table of docs/design/coverage.md, with
what forbids it; one that does not, or one that stands there and is reached, is an error. Of the
runtime the same page says by function, or by what a line has in it, what is not reached and why;
what it does not explain is printed, but no error: some of it depends on when threads run.

    python tests/proof/coverage.py BUILD      after the programs of BUILD (--coverage) have run
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "design" / "coverage.md"
LAYERS = ("csrc/core", "csrc/rt")

Place = tuple[str, str]  # a file, and the text of a line of it


@dataclass
class Line:
    """What the object files together have counted for one line."""

    runs: int = 0
    function: str = ""
    branches: dict[tuple[str, int], int] = field(default_factory=dict)


def read_counts(build: Path) -> dict[str, dict[int, Line]]:
    """By file, by number of the line. An inline function is counted over all that include it."""
    files: dict[str, dict[int, Line]] = defaultdict(lambda: defaultdict(Line))
    notes = sorted(str(path) for layer in ("core", "rt") for path in build.glob(f"{layer}/*.gcno"))
    for note in notes:
        command = ["gcov", "--json-format", "--branch-probabilities", "--stdout", note]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        for report in done.stdout.splitlines():
            add_report(json.loads(report), files)
    return files


def add_report(report: dict, files: dict[str, dict[int, Line]]) -> None:
    for source in report["files"]:
        name = source["file"].removeprefix(f"{ROOT}/")
        if not name.startswith(LAYERS):
            continue
        for counted in source["lines"]:
            line = files[name][counted["line_number"]]
            line.runs += counted["count"]
            line.function = counted.get("function_name", line.function)
            for index, branch in enumerate(counted["branches"]):
                key = (counted.get("function_name", ""), index)
                line.branches[key] = line.branches.get(key, 0) + branch["count"]


def not_taken(line: Line) -> int:
    """How many branches of it nobody took; a line without any that did not run counts as one."""
    if line.branches:
        return sum(taken == 0 for taken in line.branches.values())
    return int(line.runs == 0)


def code_of(name: str, number: int) -> str:
    return (ROOT / name).read_text(encoding="utf-8").splitlines()[number - 1].strip()


def missed(files: dict[str, dict[int, Line]]) -> dict[Place, int]:
    found: dict[Place, int] = defaultdict(int)
    for name, lines in files.items():
        for number, line in lines.items():
            if name.startswith(LAYERS[0]) and not_taken(line):
                found[name, code_of(name, number)] += not_taken(line)
    return dict(found)


CORE_ROW = re.compile(r"^\| `(core/[\w.]+)` \| `` (.*?) `` \| (\d+) \| (.+) \|$", re.MULTILINE)
RT_ROW = re.compile(r"^\| `(rt/[\w.*]+)` \| (`[^|]+`) \| (.+) \|$", re.MULTILINE)


def explained(page: str) -> dict[Place, int]:
    rows = CORE_ROW.findall(page)
    return {(f"csrc/{file}", code.replace("\\|", "|")): int(count) for file, code, count, _ in rows}


def unexplained(files: dict[str, dict[int, Line]], page: str) -> list[str]:
    """Of the runtime: what neither a function nor a part of the line explains."""
    known = defaultdict(set)
    for file, what, _ in RT_ROW.findall(page):
        known[f"csrc/{file}"] |= set(re.findall("`([^`]+)`", what))
    left = []
    for name, lines in sorted(files.items()):
        words = known[name] | known["csrc/rt/*"]
        for number, line in sorted(lines.items()):
            code = code_of(name, number)
            is_known = any(word == line.function or word in code for word in words)
            if name.startswith(LAYERS[1]) and not_taken(line) and not is_known:
                left.append(f"  {name}:{number} in {line.function}: {code}")
    return left


def row(place: Place, count: int) -> str:
    code = place[1].replace("|", "\\|")
    return f"| `{place[0].removeprefix('csrc/')}` | `` {code} `` | {count} |"


def share(files: dict[str, dict[int, Line]], layer: str) -> str:
    """Reached of all, in lines and in branches."""
    lines = [line for name in files if name.startswith(layer) for line in files[name].values()]
    branches = [taken for line in lines for taken in line.branches.values()]
    run = sum(line.runs > 0 for line in lines)
    taken = sum(count > 0 for count in branches)
    return (
        f"{layer}: {run} of {len(lines)} lines ({run / len(lines):.1%}), "
        f"{taken} of {len(branches)} branches ({taken / len(branches):.1%})"
    )


def main(build: str) -> int:
    files = read_counts(Path(build))
    if not all(any(name.startswith(layer) for name in files) for layer in LAYERS):
        print(f"coverage: nothing was counted in {build}")
        return 1
    page = PAGE.read_text(encoding="utf-8")
    found, known = missed(files), explained(page)
    for layer in LAYERS:
        print(share(files, layer))
    places = found.keys() | known.keys()
    wrong = sorted(place for place in places if found.get(place, 0) != known.get(place, 0))
    for place in wrong:
        print(f"not as in {PAGE.relative_to(ROOT)}, where it is {known.get(place, 0)}:")
        print(row(place, found.get(place, 0)))
    left = unexplained(files, page)
    print(
        f"{LAYERS[1]}: {len(left)} lines that {PAGE.relative_to(ROOT)} does not explain",
        *left,
        sep="\n",
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
