"""What the design pages say of the proof is there: the tests that keep each defect away."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "design" / "rationale.md"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
COUNT = re.compile(r"^\| ([^|]+) \| (\d+) \|$", re.MULTILINE)


def names_of_tests() -> set[str]:
    """The names of the tests, in Python and in C."""
    names: set[str] = set()
    for path in TESTS.glob("test_*.py"):
        names.update(re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M))
    for path in TESTS.glob("*/*.c"):
        names.update(re.findall(r"\bTEST\((\w+)\)", path.read_text("utf-8")))
    return names


def found_by_proof() -> str:
    return PAGE.read_text("utf-8").split("## What the proof has found\n")[1].split("\n## ")[0]


def test_every_defect_that_was_found_is_kept_away_by_a_test_that_is_there():
    defects = [row for row in ROW.findall(found_by_proof()) if row[0] not in ("defect", "---")]
    assert len(defects) >= 30
    there = names_of_tests()
    above: list[str] = []
    for defect, _, pinned in defects:
        above = re.findall("`([^`]+)`", pinned) or (above if pinned == "the same" else [])
        assert above, f"nothing pins that {defect}"
        assert set(above) <= there, f"{set(above) - there} are no tests"


def test_the_defects_are_counted():
    section = found_by_proof()
    counts = [int(count) for _, count in COUNT.findall(section)]
    defects = [row for row in ROW.findall(section) if row[0] not in ("defect", "---")]
    assert sum(counts) == len(defects)
