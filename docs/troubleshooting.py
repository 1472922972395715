"""Writes docs/troubleshooting.md from the catalogue of problems: `make docs`."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from flask_modwsgi import problems
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.problem import CATALOGUE, Problem

PAGE = Path(__file__).with_suffix(".md")
SYSTEMS = {
    "debian": "Debian, Ubuntu",
    "fedora": "Fedora, RHEL",
    "alpine": "Alpine",
    "arch": "Arch",
    "suse": "openSUSE",
    "macos": "macOS",
}
BEGINNING = """\
# Troubleshooting

Every problem that `./run` can name, with example values: what is wrong, why it matters, and what to
type. `./run doctor` checks for those that can be seen beforehand, and `./run explain NAME` shows one.
`make docs` makes this page from `src/flask_modwsgi/problems`.
"""


def page() -> str:
    """The whole page, a section for each module of problems."""
    lines = [BEGINNING]
    section = ""
    for module, make in sorted(CATALOGUE, key=lambda entry: entry[0]):
        if module != section:
            section = module
            title = getattr(problems, module.rpartition(".")[2]).__doc__
            lines.append(f"## {title.rstrip('.')}\n")
        lines += entry(make)
    return "\n".join(lines)


def entry(make: Callable[[], Problem]) -> Iterator[str]:
    """One problem: the commands once, or for each system where they differ."""
    typed = {family: on(family, make).remedy for family in SYSTEMS}
    problem = on("debian", make)
    what, *quoted = problem.what.splitlines()
    yield f"### `{problem.slug}`\n"
    yield f"{what}\n"
    if quoted:
        yield "".join(f"    {line}\n" for line in quoted)
    yield f"{problem.why}\n"
    for number, command in enumerate(typed["debian"]):
        commands = {family: lines[number] for family, lines in typed.items()}
        yield "Or:\n" if number else "Type:\n"
        if len(set(commands.values())) == 1:
            yield f"    {command}\n"
        else:
            yield (
                "\n".join(
                    ["| system | |", "|---|---|"]
                    + [
                        f"| {SYSTEMS[name]} | `{escaped(line)}` |"
                        for name, line in commands.items()
                    ]
                )
                + "\n"
            )


def escaped(line: str) -> str:
    return line.replace("|", "\\|")


def on(family: str, make: Callable[[], Problem]) -> Problem:
    """The problem as an ordinary user of such a system is told it."""
    with (
        mock.patch.object(systems, "family", lambda: family),
        mock.patch.object(os, "geteuid", lambda: 1000),
    ):
        return make()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
