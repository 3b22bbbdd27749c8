"""From the text of a TARGET to the specs it means, and to the supervisor for them if it says one.

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
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from taskvisor._checks import shown
from taskvisor._core import Supervisor, TaskSpec
from taskvisor.decorator import collect

__all__ = ["Target", "TargetError", "load"]

_DEFAULT = "tasks"


class TargetError(Exception):
    """A target that names no tasks; its text is one line."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be run: `supervisor` is None where the target has made none; label: its name."""

    label: str
    specs: list[TaskSpec[Any]]
    supervisor: Supervisor | None = None


def load(target: str) -> Target:
    """Import what a target names and return its specs, in order, no two of one name.

    target: `module:attr` or `path.py:attr`; `:attr` left out is `:tasks`, or where there is no such
    attribute all functions of the module that are decorated with `@task`. What names a Supervisor
    means the specs that the target without `:attr` names, and this supervisor for them.
    Raises TargetError.
    """
    where, attribute = _split(target)
    sys.path.insert(0, os.getcwd())
    module = _import_file(Path(where)) if where.endswith(".py") else _import_module(where)
    found, label = _find(module, where, attribute)
    supervisor = None
    if isinstance(found, Supervisor):
        target, supervisor = label, found
        found, label = _find_beside(module, where, attribute, label)
    specs = _specs(found, label)
    for name, count in Counter(spec.name for spec in specs).items():
        if count > 1:
            raise TargetError(f"{label} has {count} tasks of the name {shown(name)}")
    return Target(target, specs, supervisor)


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


# --- what was found ------------------------------------------------------------------------------


def _find(module: ModuleType, where: str, attribute: str) -> tuple[Any, str]:
    """Return what an attribute is, or returns if it is a function, and what to call it."""
    decorated = collect(module)
    if attribute == _DEFAULT and not hasattr(module, _DEFAULT) and decorated:
        return decorated, f"{where}:{_DEFAULT}"
    found: Any = module
    for name in attribute.split("."):
        found = _attribute(found, name, where, attribute)
    label = f"{where}:{attribute}"
    if callable(found) and not isinstance(found, Iterable) and _decorated(found) is None:
        return _call(found, label), f"{label}()"
    return found, label


def _find_beside(module: ModuleType, where: str, attribute: str, label: str) -> tuple[Any, str]:
    """Return what the supervisor of this attribute is to run, and what to call it."""
    tasks = getattr(module, _DEFAULT, None)
    if attribute != _DEFAULT and tasks is not None and not isinstance(tasks, Supervisor):
        return _find(module, where, _DEFAULT)
    found = collect(module)
    if not found:
        raise TargetError(f"{where} has no tasks for the Supervisor {label}")
    return found, f"{where}:{_DEFAULT}"


def _attribute(holder: object, name: str, where: str, attribute: str) -> Any:
    try:
        return getattr(holder, name)
    except AttributeError as error:
        raise TargetError(f"{where} has no attribute {attribute!r}") from error
    except BaseException as error:
        raise _failed(f"cannot read {where}:{attribute}", error) from error


def _specs(found: Any, label: str) -> list[TaskSpec[Any]]:
    """Return the specs that an object is or holds."""
    spec = found if isinstance(found, TaskSpec) else _decorated(found)
    if spec is not None:
        return [spec]
    if not isinstance(found, Iterable) or isinstance(found, (str, bytes)):
        close = getattr(found, "close", None)
        if inspect.iscoroutine(found) and close is not None:
            close()
        raise TargetError(
            f"{label} is neither a TaskSpec, an iterable of them, a Supervisor nor a function"
            f" without arguments that returns one of these, but {shown(found)}"
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
