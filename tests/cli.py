"""Runs the command line in a process of its own, on pipes or on a terminal.

Guarantees: what is left of the process is killed when the caller is done with it; one that has not
ended after LIMIT seconds fails the test with what it wrote. A `Terminal` reads all the time, so the
program never waits for it.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import threading
from contextlib import contextmanager, suppress

from programs import LIMIT, ROOT, Ended

_WITHOUT_RICH = "import sys; sys.modules['rich'] = None; "
_MAIN = "import sys; from taskvisor.cli import main; sys.exit(main())"


def environment(**changes):
    """The environment of the tests, with the package to be found, and these changes."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    env |= {"PYTHONUNBUFFERED": None, **changes}
    return {name: value for name, value in env.items() if value is not None}


def write(folder, source, name="jobs.py"):
    """A module of tasks, with the package at hand as `tv`; its path."""
    path = folder / name
    head = "import os, signal, sys, threading\nimport taskvisor as tv\n"
    path.write_text(head + textwrap.dedent(source), encoding="utf-8")
    return path


@contextmanager
def start(folder, *args, **options):
    """`python -m taskvisor args` while it runs, in a folder."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    command = options.pop("command", [sys.executable, "-m", "taskvisor"])
    options.setdefault("env", environment())
    process = subprocess.Popen(
        [*command, *map(str, args)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def taskvisor(folder, *args, **options):
    """Runs it to its end."""
    with start(folder, *args, **options) as process:
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"still running after {LIMIT:g} s\n{out}\n{err}") from None
    return Ended(process.returncode, out, err)


def rows(text):
    """The table of a summary: the cells by the task's name."""
    table = text[text.index("task ") :].splitlines()[1:]
    cells = [[cell for cell in line.split("  ") if cell] for line in table if "  " in line]
    return {row[0]: [cell.strip() for cell in row[1:]] for row in cells}


class Terminal:
    """What a program on a terminal has written so far."""

    def __init__(self, columns, lines):
        self._fd, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._stop, self._go = os.pipe()
        self._changed = threading.Condition()
        self._bytes = b""
        self._ended = False
        self._thread = threading.Thread(target=self._read)

    def begin(self):
        """Once the program has the terminal: it is then the only one that holds it open."""
        os.close(self.slave)
        self._thread.start()

    def _read(self):
        while True:
            ready, _, _ = select.select([self._fd, self._stop], [], [])
            try:
                piece = b"" if self._stop in ready else os.read(self._fd, 65536)
            except OSError:  # nobody has it open any more
                piece = b""
            with self._changed:
                self._bytes += piece
                self._ended = not piece
                self._changed.notify_all()
            if not piece:
                return

    @property
    def text(self):
        with self._changed:
            return self._bytes.decode("utf-8", "replace")

    def wait_for(self, what):
        """Waits until the program has written this."""
        wanted = what.encode()
        with self._changed:
            self._changed.wait_for(lambda: wanted in self._bytes or self._ended, LIMIT)
        assert what in self.text, self.text

    def read_to_the_end(self):
        self._thread.join(LIMIT)
        assert not self._thread.is_alive(), "somebody still has the terminal"

    def hang_up(self):
        """Closes it, as a window that is closed does; nothing more is read."""
        os.write(self._go, b"x")
        self.read_to_the_end()
        os.close(self._fd)
        self._fd = None

    def close(self):
        self.read_to_the_end()
        for fd in filter(None, [self._fd, self._stop, self._go]):
            os.close(fd)


@contextmanager
def on_terminal(folder, *args, columns=100, lines=30, rich=True, **changes):
    """The command line on a terminal of its own, with `rich` or as if that were not installed."""
    terminal = Terminal(columns, lines)
    source = _MAIN if rich else _WITHOUT_RICH + _MAIN
    env = environment(
        **{"TERM": "xterm", "NO_COLOR": None, "COLUMNS": None, "LINES": None} | changes
    )
    with start(
        folder,
        *args,
        command=[sys.executable, "-c", source],
        stdout=terminal.slave,
        stderr=terminal.slave,
        text=False,
        env=env,
    ) as process:
        terminal.begin()
        try:
            yield process, terminal
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            terminal.close()


def ended(process, terminal):
    """Waits for the end of a program on a terminal: its exit code and all that it wrote."""
    code = process.wait(LIMIT)
    terminal.read_to_the_end()
    return code, terminal.text


def interrupted(folder, target, *shown, **options):
    """Runs a target on a terminal, with Ctrl-C once all this has been shown: as `ended`."""
    with on_terminal(folder, "run", target, **options) as (process, terminal):
        for each in shown:
            terminal.wait_for(each)
        process.send_signal(signal.SIGINT)
        return ended(process, terminal)
