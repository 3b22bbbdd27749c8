"""From the text of a TARGET to the specs it means.

Guarantees: what is wrong with a target is one TargetError that says in one line which target and
what about it, with the exception behind it, if any, as its cause. Nothing else is raised but
KeyboardInterrupt, whatever the module does while it is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from taskvisor._checks import shown
from taskvisor._core import TaskSpec
from taskvisor.decorator import collect

__all__ = ["TargetError", "load"]

_DEFAULT = "tasks"


class TargetError(Exception):
    """A target that names no tasks; its text is one line."""


def load(target: str) -> list[TaskSpec[Any]]:
    """Import what a target names and return its specs, in order, no two of one name.

    target: `module:attr` or `path.py:attr`; `:attr` left out is `:tasks`, or where there is no such
    attribute all functions of the module that are decorated with `@task`.
    Raises TargetError.
    """
    where, attribute = _split(target)
    sys.path.insert(0, os.getcwd())
    module = _import_file(Path(where)) if where.endswith(".py") else _import_module(where)
    found: Any = module
    if attribute == _DEFAULT and not hasattr(module, _DEFAULT) and collect(module):
        found = collect(module)
    else:
        for name in attribute.split("."):
            found = _attribute(found, name, where, attribute)
    specs = _specs(found, f"{where}:{attribute}")
    for name, count in Counter(spec.name for spec in specs).items():
        if count > 1:
            raise TargetError(f"{where}:{attribute} has {count} tasks of the name {shown(name)}")
    return specs


def _split(target: str) -> tuple[str, str]:
    """Return the module or path, and the attribute."""
    if target.endswith(".py") or ":" not in target:
        where, attribute = target, _DEFAULT
    else:
        where, _, attribute = target.rpartition(":")
    if not where or not all(name.isidentifier() for name in attribute.split(".")):
        raise TargetError(f"{shown(target)} is neither module:attr nor path.py:attr")
    return where, attribute


def _failed(what: str, error: BaseException) -> TargetError:
    """Return what happened to whom, where, in one line."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    text = " ".join("".join(traceback.format_exception_only(error)[-1:]).split())
    place = _place(error)
    return TargetError(f"{what}: {text}" + (f" ({place})" if place else ""))


def _place(error: BaseException) -> str:
    """Return the file and line that an exception comes from, nothing for one of our own making."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    ours = tuple(str(Path(module).parent) for module in (__file__, importlib.__file__))
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith((*ours, "<frozen "))]
    return f"{theirs[-1].filename}:{theirs[-1].lineno}" if theirs else ""


# --- importing -----------------------------------------------------------------------------------


def _import_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(f"{shown(name)} is neither the name of a module nor a path to a .py file")
    try:
        return importlib.import_module(name)
    except BaseException as error:
        raise _failed(f"cannot import {name}", error) from error


def _import_file(path: Path) -> ModuleType:
    """Import a file, whose folder comes second on sys.path, as `python path` has it first."""
    if not path.is_file():
        raise TargetError(f"there is no file {shown(str(path))}")
    sys.path.insert(1, str(path.parent.resolve()))
    name = path.stem if path.stem.isidentifier() and not _is_taken(path.stem) else "__tasks__"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        raise _failed(f"cannot import {path}", error) from error
    return module


def _is_taken(name: str) -> bool:
    """Say whether a module of this name is loaded or belongs to Python."""
    return name in sys.modules or name in sys.stdlib_module_names


def _attribute(holder: object, name: str, where: str, attribute: str) -> Any:
    try:
        return getattr(holder, name)
    except AttributeError as error:
        raise TargetError(f"{where} has no attribute {attribute!r}") from error
    except BaseException as error:
        raise _failed(f"cannot read {where}:{attribute}", error) from error


# --- what was found ------------------------------------------------------------------------------


def _specs(found: Any, label: str) -> list[TaskSpec[Any]]:
    """Return the specs that an object is, holds or returns."""
    if isinstance(found, TaskSpec):
        return [found]
    if _decorated(found) is not None:
        return [_decorated(found)]
    if callable(found) and not isinstance(found, Iterable):
        found = _call(found, label)
        label += "()"
        if isinstance(found, TaskSpec):
            return [found]
    if not isinstance(found, Iterable) or isinstance(found, (str, bytes)):
        close = getattr(found, "close", None)
        if inspect.iscoroutine(found) and close is not None:
            close()
        raise TargetError(
            f"{label} is neither a TaskSpec, an iterable of them nor a function without arguments"
            f" that returns either, but {shown(found)}"
        )
    return _each(found, label)


def _decorated(found: object) -> Any:
    """Return the spec of a function that is decorated with `@task`, None of anything else."""
    spec = getattr(found, "__taskspec__", None)
    return spec if isinstance(spec, TaskSpec) else None


def _call(function: Any, label: str) -> Any:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise TargetError(
            f"{label} is a function that takes arguments; as a task it is a TaskSpec of it"
        ) from error
    except ValueError:
        pass  # no signature to be read
    try:
        return function()
    except BaseException as error:
        raise _failed(f"calling {label} failed", error) from error


def _each(found: Iterable[object], label: str) -> list[TaskSpec[Any]]:
    specs: list[TaskSpec[Any]] = []
    try:
        for one in found:
            spec = one if isinstance(one, TaskSpec) else _decorated(one)
            if spec is None:
                raise TargetError(f"item {len(specs)} of {label} is no TaskSpec, but {shown(one)}")
            specs.append(spec)
    except TargetError:
        raise
    except BaseException as error:
        raise _failed(f"reading the items of {label} failed", error) from error
    return specs
