"""What a project requires: its requirements files, and what this package adds to them.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .. import problems
from ..config.project import Project
from . import pins

_INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)", re.MULTILINE)
_PIN = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?\s*==\s*([^\s;\\#]+)([^\\\n]*)", re.MULTILINE)
_MINIMUM = re.compile(r"([\w.-]+)>=([\d.]+)")


def files(project: Project, development: bool) -> list[Path]:
    """The requirements files to install, in order: a later one wins.

    :param development: With the development tools.
    :raises Problem: there is no ``requirements.txt``.
    """
    own = project.root / "requirements.txt"
    tools = project.root / "requirements-dev.txt"
    if not own.is_file():
        raise problems.requirements_missing(own)
    return [tools, own] if development and tools.is_file() else [own]


def with_included(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those that they include; ``pyproject.toml`` where a project is installed."""
    seen: set[Path] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop(0)
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        yield path
        text = path.read_text(encoding="utf-8", errors="replace")
        waiting += [path.parent / name for name in _INCLUDE.findall(text)]
        if re.search(r"^\s*(-e|--editable|\.(/|\s*$|\[))", text, re.MULTILINE):
            waiting.append(path.parent / "pyproject.toml")


def are_hashed(path: Path) -> bool:
    """Whether a requirements file has hashes, which installers check then."""
    return any("--hash=" in file.read_text("utf-8", "replace") for file in with_included([path]))


def pinned(texts: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """Of requirements files: the version of each package, and whether only some systems have it."""
    found = _PIN.findall("\n".join(texts))
    return {normalised(name): (version, ";" in rest) for name, version, rest in found}


def normalised(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def lacking(name: str, installed: Mapping[str, str]) -> str:
    """The pins of this package, without what is installed already: that wins.

    :param name: Of the pins, such as ``server``.
    :param installed: The version of each package, by normalised name.
    """
    blocks = re.split(r"\n(?=[a-zA-Z])", pins.text(name).strip())
    kept = [block for block in blocks if normalised(block.partition("==")[0]) not in installed]
    return "\n".join([*kept, ""])


def conflicts(needs: Iterable[str], installed: Mapping[str, str]) -> list[str]:
    """Where what is installed is older than what this package needs.

    :param needs: Such as ``Flask>=3.0``; other forms are not looked at.
    """
    found = []
    for need in needs:
        if match := _MINIMUM.fullmatch(need):
            name, minimum = match.groups()
            version = installed.get(normalised(name))
            if version is not None and _release(version) < _release(minimum):
                found.append(f"{name} is {version}, and flask-modwsgi needs {minimum} or newer")
    return found


def _release(version: str) -> list[int]:
    """The numbers of a version, without a suffix such as ``rc1``."""
    match = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match else [0]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return numbers
