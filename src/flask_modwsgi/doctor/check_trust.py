"""Checks whether root may run a project: no other user can change what root runs or reads."""

import os
from collections.abc import Iterator
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import accounts, files, trust
from ..setup import environments, requirements
from .facts import Facts


def trust_of(facts: Facts) -> str:
    check(facts.project)
    return "only root can change it" if os.geteuid() == 0 else "this is not root"


def check(project: Project, command: str = "./run") -> None:
    """Look at the project where this is root.

    :param command: What is to be run, for the remedy.
    :raises Problem: another user than root can change it.
    """
    if os.geteuid() != 0:
        return
    for named in _obeyed(project):
        if found := trust.first_foreign([named]):
            uid = project.root.stat().st_uid
            user = accounts.by_id(uid).user if uid else ""
            rebuilt = _made_by_setup(project, found[0], named)
            listed_in = "" if named == project.link else "requirements.txt"
            raise problems.project_untrusted(
                *found, project.root, user, command, rebuilt, named, listed_in, project.service
            )
    if found := trust.first_foreign(environments.interpreter(project.venv)):
        raise problems.project_untrusted(*found, project.root, rebuilt=Path(".venv"))
    _check_requirements(project)


def _check_requirements(project: Project) -> None:
    """Look at what the requirements name on this machine."""
    listed = filter(Path.is_file, requirements.listings(project))
    for place, file, is_cache in requirements.local_places(project.root, listed):
        parts = [place] if is_cache else [*requirements.run_by_installers(project.root, place)]
        if found := trust.first_foreign(parts) or trust.makeable(place):
            part = next((part for part in parts if trust.first_foreign([part])), place)
            named = part if part.is_relative_to(project.root) else place
            listed_in = "" if named == project.link else project.shown(file)
            raise problems.project_untrusted(
                *found, project.root, named=named, listed_in=listed_in, var=project.service
            )


def _made_by_setup(project: Project, path: Path, named: Path) -> Path | None:
    """The environment or all of them, which root would take over as somebody else has changed them."""
    folders = (var / "env" for var in (project.root / "var", project.service))
    itself = Path(".venv") if named == project.venv else None
    return next(filter(path.is_relative_to, folders), itself)


def included(facts: Facts) -> str | None:
    """Apache reads the file of ``APACHE_INCLUDE`` as root, and it may name programs to run.

    Of a folder, it reads every file below that (https://httpd.apache.org/docs/2.4/mod/core.html#include).
    """
    name = facts.settings.apache_include
    if not name:
        return None
    file = facts.project.root / name
    if file.exists() and not file.is_dir():
        files.source(file)  # for a pipe, Apache would wait
    if os.geteuid() != 0:
        return None
    if found := trust.first_foreign(trust.below(file)):
        root = facts.project.root
        raise problems.project_untrusted(*found, root, named=file, listed_in=".env")
    return str(file)


# In var/. Beside them, the application may have a folder there that its user can write.
_SERVERS = ("proof", "hello", "rehearsal", "report", "test")
_LOCKS = tuple(f"{name}.lock" for name in ("server", "setup", *_SERVERS))
OURS = ("env", "log", "tls", *_SERVERS, "report.txt", *_LOCKS)


def _obeyed(project: Project) -> Iterator[Path]:
    """What root reads or writes; ``run`` looks at what root runs, before it does."""
    root = project.root
    yield from filter(None, [project.link])
    yield from (root / "run", root / "pyproject.toml", project.venv)
    yield from (project.env_file, root / ".env.example", root / "uv.toml")
    # Server roots are made and checked by themselves (apache/server_root.py).
    yield from (var / name for var in (root / "var", project.service) for name in OURS)
    yield from project.logs.glob("*")
    yield from requirements.listings(project)
    yield from requirements.with_included(filter(Path.is_file, requirements.listings(project)))
