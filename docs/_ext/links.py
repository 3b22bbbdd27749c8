"""Links out of docs/, as they stand in the pages, so that the pages can be read without Sphinx.

A link to `../CHANGELOG.md` leads to the page that includes it, one to another file of the project
to a copy of that file. A picture that is an SVG is put into the page, where it takes the colours of
the theme.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

# The pages that include a file of the project's root.
INCLUDED = {"CHANGELOG.md": "/changelog.md", "CONTRIBUTING.md": "/contributing.md"}

_OUT = re.compile(r"\]\((?P<up>(?:\.\./)+)(?P<file>[A-Z]+\.md)(?P<part>#[^)]*)?\)")


def lead_inside(text: str) -> str:
    """Return a page with its links to pages of the project's root made links that Sphinx knows."""

    def link(found: re.Match[str]) -> str:
        page = INCLUDED.get(found["file"])
        if page:
            return f"]({page}{found['part'] or ''})"
        return f"](path:{found['up']}{found['file']})"

    return _OUT.sub(link, text)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = lead_inside(source[0])


def _put_in_svg(app: Sphinx, tree: nodes.document, name: str) -> None:
    """Replace pictures by their SVG, as far as they are made for it (class `figure`)."""
    for image in list(tree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        if path.suffix != ".svg":
            continue
        svg = path.read_text(encoding="utf-8")
        if 'class="figure"' in svg:
            image.replace_self(nodes.raw("", svg[svg.index("<svg") :], format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what this module does."""
    app.connect("source-read", _read)
    app.connect("doctree-resolved", _put_in_svg)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
