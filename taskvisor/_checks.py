"""What the constructors of values check, in one place and with one wording.

Guarantees: a wrong type is a `TypeError`, a wrong value a `ValueError`, and either says which
argument it was and what was given, in bounded length, whatever the given object does in its
`__repr__`.
"""

from __future__ import annotations

import operator
import reprlib
from datetime import timedelta
from enum import StrEnum
from typing import SupportsIndex, TypeAlias, TypeVar

from taskvisor._core import nanoseconds

Seconds: TypeAlias = float | timedelta
"""A duration: seconds as a float (or int), or a `timedelta`."""

COUNT_MAX = 2**63 - 1

_E = TypeVar("_E", bound=StrEnum)


def shown(value: object) -> str:
    """Return `repr(value)` cut to a line's length, or the type's name where there is no repr."""
    try:
        return reprlib.repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def to_seconds(ns: int) -> float:
    """Return whole nanoseconds as the nearest float number of seconds."""
    return ns / 1_000_000_000


def seconds(value: Seconds, what: str) -> float:
    """Return a duration as seconds, rounded to whole nanoseconds."""
    return to_seconds(nanoseconds(value, what))


def optional_seconds(value: Seconds | None, what: str) -> float | None:
    """Return a duration as `seconds` does, and None for None."""
    return None if value is None else seconds(value, what)


def whole(value: SupportsIndex, what: str, low: int, high: int) -> int:
    """Return an int from `low` to `high`; a bool is none."""
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{what} must be an int, not {shown(value)}")
    number = operator.index(value)
    if number < low:
        raise ValueError(f"{what} must be at least {low}, not {shown(number)}")
    if number > high:
        raise ValueError(f"{what} must be at most {high}, not {shown(number)}")
    return number


def count(value: SupportsIndex, what: str, low: int = 1) -> int:
    """Return a count or capacity: an int from `low` up."""
    return whole(value, what, low, COUNT_MAX)


def optional_count(value: SupportsIndex | None, what: str, low: int = 1) -> int | None:
    """Return a count as `count` does, and None for None."""
    return None if value is None else count(value, what, low)


def member(enum: type[_E], value: _E | str, what: str) -> _E:
    """Return a member of `enum`, given itself or its text."""
    if isinstance(value, enum):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a {enum.__name__} or its text, not {shown(value)}")
    try:
        return enum(str.__str__(value))
    except ValueError:
        texts = ", ".join(repr(str(one)) for one in enum)
        raise ValueError(f"{what} must be one of {texts}, not {shown(value)}") from None
