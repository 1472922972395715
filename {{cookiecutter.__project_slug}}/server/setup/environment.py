"""The virtual environment in ``.venv``: what it must be made of, and making it so."""

import hashlib
import json
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .. import problems
from ..project import PYTHON, ROOT, VENV
from . import installers, interpreters, wheels
from .apaches import Apache
from .interpreters import Interpreter

RECORD = VENV / "setup.json"
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")


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


def recipe(python: Interpreter, apache: Apache) -> Recipe:
    """What the environment of this project should be made of now."""
    pins = "".join(path.read_text(encoding="utf-8") for path in REQUIREMENTS)
    return Recipe(
        root=str(ROOT),
        python=str(python.path.resolve()),
        python_version=python.label,
        apache=apache.kind,
        apache_version=apache.version,
        wheels=wheels.key(apache, python),
        requirements=hashlib.sha256(pins.encode()).hexdigest()[:16],
    )


def recorded() -> Recipe | None:
    """What ``.venv`` was made of, or None where it is missing or half-made."""
    try:
        return Recipe(**json.loads(RECORD.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def verify() -> Recipe:
    """Make sure that ``.venv`` is still what setup made, without importing anything from it.

    :raises Problem: it is missing, moved, mounted noexec, or its Python is another one now.
    """
    made = recorded()
    if made is None:
        raise problems.not_set_up("there is no finished .venv")
    if made.root != str(ROOT):
        raise problems.project_moved(made.root, ROOT)
    if os.statvfs(VENV).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise problems.mounted_noexec(VENV)
    now = _version()
    if now is None:
        raise problems.python_gone(made.python, made.python_version)
    if now.split(".")[:2] != made.python_version.split(".")[:2]:
        raise problems.python_changed(made.python_version, now)
    return made


def _version() -> str | None:
    """The version of ``.venv``'s Python, which runs this unless it is broken."""
    if Path(sys.prefix) == VENV:
        return platform.python_version()
    found = interpreters.probe(PYTHON)
    return found.label if found else None


def build(python: Interpreter, apache: Apache) -> None:
    """Make ``.venv`` anew. The record is written last: without it, nothing counts as built.

    :raises Problem: something could not be downloaded, built or installed.
    """
    installer = installers.choose()
    # The application's user reads these files, whatever root's own umask keeps from it.
    before = os.umask(0o022)
    try:
        shutil.rmtree(VENV, ignore_errors=True)
        installer.create(python, VENV)
        pins = ["--require-hashes", *(f"--requirement={path}" for path in REQUIREMENTS)]
        installer.install("Installing Flask", VENV, *pins)
        installers.remove_unpinned_setuptools(VENV)
        built = wheels.obtain(apache, python, VENV, installer)
        installer.install("Installing mod_wsgi", VENV, "--no-deps", "--no-index", *built)
        content = json.dumps(vars(recipe(python, apache)), indent=2)
        RECORD.write_text(content + "\n", encoding="utf-8")
    finally:
        os.umask(before)
