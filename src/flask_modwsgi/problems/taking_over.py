"""What root types so that a project is root's: nothing that somebody else has outside of it is taken."""

import os
import shlex
from pathlib import Path

from . import systems

SYSTEMS_OWN = (Path("/"), Path("/srv"))


def commands(path: Path, root: Path, var: Path, named: Path, listed_in: str) -> str:
    """The line after which nobody else can change what root follows.

    :param path: What somebody else can change, on the way to `named` or in it.
    :param root: The project's folder.
    :param var: Its ``var``, or that of the release with its server.
    :param named: What root runs, reads or writes.
    :param listed_in: The file that names it, if it is outside of the project.
    """
    path = _without_dots(path)
    named = _without_dots(named) if ".." in named.parts else named
    name = shlex.quote(str(path))
    # In the first two, the application has files of its own; in the others, so has the system.
    if path in (root, *_unlinked(root / "var"), *_unlinked(var), *SYSTEMS_OWN):
        return f"chown -h root: {name} && chmod go-w {name}"
    if path in root.parents:
        return systems.move_to_srv(root)
    tops = [root, *_unlinked(root / "var"), *_unlinked(var)]
    edited = f"${{EDITOR:-vi}} {shlex.quote(listed_in)} && ./run setup"
    if listed_in and any(path.is_relative_to(top / "data") for top in tops[1:]):
        return edited  # the application would lose its files
    if any(map(path.is_relative_to, tops)):
        # chmod would follow a link that somebody else has made.
        take = f"chown -Rh root: {name} && chmod -R go-w {name}"
        return _without(path) if path.is_symlink() else take
    if link := _link_on_the_way(named, root):
        is_made_again = link.is_relative_to(root / "var") or link == root / ".venv"
        return _without(link) if is_made_again or not link.exists() else _copied(link)
    if listed_in:
        copied = f"cp -RH {shlex.quote(str(named))} {shlex.quote(str(root))}/ && "
        is_copied = os.path.exists(named) and not root.is_relative_to(named)
        return copied + edited if is_copied else edited
    return f"cd {shlex.quote(str(root))} && ./run"  # it was entered through a link


def _without_dots(path: Path) -> Path:
    """Where it is, without links on the way; it may be a link."""
    return Path(os.path.realpath(path.parent), path.name)


def _without(link: Path) -> str:
    return f"rm {shlex.quote(str(link))} && ./run setup"


def _copied(link: Path) -> str:
    """Have a copy instead of a link, and look at it: somebody else has written it."""
    name, copy = (shlex.quote(str(path)) for path in (link, link.with_name(f"{link.name}.copy")))
    if link.is_dir():
        return f"cp -RH {name} {copy} && rm {name} && mv {copy} {name} && ls -lR {name}"
    mode = {".env": "600", "run": "755"}.get(link.name, "644")
    return f"install -m {mode} {name} {copy} && mv {copy} {name} && ${{EDITOR:-vi}} {name}"


def _link_on_the_way(named: Path, root: Path) -> Path | None:
    """The first link to what is named, of those in the project."""
    steps = (step for step in (*reversed(named.parents), named) if step.is_relative_to(root))
    return next((step for step in steps if step != root and step.is_symlink()), None)


def _unlinked(var: Path) -> list[Path]:
    """It and the folder it leads to, which releases share. Further links may be somebody else's."""
    if not var.is_symlink():
        return [var]
    target = Path(os.path.normpath(var.parent / var.readlink()))
    return [target] if os.path.realpath(target) == str(target) else []
