"""The README and the pages of docs/ say what is so: example, output, commands, paths, links."""

import re
from pathlib import Path

import pytest
from programs import run_well

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(#[^)\s]*)?\)")
_PATH = re.compile(r"`((?:csrc|docs|examples|taskvisor|tests)/[\w./-]*|\.ci/run)`")


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in a language."""
    return [text for found, text in _BLOCK.findall(README) if found == language]


def test_first_example_is_short_and_prints_what_stands_below_it(tmp_path):
    example = tmp_path / "example.py"
    example.write_text(blocks("python")[0], encoding="utf-8")
    assert len(blocks("python")[0].splitlines()) < 20
    assert run_well(example) == blocks("text")[0]


def test_example_of_a_slot_runs_the_newest_revision(tmp_path):
    example = tmp_path / "example.py"
    example.write_text(blocks("python")[1], encoding="utf-8")
    assert run_well(example) == "revision 3 is live\n"


def test_both_commands_are_what_ci_runs():
    commands = [command.strip() for command in blocks("sh")]
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert len(commands) == 2
    assert [command for command in commands if f"run '{command}'" not in steps] == []


def test_every_path_of_the_source_tree_is_there():
    directory, missing = "", []
    for line in blocks("")[0].splitlines():
        inside, paths = line.startswith(" "), re.split(r" {3,}", line.strip())[0].split()
        if not inside:
            directory = paths[0]
        named = [directory + path for path in paths] if inside else paths
        missing += [path for path in named if not (ROOT / path).exists()]
    assert missing == []


def test_every_source_file_is_explained():
    page = (ROOT / "docs" / "design" / "architecture.md").read_text(encoding="utf-8")
    files = [*(ROOT / "csrc").rglob("*.[ch]"), *(ROOT / "taskvisor").rglob("*.py")]
    named = {word.rpartition("/")[2] for word in re.findall(r"`([\w./-]+)`", page)}
    assert sorted({path.name for path in files} - named - {"__init__.py"}) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_path_of_a_page_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link, _ in _LINK.findall(text) if not (page.parent / link).exists()]
    paths = [path for path in _PATH.findall(text) if not (ROOT / path).exists()]
    assert (links, paths) == ([], [])
