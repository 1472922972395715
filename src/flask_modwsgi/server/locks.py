"""Verbs that change the same thing wait for each other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..config.project import Project
from ..machine import lock_files, trust
from ..machine.accounts import Account
from .messages import say

PATIENCE = 120.0  # seconds


@contextmanager
def held(project: Project, name: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock ``var/NAME.lock``; say so if another process holds it.

    Where the file can be neither made nor opened, nothing is locked: a full disk must not keep a
    server from being stopped.

    :param patience: Seconds to wait.
    :raises Problem: another process still has it.
    """
    path = project.service / f"{name}.lock"
    try:
        file = _open(path)
    except OSError:
        yield
        return
    try:
        lock_files.take(file, path, patience, say, "Another ./run command is changing this project")
        yield
    finally:
        os.close(file)


def share(project: Project, name: str, account: Account) -> None:
    """If root calls this: let the account, which may not write to ``var/``, take the lock; nobody else.

    Where the file cannot be made, or others chose it, nothing is done, as in `held`.
    """
    if os.geteuid() == 0 and not account.is_me:
        with suppress(OSError):
            file = _made(project.service / f"{name}.lock")
            try:
                os.fchown(file, 0, account.gid)
                os.fchmod(file, 0o640)
            finally:
                os.close(file)


def _open(path: Path) -> int:
    """Open it for reading if it cannot be written, which is enough for a lock.

    :raises OSError: neither can be done.
    """
    with suppress(OSError):
        return _made(path)
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def _made(path: Path) -> int:
    """Open it to write, where nobody else could have chosen which file that is.

    :raises OSError: it cannot be done.
    """
    trust.made_folder(path.parent)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
