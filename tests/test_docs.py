"""The pages say what the code says: names, defaults, events, exit codes, commands, links."""

import inspect
import re
from collections import Counter

import pytest
from pages import (
    PAGES,
    ROOT,
    complaints,
    entries,
    events,
    extras,
    prose,
    source,
    spans_of,
    tables,
    targets,
)

import taskvisor as tv
from taskvisor.cli.arguments import parse
from taskvisor.cli.book import Row
from taskvisor.cli.summary import Report

REFERENCE = ROOT / "docs" / "reference"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(path) -> str:
    return path.read_text(encoding="utf-8")


# --- names ---------------------------------------------------------------------------------------


@every_page
def test_every_name_in_backticks_is_one_of_the_code(path):
    assert complaints(text_of(path), path.name) == []


@pytest.mark.parametrize(
    ("drifted", "complaint"),
    [
        ("`taskvisor.Supervisr`", "taskvisor has no Supervisr"),
        ("`taskvisor.aio.Pool`", "taskvisor.aio has no Pool"),
        ("`TaskHandle.wait`", "TaskHandle has no wait"),
        ("`TaskInfo.last_failure`", "TaskInfo has no last_failure"),
        ("`GraceExceeded.tasks`", "GraceExceeded has no tasks"),
        ("`ctx.canceled`", "TaskContext has no canceled"),
        ("`sup.add_all()`", "SupervisorHandle has no add_all"),
        ("`TaskSpec(fn, retries=3)`", "takes no retries"),
        ("`TaskSpec.once(fn, attempts=3)`", "takes no attempts"),
        ("`SupervisorHandle.add(spec, id=3)`", "takes no id"),
        ("`BackoffPolicy(first=1, min=2)`", "takes no min"),
        ("`on_every_event`", "it occurs nowhere in the sources"),
        ("`RestartStrategy`", "it occurs nowhere in the sources"),
        ("`asyncio.create_jobs`", "it occurs nowhere in the sources"),
        ("`make proven`", "no target proven"),
        ("`taskvisor run a.py --jobs 4`", "no option --jobs"),
        ("`taskvisor serve`", "no command serve"),
        ("`--max-parallel`", "no program here has this option"),
        ("`pip install 'taskvisor[rich]'`", "no extra rich"),
    ],
)
def test_name_that_has_drifted_is_found(drifted, complaint):
    assert complaints(f"Text with {drifted} in it.") == [f"{drifted}: {complaint}"]


@pytest.mark.parametrize(
    "page",
    [
        "`taskvisor.Supervisor` `taskvisor.ext.otel` `TaskHandle.result()` `GraceExceeded.stuck`",
        "`TaskSpec(fn, timeout=5)` `TaskSpec.periodic(fn, 1, grace=5)` `ctx.sleep(1)`",
        "`make test-all` `make sim SEED=7` `taskvisor run x.py --grace 5` `taskvisor[cli]`",
        "```python\nown_name = 1\n```\nThen `own_name` is read, and `a < b`.",
        "```\n`Supervisr.run_all`\n```\n<!-- `Supervisr.run_all` -->",
    ],
)
def test_names_that_are_there_are_let_be(page):
    assert complaints(page) == []


# --- the reference -------------------------------------------------------------------------------


def entries_of(page: str) -> list[str]:
    """The public names that a page has entries of."""
    blocks = re.findall(r"^\.\. api::\n\n((?:   \S+\n)+)", page, re.MULTILINE)
    return [name for block in blocks for name in block.split()]


def test_every_public_name_has_one_entry():
    found = Counter(n for path in REFERENCE.glob("*.md") for n in entries_of(text_of(path)))
    assert found == Counter(source.public_names())


def test_every_entry_and_member_says_what_it_is():
    every = [source.entry(name) for name in source.public_names()]
    members = [(each.name, member) for each in every for member in each.members]
    silent = [each.name for each in every if not each.doc]
    silent += [f"{name}.{member.name}" for name, member in members if not member.doc]
    assert silent == []


def test_every_member_of_an_enumeration_says_what_it_means():
    kinds = [n for n in source.public_names() if source.entry(n).kind == "enumeration"]
    assert len(kinds) == 9
    for kind in map(source.object_of, kinds):
        assert list(source.texts_of(kind)) == [member.name for member in kind]


def test_entry_shows_types_defaults_and_what_is_inherited():
    lines = entries.lines_of("taskvisor.TaskSpec")
    assert lines[0].startswith(".. py:class:: taskvisor.TaskSpec(fn: Callable[..., T], *, ")
    assert "timeout: float | timedelta | None=..., max_retries: int | None=..." in lines[0]
    assert "   .. py:method:: replace(**changes: Any) -> taskvisor.TaskSpec[T]" in lines
    told = entries.lines_of("taskvisor.aio.TaskHandle")
    at = told.index("   .. py:method:: result(timeout: float | timedelta | None=None) -> T")
    assert told[at + 1] == "      :async:"


@pytest.mark.parametrize("module", source.MODULES)
def test_every_table_and_directive_of_the_pages_is_there(module):
    used = set()
    for path in REFERENCE.glob("*.md"):
        used |= set(re.findall(r"^\.\. ([\w-]+)::", text_of(path), re.MULTILINE))
    assert used - {"api"} == set(tables.TABLES)
    assert source._module(module).__all__


@pytest.mark.parametrize(
    ("doc", "lines"),
    [
        ("One line.", ["One line.", ""]),
        ("Wait.\n\nmore: how\nmuch. Raises KeyError.", ["Wait.", "", ":param more: how much.", "",
                                                       "Raises KeyError.", ""]),
        ("a: one. b, c: two.", [":param a: one.", ":param b: two.", ":param c: two.", ""]),
        ("Of `x`: *args and x_ or |y|.", ["Of ``x``: \\*args and x\\_ or \\|y\\|.", ""]),
        ("See:\n\n    a(`b`)", ["See:", "", "::", "", "    a(`b`)", ""]),
        ("A TaskSpec of `TaskSpec.once`.", [
            "A :py:obj:`TaskSpec <taskvisor.TaskSpec>` of "
            ":py:obj:`TaskSpec.once <taskvisor.TaskSpec.once>`.", ""]),
    ],
)  # fmt: skip
def test_docstring_becomes_what_it_says(doc, lines):
    parameters = ("a", "b", "c", "more")
    assert prose.restructured(doc, parameters, entries.resolver("taskvisor")) == lines


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("TaskSpec", "taskvisor.TaskSpec"),
        ("taskvisor.aio.run", "taskvisor.aio.run"),
        ("@task", "taskvisor.task"),
        ("task", None),
        ("current()", "taskvisor.current"),
        ("cancel", "taskvisor.TaskHandle.cancel"),
        ("SupervisorHandle.cancel()", "taskvisor.SupervisorHandle.cancel"),
        ("SupervisorHandle.kill", None),
        ("TaskInfo.next_start_in", "taskvisor.TaskInfo"),
        ("ThreadPoolExecutor", None),
    ],
)
def test_name_in_a_docstring_leads_to_what_it_means(written, means):
    assert entries.resolver("taskvisor", "taskvisor.TaskHandle")(written) == means


# --- defaults ------------------------------------------------------------------------------------


def defaults() -> dict[str, str]:
    """The defaults of what is public, by `Name.parameter`, as they are written."""
    found = {}
    for name in source.public_names():
        shown = source.entry(name).parameters or ""
        for parameter, default in re.findall(r"(\w+): [^=]*?=(.+?)(?=, \w+: |, \*|$)", shown):
            found[f"{name.rpartition('.')[2]}.{parameter}"] = default
    return found


def test_defaults_of_the_reference_are_those_in_force():
    config, backoff, slots = tv.SupervisorConfig(), tv.BackoffPolicy(), tv.ControllerConfig()
    shown = defaults()
    for value in (config, backoff, slots):
        kind = type(value).__name__
        for field in type(value).__slots__:
            written = eval(shown[f"{kind}.{field}"], vars(tv))
            assert written == getattr(value, field), f"{kind}.{field}"


def test_defaults_of_a_subscriber_are_those_of_its_docstring():
    told = source.entry("taskvisor.Subscribe").doc
    assert f"{tv.Subscribe().queue_capacity} if left out" in " ".join(told.split())
    assert tv.Subscribe().name == "Subscribe"


def test_defaults_of_the_c_api_are_those_of_python():
    text = text_of(ROOT / "csrc" / "taskvisor.h")
    config, backoff = tv.SupervisorConfig(), tv.BackoffPolicy()
    macros = re.findall(r"#define TV_\w+_DEFAULT((?:.*\\\n)+.*)", text)
    given = dict(re.findall(r"\.(\w+) = ([^,}]+)[,}]", "".join(macros)))
    units = {"TV_MS": 1e-3, "TV_SECOND": 1.0}
    seconds = {
        name: float(number) * units[unit]
        for name, value in given.items()
        for number, unit in re.findall(r"^([\d.]+) \* (\w+)$", value.strip())
    }
    assert seconds == {
        "first_ns": backoff.first,
        "max_ns": backoff.max,
        "reset_after_ns": config.reset_after,
        "grace_ns": config.grace,
        "subscriber_grace_ns": config.subscriber_grace,
    }
    assert float(given["factor"]) == backoff.factor
    assert int(given["bus_capacity"]) == config.bus_capacity


def values() -> dict[str, object]:
    """The defaults in force, by `Name.parameter` and by the parameter alone."""
    found = {}
    for value in (tv.SupervisorConfig(), tv.BackoffPolicy(), tv.ControllerConfig()):
        for field in type(value).__slots__:
            found[field] = found[f"{type(value).__name__}.{field}"] = getattr(value, field)
    return found


def stated_defaults(page: str) -> list[tuple[str, str]]:
    """What tables with a column `default` state, or `here` below a heading `Defaults`: each row."""
    found, column, heading = [], None, ""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("#"):
            heading = line.strip("# ")
        if not line.startswith("|"):
            column = None
        elif column is None:
            titles = ["default", "here"] if heading == "Defaults" else ["default"]
            column = next((cells.index(each) for each in titles if each in cells), -1)
        elif column >= 0:
            found += [(name, cells[column].strip("`")) for name in spans_of(cells[0])]
    return found


_VALUE = re.compile(r"(None|no limit)|([\d.]+)( ms| s)?\b")


def is_stated(value: object, text: str) -> bool:
    """Does a cell begin with this default?"""
    found = _VALUE.match(text)
    if not found or found[1]:
        return str(value) == text or (bool(found) and value is None)
    return float(found[2]) * (0.001 if found[3] == " ms" else 1) == value


def wrong_defaults(page: str) -> list[str]:
    known = values()
    return [
        f"{name} is {known[name]}, not {text}"
        for name, text in stated_defaults(page)
        if name in known and not is_stated(known[name], text)
    ]


@every_page
def test_default_that_a_table_states_is_in_force(path):
    assert wrong_defaults(text_of(path)) == []


def test_tables_with_defaults_are_found():
    stated = [name for path in PAGES for name, _ in stated_defaults(text_of(path))]
    assert {"SupervisorConfig.grace", "bus_capacity", "max_retries"} <= set(stated)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("| `SupervisorConfig.grace` | 60 s | x |", []),
        ("| `SupervisorConfig.grace` | 30 s | x |", ["SupervisorConfig.grace is 60.0, not 30 s"]),
        ("| `first` | 200 ms | x |", []),
        ("| `first` | 2 s | x |", ["first is 0.2, not 2 s"]),
        ("| `max_retries` | no limit | x |", []),
        ("| `max_retries` | 5 | x |", ["max_retries is None, not 5"]),
        ("| `jitter` | `equal` | x |", []),
        ("| `jitter` | `full` | x |", ["jitter is equal, not full"]),
    ],
)
def test_default_that_has_drifted_is_found(row, wrong):
    assert wrong_defaults(f"| name | default | is |\n|---|---|---|\n{row}\n") == wrong
    assert wrong_defaults(f"## Defaults\n\n| | here | is |\n|---|---|---|\n{row}\n") == wrong
    assert wrong_defaults(f"## Else\n\n| | here | is |\n|---|---|---|\n{row}\n") == []


# --- what programs see ---------------------------------------------------------------------------


def test_exit_codes_are_those_of_the_command_line(capsys):
    def code(kind):
        return Report([Row(1, "a", outcome=kind)]).exit_code

    ends = {kind: code(kind) for kind in tv.OutcomeKind if kind != tv.OutcomeKind.REJECTED}
    assert ends == {
        tv.OutcomeKind.COMPLETED: 0, tv.OutcomeKind.CANCELED: 0, tv.OutcomeKind.FAILED: 1,
        tv.OutcomeKind.FATAL: 1, tv.OutcomeKind.ABANDONED: 3,
    }  # fmt: skip
    with pytest.raises(SystemExit) as raised:
        parse(["run", "--grace", "x", "t"])
    assert sorted({*ends.values(), raised.value.code}) == list(tables.exit_codes())
    told = tables.exit_codes()
    assert "completed or canceled" in told[0]
    assert "failed or fatal" in told[1]
    assert "wrong" in told[2]
    assert "grace was exceeded" in told[3]


def test_fields_of_events_are_told_for_every_kind_and_no_other():
    told = events.event_fields()
    assert set(told) == {kind.name for kind in tv.EventKind}
    names = {field.name for cases in told.values() for case in cases for field in case}
    assert all(inspect.isdatadescriptor(getattr(tv.Event, name)) for name in names)


def test_states_inside_are_told_with_the_state_that_users_see():
    seen = tables.listed("csrc/core/tables.h", "TV_ACTOR_STATES")
    assert set(seen.values()) == {state.name for state in tv.TaskState}
    assert all(f"``TaskState.{state}``" in "\n".join(tables.states()) for state in seen.values())


def test_list_that_is_not_found_is_an_error():
    with pytest.raises(LookupError):
        tables.listed("csrc/core/tables.h", "TV_NO_SUCH_LIST")


def test_every_text_of_a_reason_begins_as_the_code_writes_it():
    code = text_of(ROOT / "csrc" / "core" / "reason.c")
    texts = re.findall(r"``([a-z_:]{6,})", "\n".join(tables.reasons()))
    assert len(texts) > 8
    assert [text for text in texts if text.rstrip("=:") not in code] == []


def test_metrics_are_named_as_both_exporters_have_them():
    names = re.findall(r"``(taskvisor_\w+)``", "\n".join(tables.metrics()))
    for module in ("prometheus", "otel"):
        source_text = text_of(ROOT / "taskvisor" / "ext" / f"{module}.py")
        told = re.findall(r"^    (taskvisor_\w+)", source_text, re.MULTILINE)
        assert sorted(told) == sorted(names)


def test_header_of_c_is_shown_whole():
    shown = [line.strip() for line in tables.header("csrc/taskvisor.h")]
    text = tables.without_guards(text_of(ROOT / "csrc" / "taskvisor.h"))
    wanted = [line.strip() for line in text.splitlines() if not re.match(r"/\* -{4}", line)]
    assert [line for line in wanted if line not in shown] == []
    titles = [title for title, _ in tables.sections(text_of(ROOT / "csrc" / "taskvisor.h"))]
    assert len(titles) > 10


def test_fixtures_are_those_of_the_plugin():
    from taskvisor import pytest_plugin

    made = type(pytest.fixture(lambda: None))
    plugin = vars(pytest_plugin).items()
    there = {name for name, value in plugin if isinstance(value, made) and is_fixture(value)}
    assert set(tables.fixtures()) == there


def is_fixture(value) -> bool:
    """Is it what `pytest.fixture` makes: a function with a mark, or of a type of its own?"""
    mark = "_pytestfixturefunction"
    return hasattr(value, mark) or type(value).__name__ == "FixtureFunctionDefinition"


# --- commands ------------------------------------------------------------------------------------


def test_every_target_of_the_makefile_is_told_in_contributing():
    told = " ".join(re.findall(r"\bmake ([a-z -]+)", text_of(CONTRIBUTING))).split()
    assert sorted({name for name, listed in targets().items() if listed} - set(told)) == []


def test_every_extra_of_the_package_is_told():
    shown = "\n".join(tables.extras())
    assert all(f"``taskvisor[{extra}]``" in shown for extra in extras())


# --- links ---------------------------------------------------------------------------------------

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^( *)(```+).*?^\1\2$", re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as renderers of Markdown make them."""
    heads = [re.sub(r"[^\w\- ]", "", h.lower()) for h in _HEADING.findall(_BLOCK.sub("", page))]
    return {head.strip().replace(" ", "-") for head in heads}


def dead_ends(path, page: str) -> list[str]:
    found = []
    for link, anchor in _LINK.findall(_BLOCK.sub("", page)):
        there = text_of(path.parent / link) if link else page
        if anchor not in anchors(there):
            found.append(f"{link}#{anchor}")
    return found


@every_page
def test_every_link_to_a_heading_finds_it(path):
    assert dead_ends(path, text_of(path)) == []


def test_link_to_a_heading_that_is_gone_is_found():
    page = "# One\n\n## 2. `Two` & three\n\n[a](#one) [b](#2-two--three) [c](#four)\n"
    assert dead_ends(REFERENCE / "index.md", page) == ["#four"]
    gone = "[x](rules.md#6-events) [y](rules.md#6-happenings)"
    assert dead_ends(REFERENCE / "index.md", gone) == ["rules.md#6-happenings"]


def test_spans_are_read_across_lines_and_with_backticks_inside():
    assert spans_of("a `b\nc` and ``d ` e`` and ```f```") == ["b c", "d ` e", "f"]
