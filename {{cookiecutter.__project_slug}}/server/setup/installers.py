"""Makes virtual environments and installs into them: with uv if it is there, otherwise pip."""

import shutil
import sys
from pathlib import Path

from . import commands
from .interpreters import Interpreter


class Pip:
    """The venv and pip that come with Python."""

    name = "pip"

    def create(self, python: Interpreter, folder: Path) -> None:
        commands.run("Making the virtual environment", python.path, "-m", "venv", folder)

    def install(self, doing: str, into: Path, *arguments: str | Path) -> None:
        commands.run(doing, into / "bin" / "python", "-m", "pip", "install", *arguments)


class Uv:
    """https://docs.astral.sh/uv/; the pip interface, because the pins are requirements files."""

    name = "uv"

    def __init__(self, program: str) -> None:
        self.program = program

    def create(self, python: Interpreter, folder: Path) -> None:
        options = ("--no-project", "--python", python.path)
        commands.run("Making the virtual environment", self.program, "venv", *options, folder)

    def install(self, doing: str, into: Path, *arguments: str | Path) -> None:
        options = ("--compile-bytecode", "--python", into / "bin" / "python")
        commands.run(doing, self.program, "pip", "install", *options, *arguments)


def choose() -> Pip | Uv:
    """uv where it is on PATH, otherwise venv and pip."""
    program = shutil.which("uv")
    return Uv(program) if program else Pip()


def remove_unpinned_setuptools(folder: Path) -> None:
    """Python 3.11's venv brings a setuptools of its own that no requirements file pins."""
    if sys.version_info < (3, 12) and list(folder.glob("lib/*/site-packages/setuptools")):
        pip = (folder / "bin" / "python", "-m", "pip")
        commands.run("Removing setuptools", *pip, "uninstall", "--yes", "setuptools")
