"""The command line: `run` supervises what a module describes, `preview` shows a backoff's delays.

Guarantees: the exit code of `run` is 0 where all ended well or a signal stopped it, 1 where a task
ended failed or fatal, 2 for what was asked wrongly, 3 where a grace was exceeded, which wins over
1. What was asked wrongly is told in one line, on stderr. Nothing here is imported by the library.
"""

from __future__ import annotations

from collections.abc import Sequence

from taskvisor.cli.arguments import parse

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code.

    argv: the arguments without the program's name; None takes those of the process.
    Raises SystemExit where argparse has the last word: `--help`, `--version`, and code 2 for
    arguments that it does not understand.
    """
    options = parse(argv)
    # Neither is needed to explain itself, or to run the other.
    if options.command == "run":
        from taskvisor.cli.run import run as command
    else:
        from taskvisor.cli.preview import preview as command
    return command(options)
