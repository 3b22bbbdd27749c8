"""What a TARGET may be, and the one line that says what is wrong with it."""

import sys

import pytest
from cli import taskvisor, write

import taskvisor as tv
from taskvisor.cli.target import TargetError, load

SPEC = "tv.TaskSpec.once(dict, name='one')"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with sys.path and the modules given back afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def names(target):
    return [spec.name for spec in load(target).specs]


def told(target):
    """The one line about a target."""
    with pytest.raises(TargetError) as caught:
        load(target)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.rule("R9.2")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (SPEC, ["one"]),
        (f"[{SPEC}, tv.TaskSpec(int)]", ["one", "int"]),
        (f"({SPEC},)", ["one"]),
        (f"iter([{SPEC}])", ["one"]),
        (f"{{'a': {SPEC}}}.values()", ["one"]),
        (f"lambda: {SPEC}", ["one"]),
        (f"lambda: [{SPEC}]", ["one"]),
        (f"lambda n=3: ({SPEC.replace('one', '{n}')} for n in range(n))".replace("'{n}'", "str(n)"),
         ["0", "1", "2"]),
        ("[]", []),
        ("list", []),
    ],
)  # fmt: skip
def test_target_is_a_spec_an_iterable_or_a_function_that_returns_either(here, value, found):
    write(here, f"tasks = {value}")
    assert names("jobs") == found


@pytest.mark.rule("R9.1")
def test_target_is_a_module_or_a_file_with_an_attribute_that_may_be_left_out(here):
    (here / "pkg").mkdir()
    write(here, f"tasks = {SPEC}\nother = tv.TaskSpec.once(int)", "pkg/jobs.py")
    for where in ("pkg.jobs", "pkg/jobs.py", "./pkg/jobs.py", str(here / "pkg/jobs.py")):
        assert names(where) == names(f"{where}:tasks") == ["one"]
        assert names(f"{where}:other") == ["int"]


@pytest.mark.rule("R9.7")
@pytest.mark.parametrize(
    ("source", "target", "label"),
    [
        (f"tasks = {SPEC}\nsup = tv.Supervisor()", "jobs:sup", "jobs:sup"),
        (f"tasks = lambda: {SPEC}\nsup = tv.Supervisor()", "jobs:sup", "jobs:sup"),
        (f"tasks = [{SPEC}]\ndef make(): return tv.Supervisor()", "jobs:make", "jobs:make()"),
        ("sup = tv.Supervisor()\n@tv.task\ndef one(): pass", "jobs:sup", "jobs:sup"),
        ("tasks = tv.Supervisor()\n@tv.task\ndef one(): pass", "jobs", "jobs:tasks"),
        ("def tasks(): return tv.Supervisor()\n@tv.task\ndef one(): pass", "jobs", "jobs:tasks()"),
        ("tasks = sup = tv.Supervisor()\n@tv.task\ndef one(): pass", "jobs:sup", "jobs:sup"),
    ],
)
def test_supervisor_is_to_run_what_the_module_alone_names(here, source, target, label):
    write(here, source)
    found = load(target)
    assert [spec.name for spec in found.specs] == ["one"]
    assert type(found.supervisor) is tv.Supervisor
    assert found.label == label


@pytest.mark.rule("R9.7")
def test_supervisor_without_tasks_is_told(here):
    write(here, "sup = tv.Supervisor()")
    assert told("jobs:sup") == "jobs has no tasks for the Supervisor jobs:sup"


@pytest.mark.rule("R9.1")
def test_attribute_may_have_dots(here):
    write(here, f"class Night:\n    tasks = {SPEC}")
    assert names("jobs:Night.tasks") == ["one"]


@pytest.mark.rule("R9.3")
def test_current_folder_comes_first_and_the_folder_of_a_file_second(here):
    (here / "sub").mkdir()
    write(here, "where = 'here'", "first.py")
    write(here, "where = 'sub'", "sub/first.py")
    write(here, "where = 'sub'", "sub/second.py")
    source = "import first, second\ntasks = tv.TaskSpec.once(dict, name=first.where + second.where)"
    write(here, source, "sub/jobs.py")
    assert names("sub/jobs.py") == ["heresub"]
    assert sys.path[:2] == [str(here), str(here / "sub")]


@pytest.mark.rule("R9.4")
@pytest.mark.parametrize("name", ["queue.py", "my-jobs.py", "pytest.py"])
def test_file_takes_no_name_of_a_module_that_others_import(here, name):
    before = sys.modules.get(name.removesuffix(".py"))
    write(here, f"tasks = {SPEC}", name)
    assert names(name) == ["one"]
    assert sys.modules.get(name.removesuffix(".py")) is before


@pytest.mark.rule("R9.4")
def test_classes_of_a_file_are_found_again_by_their_module(here):
    import pickle

    write(here, f"class Thing: pass\nthing = Thing()\ntasks = {SPEC}", "things.py")
    load("things.py")
    thing = sys.modules["things"].thing
    assert type(pickle.loads(pickle.dumps(thing))) is type(thing)


@pytest.mark.rule("R9.5")
@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("nowhere", "cannot import nowhere: ModuleNotFoundError: No module named 'nowhere'"),
        ("nowhere.py", "there is no file 'nowhere.py'"),
        ("jobs:nothing", "jobs has no attribute 'nothing'"),
        ("jobs:number.x", "jobs has no attribute 'number.x'"),
        ("", "'' is neither module:attr nor path.py:attr"),
        (":tasks", "':tasks' is neither module:attr nor path.py:attr"),
        ("jobs:", "'jobs:' is neither module:attr nor path.py:attr"),
        ("jobs:a b", "'jobs:a b' is neither module:attr nor path.py:attr"),
        ("a/b:x", "'a/b' is neither the name of a module nor a path to a .py file"),
        ("..jobs", "'..jobs' is neither the name of a module nor a path to a .py file"),
        ("jobs:mixed", "item 1 of jobs:mixed is no TaskSpec, but 'two'"),
        ("jobs:make_mixed", "item 1 of jobs:make_mixed() is no TaskSpec, but 'two'"),
        (
            "jobs:needs",
            "jobs:needs is a function that takes arguments; as a task it is a TaskSpec of it",
        ),
    ],
)
def test_what_is_no_target_is_told_in_one_line(here, target, line):
    source = f"number = 3\nmixed = [{SPEC}, 'two']\ndef make_mixed(): return mixed\n"
    write(here, source + "def needs(ctx): pass")
    assert told(target) == line


@pytest.mark.rule("R9.5")
@pytest.mark.parametrize(
    ("attribute", "shown"),
    [("number", "3"), ("text", "'abc'"), ("nothing", "None"), ("body()", "None")],
)
def test_what_is_neither_is_shown(here, attribute, shown):
    write(here, "number = 3\ntext = 'abc'\nnothing = None\ndef body(): pass")
    assert told(f"jobs:{attribute.removesuffix('()')}") == (
        f"jobs:{attribute} is neither a TaskSpec, an iterable of them, a Supervisor nor a function"
        f" without arguments that returns one of these, but {shown}"
    )


def test_coroutine_of_an_async_function_is_no_target_and_is_closed(here):
    write(here, "async def tasks(): return []")
    assert "returns one of these, but <coroutine ob" in told("jobs")


@pytest.mark.rule("R9.5")
@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero ({path}:3)"),
        ("import absent_one", "ModuleNotFoundError: No module named 'absent_one' ({path}:3)"),
        ("def f(:", "SyntaxError: invalid syntax ({path}:3)"),
        ("sys.exit(5)", "SystemExit: 5 ({path}:3)"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines ({path}:3)"),
    ],
)
def test_error_of_an_import_says_which_and_where(here, source, line):
    path = write(here, source)
    assert told("jobs") == "cannot import jobs: " + line.format(path=path)
    assert told("jobs.py") == "cannot import jobs.py: " + line.format(path=path)
    assert "jobs" not in sys.modules


@pytest.mark.rule("R9.5")
def test_error_of_a_function_says_which_and_where(here):
    path = write(here, "def tasks():\n    raise LookupError('no table')")
    assert told("jobs") == f"calling jobs:tasks failed: LookupError: no table ({path}:4)"


@pytest.mark.rule("R9.5")
def test_error_of_an_iterable_says_which_and_where(here):
    path = write(here, f"def tasks():\n    yield {SPEC}\n    raise LookupError('no table')")
    line = f"reading the items of jobs:tasks() failed: LookupError: no table ({path}:5)"
    assert told("jobs") == line


def test_interrupt_of_an_import_is_passed_on(here):
    write(here, "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load("jobs")


@pytest.mark.rule("R9.5")
def test_command_tells_the_line_and_ends_with_code_2(tmp_path):
    write(tmp_path, "1 / 0")
    ended = taskvisor(tmp_path, "run", "jobs.py")
    assert (ended.code, ended.out) == (2, "")
    line = f"taskvisor: cannot import jobs.py: ZeroDivisionError: division by zero ({tmp_path}/"
    assert ended.err.startswith(line)
    assert ended.err.count("\n") == 1


@pytest.mark.rule("R9.5")
def test_verbose_command_tells_the_traceback_too(tmp_path):
    write(tmp_path, "1 / 0")
    ended = taskvisor(tmp_path, "run", "-v", "jobs.py")
    assert ended.code == 2
    assert "Traceback (most recent call last):" in ended.err
    assert "    1 / 0\n" in ended.err
    assert ended.err.splitlines()[-1].startswith("taskvisor: cannot import jobs.py: ZeroDiv")
