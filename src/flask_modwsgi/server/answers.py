"""Asks processes of the application by a signal; they answer in files of the server root."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..apache import processes
from ..machine import files, process_table
from ..machine.process_table import Process

Answer = dict[str, Any]
Kinds = Mapping[str, type]


def file(root: Path, daemon: Process, suffix: str) -> Path:
    """Where a process writes: in a folder of its user, who can write anything there."""
    return root / "workers" / f"{daemon.pid}.{suffix}"


def ask(
    root: Path, daemons: Sequence[Process], number: int, suffix: str, kinds: Kinds, seconds: float
) -> dict[int, Answer]:
    """What the processes answer to a signal, by process id; some may not answer in this time.

    :param suffix: Of the files they write.
    :param kinds: The type of each value that an answer has to have.
    :raises PermissionError: another user asks than the one who started them.
    """
    asked = time.time()
    for daemon in daemons:
        process_table.send(daemon, number)
    found: dict[int, Answer] = {}

    def are_complete() -> bool:
        for daemon in daemons:
            answer = read(file(root, daemon, suffix), kinds)
            if answer and answer["time"] >= asked:
                found[daemon.pid] = answer
        return len(found) == len(daemons)

    processes.wait(are_complete, seconds)
    return found


def read(path: Path, kinds: Kinds) -> Answer | None:
    """What a process wrote; None if that is no answer."""
    try:
        answer = dict(json.loads(files.text(path)))
        return answer if all(type(answer[name]) is kinds[name] for name in kinds) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
