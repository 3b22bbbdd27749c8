"""Which fields an event carries: read from the table of rule R6.1, which the tests prove."""

from __future__ import annotations

import re
from dataclasses import dataclass

from source import ROOT

RULES = ROOT / "docs" / "reference" / "rules.md"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an event; condition: when it is set, "" for always; of: what it names."""

    name: str
    condition: str = ""
    of: str = ""

    def __str__(self) -> str:
        """Return it as reStructuredText."""
        of = f" (the {self.of})" if self.of else ""
        condition = self.condition.replace("`", "``")
        return f"``{self.name}``{of}" + (f" {condition}" if condition else "")


def event_fields() -> dict[str, list[list[Field]]]:
    """Return what events carry besides `seq`, `at` and `id`: by kind, the fields of each case."""
    rules = RULES.read_text(encoding="utf-8")
    table = rules[rules.index("| kind | when | fields |") :].split("\n\n")[0]
    cases: dict[str, list[list[Field]]] = {}
    for row in table.splitlines()[2:]:
        kind, _, fields = (cell.strip() for cell in row.strip("|").split("|"))
        case = [_field(text.strip()) for text in fields.split(",") if text.strip()]
        cases.setdefault(kind, []).append(case)
    return cases


def _field(text: str) -> Field:
    """Return a field from its words: `if refused reason`, `task = slot`."""
    of = re.fullmatch(r"(\w+) = (\w+)", text)
    if of:
        return Field(of[1], of=of[2])
    condition, _, name = text.rpartition(" ")
    return Field(name, condition)
