"""Makes virtual environments and installs into them: with uv if it is there, otherwise pip."""

import shutil
from pathlib import Path

from . import commands
from .interpreters import Interpreter


class Pip:
    """The venv and pip that come with Python."""

    name = "pip"

    def __init__(self, log: Path) -> None:
        self.log = log

    def create(self, python: Interpreter, folder: Path) -> None:
        commands.run(self.log, "Making the virtual environment", python.path, "-m", "venv", folder)

    def install(self, doing: str, into: Path, *arguments: str | Path) -> None:
        commands.run(self.log, doing, into / "bin" / "python", "-m", "pip", "install", *arguments)


class Uv:
    """https://docs.astral.sh/uv/; the pip interface, because the pins are requirements files."""

    name = "uv"

    def __init__(self, program: str, log: Path) -> None:
        self.program = program
        self.log = log

    def create(self, python: Interpreter, folder: Path) -> None:
        options = ("--no-project", "--python", python.path)
        commands.run(
            self.log, "Making the virtual environment", self.program, "venv", *options, folder
        )

    def install(self, doing: str, into: Path, *arguments: str | Path) -> None:
        options = ("--compile-bytecode", "--python", into / "bin" / "python")
        commands.run(self.log, doing, self.program, "pip", "install", *options, *arguments)


Installer = Pip | Uv


def choose(log: Path) -> Pip | Uv:
    """uv where it is on PATH, otherwise venv and pip.

    :param log: Where their output is kept.
    """
    program = shutil.which("uv")
    return Uv(program, log) if program else Pip(log)


def remove_setuptools(folder: Path, log: Path) -> None:
    """Python 3.11's venv brings a setuptools of its own; a project that needs one pins it."""
    if list(folder.glob("lib/*/site-packages/setuptools")):
        pip = (folder / "bin" / "python", "-m", "pip")
        commands.run(log, "Removing setuptools", *pip, "uninstall", "--yes", "setuptools")
