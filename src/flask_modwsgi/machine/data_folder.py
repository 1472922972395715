"""The one folder of a project that the application writes to."""

import contextlib
import os
import stat
from pathlib import Path

from .accounts import Account


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


def link(instance: Path, folder: Path) -> bool:
    """Make Flask's instance folder a link to `folder`, unless the project has one.

    :return: Whether it was made.
    """
    if os.path.lexists(instance):
        return False
    try:
        instance.symlink_to(os.path.relpath(folder, instance.parent))
    except OSError:  # a folder that is only read
        return False
    return True
