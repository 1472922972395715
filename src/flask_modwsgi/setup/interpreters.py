"""Which Python the environment is made from."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import problems
from ..config.project import Project
from ..machine import accounts, trust

OLDEST = (3, 11)
NAMES = ("python3", "python3.15", "python3.14", "python3.13", "python3.12", "python3.11")
USUAL_PLACES = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")

# Run by each candidate; a virtual environment's Python answers for the one it was made from.
PROBE = """
import glob, json, os, sys, sysconfig
get = sysconfig.get_config_var
stdlib = os.path.dirname(os.__file__)
# The second is what runs; the first is a link to it, which Debian has in a package for development.
names = (get("LDLIBRARY") or "", get("INSTSONAME") or "")
libraries = [os.path.join(get("LIBDIR") or "", name) for name in names]
wheels = get("WHEEL_PKG_DIR") or os.path.join(stdlib, "ensurepip", "_bundled")
print(json.dumps({
    "path": getattr(sys, "_base_executable", "") or sys.executable,
    "version": list(sys.version_info[:3]),
    "prefix": sys.base_prefix,
    "stdlib": stdlib,
    "include": get("INCLUDEPY") or "",
    "libpython": next(filter(os.path.exists, libraries), libraries[0]),
    "shared": bool(get("Py_ENABLE_SHARED") or get("PYTHONFRAMEWORK")),
    "soabi": get("SOABI") or "",
    "compiler": get("CC") or "cc",
    "pip": max(glob.glob(os.path.join(wheels, "pip-*.whl")), default=""),
}))
"""
PATHS = ("path", "prefix", "stdlib", "include", "libpython", "pip")


@dataclass(frozen=True)
class Interpreter:
    """A Python, by its own description; `pip` is the wheel that it gives to virtual environments."""

    path: Path
    version: tuple[int, int, int]
    prefix: Path
    stdlib: Path
    include: Path
    libpython: Path
    shared: bool
    soabi: str
    compiler: str
    pip: Path

    @property
    def label(self) -> str:
        return ".".join(map(str, self.version))


def probe(path: Path) -> Interpreter | None:
    """The description of the Python at `path`; None if it does not run."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=30, check=True
        )
        facts: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    paths = {name: Path(facts[name]) for name in PATHS}
    return Interpreter(**facts | paths | {"version": tuple(facts["version"])})


def objection(python: Interpreter, account: accounts.Account) -> str | None:
    """Why `python` cannot be built into an Apache that runs as `account`, if it cannot."""
    if python.version < OLDEST:
        return f"Python {python.label} is older than 3.11"
    if (python.prefix / "conda-meta").is_dir():
        return "conda's Python has an OpenSSL and a zlib of its own, which crash Apache"
    if not python.shared:
        return "built without a shared library (configure it with --enable-shared)"
    if not python.libpython.exists():
        return f"its shared library is missing: {python.libpython}"
    if not (python.include / "Python.h").exists():
        return f"its headers are missing: {python.include / 'Python.h'}"
    if not python.pip.is_file() and not shutil.which("uv"):
        return "it cannot make virtual environments: its pip is missing"
    needed = [python.path, python.stdlib / "os.py", python.libpython]
    if reason := distrust(needed):
        return reason
    if obstacle := accounts.first_obstacle(account, needed):
        return f"user {account.user} cannot {obstacle.verb} {obstacle.path} ({obstacle.mode})"
    return None


def distrust(paths: Iterable[Path]) -> str:
    """Why root may not run these, if it may not."""
    found = trust.first_foreign(paths) if os.geteuid() == 0 else None
    return f"{found[0]} {found[1]}, and root would run it" if found else ""


def candidates(project: Project) -> Iterator[Path]:
    """Paths of Pythons, the best first: the one used before, this one, those on PATH."""
    if insisted := os.environ.get("PYTHON"):
        yield Path(shutil.which(insisted) or insisted)
        return
    if project.python.exists():
        yield project.python
    yield Path(sys.executable)
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *USUAL_PLACES]
    for name in NAMES:
        for folder in folders:
            if folder and (Path(folder) / name).is_file():
                yield Path(folder) / name


def choose(
    project: Project, account: accounts.Account
) -> tuple[Interpreter, list[tuple[str, str]]]:
    """The first suitable Python, and those passed over, each with the reason.

    :raises Problem: there is none.
    """
    # By its real path, as one Python often has several names: python3, python3.13.
    passed_over: dict[Path, tuple[str, str]] = {}
    for path in candidates(project):
        reason: str | None = distrust([path])  # before it is asked
        python = None if reason else probe(path)
        if not reason:
            reason = objection(python, account) if python else "does not run"
        if python and not reason:
            return python, list(passed_over.values())
        named = python.path if python else path
        passed_over.setdefault(named.resolve(), (str(named), str(reason)))
    raise problems.python_unsuitable(list(passed_over.values()))
