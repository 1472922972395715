"""Which Python the environment is made from."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import accounts

OLDEST = (3, 11)
NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")
USUAL_PLACES = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")

# Run by each candidate; a virtual environment's Python answers for the one it was made from.
PROBE = """
import json, os, sys, sysconfig
get = sysconfig.get_config_var
print(json.dumps({
    "executable": getattr(sys, "_base_executable", "") or sys.executable,
    "version": list(sys.version_info[:3]),
    "prefix": sys.base_prefix,
    "stdlib": os.path.dirname(os.__file__),
    "include": get("INCLUDEPY") or "",
    "libpython": os.path.join(get("LIBDIR") or "", get("LDLIBRARY") or ""),
    "shared": bool(get("Py_ENABLE_SHARED") or get("PYTHONFRAMEWORK")),
    "soabi": get("SOABI") or "",
    "compiler": get("CC") or "cc",
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python as it describes itself."""

    path: Path
    version: tuple[int, int, int]
    prefix: Path
    stdlib: Path
    include: Path
    libpython: Path
    shared: bool
    soabi: str
    compiler: str

    @property
    def label(self) -> str:
        return ".".join(map(str, self.version))


def probe(path: Path) -> Interpreter | None:
    """What the Python at `path` says of itself, or None where it does not run."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=30, check=True
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(
        path=Path(facts["executable"]),
        version=tuple(facts["version"]),
        prefix=Path(facts["prefix"]),
        stdlib=Path(facts["stdlib"]),
        include=Path(facts["include"]),
        libpython=Path(facts["libpython"]),
        shared=facts["shared"],
        soabi=facts["soabi"],
        compiler=facts["compiler"],
    )


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
    obstacle = accounts.first_obstacle(
        account, [python.path, python.stdlib / "os.py", python.libpython]
    )
    if obstacle:
        return f"user {account.user} cannot {obstacle.verb} {obstacle.path} ({obstacle.mode})"
    return None


def candidates(project: Project) -> Iterator[Path]:
    """Where a Python may be, best first: the one used before, this one, those on PATH."""
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


def _is_known(path: Path, others: Iterable[str]) -> bool:
    return any(path.resolve() == Path(other).resolve() for other in others)


def choose(
    project: Project, account: accounts.Account
) -> tuple[Interpreter, list[tuple[str, str]]]:
    """The first Python without an objection, and those passed over, each with the reason.

    :raises Problem: there is none.
    """
    passed_over: dict[str, str] = {}
    seen: set[Path] = set()
    for path in candidates(project):
        python = probe(path)
        if python is None:
            passed_over.setdefault(str(path), "does not run")
            continue
        if python.path in seen:
            continue
        seen.add(python.path)
        reason = objection(python, account)
        if reason is None:
            return python, list(passed_over.items())
        # One Python often has several names: python3, python3.13.
        if not _is_known(python.path, passed_over):
            passed_over[str(python.path)] = reason
    raise problems.python_unsuitable(list(passed_over.items()))
