"""What is public, with typed signatures: read from the stubs of the extension and the sources.

Guarantees: a name is found where it is defined, so what is shown is what type checkers see. Names
of types are written as users import them; what is left out of a call shows its default.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import taskvisor
from taskvisor import _core

MODULES = (
    "taskvisor",
    "taskvisor.aio",
    "taskvisor.testing",
    "taskvisor.ext.prometheus",
    "taskvisor.ext.otel",
)

PACKAGE = Path(taskvisor.__file__).parent
ROOT = Path(__file__).parents[2]  # of the project; the package may be installed elsewhere

# What is written for a name of the stubs or sources that nobody imports.
WRITTEN = {
    "_Seconds": "float | timedelta",
    "Seconds": "float | timedelta",
    "_Target": "TaskHandle | int | str",
    "SupportsIndex": "int",
    "TextWriter": "TextIO",
    "_Subscriber": "Subscribe",
    "_T": "T",
    "_T_co": "T",
    "T_co": "T",
    "_F": "F",
    "AioTaskHandle": "aio.TaskHandle",
    "EllipsisType": "...",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One public name: how it is called, what it gives, what it says of itself.

    kind: class, exception, enumeration, function, method, classmethod, staticmethod, property.
    parameters: the text between the parentheses, None where there is no call. returns: the text of
    the type, "" for none. names: of the parameters. is_async: a call gives a coroutine.
    """

    name: str
    kind: str
    doc: str
    parameters: str | None = None
    returns: str = ""
    names: tuple[str, ...] = ()
    is_async: bool = False
    members: tuple[Entry, ...] = field(default=())


def public_names() -> list[str]:
    """Return every public name of the package, dotted, each once."""
    return [f"{module}.{name}" for module in MODULES for name in _module(module).__all__]


def entry(dotted: str) -> Entry:
    """Return what there is to say of a public name; KeyError if it is none."""
    if dotted not in public_names():
        raise KeyError(f"{dotted} is not public")
    module, _, name = dotted.rpartition(".")
    value = getattr(_module(module), name)
    return _of_class(dotted, value) if isinstance(value, type) else _of_function(dotted, value)


def object_of(dotted: str) -> Any:
    """Return what a dotted public name names: an object, a class's member or None."""
    for module in sorted(MODULES, key=len, reverse=True):
        if dotted.startswith(f"{module}."):
            value: Any = _module(module)
            for part in dotted.removeprefix(f"{module}.").split("."):
                value = getattr(value, part, None)
            return value
    return None


def texts_of(value: type) -> dict[str, str]:
    """Return what stands below each name that is assigned in a class."""
    body = _nodes(value)[0].body
    pairs = itertools.pairwise(body)
    return {
        ast.unparse(name.targets[0]): inspect.cleandoc(text.value.value)
        for name, text in pairs
        if isinstance(name, ast.Assign) and isinstance(text, ast.Expr)
    }


def _module(name: str) -> Any:
    return importlib.import_module(name)


# --- where a name is defined ---------------------------------------------------------------------


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _defined(tree: ast.Module | ast.ClassDef, name: str) -> list[Any]:
    """Return the definitions of a name, more than one if it is overloaded."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in tree.body if isinstance(node, kinds) and node.name == name]


def _nodes(value: Any) -> list[Any]:
    """Return the definitions of a class or function: in the stubs, or in its module's source."""
    for name, known in vars(_core).items():
        if known is value:
            return _defined(_tree(PACKAGE / "_core.pyi"), name)
    source = Path(inspect.getfile(_module(value.__module__)))
    return _defined(_tree(source), value.__name__)


# --- signatures ----------------------------------------------------------------------------------


class _Writer(ast.NodeTransformer):
    """Writes types as users know them; `module` is where a public name is looked for first."""

    def __init__(self, module: str) -> None:
        self.module = module

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Write out an alias; put the module before a public name."""
        text = WRITTEN.get(node.id)
        if text and text != node.id:
            return self.visit(ast.parse(text, mode="eval").body)
        for module in (self.module, "taskvisor"):
            if node.id in _module(module).__all__:
                return ast.parse(f"{module}.{node.id}", mode="eval").body
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Leave out the modules that sources name things by."""
        match node.value:
            case ast.Name("builtins"):
                return ast.Name(node.attr)
            case ast.Name("supervisor"):
                return _Writer("taskvisor").visit_Name(ast.Name(node.attr))
            case ast.Name("aio"):
                return _Writer("taskvisor.aio").visit_Name(ast.Name(node.attr))
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Write out what a coroutine function is, and of options only that they are any."""
        match node.value:
            case ast.Name("Unpack"):
                return ast.Name("Any")
            case ast.Name("_Async"):
                given = _written(node.slice, self.module)
                text = f"Callable[..., Coroutine[Any, Any, {given}]]"
                return ast.parse(text, mode="eval").body
        return self.generic_visit(node)


def _written(node: ast.AST | None, module: str) -> str:
    if node is None:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    return ast.unparse(_Writer(module).visit(ast.parse(ast.unparse(node), mode="eval").body))


def _parameters(node: Any, module: str, bound: bool) -> tuple[str, tuple[str, ...]]:
    """Return the text of the parameters, and their names; bound: without the first one."""
    args = ast.parse(f"def f({ast.unparse(node.args)}): ...").body[0].args
    first = args.posonlyargs or args.args
    if bound and first:
        del first[0]
    everything = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    everything = [arg for arg in everything if arg]
    for arg in everything:
        if arg.annotation:
            # That a parameter takes `...` is seen from its default.
            text = _written(arg.annotation, module).replace("... | ", "").replace(" | ...", "")
            arg.annotation = ast.parse(text, mode="eval").body
    args.defaults = [_default(value, module) for value in args.defaults]
    args.kw_defaults = [value and _default(value, module) for value in args.kw_defaults]
    return ast.unparse(args), tuple(arg.arg for arg in everything)


def _default(node: ast.expr, module: str) -> ast.expr:
    """Return a default as it is read: the value of a module's constant."""
    value = getattr(_module(module), node.id, None) if isinstance(node, ast.Name) else None
    return node if value is None else ast.parse(repr(value), mode="eval").body


def _returns(node: Any, module: str) -> tuple[str, bool]:
    """Return the type of a call, and whether it has to be awaited."""
    text = _written(node.returns, module)
    inner = text.removeprefix("Coroutine[Any, Any, ")
    if inner != text:
        return inner.removesuffix("]"), True
    return text, isinstance(node, ast.AsyncFunctionDef)


def _of_function(dotted: str, value: Any) -> Entry:
    module = dotted.rpartition(".")[0]
    node = _nodes(value)[-1]
    parameters, names = _parameters(node, module, bound=False)
    returns, is_async = _returns(node, module)
    doc = inspect.getdoc(value) or ""
    return Entry(dotted, "function", doc, parameters, returns, names, is_async)


# --- classes -------------------------------------------------------------------------------------


def _of_class(dotted: str, value: type) -> Entry:
    module = dotted.rpartition(".")[0]
    doc = inspect.getdoc(value) or ""
    if issubclass(value, Enum):
        return Entry(dotted, "enumeration", doc)
    parameters, names = _constructor(value, module)
    kind = "exception" if issubclass(value, BaseException) else "class"
    members = _members(value, module)
    names = names or _fields(value)
    return Entry(dotted, kind, doc, parameters, "", names, False, members)


def _fields(value: type) -> tuple[str, ...]:
    """Return the names that a class declares without giving them a value."""
    parts = [part for part in _nodes(value)[0].body if isinstance(part, ast.AnnAssign)]
    return tuple(ast.unparse(part.target) for part in parts)


def _bases(value: type) -> list[ast.ClassDef]:
    """Return the definition of a class and those of its bases that are ours and not public."""
    public = {getattr(_module(m), name) for m in MODULES for name in _module(m).__all__}
    ours = [c for c in value.__mro__ if c is value or c not in public]
    return [_nodes(c)[0] for c in ours if c is value or c.__module__.startswith("taskvisor")]


def _constructor(value: type, module: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the parameters of a class, None where users do not make it."""
    own = [c for c in value.__mro__ if c.__module__.startswith("taskvisor")]
    for node in [_nodes(c)[0] for c in own]:
        if found := [*_defined(node, "__new__"), *_defined(node, "__init__")]:
            made = ast.get_docstring(found[0]) or ""
            return _parameters(found[-1], module, True) if "Made by" not in made else (None, ())
        if is_dataclass(value):
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            texts = {ast.unparse(f.target): _written(f.annotation, module) for f in fields}
            return ", ".join(f"{name}: {text}" for name, text in texts.items()), tuple(texts)
    return None, ()


def _members(value: type, module: str) -> tuple[Entry, ...]:
    """Return the public methods and properties of a class, in the order of their definition.

    What a base of ours wants to be defined is between the two of them.
    """
    ours = [base for base in value.__mro__[1:] if base.__module__.startswith("taskvisor.")]
    wanted = {name for base in ours for name in getattr(base, "__abstractmethods__", ())}
    found: dict[str, Entry] = {}
    for node in _bases(value):
        for part in node.body:
            if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if part.name.startswith("_") or part.name in {*found, *wanted}:
                continue
            found[part.name] = _member(value, _defined(node, part.name)[-1], module)
    return tuple(found.values())


def _member(value: type, node: Any, module: str) -> Entry:
    doc = inspect.getdoc(getattr(value, node.name)) or ""
    returns, is_async = _returns(node, module)
    marks = {ast.unparse(mark) for mark in node.decorator_list}
    if "property" in marks:
        return Entry(node.name, "property", doc, None, returns)
    kinds = marks & {"classmethod", "staticmethod"}
    kind = kinds.pop() if kinds else "method"
    parameters, names = _parameters(node, module, kind != "staticmethod")
    return Entry(node.name, kind, doc, parameters, returns, names, is_async)
