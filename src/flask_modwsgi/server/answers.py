"""Queries processes of the application through a pipe; they answer in files of the server root."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..machine import files
from ..machine.process_table import Process
from ..machine.times import wait

Answer = dict[str, Any]
Kinds = Mapping[str, type]


def file(root: Path, worker: Process, suffix: str) -> Path:
    """The file of a process's answer, in a folder where its user can write anything."""
    return root / "workers" / f"{worker.pid}.{suffix}"


def ask(
    root: Path, workers: Sequence[Process], question: str, kinds: Kinds, seconds: float
) -> dict[int, Answer]:
    """The answers of the processes, by process id; some may not answer in this time.

    :param question: Also the suffix of the files they write.
    :param kinds: The type of each value that an answer has to have.
    """
    asked = time.time()
    for worker in workers:
        with contextlib.suppress(OSError):  # it has ended, is starting, or has not read for long
            files.put(file(root, worker, "ask"), question)
    found: dict[int, Answer] = {}

    def are_complete() -> bool:
        for worker in workers:
            answer = read(file(root, worker, question), kinds)
            if answer and answer["time"] >= asked:
                found[worker.pid] = answer
        return len(found) == len(workers)

    wait(are_complete, seconds)
    return found


def why_silent(root: Path) -> str:
    """Why healthy processes may not answer; empty if no reason is known."""
    try:
        disk = os.statvfs(root)
    except OSError:  # it was removed
        return ""
    if files.is_read_only(root):
        return f"processes cannot report: the file system of {root} is mounted read-only"
    is_full = disk.f_bavail == 0 or (disk.f_files and disk.f_favail == 0)
    return f"processes cannot report: the disk of {root} is full" if is_full else ""


def read(path: Path, kinds: Kinds) -> Answer | None:
    """The answer that a process wrote; None if it is not valid."""
    answer = files.json_object(path)
    return answer if all(type(answer.get(name)) is kinds[name] for name in kinds) else None
