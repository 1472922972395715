"""The documentation site: ``make docs`` builds it into docs/_build/html."""

import re
import sys
from pathlib import Path

from pygments.lexers import TextLexer
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from flask_modwsgi import __version__

ROOT = Path(__file__).resolve().parents[1]

project = html_title = "flask-modwsgi"
version = release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
# An indented block is text: commands, output, files of any kind.
highlight_language = "none"

linkcheck_ignore = [r"http://(localhost|127\.0\.0\.1):"]  # the reader's own server

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = html_show_copyright = False

# Pages that stand at the root of the repository, where forges look for them.
OUTSIDE = {
    "changelog": "CHANGELOG.md",
    "code-of-conduct": "CODE_OF_CONDUCT.md",
    "contributing": "CONTRIBUTING.md",
    "security-policy": "SECURITY.md",
}


def read(app: Sphinx, name: str, source: list[str]) -> None:
    """Take a page from the root of the repository, and lead links to such pages to the site's."""
    if name in OUTSIDE:
        source[0] = (ROOT / OUTSIDE[name]).read_text("utf-8").replace("](docs/", "](")
    for page, file in OUTSIDE.items():
        source[0] = re.sub(rf"\]\((\.\./)?{re.escape(file)}", f"]({page}.md", source[0])


# What screen readers need beside Furo's pages. `site.js` lets the keyboard scroll.
ACCESSIBLE = {
    ' class="caption" role="heading"': ' class="caption" role="heading" aria-level="2"',
    '<aside class="sidebar-drawer"': '<aside class="sidebar-drawer" aria-label="Site"',
    '<aside class="toc-drawer"': '<aside class="toc-drawer" aria-label="Page"',
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
}


def finish(app: Sphinx, error: Exception | None) -> None:
    """Make every page accessible; tests/unit/test_site.py asks axe-core."""
    for page in Path(app.outdir).rglob("*.html") if error is None else ():
        text = page.read_text("utf-8")
        for before, after in ACCESSIBLE.items():
            text = text.replace(before, after)
        page.write_text(text, "utf-8")


def setup(app: Sphinx) -> None:
    app.connect("source-read", read)
    app.connect("build-finished", finish)
    for name in ("caddy", "cron", "haproxy"):  # Pygments has none
        app.add_lexer(name, TextLexer)
