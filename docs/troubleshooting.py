"""Writes docs/troubleshooting.md from the catalogue of problems: `make tables`."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from flask_modwsgi.problems import systems
from flask_modwsgi.problems.catalogue import CATALOGUE
from flask_modwsgi.problems.problem import Problem

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
`make tables` makes this page from `src/flask_modwsgi/problems`.
"""


def page() -> str:
    """The whole page, a section for each module of problems."""
    lines = [BEGINNING]
    section = ""
    for make in sorted(CATALOGUE, key=lambda make: make.func.__module__):
        if make.func.__module__ != section:
            section = make.func.__module__
            lines.append(f"## {(sys.modules[section].__doc__ or '').rstrip('.')}\n")
        lines += entry(make)
    return "\n".join(lines)


def entry(make: Callable[[], Problem]) -> Iterator[str]:
    """One problem: the commands once, or for Linux and macOS, or for each system."""
    problem, *others = (on(family, make) for family in SYSTEMS)
    what, *quoted = problem.what.splitlines()
    yield f"### `{problem.slug}`\n"
    yield f"{markdown(what)}\n"
    if quoted:
        yield "".join(f"    {line}\n" for line in quoted)
    yield f"{markdown(problem.why)}\n"
    for number, commands in enumerate(
        zip(problem.remedy, *(other.remedy for other in others), strict=True)
    ):
        yield "Or:\n" if number else "Type:\n"
        if len(set(commands)) == 1:
            yield f"    {commands[0]}\n"
        else:
            cells = [f"| {names} | `{escaped(line)}` |" for names, line in by_systems(commands)]
            yield "\n".join(["| system | command |", "|---|---|", *cells, ""])


def by_systems(commands: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each command once, with the systems it is for."""
    *linux, macos = commands
    if len(set(linux)) == 1:
        yield "Linux", linux[0]
        yield "macOS", macos
    else:
        yield from zip(SYSTEMS.values(), commands, strict=True)


def markdown(text: str) -> str:
    return text.replace("__", r"\_\_")


def escaped(line: str) -> str:
    return line.replace("|", "\\|")


def on(family: str, make: Callable[[], Problem]) -> Problem:
    """The problem as an ordinary user of such a system, who may use sudo, is told it."""
    with (
        mock.patch.object(shutil, "which", lambda name: f"/usr/bin/{name}"),
        mock.patch.object(systems, "family", lambda: family),
        mock.patch.object(os, "geteuid", lambda: 1000),
    ):
        return make()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
