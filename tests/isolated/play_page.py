"""Plays one program of a Markdown page: page, and the steps as JSON, are its arguments.

Its blocks share one namespace, that of `__main__`. Lines are counted as on the page, so tracebacks,
and whoever reads sources, point there. What is printed is kept until a step asks for it, and
printed at the end.
"""

import contextlib
import doctest
import io
import json
import sys
import types
from pathlib import Path

ANY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(step, page, names):
    """Runs a block; with an argument it must end with an exception of that name."""
    code = compile("\n" * (step["line"] - 1) + step["text"], page, "exec")
    wanted = step["argument"]
    try:
        exec(code, names)
    except BaseException as error:
        if type(error).__name__ != wanted:
            raise
    else:
        assert not wanted, f"line {step['line']}: did not raise {wanted}"


def compare(step, printed):
    """Compares what stands on the page with what was printed."""
    assert doctest.OutputChecker().check_output(step["text"], printed, ANY), (
        f"line {step['line']} has\n{step['text']}\nprinted was\n{printed}"
    )


def play(page, steps):
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    printed, everything = io.StringIO(), []
    with contextlib.redirect_stdout(printed):
        for step in steps:
            if step["kind"] == "run":
                run(step, page, vars(module))
            elif step["kind"] == "file":
                Path(step["argument"]).write_text(step["text"], encoding="utf-8")
            else:
                compare(step, printed.getvalue())
                everything.append(printed.getvalue())
                printed.seek(0)
                printed.truncate()
    sys.stdout.write("".join(everything) + printed.getvalue())


sys.path.insert(0, "")
play(sys.argv[1], json.loads(sys.argv[2]))
