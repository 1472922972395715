"""Answers what verbs ask this process through a named pipe, see `server.answers`.

A pipe works in daemon processes and in Apache's own alike, where Python cannot handle signals, and
costs nothing while nobody asks.
"""

import atexit
import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ..machine import files
from . import native


def listen(folder: Path, answers: Mapping[str, Callable[[Path], None]]) -> None:
    """Answer from now on, in a thread, until this process ends.

    :param answers: What writes the file in which each question is answered.
    """
    own = folder / str(os.getpid())
    pipe = files.make_pipe(own.with_suffix(".ask"))
    atexit.register(_forget_own, folder, os.getpid())

    def work() -> None:
        while True:
            for question in os.read(pipe, 1024).decode(errors="replace").split():
                with contextlib.suppress(OSError):  # such as a full disk
                    if question in answers:
                        answers[question](own.with_suffix(f".{question}"))

    native.start(work, "control")


def forget_dead(folder: Path) -> list[int]:
    """Remove what processes have left that died, instead of ending; return their ids."""
    pids = {int(file.name.partition(".")[0]) for file in folder.glob("[0-9]*.*")}
    dead = sorted(pid for pid in pids if not is_alive(pid))
    for pid in dead:
        forget(folder, pid)
    return dead


def is_alive(pid: int) -> bool:
    """Whether a process of this user has the id."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _forget_own(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # and not of what the application forked
        forget(folder, pid)


def forget(folder: Path, pid: int) -> None:
    """Remove what a process has left."""
    for file in folder.glob(f"{pid}.*"):
        file.unlink(missing_ok=True)
