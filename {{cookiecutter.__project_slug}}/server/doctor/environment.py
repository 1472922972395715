"""Checks of the environment in ``.venv``: Python, Apache, and what was built from both."""

import os
import re
import time
from collections.abc import Iterable

from .. import preflight, problems
from ..problem import Problem
from ..project import ROOT
from ..setup import apaches, checks, environment, interpreters, wheels
from .check import Note
from .facts import Facts

# Apache modules that apache/*.conf and mod_wsgi-express's own configuration load.
NEEDED = {
    *("access_compat", "alias", "authn_core", "authz_core", "authz_host", "auth_basic"),
    *("authz_user", "autoindex", "deflate", "dir", "env", "filter", "headers", "include"),
    *("log_config", "mime", "mpm_event", "negotiation", "reqtimeout", "rewrite", "unique_id"),
    *("unixd",),
}
OPTIONAL = ("ssl", "http2", "brotli")


def made(facts: Facts) -> str:
    version = facts.recipe.python_version
    since = time.strftime("%Y-%m-%d", time.localtime(environment.RECORD.stat().st_mtime))
    return f".venv, made {since} with Python {version}"


def python(facts: Facts) -> str:
    found = facts.python
    before = environment.recorded()
    text = f"{found.label}  {found.path}"
    if before and before.python_version != found.label:
        return Note(f"{text}; was {before.python_version}, and they fit")
    return text


def libpython(facts: Facts) -> str:
    found = facts.python
    if not found.shared or not found.libpython.exists():
        reason = "has no shared library" if not found.shared else f"lacks {found.libpython}"
        raise problems.python_unsuitable([(str(found.path), reason)])
    return str(found.libpython)


def reach(facts: Facts) -> str:
    found = facts.python
    parts = [found.path, found.stdlib / "os.py", found.libpython]
    preflight.check_reach(facts.account, facts.project, parts)
    return f"{facts.account.user} reaches Python and the project"


def folder_reach(facts: Facts) -> str:
    """What can be said before there is a ``.venv``."""
    preflight.check_folder(facts.account)
    return str(ROOT)


def packages(facts: Facts) -> str:
    """Compares with the pins; a pin that only some systems have may be missing."""
    installed = {normalised(name): version for name, version in facts.built.packages.items()}
    pinned = pins(path.read_text(encoding="utf-8") for path in environment.REQUIREMENTS)
    differing = [
        f"{name} is {installed[name]} and pinned to {version}"
        if name in installed
        else f"{name} is missing"
        for name, (version, conditional) in pinned.items()
        if installed.get(name, version if conditional else None) != version
    ]
    if differing:
        raise problems.packages_differ(differing)
    more = installed.keys() - pinned.keys() - {"pip", "mod-wsgi", "mod-wsgi-standalone"}
    more -= {"mod-wsgi-httpd"}
    text = f"{len(pinned)} as pinned"
    return Note(f"{text}; beside them {', '.join(sorted(more))}") if more else text


def pins(texts: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """Of requirements files: the version of each package, and whether only some systems have it.

    https://pip.pypa.io/en/stable/reference/requirements-file-format/
    """
    text = "\n".join(texts)
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)([^\\\n]*)", text, re.MULTILINE)
    return {normalised(name): (version, ";" in rest) for name, version, rest in found}


def normalised(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def apache(facts: Facts) -> str:
    built, before = facts.built, facts.recipe
    if not os.access(built.httpd, os.X_OK):
        raise problems.apache_gone(str(built.httpd))
    now = built.apache_version()
    if reason := checks.refusal(built):
        if now == before.apache_version:
            raise problems.build_stale(reason)
        raise problems.apache_changed(before.apache_version, now, reason)
    text = f"{now}  {built.httpd} ({before.apache})"
    if now != before.apache_version:
        return Note(f"{text}; was {before.apache_version}, and they fit")
    return text


def module(facts: Facts) -> str:
    if found := checks.findings(facts.built, facts.account):
        raise problems.build_broken(found)
    return f"{facts.built.version}  {facts.built.module.name}"


def modules(facts: Facts) -> str:
    there = checks.modules_of(facts.built)
    if missing := sorted(NEEDED - there):
        raise problems.modules_missing(missing, facts.built.modules)
    absent = [name for name in OPTIONAL if name not in there]
    present = [name for name in OPTIONAL if name in there]
    return f"all needed; also {', '.join(present) or 'none of'}" + (
        f"; not {', '.join(absent)}" if absent else ""
    )


def builders(facts: Facts) -> str | None:
    """What setup needs, where it would have something to build."""
    try:
        environment.verify()
        return None
    except Problem:
        account = facts.account
    found, _ = interpreters.choose(account)
    wanted, _ = apaches.choose(facts.project.apache)
    if not wheels.cached(wanted, found) and (missing := apaches.missing_tools(wanted, found)):
        raise problems.tools_missing(wanted.kind, missing)
    return f"setup can build with Python {found.label} and Apache {wanted.version} ({wanted.kind})"
