"""The examples run as they are, end by themselves, and print what they say they show."""

import ast
import re
from pathlib import Path

import pytest
from programs import run_well

TESTS = Path(__file__).parent
EXAMPLES = TESTS.parent / "examples"
SENSORS = ["attic", "cellar", "garden", "kitchen"]

_RETRY = re.compile(r"^poller   attempt (\d+): (.*); again in (\d+) ms$", re.MULTILINE)


@pytest.fixture(scope="module")
def quickstart():
    """What the quickstart prints."""
    return run_well(EXAMPLES / "01_quickstart.py", limit=60.0)


def test_examples_are_numbered_and_each_begins_with_what_it_shows():
    programs = sorted(EXAMPLES.glob("*.py"))
    numbers = [int(re.match(r"\d\d(?=_)", path.name)[0]) for path in programs]
    assert numbers == list(range(1, len(programs) + 1))
    heads = [ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in programs]
    assert [head for head in heads if not re.match(r"[A-Z].*[.:]\n", head or "")] == []


def test_each_example_is_run_by_a_test():
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS.glob("test_*example*.py"))
    programs = [path.name for path in EXAMPLES.iterdir() if path.is_file()]
    assert [name for name in programs if f'"{name}"' not in tests] == []


def table(text: str, heading: str) -> dict[str, list[str]]:
    """The rows below a heading: the other cells of each by its first."""
    lines = iter(text[text.index(f"\n{heading}") + 1 :].splitlines()[1:])
    rows = [re.split(r" {2,}", line) for line in iter(lambda: next(lines, ""), "")]
    return {row[0]: row[1:] for row in rows}


def test_quickstart_retries_after_a_delay_that_doubles(quickstart):
    retries = {int(attempt): int(delay) for attempt, _, delay in _RETRY.findall(quickstart)}
    assert {n for n in range(1, 24) if n % 7 in (3, 4)} <= set(retries)
    for attempt, delay in retries.items():
        before = next(k for k in range(attempt) if attempt - 1 - k not in retries)
        most = min(200 * 2**before, 2000)
        assert most // 2 <= delay <= most


def test_quickstart_recovers_from_a_timeout(quickstart):
    _, after = quickstart.split("poller   attempt 6: asked to stop after 500 ms\n")
    assert "poller   attempt 6: timed out after 500ms; again in " in after
    last = max(int(attempt) for attempt, _, _ in _RETRY.findall(after))
    assert last > 6


def test_quickstart_stores_whole_pages_only(quickstart):
    stored = [int(n) for n in re.findall(r"^report   (\d+) readings", quickstart, re.MULTILINE)]
    assert stored
    assert stored == sorted(stored)
    assert [n % len(SENSORS) for n in stored] == [0] * len(stored)


def test_quickstart_stops_cleanly(quickstart):
    assert "all      shutdown requested\nall      all stopped within grace\n" in quickstart


def test_quickstart_prints_figures_of_the_database(quickstart):
    figures = table(quickstart, "sensor ")
    assert list(figures) == SENSORS
    for readings, coldest, mean, warmest in figures.values():
        assert int(readings) == 24
        assert float(coldest) < float(mean) < float(warmest)


def test_quickstart_prints_a_row_per_task(quickstart):
    tasks = table(quickstart, "task ")
    assert {task: row[0] for task, row in tasks.items()} == {
        "schema": "completed",
        "server": "canceled",
        "poller": "canceled",
        "report": "canceled",
        "archive": "fatal",
    }
    counts = {task: (int(row[1]), int(row[2])) for task, row in tasks.items()}
    assert counts["schema"] == counts["server"] == (1, 0)
    assert counts["archive"] == (1, 1)
    assert counts["report"][0] > 1
    retries = _RETRY.findall(quickstart)
    assert counts["poller"][1] == len(retries)
    assert counts["poller"][0] > int(retries[-1][0])
    assert tasks["poller"][4] == retries[-1][1]
    assert tasks["archive"][4] == "fatal error (no retry): no archive is configured"
