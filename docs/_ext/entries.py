"""The entry of a public name, as reStructuredText.

Guarantees: all of it comes from the code: what is called how, and what the docstrings say. An
enumeration has a table of its members, that of events with the fields that each carries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from events import event_fields
from prose import Resolve, linked, restructured
from source import MODULES, Entry, entry, object_of, public_names, texts_of

Row = Iterable[str]


def lines_of(dotted: str) -> list[str]:
    """Return the entry of a public name as reStructuredText."""
    return list(_entry(entry(dotted), resolver(dotted.rpartition(".")[0], dotted)))


def table(widths: str, *rows: Row) -> list[str]:
    """Return a table of which the first row is the head, as reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in rows:
        lines += [f"   {'* ' if n == 0 else '  '}- {cell}" for n, cell in enumerate(row)]
    return [*lines, ""]


def resolver(module: str, within: str = "") -> Resolve:
    """Return what finds the public name that a docstring means; within: the name it is of."""
    public = set(public_names())

    def resolve(written: str) -> str | None:
        name = written.removeprefix("@").removesuffix("()").removeprefix("taskvisor.")
        if within and name in _members(within):
            return f"{within}.{name}"
        if name.islower() and name == written:
            return None  # a field or a word; a function is written as a call, or with its module
        for place in (module, *MODULES):
            head, _, rest = name.removeprefix(place.removeprefix("taskvisor.") + ".").partition(".")
            dotted = f"{place}.{head}"
            if dotted not in public:
                continue
            if not rest or rest in entry(dotted).names:
                return dotted
            if rest in _members(dotted):
                return f"{dotted}.{rest}"
        return None

    return resolve


def _members(dotted: str) -> set[str]:
    return {member.name for member in entry(dotted).members}


def _entry(what: Entry, resolve: Resolve) -> Iterator[str]:
    kind = "class" if what.kind == "enumeration" else what.kind
    call = "" if what.parameters is None else f"({what.parameters})"
    returns = f" -> {what.returns}" if call and what.returns else ""
    yield f".. py:{kind}:: {what.name}{call}{returns}"
    if what.is_async:
        yield "   :async:"
    if what.kind == "property" and what.returns:
        yield f"   :type: {what.returns}"
    yield ""
    inside = restructured(what.doc, what.names, resolve)
    if what.kind == "enumeration":
        inside += members_of(what.name, resolve)
    for member in what.members:
        inside += _entry(member, resolve)
    yield from (f"   {line}" if line else "" for line in inside)
    yield ""


def members_of(dotted: str, resolve: Resolve) -> list[str]:
    """Return the table of an enumeration's members."""
    kind = object_of(dotted)
    texts = texts_of(kind)
    rows = [(f"``{m.name}``", f'``"{m}"``', linked(texts[m.name], resolve)) for m in kind]
    if dotted != "taskvisor.EventKind":
        return table("25 25 50", ("member", "text", "meaning"), *rows)
    rows = [(name, meaning, _fields(name.strip("`"))) for name, _, meaning in rows]
    return table("30 35 35", ("member", "tells", "fields"), *rows)


def _fields(kind: str) -> str:
    """Return the fields of an event, with `or` between the cases of a kind."""
    cases = (", ".join(map(str, case)) or "none" for case in event_fields()[kind])
    return ", or ".join(cases)
