"""The application that a project names for another server, or for Flask's own command."""

import contextlib
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from ..machine import files
from ..problems.problem import Problem
from . import applications, origins
from .found import Application

_SERVER = re.compile(r"^\s*[\w-]+:.*?\b(?:gunicorn|uwsgi|waitress-serve)[^\S\n]+(.*)", re.MULTILINE)
_FLASK_APP = re.compile(r"^\s*(?:export\s+)?FLASK_APP\s*=(.*)", re.MULTILINE)
_NAMED = re.compile(r"[^\W\d][\w.]*:[^\W\d].*")  # no address
_ELSEWHERE = ("--chdir", "--pythonpath")


def application(root: Path) -> tuple[Application, str] | None:
    """The application, and where it is named; None where nothing names one that is there.

    A Procfile may start servers of other frameworks, too.
    """
    found = []
    for text, place in _named(root):
        with contextlib.suppress(Problem):
            found.append((applications.named(root, text), place))
    beside = [one for one in found if one[1] == found[0][1]]
    if len(beside) > 1:
        known = {_origin(root, one) for one in applications.search(root)} - {None}
        found = [one for one in beside if _origin(root, one[0]) in known] or found
    return found[0] if found else None


def _origin(root: Path, found: Application) -> tuple[Path, str] | None:
    """Where its name gets its value: it may be imported under another one."""
    with contextlib.suppress(LookupError):
        if origin := origins.of(root, found.file, found.variable):
            return origin.file, origin.name
    return None


def _named(root: Path) -> Iterator[tuple[str, str]]:
    """What is served elsewhere is first, then in the order in which Flask reads ``FLASK_APP``."""
    for command in _SERVER.findall(files.text_if_any(root / "Procfile")):
        words = _words(command)
        if not any(word.startswith(_ELSEWHERE) or "uvicorn" in word for word in words):
            yield from ((word, "the Procfile") for word in words if _NAMED.fullmatch(word))
            yield from ((f"{word}:application", "the Procfile") for word in words[:1])
    if value := os.environ.get("FLASK_APP"):
        yield value, "FLASK_APP"
    for name in (".env", ".flaskenv"):
        for value in _FLASK_APP.findall(files.text_if_any(root / name)):
            yield from ((text, f"FLASK_APP in {name}") for text in _value(value) if text)


def _value(text: str) -> list[str]:
    """The value in a line of a file of variables: a shell's words only where it is quoted."""
    text = text.strip()
    return _words(text)[:1] if text[:1] in ("'", '"') else [re.split(r"(?:^|\s+)#", text)[0]]


def _words(line: str) -> list[str]:
    with contextlib.suppress(ValueError):
        return shlex.split(line, comments=True)
    return []
