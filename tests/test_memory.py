"""Every allocation of a call fails once, and every thread: the error, nothing changed, no leak."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from programs import ISOLATED, Ended, running
from waiting import HAS_GIL, SANITIZED

SOURCE = Path(__file__).parent / "memory" / "failing.c"
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wmissing-prototypes", "-Werror"]
LIMIT = 110.0

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="preloads into glibc"),
    pytest.mark.skipif(not HAS_GIL, reason="its count of blocks is no exact one"),
    pytest.mark.skipif(SANITIZED, reason="one malloc at a time"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The library that lets allocations fail, built for this Python."""
    built = tmp_path_factory.mktemp("memory") / "failing.so"
    compiler = os.environ.get("CC", "cc").split()
    include = "-I" + sysconfig.get_path("include")
    options = ["-std=gnu11", "-O1", "-fPIC", "-shared", *WARNINGS, include]
    subprocess.run([*compiler, *options, SOURCE, "-o", built], check=True, timeout=120)
    return built


def play(library: Path, *args: str) -> Ended:
    """Runs the cell's program; it tells on stdout what was wrong."""
    environment = {"LD_PRELOAD": str(library)}
    program = ISOLATED / "memory_cell.py"
    with running(program, str(library), *args, environment=environment) as process:
        out, err = process.communicate(timeout=LIMIT)
    return Ended(process.returncode, out, err)


@pytest.mark.parametrize("what", ["python", "malloc", "thread"])
def test_each_failure_is_raised_changes_nothing_and_leaves_nothing(library, what):
    ended = play(library, what)
    lines = [line for line in ended.out.splitlines() if not line.rpartition(": ")[2].isdigit()]
    assert (ended.code, lines) == (0, []), ended.err


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("leak", "left behind"), ("change", "changed"), ("error", "not what is documented")],
)
def test_planted_fault_is_seen(library, fault, seen):
    ended = play(library, "malloc", f"planted: {fault}")
    assert ended.code == 1
    assert seen in ended.out
