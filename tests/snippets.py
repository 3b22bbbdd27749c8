"""The blocks of a Markdown page, as the steps that a test takes.

Every block marked `python` is run, in the order of the page, as one program: what a block defines
the next ones have. A block that defines tests is a test module and is run by pytest, with our
plugin and anyio's. All of a page's programs share one empty directory, which is the current one.

A comment before a block, which readers do not see, says where it is otherwise:

    <!-- snippet: alone -->            it begins a program of its own, in a new process
    <!-- snippet: file service.py -->  it is written to that file, in place of being run
    <!-- snippet: raises LookupError --> it ends with that exception; the program goes on
    <!-- snippet: prints -->           before a block marked `text`: what the program has printed
                                       since it was last asked; `...` stands for any text

Several of them are separated by `;`. A comment of this form is run where it stands:

    <!-- snippet: run
    assert handle.result() == 42
    -->

Guarantees: a fence or comment that is not closed, and a comment that is not understood or stands
before no block, is a ValueError that names the line; nothing is left out in silence, nor skipped
where a package is missing: what a block imports has to come with the extra `test`.
"""

import re
import textwrap
from dataclasses import dataclass, field

_FENCE = re.compile(r"( *)(`{3,}|~{3,})(.*)")
_COMMENT = re.compile(r" *<!-- snippet:(.*)")
_TEST = re.compile(r"^(?:async )?def test_|^class Test", re.MULTILINE)

# How else the marks of Python could be written: a block of such a mark would not be run.
MISTAKEN = {"py", "python3", "pycon", "py3", "Python", "python-console"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the mark of its fence, its text, and what comments before it say."""

    line: int
    mark: str
    text: str
    said: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done: `run` a text, write a `file`, compare what it `prints`, or a `test`.

    line: where the text begins on the page; argument: the file's name, or the exception of `run`.
    """

    kind: str
    line: int
    text: str
    argument: str = ""


@dataclass(slots=True)
class Page:
    """The programs of a page, each a list of steps, and its test modules."""

    programs: list[list[Step]] = field(default_factory=lambda: [[]])
    tests: list[Step] = field(default_factory=list)


def blocks_of(page: str) -> list[Block]:
    """The blocks of a page, and its comments that are run, as blocks marked `run`."""
    blocks, said, lines = [], {}, enumerate(page.splitlines(), 1)
    for number, line in lines:
        if fence := _FENCE.fullmatch(line):
            indent, ticks, mark = fence.groups()
            text = _until(lines, number, lambda line: line.strip() == ticks)  # noqa: B023
            blocks.append(Block(number + 1, mark.strip(), _dedented(text, len(indent)), said))
            said = {}
        elif comment := _COMMENT.fullmatch(line):
            what = comment[1].strip()
            if what == "run":
                text = _until(lines, number, lambda line: line.strip() == "-->")
                blocks.append(Block(number + 1, "run", textwrap.dedent(text)))
            elif what.endswith("-->"):
                said = said | _said(what.removesuffix("-->"), number)
            else:
                raise ValueError(f"line {number}: a comment that is not closed")
        elif said and line.strip():
            raise ValueError(f"line {number}: a comment above stands before no block")
    if said:
        raise ValueError("the last comment stands before no block")
    return blocks


def _until(lines, opened, is_end) -> str:
    text = []
    for _, line in lines:
        if is_end(line):
            return "".join(f"{each}\n" for each in text)
        text.append(line)
    raise ValueError(f"line {opened}: what begins here is not closed")


def _dedented(text: str, indent: int) -> str:
    """Text without the indent of its fence, where a line has it."""
    return re.sub(rf"^ {{0,{indent}}}", "", text, flags=re.MULTILINE) if indent else text


def _said(what: str, number: int) -> dict[str, str]:
    said = {}
    for part in what.split(";"):
        word, _, argument = part.strip().partition(" ")
        wants = word in {"file", "raises"}
        known = wants or word in {"alone", "prints"}
        if not known or wants != bool(argument.strip()):
            raise ValueError(f"line {number}: not understood: {part.strip()}")
        said[word] = argument.strip()
    return said


def page_of(text: str) -> Page:
    """What is to be done for a page."""
    page = Page()
    for block in blocks_of(text):
        if block.mark in MISTAKEN:
            raise ValueError(f"line {block.line - 1}: {block.mark} is written python")
        step = _step(block)
        if step is None:
            continue
        if "alone" in block.said:
            page.programs.append([])
        (page.tests if step.kind == "test" else page.programs[-1]).append(step)
    return page


def _step(block: Block) -> Step | None:
    said = block.said
    if "prints" in said:
        if block.mark != "text":
            raise ValueError(f"line {block.line - 1}: what is printed stands in a block of text")
        return Step("prints", block.line, block.text)
    if "file" in said:
        return Step("file", block.line, block.text, said["file"])
    if block.mark not in {"python", "run"}:
        if said:
            raise ValueError(f"line {block.line - 1}: a comment about a block that is not run")
        return None
    if block.mark == "python" and _TEST.search(block.text):
        return Step("test", block.line, block.text)
    return Step("run", block.line, block.text, said.get("raises", ""))
