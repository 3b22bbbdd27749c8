"""Writing to the standard streams, whatever they are.

Guarantees: nothing here raises for a stream that is closed or whose reader has left: it is given up
and the tasks go on. What a stream's encoding lacks is written with backslashes. Text of others
(names, errors) passes `one_line` or `lines`, after which it holds no character that moves a
terminal's cursor.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Literal, TextIO

__all__ = ["Output", "brief", "lines", "one_line"]


class Output:
    """A standard stream by its name, looked up at each write, so that a replaced one is seen."""

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name

    def line(self, text: str) -> None:
        """Write a text and a line end in one piece, and flush."""
        stream: TextIO | None = getattr(sys, self._name)
        if stream is None:
            return
        try:
            stream.write(_encodable(text, stream) + "\n")
            stream.flush()
        except ValueError:  # closed
            return
        except OSError:
            _give_up(stream)


def one_line(text: str) -> str:
    """Return a text with everything that is not printable written as an escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def brief(error: str | None) -> str:
    """Return an error's text for a cell: in one line, without the words that most of them share."""
    return one_line((error or "").removeprefix("execution failed: "))


def lines(text: str) -> str:
    """Return a text of several lines with everything else that is not printable as an escape."""
    return "\n".join(map(one_line, text.replace("\t", "    ").split("\n")))


def _escape(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")


def _encodable(text: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _give_up(stream: TextIO) -> None:
    """Lead a stream that nobody reads to nowhere, so that its flush at exit fails no more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
