"""Checks of the environment in ``.venv``: Python, Apache, and what was built from both."""

import os
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from .. import problems
from ..apache import configuration, precompressed
from ..config.project import Project
from ..machine.accounts import Account, first_obstacle, obstacles
from ..setup import (
    apaches,
    built,
    environments,
    interpreters,
    own_modules,
    requirements,
    wheel_cache,
)
from .facts import Facts
from .finding import Note

# Modules without which no Apache starts here.
NEEDED = {*configuration.MODULES, "mpm_event"}
# Those of tls.conf; of mod_ssl, which it needs most, the check of the certificate tells.
NEEDED_FOR_TLS = {"proxy", "proxy_http", "socache_shmcb"}
NEEDED_FOR_PROXIES = {"remoteip"}
OPTIONAL = ("ssl", "http2", "brotli")


def made(facts: Facts) -> str:
    version = facts.recipe.python_version
    record = environments.record(facts.project.environment)
    since = time.strftime("%Y-%m-%d", time.localtime(record.stat().st_mtime))
    return f".venv, made {since} with Python {version}"


def python(facts: Facts) -> str:
    found = facts.python
    if not found.shared or not found.libpython.exists():
        reason = "has no shared library" if not found.shared else f"lacks {found.libpython}"
        raise problems.python_unsuitable([(str(found.path), reason)])
    before = environments.recorded(facts.project.environment)
    text = f"{found.label}  {found.path}, {found.libpython}"
    if before and before.python_version != found.label:
        return Note(f"{text}; was {before.python_version}, which is compatible")
    return text


def folder_reach(facts: Facts) -> str:
    """What can be said before there is a ``.venv``; with all else that is closed in the folder."""
    account, project = facts.account, facts.project
    if obstacles(account, [project.root]):
        _refuse_closed(account, _needed(account, project), project)
    return str(project.root)


def reach(facts: Facts) -> str:
    """Check the way to everything that the application's user needs."""
    account, project, found = facts.account, facts.project, facts.python
    _refuse_closed(account, _needed(account, project), project)
    for part in (project.python, found.path, found.stdlib / "os.py", found.libpython):
        if obstacle := first_obstacle(account, [part]):
            raise problems.python_unreachable(account.user, *obstacle, part)
    return f"{account.user} reaches Python and the project"


def _needed(account: Account, project: Project) -> list[Path]:
    """What the application's user needs of the project."""
    files = [
        project.root,
        project.root / "pyproject.toml",
        project.package,
        *project.environment.glob("lib/python*/site-packages"),
        project.wsgi_file,
        *_shown(project.package, project.package.rglob("*")),
    ]
    if obstacles(account, files):
        # A strict umask has closed more, which one command is to open. A closed file besides the
        # package is no problem by itself: it may be one that the application does not need.
        files += _besides(project)
    return files


def check_static(account: Account, folder: Path, project: Project) -> None:
    """:raises Problem: `account` cannot reach a file in the static folder that Apache answers with."""
    _refuse_closed(account, [folder, *precompressed.served(folder)], project)


def _refuse_closed(account: Account, paths: Iterable[Path], project: Project) -> None:
    if found := obstacles(account, paths):
        if linked := project.linked_secret(path for path, *_ in found):
            raise problems.secret_linked(*linked, project.var)
        raise problems.path_unreachable(account.user, found, project.root)


def _besides(project: Project) -> Iterator[Path]:
    """What the application needs of the project besides its package, as far as names tell."""
    root = project.root
    modules = [root / file for file in own_modules.files(root)]
    yield from _shown(root, chain.from_iterable((file.parent, file) for file in modules))
    if os.path.isfile(project.package):
        for name in ("static", "templates", "translations"):
            folder = project.package.with_name(name)
            yield from _shown(folder.parent, (folder, *folder.rglob("*")))


def _shown(folder: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """Without hidden files and links to elsewhere, which no command of a problem may open."""
    inside = os.path.realpath(folder)
    for path in paths:
        names = path.relative_to(folder).parts
        is_hidden = any(name.startswith(".") or name == "__pycache__" for name in names)
        if not is_hidden and Path(os.path.realpath(path)).is_relative_to(inside):
            yield path


def packages(facts: Facts) -> str:
    """Compares with what setup installed, and the files that it read with those of now."""
    project, made = facts.project, facts.recipe
    installed = facts.built.packages
    differing = environments.drift(project.environment, installed)
    differing += requirements.conflicts(requirements.needs(), installed)
    if environments.required(project, made.development) != made.requirements:
        differing.append("requirements.txt, or what it includes, has changed since ./run setup")
    if differing:
        raise problems.packages_differ(differing)
    own = project.root / "requirements.txt"
    hashed = "" if requirements.are_hashed(own) else "; requirements.txt has no hashes"
    return f"{len(installed)} installed{hashed}"


def apache(facts: Facts) -> str:
    made, before = facts.built, facts.recipe
    if not os.access(made.httpd, os.X_OK):
        raise problems.apache_gone(str(made.httpd))
    now = made.apache_version()
    if reason := built.refusal(made):
        if now == before.apache_version:
            raise problems.build_stale(reason)
        raise problems.apache_changed(before.apache_version, now, reason)
    text = f"{now}  {made.httpd} ({before.apache})"
    if now != before.apache_version:
        return Note(f"{text}; was {before.apache_version}, which is compatible")
    return text


def module(facts: Facts) -> str:
    if found := built.findings(facts.built, facts.account):
        raise problems.build_broken(found)
    return f"{facts.built.version}  {facts.built.module.name}"


def modules(facts: Facts) -> str:
    there = built.modules_of(facts.built)
    needed = set(NEEDED)
    if facts.settings.has_https:
        needed |= NEEDED_FOR_TLS
    if facts.settings.trusted_proxies:
        needed |= NEEDED_FOR_PROXIES
    if missing := sorted(needed - there):
        raise problems.apache_modules_missing(missing, facts.built.modules)
    present = [name for name in OPTIONAL if name in there] or ["none"]
    absent = [name for name in OPTIONAL if name not in there] or ["none"]
    return f"all needed; optional: {', '.join(present)}; missing: {', '.join(absent)}"


def builders(facts: Facts) -> str | None:
    """What setup needs, where it would have something to build."""
    if environments.is_usable(facts.project):
        return None
    found, _ = interpreters.choose(facts.project, facts.account)
    wanted, _ = apaches.choose(facts.project.apache)
    if not wheel_cache.cached(facts.project, wanted, found) and (
        missing := apaches.missing_tools(wanted, found)
    ):
        raise problems.build_tools_missing(wanted.kind, missing)
    return f"setup can build with Python {found.label} and Apache {wanted.version} ({wanted.kind})"
