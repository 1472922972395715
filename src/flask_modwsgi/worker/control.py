"""Answers what verbs ask this process through a named pipe, see `server.answers`.

A pipe works in daemon processes and in Apache's own alike, where Python cannot handle signals, and
costs nothing while nobody asks.
"""

import atexit
import contextlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ..machine import files
from . import native

_ID = re.compile("[1-9][0-9]{0,8}")  # Linux has none of over 4194304


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
    dead = sorted(pid for pid in named(folder, "*") if not is_alive(pid))
    for pid in dead:
        forget(folder, pid)
    return dead


def named(folder: Path, suffix: str) -> set[int]:
    """The process ids in the names of files; the application may make files with any other names."""
    names = {
        file.name.partition(".")[0] for file in folder.glob(f"[1-9]*.{suffix}") if not file.is_dir()
    }
    return {int(name) for name in names if _ID.fullmatch(name)}


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
        with contextlib.suppress(OSError):  # a folder, for example
            file.unlink()
