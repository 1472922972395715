"""Why the application cannot be loaded, from a trial or from a traceback."""

import contextlib
import os
import re
import signal
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .. import problems
from ..apache.app_profile import UNASKED, AppProfile
from ..config import env_file
from ..config.project import Project, python_files
from ..config.settings import NAMES
from ..logs import events
from ..machine import data_folder
from ..problems.problem import Problem
from ..setup.requirements import are_hashed, normalised
from . import lost_files
from .deaths import signal_name
from .tracebacks import crash_stack, last_chain, without_scaffold

_MISSING = re.compile(r"^ModuleNotFoundError: No module named '([\w.]+)'", re.MULTILINE)
_UNINSTALLED = re.compile(r"PackageNotFoundError: No package metadata was found for (\S+)\Z")
_UNSET = re.compile(
    r'^  File "(?:<frozen os>|.*/os\.py)", line \d+, in __getitem__\n(?: .*\n)*KeyError: \'(\w+)\'\Z',
    re.MULTILINE,
)
_DENIED = re.compile(r"^PermissionError: \[Errno (?:1|13)\] [^'\n]*: '([^'\n]+)'", re.MULTILINE)
_READ_ONLY = re.compile(r"^OSError: \[Errno 30\] [^'\n]*: '([^'\n]+)'", re.MULTILINE)
_FULL = re.compile(r"^OSError: \[Errno (?:28|122)\] [^'\n]*(?:'(.+)')?$", re.MULTILINE)
_RUN = re.compile(r'^  File ".*/flask/app\.py", line \d+, in run$', re.MULTILINE)
_DATABASE = re.compile(
    r"OperationalError\W.{0,99}(?:unable to open database file|attempt to write a readonly database)"
)
_FRAME = re.compile(r'^  [ |]*File "(.+?)", line (\d+)', re.MULTILINE)
_TAKEN = re.compile(r"^OSError: \[Errno (?:98|48)\]", re.MULTILINE)
# What Python says where a file is not the module that was meant.
_MISTAKEN = re.compile(
    r"^(?:ImportError: cannot import name .*? from (?:partially initialized module )?'(\w+)'"
    r"|AttributeError: (?:partially initialized )?module '(\w+)' has no attribute"
    r"|ModuleNotFoundError: No module named '.*?'; '(\w+)' is not a package)",
    re.MULTILINE,
)
# Folders of a project in which no module of it is looked for.
_NO_CODE = {"var", "venv", "env", "node_modules", "__pycache__", "build", "dist"}


@dataclass(frozen=True)
class Outcome:
    """How loading the application on trial went. ``status`` is a process's: negative for a signal.

    ``names`` are the callables in the .wsgi file, where it was executed to its end, and ``unservable``
    is what its application is, where Apache cannot call it.
    """

    file: Path
    loaded: bool
    status: int
    output: str
    limit: float  # seconds that it had
    serves: bool = False
    binds: list[str] = field(default_factory=list)
    names: list[str] | None = None
    unservable: str = ""
    application: AppProfile = UNASKED


def refusal(tried: Outcome, user: str, own: Path) -> Problem | None:
    """What was wrong when the application was loaded on trial; None if nothing was.

    :param user: Whom the application runs as.
    :param own: The folder whose modules are the application's own.
    """
    if tried.loaded:
        return None
    if tried.unservable:
        return problems.app_unservable(tried.file, tried.unservable)
    if tried.names is not None:
        return problems.app_nameless(tried.file, tried.names)
    said = events.printed(tried.output)
    stack = crash_stack(said)
    listens = tried.binds[-1] if tried.binds else ""
    if tried.serves:
        return problems.app_serves(listens, _last_call(tried.output.splitlines()))
    if tried.status < 0:
        how = f"signal {signal_name(-tried.status)}"
        if -tried.status == signal.SIGKILL and not stack:
            return problems.app_exits(f"was ended by {how} when it is loaded", "")
        return problems.app_crashes(how, "", stack or tried.output, 1)
    if stack.startswith("Timeout"):
        if listens:
            return problems.app_serves(listens, stack)
        return problems.app_blocks(tried.limit, stack)
    if found := last_chain(said):
        return from_traceback(found[-1], user, own, found)
    if "SyntaxError" in tried.output:
        text = "\n".join(without_scaffold(tried.output.splitlines()))
        return problems.app_broken(text, _place(text, own))
    return problems.app_exits(f"exits with status {tried.status} when it is loaded", tried.output)


def _last_call(lines: list[str]) -> str:
    """The application's own part of the stack where a server began to listen."""
    rows = [line for line in lines if line.startswith("  File ")]
    own = [row for row in without_scaffold(rows) if "/lib/python" not in row]
    return "\n".join(own)


def from_traceback(traceback: str, user: str, own: Path, chain: Iterable[str] = ()) -> Problem:
    """The problem that this traceback, raised while the application was loaded, shows.

    :param chain: The tracebacks of the exceptions that led to it, as where logging cannot open a file.
    """
    if _RUN.search(traceback):
        return problems.app_serves("a port", traceback)
    if (match := _MISTAKEN.search(traceback)) and (
        hiding := _hides_another(own, match[match.lastindex or 1])
    ):
        return problems.module_hidden(hiding, traceback)
    if lost := lost_files.of_import(traceback, own):
        return problems.package_damaged(*lost, traceback)
    if match := _MISSING.search(traceback):
        return _not_found(match[1], traceback, own)
    if (match := _UNINSTALLED.search(traceback.rstrip())) and _is_named(own, match[1]):
        listed = own / "requirements.txt"
        is_hashed = listed.is_file() and are_hashed(listed)
        return problems.project_uninstalled(match[1], traceback, is_hashed)
    if match := _UNSET.search(traceback.rstrip()):
        name = match[1]
        if name in NAMES:
            return problems.setting_withheld(name, traceback, _written(own).get(name, ""))
        return problems.variable_missing(name, traceback)
    for one in (traceback, *chain):
        if problem := denied(one, user, own):
            return problem
        if match := _FULL.search(one):
            folder = Path(match[1]).parent if match[1] else own
            return problems.disk_full(folder, match[0].partition("] ")[2])
    if _TAKEN.search(traceback):
        return problems.app_listens(traceback)
    return problems.app_broken(traceback, _place(traceback, own))


def _place(traceback: str, own: Path) -> tuple[Path, int] | None:
    """The last file of the application's own in a traceback, from its folder, and the line."""
    for name, line in reversed(_FRAME.findall(traceback)):
        file = Path(name)
        if file.is_relative_to(own) and file.is_file():
            folder, *_ = (here := file.relative_to(own)).parts
            if folder not in _NO_CODE and not folder.startswith("."):
                return here, int(line)
    return None


def denied(traceback: str, user: str, own: Path) -> Problem | None:
    """The problem where the application may not use a file, also while it answers requests."""
    if match := _DENIED.search(traceback):
        file = Project(own).env_file
        is_it = os.path.realpath(own / match[1]) == os.path.realpath(file)
        if is_it and file.exists() and not file.stat().st_mode & stat.S_IRGRP:
            return problems.env_file_closed(user, file, traceback)
        path = own / match[1]
        nearest = next(place for place in (path, *path.parents) if os.path.lexists(place))
        is_missing = nearest != path and os.access(nearest, os.X_OK)  # not only out of sight
        place = str(nearest) if is_missing else ""
        return problems.permission_denied(user, str(path), traceback, place)
    if match := _READ_ONLY.search(traceback):
        return _read_only(Path(match[1]), user, own, traceback)
    if _DATABASE.search(traceback):
        data = Project(own).data
        behind = data_folder.behind(data)
        hindrance = data_folder.hindrance(behind, user) if behind else "link"
        how = (_instance(own), hindrance, str(behind or data))
        return problems.database_unwritable(user, str(data), traceback, *how)
    return None


def _read_only(path: Path, user: str, own: Path, traceback: str) -> Problem:
    """What may not be written: one of the project's own folders, or that of any other file."""
    data = Project(own).data
    here = Path(os.path.realpath(own / path))
    if here.is_relative_to(os.path.realpath(data)):
        return problems.disk_read_only(data)
    root = Path(os.path.realpath(own))
    if root in here.parents:
        folder = root / here.relative_to(root).parts[0]
    else:
        folder = here.parent if here.suffix else here
    return problems.folder_read_only(str(path), folder, user, str(data), traceback)


def _instance(own: Path) -> str:
    """Flask's instance folder from that of the project, if setup found one and made no link; or empty."""
    places = (folder / "instance" for folder in _import_folders(own))
    found = (place for place in places if place.is_dir() and not place.is_symlink())
    return next((os.path.relpath(place, own) for place in found), "")


def _written(own: Path) -> Mapping[str, str]:
    """The variables in ``.env``, if this user can read it, and the package that reads it is there."""
    with contextlib.suppress(ImportError, OSError, Problem):
        return env_file.read(own / ".env")
    return {}


def _hides_another(own: Path, name: str) -> Path | None:
    """The project's file that is imported instead of Python's or a package's module `name`."""
    return _own_module(own, name) if _is_provided(own, name) else None


def _is_provided(own: Path, name: str) -> bool:
    """Whether Python or an installed package has the module `name`."""
    folders = list(own.glob(".venv/lib/python*/site-packages"))
    forms = (name, f"{name}.py", f"{name}.*.so")
    installed = (file for folder in folders for form in forms for file in folder.glob(form))
    return name in sys.stdlib_module_names or any(installed)


def _not_found(module: str, traceback: str, own: Path) -> Problem:
    """Why `module` is not found: it is elsewhere, hidden, or no package provides it."""
    name, _, inner = module.partition(".")
    if inner and (hiding := _hides_another(own, name)):
        return problems.module_hidden(hiding, traceback)
    if inner and _is_provided(own, name):
        return problems.module_lacking(module, name, traceback)
    if _own_module(own, name):
        return problems.app_broken(traceback, _place(traceback, own))
    paths = (variables.get("PYTHONPATH", "") for variables in (os.environ, _written(own)))
    for folder in filter(None, os.pathsep.join(paths).split(os.pathsep)):
        if found := _module(own / folder, name):
            return problems.pythonpath_ignored(name, found, traceback)
    if found := next(_within(own, name), None):
        return problems.module_misplaced(name, found.relative_to(own), traceback)
    if provider := problems.REMOVED.get(name):
        return problems.module_removed(name, provider, traceback)
    if name in sys.stdlib_module_names:
        return problems.python_incomplete(name, traceback)
    with contextlib.suppress(Problem):  # pyproject.toml cannot be read
        project = Project(own)
        if project.package.stem == name and not project.package.exists():
            return problems.app_gone(project.package, project.wsgi_file, traceback)
    return problems.package_missing(name, traceback)


def _is_named(own: Path, name: str) -> bool:
    """Whether the project itself, as a package, has that name."""
    with contextlib.suppress(Problem):  # pyproject.toml cannot be read
        project = Project(own)
        return normalised(name) in map(normalised, (project.name, project.app_name))
    return False


def _own_module(own: Path, name: str) -> Path | None:
    """The project's module `name`."""
    return next(filter(None, (_module(folder, name) for folder in _import_folders(own))), None)


def _import_folders(own: Path) -> list[Path]:
    """The folders that the .wsgi file puts on ``sys.path``."""
    with contextlib.suppress(Problem):  # pyproject.toml cannot be read
        return [Project(own).import_folder, own]
    return [own]


def _module(folder: Path, name: str) -> Path | None:
    """The file or the folder in `folder` that is the module `name`."""
    places = (folder / f"{name}.py", folder / name)
    return next((place for place in places if place.exists()), None)


def _within(own: Path, name: str) -> Iterator[Path]:
    """Every module `name` in a folder of the project."""
    for file in python_files(own, _NO_CODE):
        if file.name == f"{name}.py":
            yield file
        elif file.name == "__init__.py" and file.parent.name == name and file.parent != own:
            yield file.parent
