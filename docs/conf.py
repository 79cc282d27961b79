"""Sphinx's settings: `scripts/docs` builds the site."""

import sys
from pathlib import Path

from pygments.lexers.data import JsonLexer
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import reference  # noqa: E402  # found in ROOT

project = "Accio"
author = "Accio contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "adr/0000-template.md"]
html_theme = "furo"
html_title = "Accio"
html_copy_source = False
html_show_sphinx = False
myst_heading_anchors = 4
default_role = "code"  # docstrings are Markdown in spirit: one backtick means code
nitpick_ignore_regex = [("py:.*", ".*")]  # types of signatures that have no page
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": False}


def setup(app: Sphinx) -> None:
    """Write the pages that repeat what the product says of itself, and read languages that Pygments doesn't know."""
    app.connect("config-inited", lambda app, config: reference.write(Path(app.srcdir, "reference")))
    app.add_lexer("jsonl", JsonLexer)
    app.add_lexer("mermaid", TextLexer)
