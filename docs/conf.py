"""How Sphinx builds these pages: `make docs`. The package it describes is the one it can import."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import taskvisor

project = "taskvisor"
author = "The taskvisor developers"
copyright = "the taskvisor developers"
version = release = taskvisor.__version__

extensions = ["myst_parser", "links", "directives"]
exclude_patterns = ["_ext"]

# Every reference must lead somewhere; what Python's own pages have, these do not link to.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!taskvisor).*")]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"taskvisor {release}"
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
