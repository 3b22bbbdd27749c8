"""Which layer knows which: knowledge flows one way, in C and in Python; and files stay readable.

The C layers are core, rt and ext, and the public header between the last two. In Python a module
imports only modules of a lower row of LAYERS.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "taskvisor"

FILE_MAX = 400
FUNCTION_MAX = 70
LINE_MAX = 100

# By layer: how the headers of the project that it may include begin.
MAY_INCLUDE = {
    "core": ("core/",),
    "rt": ("core/", "rt/", "taskvisor.h"),
    "ext": ("ext/", "taskvisor.h"),
    "taskvisor.h": ("core/",),
}

PYTHON_HEADERS = {"Python.h", "datetime.h", "frameobject.h", "pythread.h", "structmember.h"}

# What the layer that only decides has no use for: threads, clocks, files, signals.
NOT_IN_CORE = re.compile(
    r"pthread|threads|semaphore|time|sched|signal|unistd|fcntl|errno|poll|spawn|(sys|linux)/.*"
)

LAYERS = [
    {"_core"},
    {"_checks", "_values"},
    {"events", "outcome", "policies"},
    {"config", "controller", "errors"},
    {"_ends", "_hooks", "decorator", "logwriter"},
    {"_waits", "log"},
    {"supervisor"},
    {"aio"},
    {"__init__"},
    {"testing"},
    {"pytest_plugin"},
    # What the library does not know of: observers for others, the command line.
    {"ext", "ext._meter"},
    {"ext.otel", "ext.prometheus"},
    {"cli.arguments", "cli.book", "cli.output", "cli.signals", "cli.table", "cli.target"},
    {"cli.frame", "cli.logs", "cli.preview", "cli.served"},
    {"cli.screen"},
    {"cli.painters", "cli.summary"},
    {"cli.live"},
    {"cli.run"},
    {"cli"},
    {"__main__"},
]


def sources(*patterns: str) -> list[Path]:
    found = sorted(path for pattern in patterns for path in CSRC.glob(pattern))
    assert found, f"nothing matches {patterns}"
    return found


def layer_of(path: Path) -> str:
    return path.relative_to(CSRC).parts[0]


# --- C: includes ---------------------------------------------------------------------------------


def includes(source: str) -> list[tuple[str, str]]:
    """The includes of a C file, each as `"` or `<` and the header's name."""
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', source, re.MULTILINE)


def foreign_includes(layer: str, source: str) -> list[str]:
    """The headers of the project that a file of this layer must not know."""
    own = [name for mark, name in includes(source) if mark == '"']
    return [name for name in own if not name.startswith(MAY_INCLUDE[layer])]


def system_headers(path: Path) -> set[str]:
    return {name for mark, name in includes(path.read_text(encoding="utf-8")) if mark == "<"}


def includers(header: str) -> list[str]:
    paths = sources("**/*.[ch]")
    return [str(path.relative_to(CSRC)) for path in paths if header in system_headers(path)]


def test_each_layer_of_c_includes_only_what_is_below_it():
    wrong = [
        f"{path.relative_to(ROOT)} includes {name}"
        for path in sources("**/*.[ch]")
        for name in foreign_includes(layer_of(path), path.read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_file_of_c_is_in_a_layer():
    assert {layer_of(path) for path in sources("**/*.[ch]")} == set(MAY_INCLUDE)


def test_core_includes_neither_threads_nor_clocks_nor_files():
    wrong = [
        f"{path.name} includes <{name}>"
        for path in sources("core/*.[ch]")
        for name in system_headers(path)
        if NOT_IN_CORE.fullmatch(name.removesuffix(".h"))
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_only_the_extension_includes_headers_of_python():
    layers = {name.split("/")[0] for header in PYTHON_HEADERS for name in includers(header)}
    assert layers == {"ext"}
    assert includers("Python.h") == ["ext/ext.h"]


def test_two_files_include_pthread_and_one_reads_a_clock():
    assert includers("pthread.h") == ["rt/thread.c", "rt/thread.h"]
    assert includers("time.h") == ["rt/clock.c"]
    reads = re.compile(r"\b(clock_gettime|gettimeofday|timespec_get|mach_absolute_time)\b")
    texts = {path: path.read_text(encoding="utf-8") for path in sources("**/*.[ch]")}
    assert [path.name for path, text in texts.items() if reads.search(text)] == ["clock.c"]


def test_nobody_asks_python_for_a_thread_state_of_its_own_making():
    # A state made per call costs microseconds and crashes at the interpreter's exit.
    users = [p.name for p in sources("**/*.[ch]") if "PyGILState_" in p.read_text(encoding="utf-8")]
    assert users == []


def test_switches_of_the_core_list_every_case():
    # With a default the compiler would not tell of a state that was forgotten.
    lazy = [
        p.name for p in sources("core/*.c") if re.search(r"^\s*default\s*:", p.read_text(), re.M)
    ]
    assert lazy == []


@pytest.mark.parametrize(
    ("layer", "source", "foreign"),
    [
        ("core", '#include "core/list.h"\n#include <stdio.h>\n', []),
        ("core", '#include "rt/pool.h"\n', ["rt/pool.h"]),
        ("core", '#include "taskvisor.h"\n', ["taskvisor.h"]),
        ("rt", '#include "taskvisor.h"\n  #  include "ext/ext.h"\n', ["ext/ext.h"]),
        ("ext", '#include "core/text.h"\n#include "ext/ext.h"\n', ["core/text.h"]),
        ("ext", '#include "pool.h"\n', ["pool.h"]),
        ("taskvisor.h", '#include "core/event.h"\n#include "rt/bus.h"\n', ["rt/bus.h"]),
        ("ext", '/* as in #include "rt/bus.h" */\n', []),
    ],
)
def test_checker_of_includes_finds_exactly_the_foreign_ones(layer, source, foreign):
    assert foreign_includes(layer, source) == foreign


# --- C: length -----------------------------------------------------------------------------------


def functions(source: str) -> list[tuple[str, int]]:
    """The functions of a C file, by their first line, and how many lines each has.

    Relies on the style of the project: a body's braces stand alone in the first column.
    """
    found, lines, begin = [], source.split("\n"), None
    for number, line in enumerate(lines):
        if line == "{":
            begin = number
            while begin > 0 and re.match(r"(?!\s*\*)[\w\s]", lines[begin - 1] or ";"):
                begin -= 1
        elif line == "}" and begin is not None:
            found.append((lines[begin], number - begin + 1))
            begin = None
    return found


def test_functions_fit_on_one_screen_and_files_hold_one_idea():
    wrong = []
    for path in [*sources("**/*.[ch]"), *sorted((ROOT / "tests").glob("*/*.[ch]"))]:
        source, where = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
        lines = source.splitlines()
        if path.suffix == ".c" and path.is_relative_to(CSRC) and len(lines) > FILE_MAX:
            wrong.append(f"{where} has {len(lines)} lines")
        wrong += [f"{where}: {n} lines in {f}" for f, n in functions(source) if n > FUNCTION_MAX]
        wrong += [f"{where}:{n} is too wide" for n, s in enumerate(lines, 1) if len(s) > LINE_MAX]
    assert not wrong, "\n" + "\n".join(wrong)


def test_checker_of_length_counts_a_function_from_its_first_line():
    source = """#include <a.h>

static int
one(int a,
    int b)
{
    if (a) {
    }
}

/*
 * A comment.
 */
void two(void)
{
}

struct x {
    int y;
};
"""
    assert functions(source) == [("static int", 7), ("void two(void)", 3)]


def test_checker_of_length_sees_the_functions_there_are():
    # A few that are known, so that a change of style does not blind it.
    found = [name for path in sources("**/*.c") for name, _ in functions(path.read_text())]
    assert len(found) > 300
    for name in ("tv_now(", "tv_core_step(", "PyInit__core(", "tv_text_new("):
        assert any(name in line for line in found), name


# --- Python --------------------------------------------------------------------------------------


def imported_modules(source: str) -> set[str]:
    """The modules of the package that a module imports, at its top or anywhere else in it.

    Each by its name inside the package: `log`, `cli.run`.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            inside = prefix.strip(".") in ("", "taskvisor")
            names = [f"taskvisor.{a.name}" for a in node.names] if inside else [prefix]
        else:
            continue
        own = [name for name in names if name.split(".")[0] in ("taskvisor", "")]
        found.update(name.strip(".").removeprefix("taskvisor.") for name in own)
    return found


def rank_of(module: str) -> int:
    module = "__init__" if module == "taskvisor" else module
    ranks = [rank for rank, row in enumerate(LAYERS) if module in row]
    assert ranks, f"{module} has no place in LAYERS"
    return ranks[0]


def name_of(path: Path) -> str:
    """What a file's module is called inside the package."""
    *folders, stem = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(folders if folders and stem == "__init__" else [*folders, stem])


def modules() -> dict[str, str]:
    paths = sorted(PACKAGE.glob("**/*.py"))
    return {name_of(path): path.read_text(encoding="utf-8") for path in paths}


def test_modules_of_the_package_import_only_lower_ones():
    wrong = [
        f"{module} imports {other}"
        for module, source in modules().items()
        for other in sorted(imported_modules(source))
        if rank_of(other) >= rank_of(module)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_module_has_its_place():
    assert set().union(*LAYERS) == {"_core", *modules()}


def test_stubs_import_only_what_the_extension_is_given():
    # They describe a module that has no import of its own but the classes it is bound to.
    stub = (PACKAGE / "_core.pyi").read_text(encoding="utf-8")
    assert imported_modules(stub) <= {
        "_checks",
        "config",
        "controller",
        "events",
        "outcome",
        "policies",
    }


def test_functions_of_the_package_fit_on_one_screen():
    wrong = [
        f"{module}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for module, source in modules().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= FUNCTION_MAX
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os, taskvisor.log\n", {"log"}),
        ("from taskvisor import _core, errors\n", {"_core", "errors"}),
        ("from taskvisor.events import EventKind\n", {"events"}),
        ("from . import config\n", {"config"}),
        ("from .outcome import TaskOutcome as T\n", {"outcome"}),
        ("def f():\n    from taskvisor.log import x\n", {"log"}),
        ("import taskvisor\n", {"taskvisor"}),
        ("from taskvisor.cli.run import run\n", {"cli.run"}),
        ("import taskvisor.ext.otel as otel\n", {"ext.otel"}),
        ("import taskvisor_plugin\n", set()),
        ("import logging\nfrom logging import config\n", set()),
    ],
)
def test_checker_of_imports_finds_those_of_the_package(source, found):
    assert imported_modules(source) == found
