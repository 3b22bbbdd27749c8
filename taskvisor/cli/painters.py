"""A frame at the foot of a terminal: drawn by `rich` or in plain text, moved by a cursor going up.

Guarantees: no line is wider than the terminal, so that the cursor finds back; colours come from
`rich` alone, which knows of NO_COLOR. Who prints a lot pays for few drawings: after a line above it
the frame is put back at once if that was last done a while ago, else with the next frame.

Not safe for threads: the screen calls it with its lock held.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from taskvisor.cli.frame import HEAD, Frame
from taskvisor.cli.screen import size_of
from taskvisor.cli.table import GAP, lay_out, widths_of

__all__ = ["FramePainter"]

_RIGHT = {2, 3}
_OFTEN = 0.05  # seconds

_STYLES = {
    "abandoned": "bold red",
    "fatal": "red",
    "failed": "red",
    "stopping": "magenta",
    "backoff": "yellow",
    "running": "green",
    "completed": "dim green",
    "canceled": "dim",
}


class FramePainter:
    """A Painter for a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._draw = _choose_drawing(stream)
        self._lines: list[str] = []
        self._is_up = False
        self._put_up_at = 0.0

    def show(self, frame: Frame) -> None:
        """Put a frame in the place of the last one."""
        # The last column stays free: there some terminals wrap already.
        lines = self._draw(frame, max(1, size_of(self._stream)[0] - 1))
        self._write(self._erased() + _joined(lines))
        self._lines, self._is_up = lines, True
        self._put_up_at = time.monotonic()

    def above(self, text: str, stream: TextIO) -> None:
        """Write whole lines, without the last line end, to a stream, above the frame."""
        if self._is_up:
            self._write(self._erased())
            self._is_up = False
        stream.write(text + "\n")
        stream.flush()
        if time.monotonic() - self._put_up_at >= _OFTEN:
            self._write(_joined(self._lines))
            self._is_up = True
            self._put_up_at = time.monotonic()

    def clear(self) -> None:
        """Take the frame away."""
        self._write(self._erased())
        self._lines, self._is_up = [], False

    def _erased(self) -> str:
        """Return what takes the lines away: up to the first, and erase to the end."""
        return f"\x1b[{len(self._lines)}F\x1b[J" if self._is_up and self._lines else ""

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()


def _joined(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


# --- drawing -------------------------------------------------------------------------------------

_Drawing = Callable[[Frame, int], list[str]]


def _choose_drawing(stream: TextIO) -> _Drawing:
    """Return the drawing with `rich` if that is installed and its characters can be shown."""
    if (stream.encoding or "").lower().startswith("utf"):
        try:
            return _rich(stream)
        except ImportError:
            pass
    return _plain


def _plain(frame: Frame, width: int) -> list[str]:
    rows = [line.cells() for line in frame.lines]
    table = lay_out(HEAD, rows, right=_RIGHT, width=width) if rows else []
    return table + lay_out([frame.foot], [], width=width)


def _rich(stream: TextIO) -> _Drawing:
    """Return the drawing with `rich`. Raises ImportError."""
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, highlight=False, markup=False, emoji=False)

    def table(frame: Frame, width: int) -> Table:
        rows = [line.cells() for line in frame.lines]
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        for n, wide in enumerate(widths_of(HEAD, rows, width)):
            table.add_column(
                HEAD[n],
                justify="right" if n in _RIGHT else "left",
                width=wide,
                no_wrap=True,
                overflow="ellipsis",
            )
        for line, cells in zip(frame.lines, rows, strict=True):
            name, state, *rest = map(Text, cells)
            state.stylize(_STYLES.get(line.state, ""))
            table.add_row(name, state, *rest)
        return table

    def draw(frame: Frame, width: int) -> list[str]:
        parts: list[RenderableType] = [table(frame, width)] if frame.lines else []
        foot = Text(frame.foot, style="dim", no_wrap=True, overflow="ellipsis")
        with console.capture() as captured:
            console.print(*parts, foot, sep="\n", width=width, crop=True)
        return captured.get().splitlines()

    return draw
