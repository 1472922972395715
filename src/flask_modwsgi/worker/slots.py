"""Gives each process that counts something a number: the lowest free one.

A number is kept by a lock on a file, which the kernel lifts when the process ends, however it
ends. Whoever takes the number next goes on with the files of the one before, so that there are
never more files than there were processes at once.
"""

import fcntl
import itertools
import os
from pathlib import Path
from typing import TextIO


class Slot:
    """The number of the process that calls it; a forked child takes one of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0
        self._owner = 0
        self._lock: TextIO | None = None

    def __call__(self) -> int:
        if self._owner != os.getpid():
            self._take()
        return self.number

    def _take(self) -> None:
        for number in itertools.count():
            file = (self.folder / f"{number}.lock").open("a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            for gauge in self.folder.glob(f"gauge_live*_{number}.db"):
                gauge.unlink()
            self.number, self._owner, self._lock = number, os.getpid(), file
            return


def owners(folder: Path) -> dict[str, int]:
    """The numbers that are taken, each with the id of its process."""
    found = {}
    for path in folder.glob("*.lock"):
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found[path.stem] = int(file.read() or 0)
    return found
