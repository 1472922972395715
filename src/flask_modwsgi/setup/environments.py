"""The project's Python environments: one is in use, a new one is built beside it.

``.venv`` is a link to ``var/env/<key>``, where the key stands for everything the environment is made
of. A new one is built at its final place and takes over by replacing the link, so that the one in
use works until then. A server keeps the one it was started with.
"""

import hashlib
import itertools
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import problems
from ..config.project import Project
from . import built, installers, interpreters, requirements, wheel_cache
from .apaches import Apache
from .interpreters import Interpreter

# The packages that this one needs, as in pyproject.toml; a test compares them.
NEEDS = (
    "Brotli>=1.1",
    "Flask>=3.0",
    "prometheus-client>=0.20",
    "python-dotenv>=1.0",
)


@dataclass(frozen=True)
class Recipe:
    """What an environment is made of; another recipe means a new environment."""

    root: str
    python: str
    python_version: str
    apache: str
    apache_version: str
    wheels: str
    requirements: str
    development: bool

    @property
    def key(self) -> str:
        """A short name for it."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def folder(project: Project) -> Path:
    """Where environments are."""
    return project.var / "env"


def record(environment: Path) -> Path:
    """The file that says what an environment was made of; it is written last."""
    return environment / "setup.json"


def own_wheel(project: Project) -> Path:
    """The wheel of this package that the project carries.

    :raises Problem: there is none.
    """
    wheels = sorted((project.root / "wheels").glob("flask_modwsgi-*.whl"))
    if not wheels:
        raise problems.wheel_missing(project.root / "wheels")
    return wheels[-1]


def recipe(project: Project, python: Interpreter, apache: Apache, development: bool) -> Recipe:
    """What the environment of this project should be made of now.

    :raises Problem: the requirements or the wheel are missing.
    """
    files = requirements.with_included(requirements.files(project, development))
    parts = [*(path.read_bytes() for path in files), own_wheel(project).read_bytes()]
    return Recipe(
        root=str(project.root),
        python=str(python.path.resolve()),
        python_version=python.label,
        apache=apache.kind,
        apache_version=apache.version,
        wheels=wheel_cache.key(apache, python),
        requirements=hashlib.sha256(b"\0".join(parts)).hexdigest()[:16],
        development=development,
    )


def recorded(environment: Path) -> Recipe | None:
    """What an environment was made of, or None where it is missing or half-made."""
    try:
        return Recipe(**json.loads(record(environment).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def verify(project: Project) -> Recipe:
    """Make sure that the environment is still what setup made, without importing from it.

    :raises Problem: it is missing, moved, mounted noexec, or its Python is another one now.
    """
    made = recorded(project.environment)
    if made is None:
        raise problems.not_set_up("there is no finished .venv")
    if made.root != str(project.root):
        raise problems.project_moved(made.root, project.root)
    if os.statvfs(project.environment).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise problems.mounted_noexec(project.environment)
    now = _version(project)
    if now is None:
        raise problems.python_gone(made.python, made.python_version)
    if now.split(".")[:2] != made.python_version.split(".")[:2]:
        raise problems.python_changed(made.python_version, now)
    return made


def _version(project: Project) -> str | None:
    """The version of the environment's Python, which runs this unless it is broken."""
    if Path(sys.prefix).resolve() == project.environment:
        return platform.python_version()
    found = interpreters.probe(project.python)
    return found.label if found else None


def find(project: Project, wanted: Recipe) -> Path | None:
    """An environment that `wanted` describes; the one in use if it is that."""
    made = sorted(folder(project).glob(f"{wanted.key}*"))
    return next((path for path in (project.environment, *made) if recorded(path) == wanted), None)


def _free_folder(project: Project, wanted: Recipe) -> Path:
    """A folder for a new environment; one that was not finished goes."""
    folder(project).mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        target = folder(project) / (wanted.key if number == 1 else f"{wanted.key}-{number}")
        if recorded(target) is None:
            shutil.rmtree(target, ignore_errors=True)
            return target
    raise AssertionError("there is always another number")


def build(project: Project, python: Interpreter, apache: Apache, wanted: Recipe) -> Path:
    """Make the environment that `wanted` describes; return its folder.

    :raises Problem: something could not be downloaded, built or installed.
    """
    installer = installers.choose(project.logs / "setup.log")
    # The application's user reads these files, whatever root's own umask keeps from it.
    before = os.umask(0o022)
    try:
        target = _free_folder(project, wanted)
        installer.create(python, target)
        installers.remove_setuptools(target, installer.log)
        for file in requirements.files(project, wanted.development):
            installer.install(f"Installing {file.name}", target, f"--requirement={file}")
        _install_server(project, python, apache, target, installer)
        text = json.dumps(asdict(wanted), indent=2)
        record(target).write_text(f"{text}\n", encoding="utf-8")
    finally:
        os.umask(before)
    return target


def _install_server(
    project: Project,
    python: Interpreter,
    apache: Apache,
    target: Path,
    installer: installers.Installer,
) -> None:
    """Install what runs Apache; what the project has pinned stays as it is.

    :raises Problem: the project's packages do not fit.
    """
    installed = built.versions(target / "bin" / "python")
    if found := requirements.conflicts(NEEDS, installed):
        raise problems.packages_conflict(found)
    wheels = [*wheel_cache.obtain(project, apache, python, target, installer), own_wheel(project)]
    rows = [f"{wheel} --hash=sha256:{_digest(wheel)}\n" for wheel in wheels]
    file = target / "server.txt"
    file.write_text(requirements.lacking("server", installed) + "".join(rows), encoding="utf-8")
    options = ("--no-deps", "--require-hashes", f"--requirement={file}")
    installer.install("Installing mod_wsgi", target, *options)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def put_to_use(project: Project, environment: Path) -> Path | None:
    """Make ``.venv`` lead to `environment`; return the one it led to before, if there was one.

    A folder that is no link was made by somebody else, and is put aside as ``.venv.before``.
    """
    link = project.venv
    before = link.resolve() if link.is_symlink() else None
    if before == environment.resolve():
        return None
    if link.exists() and not link.is_symlink():
        aside = project.root / ".venv.before"
        shutil.rmtree(aside, ignore_errors=True)
        link.rename(aside)
    part = project.root / ".venv.part"
    part.unlink(missing_ok=True)
    part.symlink_to(os.path.relpath(environment, project.root))
    part.replace(link)
    return before


def remove_others(project: Project, keep: Iterable[Path | None]) -> None:
    """Remove all environments but those in `keep` and the one in use."""
    kept = {path.resolve() for path in keep if path} | {project.venv.resolve()}
    if folder(project).is_dir():
        for path in folder(project).iterdir():
            if path.resolve() not in kept:
                shutil.rmtree(path, ignore_errors=True)
