"""Every block of Python on every page runs, and prints what the page says; `snippets` tells how."""

import dataclasses
import json
import re
import textwrap
from pathlib import Path

import pytest
from programs import ISOLATED, run
from snippets import blocks_of, page_of

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if "```" in path.read_text(encoding="utf-8")
)
PLUGINS = 'pytest_plugins = ["taskvisor.pytest_plugin", "anyio.pytest_plugin"]\n'
LIMIT = 100.0


def play(page: str, directory: Path, name: str = "page.md") -> None:
    """Takes every step of a page in a directory; fails where one does."""
    todo = page_of(page)
    for program in filter(None, todo.programs):
        steps = json.dumps([dataclasses.asdict(step) for step in program])
        ended = run(ISOLATED / "play_page.py", name, steps, limit=LIMIT)
        if ended.code:
            raise AssertionError(f"{name}\n{ended.out}\n{ended.err}")
    if todo.tests:
        run_tests(todo.tests, directory)


def run_tests(tests, directory: Path) -> None:
    """Runs the test modules of a page in a pytest of their own."""
    (directory / "conftest.py").write_text(PLUGINS, encoding="utf-8")
    for test in tests:
        text = "\n" * (test.line - 1) + test.text
        (directory / f"test_line_{test.line}.py").write_text(text, encoding="utf-8")
    args = ["-q", "-p", "no:cacheprovider", "--strict-markers", "-W", "error", "--rootdir", "."]
    program = f"import pytest, sys; sys.exit(pytest.main({args!r}))"
    ended = run(program, limit=LIMIT)
    if ended.code:
        raise AssertionError(f"{ended.out}\n{ended.err}")


@pytest.fixture
def there(tmp_path, monkeypatch):
    """An empty directory, which programs start in; plugins come only if they are named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return tmp_path


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_of_a_page_run_and_print_what_it_says(path, there):
    play(path.read_text(encoding="utf-8"), there, str(path))


# --- the harness itself --------------------------------------------------------------------------


def fails(page: str, there: Path) -> str:
    """What is said of a page that must fail."""
    with pytest.raises(AssertionError) as raised:
        play(textwrap.dedent(page), there)
    return str(raised.value)


def test_later_blocks_have_what_earlier_ones_define(there):
    play("```python\na = 1\n```\n\n```python\nassert a == 1\n```\n", there)


def test_block_that_raises_fails_and_names_its_line_on_the_page(there):
    told = fails("# A\n\n```python\nb = 1\nb + 'x'\n```\n", there)
    assert 'File "page.md", line 5' in told
    assert "TypeError" in told


def test_package_that_is_not_installed_fails_the_page(there):
    assert "No module named 'absent_one'" in fails("```python\nimport absent_one\n```\n", there)


def test_block_alone_has_nothing_of_those_before(there):
    page = "```python\na = 1\n```\n<!-- snippet: alone -->\n```python\na\n```\n"
    assert "NameError" in fails(page, there)


def test_file_can_be_imported_by_later_blocks(there):
    page = "<!-- snippet: file m.py -->\n```python\nx = 1 / 2\n```\n```python\nfrom m import x\n```"
    play(page, there)
    assert (there / "m.py").read_text(encoding="utf-8") == "x = 1 / 2\n"


@pytest.mark.parametrize(("says", "well"), [("1\n", True), ("2\n", False), ("1\n2\n", False)])
def test_printed_text_is_that_of_the_page(there, says, well):
    page = f"```python\nprint(1)\n```\n<!-- snippet: prints -->\n```text\n{says}```\n"
    if well:
        play(page, there)
    else:
        assert "printed was\n1" in fails(page, there)


def test_printed_text_may_be_left_open_with_dots(there):
    page = (
        "```python\nprint('took 12 ms')\n```\n<!-- snippet: prints -->\n```text\ntook ... ms\n```"
    )
    play(page, there)
    assert "printed was" in fails(page.replace("... ms", "... s"), there)


def test_exception_that_a_page_announces_has_to_come(there):
    page = "<!-- snippet: raises KeyError -->\n```python\n{}[1]\n```\n```python\nassert 1\n```\n"
    play(page, there)
    assert "did not raise KeyError" in fails(page.replace("{}[1]", "{}"), there)
    assert "ZeroDivisionError" in fails(page.replace("{}[1]", "1 / 0"), there)


def test_comment_that_is_run_sees_the_page_and_can_fail(there):
    page = "```python\na = 1\n```\n<!-- snippet: run\nassert a == 1\n-->\n"
    play(page, there)
    assert "AssertionError" in fails(page.replace("a == 1", "a == 2"), there)


def test_block_of_tests_is_run_by_pytest_with_the_plugin(there):
    page = """\
        ```python
        import taskvisor

        def test_one(supervisor, clock):
            assert supervisor.add(taskvisor.TaskSpec.once(int)).result(30) == 0
        ```
        """
    play(textwrap.dedent(page), there)
    assert "1 failed" in fails(page.replace("== 0", "== 1"), there)


def test_block_in_a_list_is_run_without_its_indent(there):
    play("- so:\n\n  ```python\n  if True:\n      a = 1\n  ```\n", there)


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("```python\na\n", "line 1: what begins here is not closed"),
        ("<!-- snippet: run\na\n", "line 1: what begins here is not closed"),
        ("<!-- snippet: skip -->\n```python\n```\n", "line 1: not understood: skip"),
        ("<!-- snippet: file -->\n```python\n```\n", "line 1: not understood: file"),
        ("<!-- snippet: alone -->\nText.\n", "line 2: a comment above stands before no block"),
        ("<!-- snippet: alone -->\n", "the last comment stands before no block"),
        ("<!-- snippet: alone\n", "line 1: a comment that is not closed"),
        ("<!-- snippet: alone -->\n```sh\n```\n", "line 2: a comment about a block that is not"),
        ("<!-- snippet: prints -->\n```python\n```\n", "line 2: what is printed stands in"),
        ("```py\na\n```\n", "line 1: py is written python"),
    ],
)
def test_what_is_not_understood_is_refused(page, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        page_of(page)


def test_blocks_of_other_marks_and_longer_fences_are_left_alone():
    page = "````markdown\n```python\n1 / 0\n```\n````\n\n```sh\nls\n```\n\n~~~\n~~~\n"
    assert [block.mark for block in blocks_of(page)] == ["markdown", "sh", ""]
    assert page_of(page).programs == [[]]
