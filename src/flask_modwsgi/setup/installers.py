"""Makes virtual environments and installs into them: with uv if it is on PATH, otherwise pip.

Both run in the project's folder, from which requirements files count relative paths; Python is kept
from importing what is there. https://docs.astral.sh/uv/pip/
"""

import shutil
import zipfile
from pathlib import Path

from ..config.project import Project
from . import commands
from .interpreters import Interpreter


def create(project: Project, python: Interpreter, folder: Path) -> None:
    """Make an environment with only pip in it, or empty for uv.

    Python's own venv takes three seconds to install pip, and before 3.12 it adds a setuptools.

    :raises Problem: it failed.
    """
    doing = "Making the virtual environment"
    if uv := shutil.which("uv"):
        commands.run(project, doing, uv, "venv", "--no-project", "--python", python.path, folder)
        return
    commands.run(project, doing, python.path, "-I", "-m", "venv", "--without-pip", folder)
    [packages] = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(python.pip) as wheel:
        wheel.extractall(packages)


def install(project: Project, doing: str, into: Path, *arguments: str | Path) -> None:
    """Install into an environment, with options that both pip and uv have.

    :raises Problem: something could not be downloaded, built or installed.
    """
    python = into / "bin" / "python"
    if uv := shutil.which("uv"):
        options = ("--compile-bytecode", "--python", python)
        commands.run(project, doing, uv, "pip", "install", *options, *arguments)
    else:
        commands.run(project, doing, python, "-I", "-m", "pip", "install", *arguments)
