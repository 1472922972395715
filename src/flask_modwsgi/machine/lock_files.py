"""Takes the lock of a file, and says so where that has to be waited for."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .. import problems
from .times import wait


def take(file: int, path: Path, patience: float, say: Callable[[str], None], whose: str) -> None:
    """Take the lock of an open file, and write into it which process has it, if it can be written.

    :param path: Of the file.
    :param patience: Seconds to wait.
    :param say: Told once that another process has it.
    :param whose: Which command has it otherwise, such as ``Another ./run command``, and what it does.
    :raises Problem: another process still has it.
    """

    def is_mine() -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    if not is_mine():
        holder = _holder(file)
        say(f"waiting for another ./run (process {holder}), for {patience:.0f} s at most")
        if not wait(is_mine, patience):
            raise problems.lock_held(_holder(file), patience, path, whose)
    with suppress(OSError):  # such as a full disk
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)


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
