"""Which places on this machine the metadata of a local package, or uv's configuration, names.

https://packaging.python.org/en/latest/specifications/dependency-specifiers/ and
https://docs.astral.sh/uv/reference/settings/
"""

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from ..machine import files

CONFIGURATION = ("pyproject.toml", "uv.toml")  # which uv reads in the project's folder
_METADATA = ("pyproject.toml", "setup.cfg", "setup.py")
# A text that only mentions a URL is no requirement; setup.cfg has `install_requires = ` before one.
_REQUIREMENT = re.compile(
    r"\s*(?:\w+\s*=\s*)?[\w.-]+\s*(?:\[[^]]*\]\s*)?@\s*"
    r"(?:\w+\+)?file:(?://(?:localhost)?(?=/))?([^\s#]+)"
)
_PATH = re.compile(r"\s*[\w.-]+\s*(?:\[[^]]*\]\s*)?@\s*([/$][^\s#]+)")  # uv takes x @ /srv/x
# Setuptools takes dependencies from them, too.
_TEXT_FILE = re.compile(r"(?<![\w./-])[\w./-]+\.(?:txt|in)\b")
_SCHEME = re.compile(r"(?:\w+\+)?(?:file|path):(?://(?:localhost)?(?=/))?")
_ELSEWHERE = re.compile(r"[\w+.-]+://")
# Settings of uv with paths that it neither installs from nor runs, and what is looked at by itself.
_PASSED_OVER = {"build-backend", "cache-keys", "config-settings", "output-file", "publish-url"}
_PASSED_OVER |= {"check-url", "environments", "exclude", "required-environments"}
_PASSED_OVER |= {"cache-dir", "pip", "workspace"}
# The tables of dependencies; in others, a path may be that of a file to pack.
_DEPENDENCIES = (
    *(("poetry", "dependencies"), ("poetry", "dev-dependencies"), ("poetry", "group")),
    *(("pdm", "dependencies"), ("pdm", "dev-dependencies")),
)


class Named(NamedTuple):
    """A place that need not exist, and the file that names it."""

    place: Path
    file: Path
    is_cache: bool = False  # of uv, which keeps files in it that others may lock


def places(folder: Path) -> Iterator[Named]:
    """The places that a package in a folder requires."""
    for name in _METADATA:
        yield from named_in(folder / name)


def named_in(file: Path) -> Iterator[Named]:
    """The places that a file of metadata or of uv's configuration names."""
    text = _content(file)
    table = _table(text) if file.suffix == ".toml" else {}
    lines = [line for part in _parts(file.name, text, table) for line in part.splitlines()]
    for cache in _caches(file.name, table):
        yield Named(_absolute(file, cache), file, is_cache=True)
    for name in dict.fromkeys((*_required(lines), *_paths(file.name, table))):
        yield Named(_absolute(file, name), file)
    for name in dict.fromkeys(name for line in lines for name in _TEXT_FILE.findall(line)):
        listing = file.parent / name
        for named in _required(_content(listing).splitlines()):
            yield Named(_absolute(file, named), listing)


def configures_uv(file: Path) -> bool:
    """Whether a file has settings of uv, or sources of packages for it."""
    return bool(_uv(file.name, _table(_content(file))))


def _content(file: Path) -> str:
    """Empty where it is missing, or larger than what anybody writes."""
    try:
        return files.source(file).decode(errors="replace")
    except OSError:
        return ""


def _table(text: str) -> dict[str, Any]:
    """Empty where installers refuse it."""
    try:
        return tomllib.loads(text)
    except ValueError:
        return {}


def _absolute(file: Path, name: str) -> Path:
    """With variables, as uv replaces them; ``PROJECT_ROOT`` is where it runs."""
    name = os.path.expandvars(name.replace("${PROJECT_ROOT}", str(file.parent)))
    name = re.sub(r"^/+", "/", os.path.expanduser(name))
    return Path(os.path.normpath(file.parent / name))


def _parts(name: str, text: str, table: dict[str, Any]) -> list[str]:
    """The texts of a file that could be requirements, without comments."""
    if name.endswith(".toml"):
        return [word for _, word in _texts(table)]
    return _strings(text) if name.endswith(".py") else [text]


def _strings(code: str) -> list[str]:
    """The strings in Python code, without docstrings."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError):  # no installer runs it
        return []
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = (node for node in nodes if isinstance(node, ast.Constant))
    return [
        node.value
        for node in constants
        if isinstance(node.value, str) and id(node) not in docstrings
    ]


def _required(lines: list[str]) -> Iterator[str]:
    """The places in requirements such as ``x @ file:///srv/x``."""
    for line in lines:
        if found := _REQUIREMENT.match(line):
            yield from _with_revision(found[1])


def _with_revision(name: str) -> Iterator[str]:
    """A path that may have a fragment or a revision behind it, and without those."""
    name = unquote(name.partition("#")[0])
    yield name
    if without := name.rpartition("@")[0]:
        yield without


def _uv(name: str, table: dict[str, Any]) -> dict[str, Any]:
    """The settings of uv in a table."""
    return table if name == "uv.toml" else _below(table, "tool", "uv")


def _caches(name: str, table: dict[str, Any]) -> Iterator[str]:
    if isinstance(folder := _uv(name, table).get("cache-dir"), str):
        yield folder


def _paths(name: str, table: dict[str, Any]) -> Iterator[str]:
    """What uv obeys, and the dependencies with a path, as of Poetry."""
    uv = _uv(name, table)
    for part in (uv, _below(uv, "pip"), _below(uv, "workspace")):
        used = (value for key, value in part.items() if key not in _PASSED_OVER)
        for key, word in _texts(list(used)):
            word = _SCHEME.sub("", word, count=1)
            is_path = key == "path" or "/" in word or word[:1] == "."
            if is_path and not _ELSEWHERE.match(word):
                yield from _with_revision(word)
    project, build = _below(table, "project"), _below(table, "build-system")
    lists = [project.get("dependencies"), project.get("optional-dependencies")]
    for _, word in _texts([*lists, table.get("dependency-groups"), build.get("requires")]):
        if found := _PATH.match(word):
            yield from _with_revision(found[1])
    for keys in _DEPENDENCIES:
        for key, word in _texts(_below(table, "tool", *keys)):
            word = _SCHEME.sub("", word, count=1)
            if key in ("path", "url", "git") and not _ELSEWHERE.match(word):
                yield from _with_revision(word)


def _below(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A table in a table; empty where there is none."""
    for key in keys:
        inner = table.get(key)
        table = inner if isinstance(inner, dict) else {}
    return table


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a table, with the key it is below."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, key)
