"""What may stand on the command line, and how it is explained.

Guarantees: every number has been checked by the value it becomes part of, a SupervisorConfig or a
BackoffPolicy, so a mistake is told in that value's words, with exit code 2.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import taskvisor
from taskvisor.config import SupervisorConfig
from taskvisor.policies import BackoffPolicy, JitterPolicy

__all__ = ["Options", "parse"]

_RUN = """\
Supervise the tasks of TARGET until all have ended or a signal (SIGINT, SIGTERM) asks them to stop.
A second signal ends the grace at once.

TARGET is module:attr or path/to/file.py:attr; without :attr it is the attribute `tasks`, else all
functions that are decorated with `@task`. What it names is a TaskSpec, an iterable of them, or a
function without arguments that returns either. The current folder comes first on sys.path.

It may also name a Supervisor that has not been started, or a function that returns one. That then
runs what TARGET without :attr names, with its own config, subscribers and controller; `--grace` and
`--max-concurrent` cannot be given.
"""

_RUN_MORE = """\
exit codes:
  0  all ended well (completed or canceled), or a signal stopped them
  1  a task ended failed or fatal
  2  TARGET or an option is wrong; one line on stderr says how
  3  a grace was exceeded: a body still ran when it had to have ended

examples:
  taskvisor run service.py
  taskvisor run shop.jobs:nightly --max-concurrent 4 --grace 10
  taskvisor run service.py:supervisor
  taskvisor run shop.jobs:nightly --log json --json > summary.json 2> events.jsonl
"""

_PREVIEW = """\
Print how long a task waits before each retry under a BackoffPolicy: the shortest and the longest
delay, and what the waits add up to. The options are the arguments of BackoffPolicy.
"""


class Options(argparse.Namespace):
    """The parsed command line: `command`, and the options of that command."""

    command: str
    # run
    target: str
    config: SupervisorConfig
    settings: list[str]  # the options that are settings of `config`, of those that were given
    log: str | None
    json: bool
    verbose: bool
    # preview
    policy: BackoffPolicy
    retries: int


def parse(argv: Sequence[str] | None = None) -> Options:
    """Return what the arguments say; None takes those of the process.

    Raises SystemExit: 0 after `--help` and `--version`, 2 for arguments that make no sense.
    """
    parser, commands = _parsers()
    options = parser.parse_args(argv, Options())
    try:
        _make_values(options)
    except (TypeError, ValueError) as error:
        commands[options.command].error(str(error))
    return options


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of everything, and that of each command."""
    parser = argparse.ArgumentParser("taskvisor", description="In-process task supervision.")
    parser.add_argument("--version", action="version", version=f"taskvisor {taskvisor.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run",
        help="supervise the tasks of a module or file",
        description=_RUN,
        epilog=_RUN_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    preview = commands.add_parser(
        "preview", help="print the delays of a backoff policy", description=_PREVIEW
    )
    _add_run(run)
    _add_preview(preview)
    return parser, {"run": run, "preview": preview}


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="module:attr or path.py:attr")
    parser.add_argument(
        "--grace",
        type=float,
        metavar="SECONDS",
        help="how long tasks that are asked to stop may take "
        f"(default: {SupervisorConfig().grace:g})",
    )
    parser.add_argument(
        "--max-concurrent",
        type=int,
        metavar="N",
        help="how many bodies may run at once (default: no limit)",
    )
    parser.add_argument(
        "--log",
        choices=["text", "json", "none"],
        help="what happens, line by line on stderr (default: on a terminal a live table of the "
        "tasks, elsewhere text)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the closing summary as JSON on stdout; what tasks print goes to stderr then",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="log every event, each start and stop too, on a terminal as text instead of the "
        "table; print the traceback of a TARGET that cannot be loaded",
    )


def _add_preview(parser: argparse.ArgumentParser) -> None:
    policy = BackoffPolicy()
    for name, what in [
        ("first", "delay before the first retry"),
        ("max", "longest delay"),
    ]:
        parser.add_argument(
            f"--{name}",
            type=float,
            metavar="SECONDS",
            default=getattr(policy, name),
            help=f"{what} (default: %(default)g)",
        )
    parser.add_argument(
        "--factor",
        type=float,
        metavar="X",
        default=policy.factor,
        help="growth from one delay to the next, 1 or more (default: %(default)g)",
    )
    parser.add_argument(
        "--jitter",
        choices=[str(one) for one in JitterPolicy],
        default=str(policy.jitter),
        help="how a delay is drawn (default: %(default)s)",
    )
    parser.add_argument(
        "--retries", type=int, metavar="N", default=10, help="how many (default: %(default)s)"
    )


def _make_values(options: Options) -> None:
    """Turn the options into the values that check them; raises what those raise."""
    if options.command == "run":
        given = {name: getattr(options, name) for name in ("grace", "max_concurrent")}
        given = {name: value for name, value in given.items() if value is not None}
        options.settings = [f"--{name.replace('_', '-')}" for name in given]
        options.config = SupervisorConfig(**given)
    else:
        options.policy = BackoffPolicy(options.first, options.max, options.factor, options.jitter)
        options.policy.preview(min(options.retries, 0))
