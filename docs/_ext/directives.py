"""The directives of the reference: `api`, and one for each table.

    .. api::

       taskvisor.Supervisor
       taskvisor.SupervisorConfig

Each public name stands on one page only, which the tests check.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from docutils import nodes
from docutils.statemachine import StringList
from entries import lines_of
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tables import TABLES


class Lines(SphinxDirective):
    """A directive whose content is made as lines of reStructuredText."""

    def lines(self) -> list[str]:
        """Return them."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse them where the directive stands."""
        source, _ = self.get_source_info()
        inside = nodes.section()
        inside.document = self.state.document
        self.state.nested_parse(StringList(self.lines(), source), 0, inside, match_titles=1)
        return inside.children


class Api(Lines):
    """The entries of the public names in the content, one in a line."""

    has_content = True

    def lines(self) -> list[str]:
        """Return their entries."""
        return [line for name in self.content if name for line in lines_of(name.strip())]


def _directive(make: Callable[..., list[str]]) -> type[Lines]:
    class Table(Lines):
        required_arguments = len(inspect.signature(make).parameters)

        def lines(self) -> list[str]:
            return make(*self.arguments)

    return Table


def setup(app: Sphinx) -> dict[str, bool]:
    """Register them."""
    app.add_directive("api", Api)
    for name, make in TABLES.items():
        app.add_directive(name, _directive(make))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
