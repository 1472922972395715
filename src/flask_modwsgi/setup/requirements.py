"""What a project requires: its requirements files, and what this package adds to them.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import codecs
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

from .. import problems
from ..config.project import Project
from ..machine import trust
from ..machine.files import source
from . import local_metadata, pins

# What setup installs by itself: built for the Apache of this machine, and from wheels/.
OWN = ("flask-modwsgi", "mod-wsgi", "mod-wsgi-httpd", "mod-wsgi-standalone")

_INCLUDE = re.compile(r"^\s*(-[rc]|--requirement|--constraint)[\s=]*(\S+)", re.MULTILINE)
_NAME = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)", re.MULTILINE)
_MINIMUM = re.compile(r"([\w.-]+)>=([\d.]+)")
_EDITABLE = re.compile(r"(-e|--editable)[\s=]+")
_COMMENT = re.compile(r"(^|\s)#.*", re.MULTILINE)
_WORD = re.compile(r"""(?:\\.|"[^"\n]*"|'[^'\n]*'|[^\s\\])+""")
# An option, a name and a scheme, such as -f, name@ and git+file:
_BEFORE_PLACE = re.compile(r"(--?\w[\w-]*=|-\w)?([\w.,[\]-]+@)?([\w+]+:(//(localhost)?)?)?")
_NAMED = re.compile(r"[\w.-]+(\[[^]]*\])?\s*@\s*")  # name[extra] @ where it is


def listings(project: Project) -> list[Path]:
    """Where a project lists what it requires; they need not exist."""
    return [project.root / name for name in ("requirements.txt", "requirements-dev.txt")]


def files(project: Project, development: bool) -> list[Path]:
    """The requirements files to install, in order: a later one wins.

    :param development: With the development tools.
    :raises Problem: there is no ``requirements.txt``.
    """
    own, tools = listings(project)
    if not own.is_file():
        raise problems.requirements_missing(own)
    return [tools, own] if development and tools.is_file() else [own]


def with_included(paths: Iterable[Path], constraints: bool = True) -> list[Path]:
    """The files, and those that they include by ``-r``, and by ``-c`` with `constraints`."""
    found = list(paths)
    for path in found:
        for option, name in _INCLUDE.findall(text(path)):
            if option in ("-c", "--constraint") and not constraints:
                continue
            included = Path(os.path.normpath(path.parent / name))
            if included.is_file() and included not in found:
                found.append(included)
    return found


def text(path: Path) -> str:
    """What is in a requirements file, which PowerShell writes in UTF-16; pip and uv read that too."""
    content = source(path)
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig", errors="replace")


def digest(project: Project, development: bool) -> str:
    """A digest of everything that decides what is installed.

    :raises Problem: there is no ``requirements.txt``.
    """
    found = hashlib.sha256()
    for file in with_included(files(project, development)):
        lines = text(file).splitlines()
        for part in (file, *(part for line in lines for part in _local(project.root, line))):
            found.update(f"{part}\0{part.stat().st_size}\0".encode(errors="surrogateescape"))
            found.update(part.read_bytes())
    return found.hexdigest()[:16]


def _local(root: Path, line: str) -> Iterator[Path]:
    """The local files of a requirement; for ``-e .``, those with its metadata."""
    line = line.strip()
    place = _NAMED.sub("", _EDITABLE.sub("", line, count=1), count=1).removeprefix("file://")
    word = re.split(r"[\s;[#]", place, maxsplit=1)[0]
    path = root / word
    if not (word == "." or "/" in word) or not path.exists():
        return
    if path.is_file():
        yield path
        return
    if not any((path / name).is_file() for name in ("pyproject.toml", "setup.py")):
        return  # no package for pip; such as "/", all of which would be read
    is_editable = _EDITABLE.match(line)
    endings = ("setup.py" if is_editable else ".py", ".toml", ".cfg")
    for place, folders, names in os.walk(path):
        made = folders if is_editable else ("var", "build", "__pycache__", "node_modules")
        folders[:] = sorted(name for name in folders if name not in made and name[0] != ".")
        yield from (Path(place, name) for name in sorted(names) if name.endswith(endings))


def run_by_installers(root: Path, place: Path) -> Iterator[Path]:
    """What installers run or unpack of a place that requirements name: all in it.

    Of the project itself, only that with which it is built: the rest may be the application's to write.
    """
    if place.resolve() not in (root, *root.parents):
        # uv lets every user write to its locks, and nobody reads them.
        yield from (part for part in trust.below(place) if part.name != ".lock")
        return
    yield place
    place = place.resolve()
    for pattern in ("*.py", "*.toml", "*.cfg", "*/__init__.py", "src/*/__init__.py"):
        yield from place.glob(pattern)


def local_places(root: Path, paths: Iterable[Path]) -> Iterator[local_metadata.Named]:
    """The places on this machine that requirements files name, and the file that names each.

    Also those that such a place itself requires, which is not read before the place was handed out: somebody
    else may have written it. What does not exist may be made while installers run.

    :param paths: The requirements files.
    """
    left = [
        local_metadata.Named(place, path)
        for path in with_included(paths)
        for place in _places(root, text(path))
    ]
    for name in local_metadata.CONFIGURATION:
        left += local_metadata.named_in(root / name)
    found = set()
    for named in left:
        if (named.place, named.is_cache) in found:
            continue
        found.add((named.place, named.is_cache))
        yield named
        if not named.is_cache:
            left += local_metadata.places(named.place)


def _places(root: Path, requirements: str) -> Iterator[Path]:
    for word in _WORD.findall(_COMMENT.sub("", requirements.replace("\\\n", " "))):
        place = os.path.expandvars(re.sub(r"\\(.)|[\"']", r"\1", word))
        place = re.split(r"[\[;#]", _BEFORE_PLACE.sub("", place, count=1))[0]
        for name in (place, place.rpartition("@")[0]):  # a revision
            path = os.path.normpath(root / unquote(name))
            if name and ("/" in name or name[:1] == "." or os.path.isfile(path)):
                yield Path(path)


def are_hashed(path: Path) -> bool:
    """Whether a requirements file has hashes, so that installers check them."""
    return any("--hash=" in text(file) for file in with_included([path]))


def refuse_own(project: Project, development: bool) -> None:
    """:raises Problem: a file lists what setup installs by itself, in another version."""
    for file in with_included(files(project, development)):
        names = {normalised(name) for name in _NAME.findall(text(file))}
        if found := sorted(names.intersection(OWN)):
            raise problems.requirements_own(found, file.name)


def named_in(path: Path) -> set[str]:
    """The normalised names of the packages that a requirements file lists, if there is one."""
    texts = map(text, with_included([path])) if path.is_file() else ()
    return {normalised(name) for listed in texts for name in _NAME.findall(listed)}


def normalised(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def provided() -> dict[str, str]:
    """The version of each package in the pins of this package, by normalised name."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", pins.text("server"), re.MULTILINE)
    return {normalised(name): version for name, version in found}


def lacking(installed: Mapping[str, str]) -> str:
    """The pins of this package, without what is installed already: that wins.

    :param installed: The version of each package, by normalised name.
    """
    blocks = re.split(r"\n(?=[a-zA-Z])", pins.text("server").strip())
    kept = [block for block in blocks if normalised(block.partition("==")[0]) not in installed]
    return "\n".join([*kept, ""])


def needs() -> list[str]:
    """The requirements of this package, such as ``Flask>=3.0``, from its metadata."""
    return metadata.requires("flask-modwsgi") or []


def conflicts(needs: Iterable[str], installed: Mapping[str, str]) -> list[str]:
    """The packages that are missing, or older than this package needs.

    :param needs: Such as ``Flask>=3.0``; other forms are not looked at.
    """
    minimums = (match.groups() for need in needs if (match := _MINIMUM.fullmatch(need)))
    return [
        f"{name} is {version or 'missing'}, and flask-modwsgi needs {minimum} or newer"
        for name, minimum in minimums
        if _release(version := installed.get(normalised(name), "")) < _release(minimum)
    ]


def _release(version: str) -> list[int]:
    """The first four numbers of a version, without a suffix such as ``rc1``."""
    release = re.split(r"[^\d.]", version, maxsplit=1)[0]
    return [*map(int, re.findall(r"\d+", release)), 0, 0, 0, 0][:4]
