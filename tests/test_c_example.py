"""The C example builds as its head comment says, runs without Python and ends by itself."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "examples" / "embed.c"
STRICT = "-Wall -Wextra -Wshadow -Wmissing-prototypes -Werror"

_BUILD = re.compile(r"^ \*     cc (.*) -o embed$", re.MULTILINE)
_FAILED = "execution failed: the first two never work"


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """What the program prints, line by line."""
    program = tmp_path_factory.mktemp("embed") / "embed"
    arguments = _BUILD.search(SOURCE.read_text())[1]
    compiler = os.environ.get("CC", "cc")
    build = f"{compiler} {STRICT} {arguments} -o {shlex.quote(str(program))}"
    subprocess.run(build, shell=True, cwd=ROOT, check=True, timeout=300)
    ended = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def of_task(lines, name):
    """The lines about one task, without its name."""
    found = [re.fullmatch(rf"(\w+) +{name}(.*)", line) for line in lines]
    return [match[1] + match[2] for match in found if match]


def test_flaky_fails_twice_and_then_succeeds(lines):
    assert of_task(lines[: lines.index("")], "flaky") == [
        "task_add_requested",
        "task_added",
        "task_starting, attempt 1",
        f"task_failed, attempt 1: {_FAILED}",
        f"backoff_scheduled, attempt 1: {_FAILED}",
        "task_starting, attempt 2",
        f"task_failed, attempt 2: {_FAILED}",
        f"backoff_scheduled, attempt 2: {_FAILED}",
        "task_starting, attempt 3",
        "task_stopped, attempt 3",
        "actor_exhausted, attempt 3: policy_exhausted_success",
        "task_removed",
    ]


def test_ticker_pauses_after_each_run_until_it_is_stopped(lines):
    seen = of_task(lines[: lines.index("")], "ticker")
    runs = sum(line.startswith("task_stopped") for line in seen)
    assert runs >= 5
    assert seen[:2] == ["task_add_requested", "task_added"]
    for n in range(1, runs):
        assert seen[3 * n - 1 : 3 * n + 2] == [
            f"task_starting, attempt {n}",
            f"task_stopped, attempt {n}",
            f"backoff_scheduled, attempt {n}",
        ]
    assert seen[-1] == "task_removed"
    assert lines[-1] == f"ticker has counted to {runs}"


def test_listener_stops_when_it_is_told_to(lines):
    told = lines.index("shutdown_requested")
    stopped = lines.index("task_stopped           listener, attempt 1")
    assert told < stopped < lines.index("all_stopped_within_grace")


def test_the_table_tells_how_each_task_ended(lines):
    table = [line.split() for line in lines[lines.index("") + 1 : -2]]
    assert table[0] == ["task", "outcome", "attempts"]
    assert [row[:2] for row in table[1:]] == [
        ["flaky", "completed"],
        ["ticker", "canceled"],
        ["listener", "canceled"],
    ]
    assert [row[2] for row in table[1::2]] == ["3", "1"]
