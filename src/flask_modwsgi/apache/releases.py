"""Releases of a project, each in its own folder; a link leads to the one in use."""

import contextlib
import os
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import process_table
from . import processes, server_root, state
from .state import State


def link_to(root: Path, shown: str) -> Path | None:
    """The path with a link by which a folder was entered, if it was.

    :param root: The folder, without links on the way to it.
    :param shown: Where the shell says it is, ``$PWD``; the system itself forgets links.
    """
    for step in (Path(shown), *Path(shown).parents):
        with contextlib.suppress(OSError):
            if step.is_absolute() and step.samefile(root):
                return step if step != root else None
    return None


def recognised(project: Project) -> Project:
    """The project, with the link and the place of its server if another release started that through a link.

    Not needed where the releases share ``var/``, which is documented: such a place goes with its release.
    """
    if processes.apache(state.root(project)):
        return project
    for root in _server_roots(project):
        found = state.read_trusted(root)
        if _is_of(project, found):
            other = Project(project.root, link=Path(found.link), service=Path(found.var))
            if server_root.find(other, "apache") == root and processes.apache(root):
                return other
    return project


def served(root: Path) -> Project:
    """The project that is served now by the server with this server root.

    :raises Problem: that is not known, because the record is lost.
    """
    found = state.read(root)
    if not found.project:
        raise problems.server_root_incomplete(root)
    link, service = (Path(path) if path else None for path in (found.link, found.var))
    return Project(Path(found.project), link=link, service=service)


def _is_of(project: Project, found: State) -> bool:
    """Whether a server was started through the link to this project, by which nobody needs to call it."""
    if not found.link:
        return False
    link = Path(found.link)
    if project.link:  # which a shell may enter through other links
        return _place(project.link) == _place(link)
    return str(project.root) in (found.project, os.path.realpath(link))


def _place(link: Path) -> Path:
    """Where a link is, without links on the way to it."""
    return Path(os.path.realpath(link.parent), link.name)


def _server_roots(project: Project) -> list[Path]:
    """Of each Apache that this package runs here for a user who may serve the project."""
    users = {0, os.geteuid(), project.root.stat().st_uid}
    serving = (one for one in process_table.running() if one.pid == one.session)
    files = (processes.configuration_of(one) for one in serving if one.uid in users)
    return [file.parent for file in files if file and file.name == "httpd.conf"]
