"""Verbs that change the same thing wait for each other."""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .. import problems
from ..config.project import Project

PATIENCE = 120.0  # seconds


@contextmanager
def held(project: Project, name: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock ``var/NAME.lock``; say so where another process has it.

    Where no file can be made, there is nobody to wait for either: a full disk must not keep a
    server from being stopped.

    :param patience: Seconds to wait.
    :raises Problem: another process still has it.
    """
    try:
        project.var.mkdir(exist_ok=True)
        file = os.open(project.var / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        yield
        return
    try:
        _take(file, patience)
        with suppress(OSError):
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(file)


def _take(file: int, patience: float) -> None:
    deadline, told = time.monotonic() + patience, False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown"
        if time.monotonic() > deadline:
            raise problems.lock_held(holder, patience)
        if not told:
            print(f"* waiting for another ./run (process {holder})", file=sys.stderr, flush=True)
            told = True
        time.sleep(0.1)
