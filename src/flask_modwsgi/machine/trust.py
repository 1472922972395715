"""Which files somebody else than root can change."""

import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from . import accounts


def first_foreign(paths: Iterable[Path]) -> tuple[Path, str] | None:
    """The first of `paths`, or of the folders on the way there, that others can change, and why.

    Paths that do not exist are left out; links are followed, and count themselves, too.
    """
    seen: set[Path] = set()
    for path in paths:
        for step in accounts.steps(path):
            if step in seen:
                continue
            seen.add(step)
            if reason := foreign(step):
                return step, reason
    return None


def foreign(path: Path) -> str:
    """Why somebody else than root can change what is there; empty if nobody can, or nothing is.

    In a folder like ``/tmp`` nobody can replace what belongs to another user (``man 2 rename``).
    """
    try:
        status = path.lstat()
    except OSError:
        return ""
    if status.st_uid != 0:
        return f"belongs to {_name(status.st_uid)}"
    if stat.S_ISLNK(status.st_mode) or status.st_mode & stat.S_ISVTX:
        return ""
    if status.st_mode & stat.S_IWOTH:
        return "can be written by every user"
    if status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        return "can be written by a group"
    return ""


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
