"""Frozen values: dataclasses whose methods are not compiled anew in each process.

`dataclasses` writes the methods of each class as text and compiles that whenever the class is made,
about 0.4 ms for each; for the classes here that was a third of what importing the package took. So
it is asked for the fields and the slots alone, and the methods are made of shared code.

Guarantees: what is decorated is a frozen dataclass to `dataclasses`, `copy`, `pickle`, `match` and
type checkers; it compares and hashes by its fields; every change of it is an AttributeError.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["fill", "value"]

_C = TypeVar("_C", bound=type)


def fill(made: Any, *values: object) -> None:
    """Set the fields of a value that is being made, in their order."""
    names = type(made).__match_args__
    for name, each in zip(names, values, strict=False):
        object.__setattr__(made, name, each)


if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(*, frozen: bool, slots: bool, init: bool):
        """Return the decorator; the arguments are for type checkers, which read them.

        A class writes its constructor itself, and more than one field.
        """
        assert frozen and slots and not init

        def decorate(cls: _C) -> _C:
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
            for name, method in _methods(cls.__slots__).items():
                setattr(cls, name, method)
            cls.__dataclass_params__.frozen = True
            return cls

        return decorate


def _refuse(self: object, name: str, *value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"{type(self).__name__} cannot be changed: {name}")


def _set_state(self: object, state: tuple[object, ...]) -> None:
    fill(self, *state)


def _methods(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the methods of a class with these fields."""
    fields = attrgetter(*names)

    def __eq__(self: object, other: object) -> bool:
        return fields(self) == fields(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: object) -> int:
        return hash(fields(self))

    def __getstate__(self: object) -> tuple[object, ...]:
        return fields(self)

    @recursive_repr()
    def __repr__(self: object) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    return {
        "__eq__": __eq__,
        "__hash__": __hash__,
        "__repr__": __repr__,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__getstate__": __getstate__,
        "__setstate__": _set_state,
    }
