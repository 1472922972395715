"""What is checked before Apache starts, because Apache would say it late or not at all."""

import errno
import os
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import problems
from .accounts import Account, first_obstacle
from .diagnosis import loading
from .project import PYTHON, ROOT, VENV, Project
from .rehearsal import rehearse

# Apache's control scripts leave paths unquoted; these characters mean nothing to a shell.
USABLE = re.compile(r"[\w/.+@~=,-]")


def check_path(root: Path = ROOT) -> None:
    """:raises Problem: the project's folder has a name that Apache cannot cope with."""
    for character in str(root):
        if not USABLE.match(character):
            raise problems.path_unusable(root, character)


def check_folder(account: Account) -> None:
    """:raises Problem: `account` cannot reach the project at all."""
    if obstacle := first_obstacle(account, [ROOT]):
        raise problems.unreachable(account.user, obstacle.path, obstacle.mode, obstacle.verb)


def check_reach(account: Account, project: Project) -> None:
    """:raises Problem: `account` cannot reach something it needs."""
    library = Path(os.__file__)
    site_packages = VENV.glob("lib/python*/site-packages")
    needed = [PYTHON, library, *site_packages, project.wsgi_file, *_files(project.package)]
    if obstacle := first_obstacle(account, needed):
        raise problems.unreachable(account.user, obstacle.path, obstacle.mode, obstacle.verb)


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def check_port(host: str, port: int) -> None:
    """:raises Problem: Apache could not listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise problems.port_in_use(host, port) from None
            if error.errno == errno.EACCES:
                raise problems.port_forbidden(port) from None
            raise problems.address_unusable(host, error.strerror or str(error)) from None


def check_import(
    project: Project, account: Account, environ: Mapping[str, str], limit: float = 60
) -> None:
    """Load the application as Apache will: as that user, in that folder, with that environment.

    :param limit: Seconds it may take.
    :raises Problem: it cannot be loaded.
    """
    tried = rehearse(project.wsgi_file, account, environ, limit)
    if problem := loading.refusal(tried, account.user, ROOT):
        raise problem
