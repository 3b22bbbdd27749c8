"""From a docstring to reStructuredText.

Docstrings here are plain text: `name: what it is` for a parameter or a field, names in backticks,
an indented example. Guarantees: a name in backticks, and one that is written as a public class is,
becomes a link where it is public, and a literal where it is not; nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Resolve = Callable[[str], str | None]
"""From a name as it is written to the dotted public name, or None."""

_LITERAL = re.compile(r"(`[^`]+`)")
_HUMPS = re.compile(r"\b(?:[A-Z][a-z]+){2,}\b")
_SPECIAL = re.compile(r"[*|\\]|_(?=\W|$)")
_SENTENCE = re.compile(r"(?<=\.) (?=Raises? |Returns? )")


def restructured(doc: str, parameters: tuple[str, ...], resolve: Resolve) -> list[str]:
    """Return the lines of reStructuredText of a docstring."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", doc):
        if paragraph.startswith("    "):
            lines += ["::", "", *paragraph.splitlines(), ""]
        elif paragraph.strip():
            lines += _paragraph(" ".join(paragraph.split()), parameters, resolve)
    return lines


def _paragraph(text: str, parameters: tuple[str, ...], resolve: Resolve) -> list[str]:
    """Return a paragraph: its text, its parameters as fields, what it raises and returns below."""
    start, *items = _items(text, parameters)
    lines = [
        line for part in _SENTENCE.split(start) if part for line in (linked(part, resolve), "")
    ]
    rest: list[str] = []
    for names, what in items:
        what, *more = _SENTENCE.split(what)
        lines += [f":param {name}: {linked(what, resolve)}" for name in names]
        rest += more
    if items:
        lines.append("")
    for part in rest:
        lines += [linked(part, resolve), ""]
    return lines


def _items(text: str, parameters: tuple[str, ...]) -> list:
    """Return the text before the first `name: `, then for each its names and its text."""
    if not parameters:
        return [text]
    one = "|".join(sorted(map(re.escape, parameters), key=len, reverse=True))
    head = re.compile(rf"(?:^|(?<=[.:] )|(?<=\. ))((?:{one})(?:, (?:{one}))*): ")
    parts = head.split(text)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return [parts[0].strip(), *((names.split(", "), what.strip()) for names, what in pairs)]


def linked(text: str, resolve: Resolve) -> str:
    """Return text with its names linked and everything else as it is."""
    return "".join(
        _named(part[1:-1], resolve) if part.startswith("`") else _plain(part, resolve)
        for part in _LITERAL.split(text)
    )


def _named(name: str, resolve: Resolve) -> str:
    target = resolve(name)
    return f":py:obj:`{name} <{target}>`" if target else f"``{name}``"


def _plain(text: str, resolve: Resolve) -> str:
    text = _SPECIAL.sub(r"\\\g<0>", text)

    def link(found: re.Match[str]) -> str:
        target = resolve(found[0])
        return f":py:obj:`{found[0]} <{target}>`" if target else found[0]

    return _HUMPS.sub(link, text)
