"""Every rule of docs/reference/rules.md is named by a test, and every rule a test names is there.

A rule counts as proved by `@pytest.mark.rule("R1.2", ...)` on a test of Python that is not skipped
or expected to fail (or in the `pytestmark` of a module with such a test), or by the comment
`rule: R1.2 R1.3` in a test of C, where commas may stand between the ids.
"""

import ast
import re
import textwrap
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reference" / "rules.md"

_RULE = re.compile(r"^(?:- |\| )\*\*(R\d+\.\d+)\*\* \S", re.MULTILINE)
_ID = re.compile(r"\*\*(R[^*\s]*)\*\*")
_C_COMMENT = re.compile(r"(?:/\*|//|^[ \t]*\*)[ \t]*rule:([^\n]*)", re.MULTILINE)
_C_IDS = re.compile(r" R\d+\.\d+(?:,? R\d+\.\d+)*[ \t]*(?:\*/)?")
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_NO_PROOF = {"pytest.mark.skip", "pytest.mark.xfail"}


def rules_of(page: str) -> tuple[set[str], list[str]]:
    """The ids of a page and what is wrong with them."""
    found = _RULE.findall(page)
    wrong = [f"{id} stands twice" for id in sorted({id for id in found if found.count(id) > 1})]
    wrong += [f"{id} begins no rule" for id in _ID.findall(page) if id not in found]
    return set(found), wrong


def named_in_python(source: str) -> tuple[set[str], list[str]]:
    """The ids that the tests of a Python file name, and marks that prove nothing."""
    tree = ast.parse(source)
    all_marks = [node for node in ast.walk(tree) if _is_mark(node)]
    tests = _tests_in(tree)
    proofs = [mark for test in tests for mark in _marks_on(test)]
    if any(isinstance(test, _FUNCTION) for test in tests):
        proofs += _marks_of_all(tree)
    wrong = [f"line {m.lineno}: a mark on no test" for m in all_marks if m not in proofs]
    named = set()
    for mark in proofs:
        ids = [arg.value for arg in mark.args if isinstance(arg, ast.Constant)]
        if not ids or len(ids) < len(mark.args) or not all(isinstance(id, str) for id in ids):
            wrong.append(f"line {mark.lineno}: the ids of a mark are written out as strings")
        else:
            named.update(ids)
    return named, wrong


def _is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule"


def _tests_in(tree: ast.Module) -> list[ast.stmt]:
    """What pytest collects: test functions of the module and of its test classes, and these."""
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name.startswith("Test")]
    nodes = [*tree.body, *(n for c in classes if not _proves_nothing(c) for n in c.body)]
    tests = [n for n in nodes if isinstance(n, _FUNCTION) and n.name.startswith("test_")]
    return [n for n in [*classes, *tests] if not _proves_nothing(n)]


def _proves_nothing(test: ast.stmt) -> bool:
    heads = [d.func if isinstance(d, ast.Call) else d for d in test.decorator_list]
    return any(ast.unparse(head) in _NO_PROOF for head in heads)


def _marks_on(test: ast.stmt) -> list[ast.AST]:
    """The marks among the decorators of a test, those of its parameters too."""
    return [n for d in test.decorator_list for n in ast.walk(d) if _is_mark(n)]


def _marks_of_all(tree: ast.Module) -> list[ast.AST]:
    """The marks in the module's `pytestmark`, which are on each of its tests."""
    assigned = [n for n in tree.body if isinstance(n, ast.Assign)]
    named = [n.value for n in assigned if [ast.unparse(t) for t in n.targets] == ["pytestmark"]]
    return [n for value in named for n in ast.walk(value) if _is_mark(n)]


def named_in_c(source: str) -> tuple[set[str], list[str]]:
    """The ids that the comments of a C file name, and comments that are not of the form."""
    named, wrong = set(), []
    for comment in _C_COMMENT.finditer(source):
        if _C_IDS.fullmatch(comment[1]):
            named.update(re.findall(r"R\d+\.\d+", comment[1]))
        else:
            line = source.count("\n", 0, comment.start()) + 1
            wrong.append(f"line {line}: not of the form rule: R1.2 R1.3")
    return named, wrong


def complaints(page: str, sources: dict[str, str]) -> list[str]:
    """What is wrong between a page of rules and tests, given as texts by file name."""
    rules, wrong = rules_of(page)
    proved = set()
    for name, source in sources.items():
        reader = named_in_python if name.endswith(".py") else named_in_c
        named, odd = reader(source)
        proved |= named
        wrong += [f"{name}: {what}" for what in odd]
        wrong += [f"{name}: {id} is no rule" for id in sorted(named - rules)]
    return wrong + [f"{id} has no test" for id in sorted(rules - proved, key=_by_number)]


def _by_number(id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in id[1:].split("."))


def _project_sources() -> dict[str, str]:
    of_c = [path for part in ("core", "rt", "sim") for path in (TESTS / part).rglob("*.[ch]")]
    paths = sorted([*TESTS.rglob("*.py"), *of_c])
    return {str(path.relative_to(TESTS)): path.read_text(encoding="utf-8") for path in paths}


def test_every_rule_has_a_test_and_every_named_rule_is_on_the_page():
    wrong = complaints(PAGE.read_text(encoding="utf-8"), _project_sources())
    assert not wrong, "\n" + "\n".join(wrong)


PAGE_OF_TWO = "- **R1.1** First.\n\n| the body | then |\n| **R1.2** returned | it ends |\n"


def checked(source: str, name: str = "test_x.py", page: str = PAGE_OF_TWO) -> list[str]:
    return complaints(page, {name: textwrap.dedent(source)})


def test_checker_is_content_when_each_rule_is_named():
    assert checked("""
        @pytest.mark.rule("R1.1", "R1.2")
        def test_both(): ...
    """) == []  # fmt: skip


def test_checker_lists_every_rule_without_a_test_in_order():
    page = "".join(f"- **R1.{n}** Rule.\n" for n in range(1, 12))
    source = '@pytest.mark.rule("R1.3")\ndef test_one(): ...\n'
    missing = [1, 2, *range(4, 12)]
    assert checked(source, page=page) == [f"R1.{n} has no test" for n in missing]


def test_checker_finds_ids_that_are_no_rule():
    assert checked("""
        @pytest.mark.rule("R1.1", "R1.2", "R9.9")
        def test_one(): ...
    """) == ["test_x.py: R9.9 is no rule"]  # fmt: skip


@pytest.mark.parametrize(
    "source",
    [
        '@pytest.mark.rule("R1.1", "R1.2")\ndef helper(): ...\n',
        'def test_one():\n    pytest.mark.rule("R1.1", "R1.2")\n',
        '@pytest.mark.skip("later")\n@pytest.mark.rule("R1.1", "R1.2")\ndef test_one(): ...\n',
        '@pytest.mark.xfail\n@pytest.mark.rule("R1.1", "R1.2")\ndef test_one(): ...\n',
        'def f():\n    @pytest.mark.rule("R1.1", "R1.2")\n    def test_one(): ...\n',
        'pytestmark = pytest.mark.rule("R1.1", "R1.2")\ndef helper(): ...\n',
        'marks = pytest.mark.rule("R1.1", "R1.2")\ndef test_one(): ...\n',
    ],
)
def test_checker_counts_no_mark_that_proves_nothing(source):
    wrong = checked(source)
    assert wrong[0].endswith("a mark on no test")
    assert wrong[1:] == ["R1.1 has no test", "R1.2 has no test"]


@pytest.mark.parametrize("ids", ["*RULES", "1", "", '"R1.1", R12'])
def test_checker_wants_ids_written_out(ids):
    wrong = checked(f"@pytest.mark.rule({ids})\ndef test_one(): ...\n")
    assert wrong[0] == "test_x.py: line 1: the ids of a mark are written out as strings"


def test_checker_reads_marks_of_classes_methods_and_parameters():
    assert checked("""
        @pytest.mark.rule("R1.1")
        class TestThings:
            @pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.rule("R1.2"))])
            def test_one(self, n): ...
    """) == []  # fmt: skip


def test_checker_reads_marks_of_all_tests_of_a_module():
    assert checked("""
        pytestmark = [pytest.mark.rule("R1.1"), pytest.mark.rule("R1.2")]
        def test_one(): ...
    """) == []  # fmt: skip


def test_checker_reads_no_mark_in_a_string_or_comment():
    assert checked('''
        # @pytest.mark.rule("R1.1")
        """@pytest.mark.rule("R1.2")"""
    ''') == ["R1.1 has no test", "R1.2 has no test"]  # fmt: skip


@pytest.mark.parametrize(
    "comment",
    [
        "/* rule: R1.1 R1.2 */",
        "/* rule: R1.1, R1.2 */",
        "// rule: R1.1 R1.2",
        "/*\n * rule: R1.1 R1.2\n */",
    ],
)
def test_checker_reads_comments_of_c(comment):
    assert checked(f"{comment}\nstatic void one(void) {{}}\n", name="core/test_x.c") == []


@pytest.mark.parametrize(
    "comment",
    [
        "/* rule: R1.1; R1.2 */",
        "/* rule: R1.1, */",
        "/* rule: 1.1 */",
        "/* rule: */",
        "// rule: R1.1 and R1.2",
    ],
)
def test_checker_wants_the_exact_form_in_comments_of_c(comment):
    wrong = checked(f"\n{comment}\n", name="core/test_x.c")
    assert wrong[0] == "core/test_x.c: line 2: not of the form rule: R1.2 R1.3"
    assert "R1.1 has no test" in wrong


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        (PAGE_OF_TWO + "- **R1.2** Again.\n", "R1.2 stands twice"),
        (PAGE_OF_TWO + "Text with **R1.3** in it.\n", "R1.3 begins no rule"),
        (PAGE_OF_TWO + "- **R1.x** Rule.\n", "R1.x begins no rule"),
        (PAGE_OF_TWO + "- **R1.4**\n", "R1.4 begins no rule"),
    ],
)
def test_checker_finds_faults_of_the_page(page, complaint):
    source = '@pytest.mark.rule("R1.1", "R1.2")\ndef test_one(): ...\n'
    assert complaint in checked(source, page=page)
