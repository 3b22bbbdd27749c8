"""What pages say in backticks, and whether the code has it.

A code span is read as what it looks like: `taskvisor.X.y` and `X.y` of a public X are looked up in
the package; of a call, `X(y=…)`, the keywords as well; `ctx.y`, `handle.y` and the like in the type
that such a name stands for; `make x`, `taskvisor[x]`, `--x` where they are defined. Any other
identifier that has an underscore or a hump has to occur somewhere in the sources, or in a block of
the page itself, which is run; or it is a name of others, and stands in FOREIGN.

Guarantees: blocks are not read here, links are not code; a span that is none of these is let be.
"""

import builtins
import importlib
import inspect
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import taskvisor
from taskvisor import aio, testing

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

import entries  # noqa: E402, F401
import events  # noqa: E402, F401
import prose  # noqa: E402, F401
import source  # noqa: E402
import tables  # noqa: E402

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

SOURCES = {".py", ".pyi", ".c", ".h", ".sh", ".rs", ".go", ".toml", ""}

# What a name that is written without a type stands for, each of them enough.
STANDS_FOR = {
    "ctx": (taskvisor.TaskContext,),
    "handle": (taskvisor.TaskHandle, aio.TaskHandle),
    "sup": (taskvisor.SupervisorHandle, aio.SupervisorHandle),
    "supervisor": (taskvisor.SupervisorHandle,),
    "token": (taskvisor.CancellationToken,),
    "event": (taskvisor.Event,),
    "outcome": (taskvisor.TaskOutcome,),
    "clock": (testing.ManualClock,),
    "recorder": (testing.Recorder,),
    "aio": (aio,),
}

# Names of others, by page: what a page that compares, or fits us into something, has to say of it.
FOREIGN = {
    "containers.md": {
        "--foreground", "TimeoutStopSec", "preStop", "shareProcessNamespace", "stop_grace_period",
        "terminationGracePeriodSeconds",
    },
    "django.md": {"--preload", "AppConfig", "graceful_timeout", "sync_to_async"},
    "from-apscheduler.md": {
        "AsyncIOScheduler", "EVENT_JOB_ERROR", "add_listener", "get_jobs", "misfire_grace_time",
        "modify_job", "pause_job", "remove_job", "reschedule_job",
    },
    "from-rust.md": {
        "ActorDead", "AttemptCanceled", "AttemptFailed", "AttemptStarting", "AttemptSucceeded",
        "AttemptTimedOut", "ForceAborted", "OwnershipCapacityRetired", "RuntimeFailure",
        "SupervisorBuilder", "TaskAddFailed", "TaskDefaults", "TaskFinished", "alive_snapshot",
        "duration_ms", "run_with_os_signals", "subscriber_shutdown_timeout",
    },
}  # fmt: skip

_FENCED = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_DOTTED = re.compile(r"@?([A-Za-z_]\w*(?:\.\w+)*)(\(.*\))?", re.DOTALL)
_KEYWORD = re.compile(r"(?<![\w.])(\w+)=(?!=)")
_FILE = re.compile(r"\.(?:c|go|h|md|py|pyi|rs|sh|so|svg|toml)$")
_OF_C = re.compile(r"Py[A-Z]|pthread_|sem_")  # what the system and CPython have, not we
_TELLING = re.compile(r"(?=.*(?:_|[a-z][A-Z]))[A-Za-z_]\w+")


def spans_of(page: str) -> list[str]:
    """The code spans of a page, outside of its blocks and comments."""
    text = _COMMENT.sub("", _FENCED.sub("", page))
    return [" ".join(span.split()) for _, span in _SPAN.findall(text)]


def complaints(page: str, name: str = "") -> list[str]:
    """What a page says in backticks that the code does not have; name: the file's."""
    own = set(re.findall(r"\w+", " ".join(found[0] for found in _FENCED.finditer(page))))
    own |= FOREIGN.get(name, set())
    return [f"`{span}`: {wrong}" for span in spans_of(page) if (wrong := wrong_with(span, own))]


def wrong_with(span: str, own: set[str]) -> str:
    """What is wrong with a code span; own: words that the page's blocks have. "" for nothing."""
    for reads in (_command, _option, _extra, _name):
        answer = reads(span, own)
        if answer is not None:
            return answer
    return ""


# --- commands and options ------------------------------------------------------------------------


@cache
def targets() -> dict[str, bool]:
    """The targets of the Makefile, and whether `make help` lists each."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {name: "## " in rest for name, rest in re.findall(r"^([a-z-]+):(.*)$", text, re.M)}


def _command(span: str, own: set[str]) -> str | None:
    words = span.split()
    if words[0] == "make" and len(words) > 1:
        unknown = [w for w in words[1:] if re.fullmatch(r"[a-z-]+", w) and w not in targets()]
        return f"no target {' '.join(unknown)}" if unknown else ""
    if words[0] == "taskvisor" and len(words) > 1:
        if words[1] in tables.parsers():
            has = {s for a in tables.parsers()[words[1]]._actions for s in a.option_strings}
            unknown = [w for w in words[2:] if w.startswith("-") and w.split("=")[0] not in has]
            return f"no option {' '.join(unknown)}" if unknown else ""
        return "" if words[1] in {"--help", "--version"} else f"no command {words[1]}"
    return None


def _option(span: str, own: set[str]) -> str | None:
    if not re.match(r"--[a-z]", span):
        return None
    name = re.match(r"--[\w-]+", span)[0]
    return "" if name in _options() | own else "no program here has this option"


@cache
def _options() -> set[str]:
    parsers = tables.parsers().values()
    ours = {s for parser in parsers for action in parser._actions for s in action.option_strings}
    files = [ROOT / "Makefile", *(ROOT / "tests").rglob("*.[ch]"), *(ROOT / "tools").iterdir()]
    files += (ROOT / "benchmarks").glob("*.py")
    texts = " ".join(path.read_text(encoding="utf-8") for path in files)
    return ours | set(re.findall(r"--[a-z][\w-]*", texts)) | {"--version"}


def _extra(span: str, own: set[str]) -> str | None:
    found = re.search(r"\btaskvisor\[([\w,]+)\]", span)
    if not found:
        return None
    unknown = sorted(set(found[1].split(",")) - extras())
    return f"no extra {', '.join(unknown)}" if unknown else ""


@cache
def extras() -> set[str]:
    """The extras of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


# --- names ---------------------------------------------------------------------------------------


def _name(span: str, own: set[str]) -> str | None:
    found = _DOTTED.fullmatch(span)
    if not found or _FILE.search(span):
        return None
    name, call = found[1], found[2] or ""
    wrong = ""
    for value, path in _meant(name):
        wrong = _missing(value, path)
        if not wrong:
            return _unknown_keywords(_reached(value, path), call)
    return wrong or _nowhere(name, own)


def _nowhere(name: str, own: set[str]) -> str:
    """What is wrong with a name that is none of ours."""
    head, *path = name.split(".")
    if head in sys.stdlib_module_names and not _missing(importlib.import_module(head), path):
        return ""
    telling = [part for part in [head, *path] if _TELLING.fullmatch(part)]
    known = all(part in own or part in words() or _OF_C.match(part) for part in telling)
    return "" if known else "it occurs nowhere in the sources"


def _meant(name: str):
    """What a dotted name may be read from, each with the path from there."""
    head, *path = name.split(".")
    if head == "taskvisor" and path:
        yield taskvisor, path
    elif head in STANDS_FOR and path:
        yield from ((value, path) for value in STANDS_FOR[head])
    elif head[0].isupper():
        for module in map(importlib.import_module, source.MODULES):
            if head in module.__all__:
                yield getattr(module, head), path


def _missing(value, path: list[str]) -> str:
    for part in path:
        reached = _member(value, part)
        if reached is None:
            return f"{getattr(value, '__name__', value)} has no {part}"
        value = reached
    return ""


def _reached(value, path: list[str]):
    for part in path:
        value = _member(value, part)
    return value


def _member(value, name: str):
    """A member of a module or class; an attribute that a constructor sets stands for itself."""
    if inspect.ismodule(value):
        try:
            return importlib.import_module(f"{value.__name__}.{name}")
        except ImportError:
            return getattr(value, name, None)
    found = getattr(value, name, None)
    if found is None and isinstance(value, type):
        return name if name in _parameters(value) else None
    return found


def _unknown_keywords(value, call: str) -> str:
    """What a call names that the callable does not take."""
    named = set(_KEYWORD.findall(re.sub(r"\(.*?\)", "", call[1:-1])))
    has = _parameters(value)
    if not named or has is None:
        return ""
    unknown = sorted(named - has)
    return f"takes no {', '.join(unknown)}" if unknown else ""


@cache
def _parameters(value) -> set[str] | None:
    """The names of what can be given to a public class, method or function."""
    for dotted in source.public_names():
        entry = source.entry(dotted)
        if source.object_of(dotted) is value:
            return _names(entry)
        for member in entry.members:
            if source.object_of(f"{dotted}.{member.name}") == value:
                return _names(member)
    return None


def _names(entry) -> set[str]:
    names = set(entry.names)
    spec = set(source.entry("taskvisor.TaskSpec").names)
    return names | spec if names & {"options", "changes"} else names


@cache
def words() -> set[str]:
    """All words of the sources, and what Python itself has."""
    folders = ["taskvisor", "csrc", "tests", "examples", "benchmarks", "tools", "docs/_ext", ".ci"]
    found = set(sys.stdlib_module_names) | set(dir(builtins))
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in [*paths, ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "setup.py"]:
        if path.suffix in SOURCES and path.name not in {"test_docs.py", "pages.py"}:
            found.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return found
