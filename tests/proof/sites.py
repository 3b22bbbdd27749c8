"""Where a mutant can be made in a C source, and of which kind: every place, by fixed operators.

Relies on the style of the project: a function's braces stand alone in the first column, and a
statement begins its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
LOGIC = {"&&": "||", "||": "&&", "true": "false", "false": "true"}


@dataclass(frozen=True)
class Site:
    """A piece of a file, and what stands there in the mutant."""

    file: str
    start: int
    end: int
    operator: str
    text: str

    def line(self, source: str) -> int:
        return source.count("\n", 0, self.start) + 1

    def apply(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]


def masked(source: str) -> str:
    """The same with comments, strings and characters blanked out, in place."""
    pattern = r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())  # noqa: E731
    return re.sub(pattern, blank, source, flags=re.DOTALL)


def bodies(source: str) -> Iterator[tuple[int, int]]:
    """Where the bodies of functions begin and end."""
    for match in re.finditer(r"^\{\n.*?^\}", source, re.MULTILINE | re.DOTALL):
        yield match.span()


def closing(source: str, at: int) -> int:
    """Behind the parenthesis that closes the one at `at`."""
    depth = 0
    for i in range(at, len(source)):
        depth += {"(": 1, ")": -1}.get(source[i], 0)
        if depth == 0:
            return i + 1
    raise ValueError("a parenthesis is not closed")


Found = tuple[int, int, str, str]


def comparisons(code: str) -> Iterator[Found]:
    for match in re.finditer(r"(?<=[\w)\]] )(<=|>=|==|!=|<|>)(?= )", code):
        yield *match.span(), "comparison", BOUNDARY[match.group()]


def logic(code: str) -> Iterator[Found]:
    for match in re.finditer(r"&&|\|\||\b(?:true|false)\b", code):
        yield *match.span(), "boolean", LOGIC[match.group()]


def constants(code: str) -> Iterator[Found]:
    for match in re.finditer(r"(?<![\w.])(\d+)([uU]?)(?![\w.])", code):
        for step in (1, -1):
            number = int(match[1]) + step
            yield *match.span(), f"constant {step:+}", f"{number}{match[2]}".replace("-1u", "-1")


def conditions(code: str) -> Iterator[Found]:
    for match in re.finditer(r"\b(if|while) \(", code):
        start = match.end() - 1
        end = closing(code, start)
        yield start, end, "condition negated", f"(!{code[start:end]})"
        if match[1] == "if":
            yield start, end, "branch forced", "(1)"
            yield start, end, "branch forced", "(0)"


STATEMENT = re.compile(
    r"^[ ]+((?:\*|\+\+|--)*[A-Za-z_]\w*(?:(?:->|\.)\w+|\[[^\]]*\])*"
    r"(?:\(| ?(?:[-+|&^*]|<<|>>)?= |\+\+;|--;|;)[^;{}]*;|(?:\+\+|--)[^;]*;)",
    re.MULTILINE,
)
NO_STATEMENT = re.compile(r"(if|for|while|switch|return|break|continue|goto|case|else|do)\b|\w+;")


def statements(code: str) -> Iterator[Found]:
    for match in STATEMENT.finditer(code):
        if not NO_STATEMENT.match(match[1]):
            yield *match.span(1), "statement dropped", ";"


OPERATORS = (comparisons, logic, constants, conditions, statements)


def sites_of(file: str, source: str) -> list[Site]:
    code, found = masked(source), []
    for begin, end in bodies(code):
        body = code[begin:end]
        for operator in OPERATORS:
            found += [
                Site(file, begin + a, begin + b, name, text) for a, b, name, text in operator(body)
            ]
    for match in re.finditer(r"^#define \w+ (\d+u?)(?=\s)", code, re.MULTILINE):
        found += [
            Site(file, match.start(1), match.end(1), name, text)
            for _, _, name, text in constants(match[1])
        ]
    return [site for site in found if site.apply(source) != source]
