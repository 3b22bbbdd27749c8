"""Runs a Python program in a process of its own and tells how it ended.

Guarantees: the program imports the same package as the tests do; it leads its own process group,
and whatever is left of that group is killed when the caller is done with it; a program that has not
ended after `LIMIT` seconds fails the test with what it wrote until then.
"""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import taskvisor

LIMIT = 30.0
ISOLATED = Path(__file__).parent / "isolated"
ROOT = Path(taskvisor.__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (negative: the signal), and what it wrote."""

    code: int
    out: str
    err: str


def command(source: str | Path, *args: str) -> list[str]:
    """The command line for a file, or for the text of a program."""
    quiet = [sys.executable, "-W", "ignore::DeprecationWarning"]
    if isinstance(source, Path):
        return [*quiet, str(source), *args]
    return [*quiet, "-c", textwrap.dedent(source), *args]


@contextmanager
def running(
    source: str | Path, *args: str, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[subprocess.Popen[str]]:
    """The program while it runs, its group killed on the way out; with more in its environment."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        command(source, *args),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def end_of(process: subprocess.Popen[str], limit: float = LIMIT) -> Ended:
    """Waits until the program has ended; fails the test when it does not."""
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"still running after {limit:g} s\n{out}\n{err}") from None
    return Ended(process.returncode, out, err)


def run(source: str | Path, *args: str, limit: float = LIMIT) -> Ended:
    """Runs the program to its end."""
    with running(source, *args) as process:
        return end_of(process, limit)


def run_well(source: str | Path, *args: str, limit: float = LIMIT) -> str:
    """Runs a program that must end with code 0 and write no error; returns what it printed."""
    ended = run(source, *args, limit=limit)
    assert (ended.code, ended.err) == (0, ""), f"{ended.out}\n{ended.err}"
    return ended.out
