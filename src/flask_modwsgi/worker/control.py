"""Answers what verbs ask this process through a named pipe, see `server.answers`.

A pipe works in daemon processes and in Apache's own alike, where Python cannot handle signals, and
costs nothing while nobody asks.
"""

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ..machine import files


def listen(folder: Path, answers: Mapping[str, Callable[[Path], None]]) -> None:
    """Answer from now on, in a thread.

    :param answers: What writes the file in which each question is answered.
    """
    forget_ended(folder)
    own = folder / str(os.getpid())
    pipe = files.make_pipe(own.with_suffix(".ask"))

    def work() -> None:
        while True:
            for question in os.read(pipe, 1024).decode(errors="replace").split():
                if question in answers:
                    answers[question](own.with_suffix(f".{question}"))

    threading.Thread(target=work, name="control", daemon=True).start()


def forget_ended(folder: Path) -> None:
    """Remove what processes that ended have left."""
    for file in folder.glob("[0-9]*.*"):
        try:
            os.kill(int(file.name.partition(".")[0]), 0)
        except OSError:  # it ended; another user's process may have its id now
            file.unlink(missing_ok=True)
