"""Rows of cells as lines of text, for a terminal of some width or for none.

Guarantees: no line is wider than asked for, counted in a terminal's columns: a wide character takes
two, a combining one none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

__all__ = ["GAP", "cut", "lay_out", "width_of", "widths_of"]

GAP = 2
_MORE = "..."


def lay_out(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    width: int | None = None,
) -> list[str]:
    """Return the head and the rows with their cells below each other.

    right: the columns whose cells end, instead of beginning, below each other.
    width: cuts every line to so many columns, the first and the last cell before the others; None
    leaves them as long as they are.
    """
    widths = widths_of(head, rows, width)
    return [_line(row, widths, right, width) for row in [head, *rows]]


def widths_of(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> list[int]:
    """Return how wide each column is, with gaps of GAP between them, where `lay_out` lays it."""
    widths = [max(width_of(row[n]) for row in [head, *rows]) for n in range(len(head))]
    if width is not None:
        _narrow(widths, width)
    return widths


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def cut(text: str, width: int) -> str:
    """Return a text cut to a width, with dots where something is missing."""
    if width_of(text) <= width:
        return text
    room = width - len(_MORE)
    if room <= 0:
        return _MORE[:width]
    taken = 0
    for n, one in enumerate(text):
        taken += _columns(one)
        if taken > room:
            return text[:n] + _MORE
    return text


def _columns(one: str) -> int:
    if unicodedata.combining(one):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def _narrow(widths: list[int], width: int) -> None:
    """Take what is too much from the last column, then from the first, but leave each some."""
    over = sum(widths) + GAP * (len(widths) - 1) - width
    for n, least in ((len(widths) - 1, 12), (0, 8), (len(widths) - 1, 3)):
        taken = max(0, min(over, widths[n] - least))
        widths[n] -= taken
        over -= taken


def _line(
    cells: Sequence[str], widths: Sequence[int], right: Collection[int], width: int | None
) -> str:
    parts = []
    for n, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        cell = cut(cell, wide)
        pad = " " * (wide - width_of(cell))
        parts.append(pad + cell if n in right else cell + pad)
    line = (" " * GAP).join(parts).rstrip()
    return line if width is None else cut(line, width)
