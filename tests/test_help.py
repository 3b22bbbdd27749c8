"""`help()` of each public name: parameters, units, what is returned and raised; errors, what to do.

The types of a function in C are taken from the stubs, those of one in Python from itself.
"""

import ast
import enum
import importlib
import inspect
import re
from pathlib import Path

import pytest

import taskvisor
from taskvisor import _core, errors

MODULES = ["", ".aio", ".testing", ".ext.otel", ".ext.prometheus"]
STUB = ast.parse(Path(_core.__file__).with_name("_core.pyi").read_text(encoding="utf-8"))
CLASSES = {
    getattr(_core, node.name): node.body
    for node in STUB.body
    if isinstance(node, ast.ClassDef) and hasattr(_core, node.name)
}
OURS = ("taskvisor", "taskvisor.")

# What a reader has to be told of: what it gives.
TYPE = re.compile(
    r"\b(int|str|bool|float|tuple|dict|callable|list|[A-Z]\w*[a-z]\w*[A-Z]\w*|Event)\b"
)


def public_names():
    """Each public name that is ours, as `aio.run`, with its object."""
    for suffix in MODULES:
        module = importlib.import_module(f"taskvisor{suffix}")
        for name in module.__all__:
            yield f"{suffix[1:]}.{name}".lstrip("."), getattr(module, name)


def members_of(cls):
    """The public members of a class that are the package's own, where they are declared first."""
    for each in cls.__mro__:
        if each.__module__.startswith(OURS):
            yield from ((n, v) for n, v in vars(each).items() if not n.startswith("_"))


def is_plain_class(value):
    return isinstance(value, type) and not issubclass(value, enum.Enum)


def callables():
    """Each public function, method and constructor, with its doc.

    Not the constructors of errors, which have a test of their own, nor of what the package makes.
    """
    for path, value in public_names():
        if is_plain_class(value) and not issubclass(value, Exception):
            if "Made by" not in inspect.getdoc(value) and " saw it" not in inspect.getdoc(value):
                yield path, value, inspect.getdoc(value)
            for name, member in dict(members_of(value)).items():
                if callable(getattr(member, "__func__", member)):
                    yield f"{path}.{name}", getattr(value, name), inspect.getdoc(member)
        elif callable(value) and not isinstance(value, type):
            yield path, value, inspect.getdoc(value)


def readers():
    """Each public property, with its doc."""
    for path, value in public_names():
        if is_plain_class(value):
            for name, member in dict(members_of(value)).items():
                if inspect.isgetsetdescriptor(member) or isinstance(member, property):
                    yield f"{path}.{name}", member


def stub_of(value):
    """The definitions in the stubs of a callable of the extension; none of one in Python."""
    if inspect.isfunction(value):
        return []
    owner = value if isinstance(value, type) else getattr(value, "__objclass__", None)
    owner = owner or getattr(value, "__self__", None)
    scope = CLASSES.get(owner, []) if isinstance(owner, type) else STUB.body
    name = "__new__" if value is owner else value.__name__
    return [node for node in scope if isinstance(node, ast.FunctionDef) and node.name == name]


def parameters(value):
    """The parameters of a callable, each with its type as text."""
    found = {}
    for node in stub_of(value):
        args = node.args
        for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.kwarg]:
            if arg and arg.arg not in ("self", "cls"):
                found[arg.arg] = ast.unparse(arg.annotation) if arg.annotation else ""
    if not found and not stub_of(value):
        signature = inspect.signature(value)
        found = {p.name: str(p.annotation) for p in signature.parameters.values()}
        found.pop("self", None)
    return found


def gives(value):
    """The type of what a callable returns, as text."""
    nodes = stub_of(value)
    if nodes:
        return ast.unparse(nodes[0].returns)
    annotation = inspect.signature(value).return_annotation
    return "None" if isinstance(value, type) else str(annotation)


CALLABLES = {path: (value, doc) for path, value, doc in callables()}
ERRORS = [getattr(errors, name) for name in errors.__all__]


def test_every_public_name_has_a_doc_whose_first_sentence_stands_alone():
    docs = {path: inspect.getdoc(value) for path, value in public_names()}
    docs |= {path: doc for path, (_, doc) in CALLABLES.items()}
    docs |= {path: inspect.getdoc(value) for path, value in readers()}
    assert len(docs) > 150
    wrong = [path for path, doc in docs.items() if not doc or doc[0] != doc[0].upper()]
    wrong += [path for path, doc in docs.items() if doc and not re.search(r"[.?:]($|\s)", doc)]
    assert wrong == []


@pytest.mark.parametrize("path", CALLABLES)
def test_help_names_each_parameter_with_its_unit_and_what_is_returned_and_raised(path):
    value, doc = CALLABLES[path]
    found = parameters(value)
    wrong = [name for name in found if not re.search(rf"\b{name}\b", doc)]
    if any("Seconds" in kind for kind in found.values()) and not re.search(r"[Ss]econds", doc):
        wrong.append("unit")
    if found and not re.search(r"[Rr]aise|What it raises|errors\b", doc):
        wrong.append("what is raised")
    if gives(value) not in ("None", "Coroutine[Any, Any, None]") and not isinstance(value, type):
        wrong += [] if re.search(r"[Rr]eturn|True|[Tt]ell|wait|as `", doc) else ["what is returned"]
    assert wrong == [], doc


@pytest.mark.parametrize("path", dict(readers()))
def test_help_of_a_reader_says_what_it_gives(path):
    doc = inspect.getdoc(dict(readers())[path])
    assert TYPE.search(doc) or "econds" in doc, doc


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_doc_of_every_error_names_what_it_keeps_and_says_what_to_do(error):
    doc = inspect.getdoc(error)
    if "__init__" in vars(error):
        own = [name for name in inspect.signature(error).parameters]
        assert [name for name in own if not re.search(rf"\b{name}\b", doc)] == [], doc
    told, _, what = doc.partition("What to do: ")
    assert told, doc
    assert len(what.split()) >= 5, doc
    assert getattr(taskvisor, error.__name__) is error


@pytest.mark.parametrize("record", ["TaskInfo", "SubscriberInfo", "SlotInfo"])
def test_doc_of_a_record_names_its_fields(record):
    record = getattr(taskvisor, record)
    missing = [n for n in record.__match_args__ if not re.search(rf"\b{n}\b", record.__doc__)]
    assert missing == []
