"""The project's Python environments: one is in use, a new one is built beside it.

``.venv`` is a link to a folder in ``var/env``. A new environment is built at its final place and
takes over by replacing the link, so that the one in use works until then. A server keeps the one it
was started with.
"""

import contextlib
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import files, trust
from ..problems.problem import Problem
from . import built, interpreters, recorded_files, requirements, wheel_cache
from .plan import Plan

_NAME = re.compile(r"\d{8}-\d{6}-\d+")  # of an environment's folder


@dataclass(frozen=True)
class Recipe:
    """What decides the content of an environment; another recipe means a new environment."""

    root: str
    python: str
    python_version: str
    apache: str
    apache_version: str
    wheels: str
    requirements: str
    development: bool


def folder(project: Project) -> Path:
    """Where environments are."""
    return project.var / "env"


def record(environment: Path) -> Path:
    """The file that says what an environment was made of; it is written last."""
    return environment / "setup.json"


def own_wheel(project: Project) -> Path:
    """The wheel of this package that the project carries.

    :raises Problem: there is none, or more than one.
    """
    found = (project.root / "wheels").glob("flask_modwsgi-*.whl")
    wheels = [path for path in found if path.is_file()]
    if not wheels:
        raise problems.wheel_missing(project.root / "wheels")
    *older, newest = sorted(wheels, key=lambda path: path.stat().st_mtime_ns)
    if older:
        raise problems.wheels_several([f"wheels/{path.name}" for path in older])
    return newest


def recipe(plan: Plan) -> Recipe:
    """What the environment that is planned is made of.

    :raises Problem: the requirements or the wheel are missing.
    """
    python, apache = plan.python, plan.apache
    return Recipe(
        root=str(plan.project.root),
        python=str(python.path.resolve()),
        python_version=python.label,
        apache=apache.kind,
        apache_version=apache.version,
        wheels=wheel_cache.key(apache, python),
        requirements=required(plan.project, plan.development),
        development=plan.development,
    )


def required(project: Project, development: bool) -> str:
    """A digest of all packages: the project's requirements and the wheel of this package.

    :raises Problem: the requirements or the wheel are missing.
    """
    own = wheel_cache.sha256(own_wheel(project))
    return f"{requirements.digest(project, development)} {own[:16]}"


def recorded(environment: Path) -> Recipe | None:
    """The recipe of an environment; None if it is missing or not finished."""
    try:
        found = Recipe(**files.json_object(record(environment))["recipe"])
    except (KeyError, TypeError):
        return None
    kinds = {name: bool if name == "development" else str for name in vars(found)}
    return found if all(type(vars(found)[name]) is kinds[name] for name in kinds) else None


def drift(environment: Path, installed: Mapping[str, str]) -> list[str]:
    """The packages that were removed or replaced since setup, for example by ``pip install``.

    :param installed: The version of each package, by normalised name.
    """
    packages = files.json_object(record(environment)).get("packages")
    return [
        f"{name} is {installed[name]}, and setup installed {version}"
        if name in installed
        else f"{name} is missing"
        for name, version in (packages.items() if isinstance(packages, dict) else ())
        if installed.get(name) != version
    ]


def verify(project: Project) -> Recipe:
    """Make sure that the environment is still what setup made, without importing from it.

    :raises Problem: it is missing or not whole, moved, mounted noexec, or its Python is another one.
    """
    made = recorded(project.environment)
    if made is None:
        raise problems.not_set_up("there is no finished .venv")
    if made.root != str(project.root):
        raise problems.project_moved(made.root, project.root)
    if not _is_whole(project.environment):
        raise problems.not_set_up("files of flask-modwsgi are missing in .venv")
    if os.statvfs(project.environment).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise problems.mounted_noexec(project.root)
    now = platform.python_version()
    if Path(sys.prefix).resolve() != project.environment:
        found = interpreters.probe(project.python)
        if not found:
            raise problems.python_gone(made.python, made.python_version)
        now = found.label
    if now.split(".")[:2] != made.python_version.split(".")[:2]:
        raise problems.python_changed(made.python_version, now)
    return made


def is_usable(project: Project) -> bool:
    """Whether the environment in use works, and is kept until a new one is tested."""
    try:
        verify(project)
    except Problem:
        return False
    return True


def find(project: Project, wanted: Recipe) -> Path | None:
    """An environment with the recipe `wanted`, if possible the one in use."""
    for path in (project.environment, *sorted(_all(project), reverse=True)):
        if recorded(path) == wanted and _may_be_executed(path) and _is_whole(path):
            with contextlib.suppress(OSError, Problem):
                if not drift(path, built.versions(path / "bin" / "python")):
                    return path
    return None


def _is_whole(environment: Path) -> bool:
    """Whether this package is."""
    return all(map(recorded_files.are_whole, environment.glob("lib/python*/site-packages")))


def interpreter(environment: Path) -> Iterator[Path]:
    """What is executed, and ``home``, by which Python finds its own modules.

    https://docs.python.org/3/library/site.html
    """
    yield environment / "bin" / "python"
    for line in files.text_if_any(environment / "pyvenv.cfg").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home":
            yield Path(value.strip())


def _may_be_executed(environment: Path) -> bool:
    """Root passes over what others can change; ``run`` looks at no other one than that in use."""
    if os.geteuid() != 0:
        return True
    # Flask has the data of an installed application in var/.
    inside = (path for path in trust.below(environment, ["var"]) if path.name != ".lock")
    return not trust.first_foreign(chain(interpreter(environment), inside))


def new_folder(project: Project) -> Path:
    """Where the next environment is built.

    The name was never used before, because what a killed setup has started may still write to an
    older one.
    """
    return folder(project) / time.strftime(f"%Y%m%d-%H%M%S-{os.getpid()}")  # as in _NAME


def _all(project: Project) -> Iterator[Path]:
    """The environments that setup has made; in a folder that is a link, none is touched."""
    if folder(project).is_symlink():
        return
    for path in folder(project).glob("*"):
        if _NAME.fullmatch(path.name) and not path.is_symlink():
            yield path


def put_to_use(project: Project, environment: Path) -> Path | None:
    """Make ``.venv`` lead to `environment`, and remember where it led to before.

    What setup has not made, a folder or a link to one, is put aside, and its new place returned.
    """
    link, aside = project.venv, None
    before = _target(link)
    if before == environment.resolve():
        return None
    if is_foreign(project):
        aside = link.with_name(".venv.before")
        while os.path.lexists(aside):
            aside = aside.with_name(f"{aside.name}.before")
        link.rename(aside)
    elif recorded(before):
        _link(folder(project) / "previous", before)
    _link(link, environment)
    return aside


def is_foreign(project: Project) -> bool:
    """Whether ``.venv`` is there, but setup has not made it."""
    target = _target(project.venv)
    is_own = target.is_relative_to(folder(project).resolve()) or recorded(target)
    return project.venv.exists() and not (project.venv.is_symlink() and is_own)


def _target(link: Path) -> Path:
    """Where a link leads; Path.resolve() raises RuntimeError where that is the link itself."""
    return Path(os.path.realpath(link))


def _link(link: Path, target: Path) -> None:
    files.link(link, os.path.relpath(target, link.parent))


def prune(project: Project, others: Iterable[Path]) -> None:
    """Remove all environments but those in use by a release, the previous one and `others`."""
    kept = {_target(path) for path in (project.venv, folder(project) / "previous", *others)}
    for path in _all(project):
        if _target(path) not in kept and not _is_in_use(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_in_use(environment: Path) -> bool:
    """Whether it is in use by another release, which shares ``var/``."""
    made = recorded(environment)
    return made is not None and _target(Path(made.root) / ".venv") == _target(environment)


def restart_reasons(running: Path, new: Path, reads_configuration: bool = False) -> list[str]:
    """Why an Apache that was started from one environment cannot take the packages of another.

    Empty if it can: Python, mod_wsgi and Apache's configuration are the same in both.

    :param reads_configuration: Whether Apache takes that from the new one.
    """
    before, now = recorded(running), recorded(new)
    if before is None or now is None:
        return [f"the environment that Apache was started from, {running}, is gone"]
    reasons = []
    if not reads_configuration and _configuration(running) != _configuration(new):
        reasons.append("Apache's configuration, by a new version of flask-modwsgi")
    if before.wheels == now.wheels:
        return reasons
    pairs = {
        "Python": (before.python_version, now.python_version),
        "Apache": (before.apache_version, now.apache_version),
        "the kind of Apache": (before.apache, now.apache),
        "Python's place": (before.python, now.python),
    }
    changes = [
        f"{what} (was {old}, is now {new})" for what, (old, new) in pairs.items() if old != new
    ]
    return [*(changes or ["mod_wsgi (was rebuilt)"]), *reasons]


def _configuration(environment: Path) -> dict[str, bytes]:
    """What this package has of it there."""
    files = environment.glob("lib/python*/site-packages/flask_modwsgi/apache/conf/*.conf")
    return {file.name: file.read_bytes() for file in files}
