"""The figures and the locks that the pages on design name are those of the code."""

import re

import pytest
from pages import ROOT

UNITS = {"TV_MS": 10**6, "TV_SECOND": 10**9, "INT64_C": 1}


def value(macro: str) -> int:
    """What a macro of the core or the runtime is: a number, or nanoseconds."""
    for path in [*(ROOT / "csrc").rglob("*.[ch]")]:
        found = re.search(rf"#define {macro} ([^/\n]+)", path.read_text(encoding="utf-8"))
        if found:
            text = re.sub(r"INT64_C\((\d+)\)|(\d+)u\b", r"\1\2", found[1])
            return eval(text, {}, UNITS)
    raise LookupError(macro)


def written(ns: int) -> str:
    """A duration as pages write it, in the largest unit that it is whole in."""
    units = {"s": 10**9, "ms": 10**6, "µs": 10**3, "ns": 1}
    unit, size = next((unit, size) for unit, size in units.items() if ns % size == 0)
    return f"{ns // size} {unit}"


def page(name: str) -> str:
    text = (ROOT / "docs" / "design" / name).read_text(encoding="utf-8")
    return " ".join(text.replace("**", "").split())


@pytest.mark.parametrize(
    ("macro", "where", "says"),
    [
        ("TV_TURN", "threads.md", "at least {duration}, or as long as it had to wait for the GIL"),
        ("TV_TURN_MAX", "threads.md", "wait for the GIL, at most {duration}."),
        ("TV_TURN_REST", "threads.md", "detaches and rests for {duration}"),
        ("MANY", "threads.md", "it has delivered {number} events or more in a turn"),
        ("TV_POOL_IDLE", "threads.md", "An idle worker leaves after {duration}."),
        ("TV_POOL_FRESH", "threads.md", "the attempt taken last, less than {duration} ago"),
        ("TV_POOL_LOOK", "threads.md", "{duration} after a worker went into somebody's code"),
        ("TV_POOL_STILL", "threads.md", "nobody has taken for {duration} brings one worker"),
        ("TV_POOL_RETRY", "threads.md", "the timer thread tries again after {duration}."),
        ("TV_LOOP_PATIENCE", "threads.md", "without one it has {duration},"),
        ("TV_SPIN", "threads.md", "begins with {duration} in which the thread does not sleep"),
        ("TV_POOL_IDLE", "rationale.md", "How long does an idle worker stay? | {duration} |"),
        ("TV_POOL_RETRY", "rationale.md", "is tried again after {duration} |"),
        ("LOOK_UP", "rationale.md", "a condition variable looks up every {duration}."),
        ("TV_SLICE", "threads.md", "one slice of at most {number} tasks' work"),
        ("TV_LOCK_LOOKS", "threads.md", "looks up to {number} times whether it has become free"),
        ("TV_LOCK_AWAY", "threads.md", "{duration} apart, before it goes to sleep"),
        ("TV_LOCK_AWAY", "threads.md", "another less than {duration} ago, the first is left out"),
        ("TV_POOL_BURST", "threads.md", "1, then 2, 4 … up to {number} at a time"),
        ("TV_POOL_FEW", "threads.md", "where fewer than {number} attempts have been taken"),
        ("TV_POOL_ABREAST", "threads.md", "while fewer than {number} for each processor are busy"),
        ("TV_TRACE", "architecture.md", "prints the last {number} inputs"),
        ("TV_SLICE", "rationale.md", "How many tasks does a step take at most? | {number},"),
    ],
)
def test_figure_that_a_page_names_is_in_force(macro, where, says):
    figure = value(macro)
    assert says.format(duration=written(figure), number=figure) in page(where)


def test_every_file_with_a_lock_of_its_own_stands_in_the_table_of_locks():
    locks = page("threads.md").partition("## The locks")[2].partition("What is shared without")[0]
    owns = re.compile(r"\btv_lock_init\(&|\bPyMutex \w+;|\.mutex = PTHREAD_MUTEX_INITIALIZER")
    files = [path for path in (ROOT / "csrc").rglob("*.c") if owns.search(path.read_text("utf-8"))]
    assert len(files) == 6
    lacking = {str(path.relative_to(ROOT)) for path in files if f"`{path.name}`" not in locks}
    lacking = {path for path in lacking if f"`{path}`" not in locks}
    assert lacking <= {"csrc/rt/runtime.c"}
    assert "`csrc/rt/runtime.h`" in locks


def test_every_file_that_makes_a_lock_begins_with_its_discipline_or_its_header_does():
    silent = []
    for path in (ROOT / "csrc").rglob("*.c"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"\btv_lock_init\(&|\bPyMutex \w+;", text):
            header = path.with_suffix(".h")
            heads = [each.read_text("utf-8")[:1000] for each in (path, header) if each.exists()]
            silent += [] if any("Locking discipline." in head for head in heads) else [path.name]
    assert silent == []


def test_macro_that_is_gone_is_an_error():
    with pytest.raises(LookupError):
        value("TV_NO_SUCH_MACRO")
