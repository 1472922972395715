"""Which places on this machine the metadata of a local package, or uv's configuration, names.

https://packaging.python.org/en/latest/specifications/dependency-specifiers/ and
https://docs.astral.sh/uv/reference/settings/
"""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..machine import files

# What a build reads, or can: setuptools takes dependencies from text files, too.
_PATTERNS = ("*.toml", "*.cfg", "setup.py", "*.txt", "*.in")
CONFIGURATION = ("pyproject.toml", "uv.toml")  # which uv reads in the project's folder
_URL = re.compile(r"(?<!\w)file:(?://(?:localhost)?(?=/))?((?:[^\s\"'#;,\]\\]|\\.)+)")
_SCHEME = re.compile(r"(file|path):(//(localhost)?(?=/))?")


def places(folder: Path) -> Iterator[tuple[Path, Path]]:
    """The places that a package in a folder requires, and the file that names each.

    They need not exist.
    """
    for pattern in _PATTERNS:
        for file in sorted(folder.glob(pattern)):
            yield from named_in(file)


def named_in(file: Path) -> Iterator[tuple[Path, Path]]:
    """The places that a file names."""
    try:
        text = files.source(file).decode(errors="replace")
    except OSError:  # it is missing, or larger than what anybody writes
        return
    names = [unquote(name) for name in _URL.findall(text)]
    if file.suffix == ".toml":
        names += _paths(file.name, text)
    for name in dict.fromkeys(names):
        yield Path(os.path.normpath(file.parent / os.path.expanduser(name))), file


def _paths(name: str, text: str) -> Iterator[str]:
    """What uv obeys, and the dependencies with a path, as of Poetry."""
    try:
        table = tomllib.loads(text)
    except ValueError:  # installers refuse it
        return
    tool = table.get("tool")
    own = table if name == "uv.toml" else tool.get("uv") if isinstance(tool, dict) else None
    yield from (word for _, word in _texts(own) if "/" in word or word[:1] == ".")
    yield from (word for key, word in _texts(table) if key == "path")


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a table, with the key it is below."""
    if isinstance(value, str):
        yield key, _SCHEME.sub("", value, count=1)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, key)
