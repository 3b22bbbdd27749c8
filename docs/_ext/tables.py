"""Tables of the reference, each made of what the code itself goes by.

Guarantees: a list that is not where it is looked for, or looks otherwise, is an error of the build;
no table is ever short or empty without one.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import textwrap
import tomllib
from collections.abc import Callable

from entries import resolver, table
from prose import linked, restructured
from source import PACKAGE, ROOT

# --- the lists of the core -----------------------------------------------------------------------

_ROW = re.compile(r'X\((\w+)(?:, "?([^")]*)"?)?\)')
_STATE = re.compile(r"^ \* {3}([A-Z]+) {2,}(.+?) {2,}(.+)$", re.MULTILINE)
_REASON = re.compile(r"^    TV_REASON_(\w+), +/\* (.+) \*/$", re.MULTILINE)


def read(path: str) -> str:
    """Return a file of the project."""
    return (ROOT / path).read_text(encoding="utf-8")


def listed(header: str, name: str) -> dict[str, str]:
    """Return a closed list of a header, `#define TV_NAME(X)`: by name what stands beside it."""
    found = re.search(rf"#define {name}\(X\)((?:.*\\\n)+.*)", read(header))
    return _some(dict(_ROW.findall(found[1] if found else "")), name)


def _some(rows, what: str):
    if not rows:
        raise LookupError(f"nothing found: {what}")
    return rows


def states() -> list[str]:
    """Return the states of a task inside the core, and as which one each is seen."""
    seen = listed("csrc/core/tables.h", "TV_ACTOR_STATES")
    told = {name: (place, what) for name, place, what in _STATE.findall(read("csrc/core/actor.h"))}
    rows = [(f"``{n}``", f"``TaskState.{s}``", *map(_literal, told[n])) for n, s in seen.items()]
    return table("16 26 22 36", ("state", "is seen as", "is kept in", "what holds there"), *rows)


def _literal(text: str) -> str:
    """Return a comment of C as text: code in backticks, all else plain."""
    return linked(re.sub(r"(in\[\w+\]|\bmax_concurrent\b)", r"`\1`", text), lambda name: None)


def reasons() -> list[str]:
    """Return the texts of reasons, with their blanks in braces."""
    rows = _some(_REASON.findall(read("csrc/core/reason.h")), "reasons")
    return table(
        "35 65", ("why", "text"), *((f"``{name}``", _example(text)) for name, text in rows)
    )


def _example(text: str) -> str:
    """Return the text of a reason as code, and what is only said of it as it is."""
    code, comma, said = text.partition(", ")
    return text if re.search(r"\b(the|as)\b", code) else f"``{code}``{comma}{said}"


def answers() -> list[str]:
    """Return what a function of C can answer."""
    said = listed("csrc/taskvisor.h", "TV_ERRORS")
    rows = [(f"``TV_{name}``", text) for name, text in said.items()]
    return table("30 70", ("answer", "what it says"), *rows)


# --- the header of C -----------------------------------------------------------------------------

_SECTION = re.compile(r"^/\* -+ (.+?) -+ \*/$", re.MULTILINE)


def sections(header: str) -> list[tuple[str, str]]:
    """Return a header's text by its section titles; what stands before the first has none."""
    parts = _SECTION.split(header)
    return [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]


def without_guards(text: str) -> str:
    """Return a header's text without its guards and includes."""
    kept = [line for line in text.splitlines() if not re.match(r"#(ifndef|endif|include)\b", line)]
    kept = [line for line in kept if not re.fullmatch(r"#define \w+_H", line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def header(path: str) -> list[str]:
    """Return a header, word by word, a section below each of its titles."""
    lines: list[str] = []
    for title, text in sections(read(path)):
        if title:
            lines += [title.capitalize(), "-" * len(title), ""]
        code = textwrap.indent(without_guards(text), "   ")
        lines += [".. code-block:: c", "", *code.splitlines(), ""]
    return lines


# --- the command line ----------------------------------------------------------------------------

_CODE = re.compile(r"^  (\d)  (.+)$", re.MULTILINE)


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    from taskvisor.cli.arguments import _parsers

    return _parsers()[1]


def command(name: str) -> list[str]:
    """Return what may stand behind a command, with its defaults."""
    parser = parsers()[name]
    lines = [".. program:: " + parser.prog, "", ".. code-block:: text", ""]
    usage = textwrap.dedent(parser.format_usage()).strip()
    lines += [*textwrap.indent(usage, "   ").splitlines(), ""]
    lines += restructured(parser.description or "", (), lambda name: None)
    formatter = parser._get_formatter()
    for action in parser._actions:
        names = ", ".join(_with_value(action))
        text = linked(formatter._expand_help(action), lambda name: None)
        lines += [f".. option:: {names}", "", f"   {text}", ""]
    return lines


def _with_value(action: argparse.Action) -> list[str]:
    value = action.metavar or ("{" + ",".join(action.choices) + "}" if action.choices else "")
    if not action.option_strings:
        return [str(action.metavar)]
    return [f"{each} {value}".strip() for each in action.option_strings]


def exit_codes() -> dict[int, str]:
    """Return what each exit code of `taskvisor run` says, as its help does."""
    epilog = parsers()["run"].epilog or ""
    return {int(code): text for code, text in _some(_CODE.findall(epilog), "exit codes")}


def exit_code_table() -> list[str]:
    """Return the table of exit codes."""
    rows = [(f"``{code}``", text) for code, text in exit_codes().items()]
    return table("10 90", ("exit code", "says"), *rows)


# --- what comes with the package -----------------------------------------------------------------


def metrics() -> list[str]:
    """Return the metrics that are exported, from the collector itself."""
    from taskvisor.ext.prometheus import PrometheusCollector

    rows = []
    for metric in _some(list(PrometheusCollector().collect()), "metrics"):
        name = metric.name + ("_total" if metric.type == "counter" else "")
        rows.append((f"``{name}``", metric.type, metric.documentation))
    return table("45 15 40", ("metric", "type", "what it tells"), *rows)


def instruments(module: str) -> list[str]:
    """Return what the docstring of a module of telemetry says."""
    doc = inspect.cleandoc(importlib.import_module(module).__doc__ or "")
    return restructured(doc, (), resolver(module))


def extras() -> list[str]:
    """Return the extras of the package and what each brings."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    rows = [
        (f"``taskvisor[{name}]``", ", ".join(f"``{each}``" for each in needs))
        for name, needs in project["optional-dependencies"].items()
    ]
    return table("25 75", ("extra", "brings"), *rows)


def fixtures() -> dict[str, tuple[str, str]]:
    """Return the fixtures of the pytest plugin: by name the type of each, and its docstring."""
    tree = ast.parse((PACKAGE / "pytest_plugin.py").read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        marks = [ast.unparse(mark) for mark in getattr(node, "decorator_list", ())]
        if isinstance(node, ast.FunctionDef) and "pytest.fixture" in marks and node.returns:
            kind = ast.unparse(node.returns).removeprefix("Iterator[").removesuffix("]")
            found[node.name] = (kind, ast.get_docstring(node) or "")
    return _some(found, "fixtures")


def fixture_entries() -> list[str]:
    """Return an entry for each fixture."""
    lines: list[str] = []
    resolve = resolver("taskvisor.testing")
    for name, (kind, doc) in fixtures().items():
        text = restructured(doc, (), resolve)
        lines += [f"``{name}``: {linked(f'`{kind}`', resolve)}"]
        lines += [f"   {line}" if line else "" for line in text]
    return lines


TABLES: dict[str, Callable[..., list[str]]] = {
    "answers-of-c": answers,
    "command": command,
    "exit-codes": exit_code_table,
    "extras": extras,
    "fixtures": fixture_entries,
    "header": header,
    "instruments": instruments,
    "metrics": metrics,
    "reasons": reasons,
    "states-of-core": states,
}
"""What the pages call them: the directives, with an argument where the function has one."""
