"""Makes virtual environments and installs into them: with uv if it is on PATH, otherwise pip.

Both run in the project's folder, from which requirements files count relative paths; Python is kept
from importing what is there. https://docs.astral.sh/uv/pip/
"""

import os
import shutil
import zipfile
from itertools import takewhile
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import trust
from . import commands, local_metadata, requirements
from .interpreters import Interpreter


def create(project: Project, python: Interpreter, folder: Path) -> None:
    """Make an environment with only pip in it, or empty for uv.

    Python's own venv takes three seconds to install pip, and before 3.12 it adds a setuptools.

    :raises Problem: it failed.
    """
    doing = "Making the virtual environment"
    if uv := shutil.which("uv"):
        apart = _apart(project)[:1]
        commands.run(
            project, doing, uv, "venv", "--no-project", *apart, "--python", python.path, folder
        )
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
        options = ("--compile-bytecode", *_apart(project))
        commands.run(project, doing, uv, "pip", "install", *options, "--python", python, *arguments)
    else:
        commands.run(project, doing, python, "-I", "-m", "pip", "install", *arguments)


def _apart(project: Project) -> tuple[str, ...]:
    """Options for a project below a folder such as ``/tmp``, in which others may put files for uv.

    uv looks for configuration, and for workspaces with sources of packages, in all folders above the project
    and above each local package.
    https://docs.astral.sh/uv/concepts/configuration-files/

    :raises Problem: root's project, a folder above it or a local package has some of its own, which these
        leave out.
    """
    listed = filter(Path.is_file, requirements.listings(project))
    places = [named.place for named in requirements.local_places(project.root, listed)]
    shared = next(filter(None, map(trust.shared_above, (project.root, *places))), None)
    if not shared:
        return ()
    between = takewhile(lambda one: one != shared, project.root.parents)
    for folder in (project.root, *between, *places):
        if any(
            local_metadata.configures_uv(folder / name) for name in local_metadata.CONFIGURATION
        ):
            if os.geteuid() == 0:
                reason = "lets every user put files there, which uv would obey"
                raise problems.project_untrusted(
                    shared, reason, project.root, named=folder, listed_in="requirements.txt"
                )
            return ()
    return "--project=/", "--no-sources"
