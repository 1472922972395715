"""Writes what is made from the code: the template's .env.example, two tables in operations.md.

Called by `make tables`.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from flask_modwsgi.cli.verbs import VERBS
from flask_modwsgi.config import reference

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "operations.md"
EXAMPLE = ROOT / "{{cookiecutter.project_slug}}" / ".env.example"


def verbs_table() -> str:
    """A row for each verb."""
    rows = [f"| `./run {verb.name}` | {verb.summary} |" for verb in VERBS]
    return "\n".join(["| verb | what it does |", "|---|---|", *rows])


def with_table(page: str, table: str) -> str:
    """The page, with this table in place of the one that has the same first line."""
    first = table.splitlines()[0]
    found = re.search(rf"^{re.escape(first)}\n(?:\|.*\n)+", page, re.MULTILINE)
    if not found:
        raise ValueError(f"no table begins with {first}")
    return page[: found.start()] + table + "\n" + page[found.end() :]


def files() -> Iterator[tuple[Path, str]]:
    """Each file, with the text it should have."""
    guide = GUIDE.read_text("utf-8")
    for table in (verbs_table(), reference.markdown_table()):
        guide = with_table(guide, table)
    yield GUIDE, guide
    answers = "{{ cookiecutter.port }}", "{{ cookiecutter.__mount_point }}"
    yield EXAMPLE, reference.env_example(*answers, reference.STRICT_POLICY)


if __name__ == "__main__":
    for path, text in files():
        path.write_text(text, encoding="utf-8")
