"""What is checked before Apache starts, because Apache would say it late or not at all."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine.accounts import Account, first_obstacle

# Apache's control scripts leave paths unquoted; these characters mean nothing to a shell.
USABLE = re.compile(r"[\w/.+@~=,-]")


def check_path(root: Path) -> None:
    """:raises Problem: the project's folder has a name that Apache cannot cope with."""
    for character in str(root):
        if not USABLE.match(character):
            raise problems.path_unusable(root, character)


def check_folder(account: Account, root: Path) -> None:
    """:raises Problem: `account` cannot reach the project at all."""
    if obstacle := first_obstacle(account, [root]):
        raise problems.unreachable(account.user, obstacle.path, obstacle.mode, obstacle.verb)


def check_reach(account: Account, project: Project, python: Iterable[Path]) -> None:
    """Look along the way to everything `account` needs.

    :param python: What the interpreter in ``.venv`` is made of, outside of the project.
    :raises Problem: `account` cannot reach something.
    """
    site_packages = project.environment.glob("lib/python*/site-packages")
    files = [
        project.root,
        project.package,
        *site_packages,
        project.wsgi_file,
        *_files(project.package),
    ]
    if obstacle := first_obstacle(account, files):
        raise problems.unreachable(account.user, obstacle.path, obstacle.mode, obstacle.verb)
    for part in (project.python, *python):
        if obstacle := first_obstacle(account, [part]):
            denied = (obstacle.path, obstacle.mode, obstacle.verb)
            raise problems.python_unreachable(account.user, *denied, part)


def check_static(account: Account, folder: Path) -> None:
    """:raises Problem: `account` cannot reach a file in the static folder."""
    if obstacle := first_obstacle(account, [folder, *_files(folder)]):
        raise problems.unreachable(account.user, obstacle.path, obstacle.mode, obstacle.verb)


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def check_wsgi_file(file: Path) -> None:
    """Read the file and do not run it: the application may take long to load.

    :raises Problem: it is missing, is no Python, or defines no ``application``.
    """
    try:
        tree = ast.parse(file.read_bytes(), file.name)
    except FileNotFoundError:
        raise problems.wsgi_file_wrong(file, "does not exist") from None
    except (SyntaxError, ValueError) as error:
        raise problems.wsgi_file_wrong(file, f"is no Python: {error}") from None
    names = list(defined(tree))
    if not {"application", "*"} & set(names):
        raise problems.app_nameless(file, names)


def defined(tree: ast.Module) -> Iterator[str]:
    """Every name that anything in the file may give a value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            yield node.asname or node.name
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
