"""Makes virtual environments and installs into them: with uv if it is there, otherwise pip.

Both run in the project's folder, from which requirements files count relative paths; Python is kept
from importing what is there.
"""

import shutil
from pathlib import Path

from ..config.project import Project
from . import commands, requirements
from .interpreters import Interpreter


class Pip:
    """The venv and pip that come with Python."""

    name = "pip"

    def __init__(self, project: Project) -> None:
        self.project = project

    def create(self, python: Interpreter, folder: Path) -> None:
        """Make an environment with nothing in it but pip.

        Python 3.11's venv brings a setuptools of its own; a project that needs one pins it.
        """
        doing = "Making the virtual environment"
        commands.run(self.project, doing, python.path, "-I", "-m", "venv", folder)
        if list(folder.glob("lib/*/site-packages/setuptools")):
            pip = (folder / "bin" / "python", "-I", "-m", "pip")
            commands.run(self.project, doing, *pip, "uninstall", "--yes", "setuptools")

    def install(self, doing: str, into: Path, *arguments: str | Path) -> None:
        pip = (into / "bin" / "python", "-I", "-m", "pip", "install")
        commands.run(self.project, doing, *pip, *arguments)


class Uv:
    """https://docs.astral.sh/uv/; the pip interface, because the pins are requirements files."""

    name = "uv"

    def __init__(self, program: str, project: Project) -> None:
        self.program = program
        self.project = project

    def create(self, python: Interpreter, folder: Path) -> None:
        options = ("--no-project", "--python", python.path)
        doing = "Making the virtual environment"
        commands.run(self.project, doing, self.program, "venv", *options, folder)

    def install(self, doing: str, into: Path, *arguments: str | Path) -> None:
        options = ("--compile-bytecode", "--python", into / "bin" / "python")
        commands.run(self.project, doing, self.program, "pip", "install", *options, *arguments)


Installer = Pip | Uv


def choose(project: Project) -> Installer:
    """uv where it is on PATH, otherwise venv and pip."""
    program = shutil.which("uv")
    return Uv(program, project) if program else Pip(project)


def install_file(installer: Installer, file: Path, into: Path) -> None:
    """Install what a requirements file lists; one that has hashes must have them all.

    pip takes it so by itself, uv only if it is told.

    :raises Problem: something could not be downloaded, built or installed.
    """
    hashes = ["--require-hashes"] if requirements.are_hashed(file) else []
    installer.install(f"Installing {file.name}", into, *hashes, f"--requirement={file}")
