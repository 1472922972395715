"""Verbs that change the same thing wait for each other."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import trust
from ..machine.accounts import Account
from ..machine.times import wait
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
    try:
        file = _open(project.service / f"{name}.lock")
    except OSError:
        yield
        return
    try:
        _take(file, patience)
        with suppress(OSError):  # such as a full disk
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(file)


def share(project: Project, name: str, account: Account) -> None:
    """If root calls this: let the account, which may not write to ``var/``, take the lock."""
    if os.geteuid() == 0 and not account.is_me:
        file = _open(project.service / f"{name}.lock")
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
        trust.made_folder(path.parent)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def _take(file: int, patience: float) -> None:
    def is_mine() -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    if not is_mine():
        holder = _holder(file)
        say(f"waiting for another ./run (process {holder}), for {patience:.0f} s at most")
        if not wait(is_mine, patience):
            raise problems.lock_held(_holder(file), patience)


def _holder(file: int) -> str:
    """The process id of the holder, from Linux (``man 5 proc_locks``), elsewhere from the file.

    There may have been no room for that, and who is no ``./run`` writes none.
    """
    status = os.fstat(file)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError):
        for words in map(str.split, Path("/proc/locks").read_text().splitlines()):
            if words[1] == "FLOCK" and words[5] == place:
                return words[4]
    text = os.pread(file, 20, 0).decode("ascii", "replace").strip()
    return text if text.isdecimal() else "unknown"
