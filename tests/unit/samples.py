"""Objects that unit tests need, made without looking at this machine."""

import contextlib
import os
import sys
from pathlib import Path

from flask_modwsgi.config.project import Project
from flask_modwsgi.machine.accounts import Account
from flask_modwsgi.setup.interpreters import Interpreter


def me() -> Account:
    """Whoever runs the tests."""
    return Account("me", os.geteuid(), "us", os.getegid())


def make_deep(folder: Path) -> None:
    """More folders, one in the other, than Python calls functions, and than a path can name."""
    with contextlib.chdir(folder):
        for _ in range(1200):
            os.mkdir("d" * 9)
            os.chdir("d" * 9)


def project(root: Path) -> Project:
    """A project that is no more than its ``pyproject.toml``."""
    root.mkdir(parents=True, exist_ok=True)
    text = '[project]\nname = "hello-flask"\n[tool.flask-modwsgi]\napp_name = "hello_flask"\n'
    (root / "pyproject.toml").write_text(f'{text}apache = "auto"\n', "utf-8")
    return Project(root)


def complete_python(folder: Path) -> Interpreter:
    """A Python that has everything, with its files in `folder`."""
    for name in ("Python.h", "libpython3.so", "os.py", "pip.whl"):
        (folder / name).touch()
    return Interpreter(
        path=Path(sys.executable),
        version=(3, 12, 1),
        prefix=folder,
        stdlib=folder,
        include=folder,
        libpython=folder / "libpython3.so",
        shared=True,
        soabi="cpython-312",
        compiler="gcc",
        pip=folder / "pip.whl",
    )
