"""The one folder of a project that the application writes to."""

import contextlib
import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from . import accounts, trust
from .accounts import Account

ENOUGH = 10_000  # files that are looked at


def make(folder: Path, account: Account) -> None:
    """Make the folder and give it to the account. Its content, or a link, is left as it is.

    :raises OSError: it cannot be made.
    """
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700, parents=True)
    with contextlib.suppress(OSError):  # a link, or another user's
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != account.uid:
                os.fchown(descriptor, account.uid, account.gid)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & ~0o022 | 0o700)
        finally:
            os.close(descriptor)


def link(instance: Path, folder: Path) -> None:
    """Make Flask's instance folder a link to `folder`, unless the project has one."""
    with contextlib.suppress(OSError):  # there is one, or the folder is only read
        instance.symlink_to(os.path.relpath(folder, instance.parent))


def behind(folder: Path) -> Path | None:
    """Where the files in it are, if it is a link; None where that is missing, or others can lead it elsewhere.

    What is there may be theirs: it is the application's.
    """
    if not folder.is_symlink():
        return folder
    place = Path(os.path.realpath(folder))
    way = (step for step in trust.steps([folder]) if step != place)
    if not os.path.isdir(place) or any(trust.foreign(step, os.geteuid()) for step in way):
        return None
    return place


def hindrance(folder: Path, user: str) -> str:
    """Why `user` may not write to what is in the folder: its ``owner`` or ``mode``; empty if nothing is.

    Where that cannot be seen, it is the owner.
    """
    try:
        found = [place.lstat() for place in islice(_places(folder), ENOUGH)]
    except OSError:
        return "owner"
    if any(accounts.by_id(uid).user != user for uid in {status.st_uid for status in found}):
        return "owner"
    return "" if all(map(_is_writable, found)) else "mode"


def _places(folder: Path) -> Iterator[Path]:
    """The folder, where a link to it leads, and all that is in it.

    :raises OSError: it cannot be listed, as a whole or in part.
    """

    def refuse(error: OSError) -> None:
        raise error

    top = folder.resolve()
    yield top
    for parent, folders, files in os.walk(top, onerror=refuse):
        yield from (Path(parent, name) for name in (*folders, *files))


def _is_writable(status: os.stat_result) -> bool:
    """Whether its owner may write to it; a link has no permissions."""
    if stat.S_ISLNK(status.st_mode):
        return True
    needed = stat.S_IRWXU if stat.S_ISDIR(status.st_mode) else stat.S_IRUSR | stat.S_IWUSR
    return status.st_mode & needed == needed
