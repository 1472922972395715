"""The stack of each thread of this process, for ``./run dump``."""

import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..machine import files
from . import native

# mod_wsgi takes others for itself. By default this one is ignored, so it harms no process that
# does not listen yet.
ALARM = signal.SIGURG


def answer_alarm(folder: Path) -> None:
    """Answer `ALARM` from now on, in a file of `folder`, also when Python cannot run.

    A thread that holds the interpreter's lock prevents every other answer; this one does without
    the lock, which is safe then because nothing else moves.
    https://docs.python.org/3/library/faulthandler.html#faulthandler.register
    """
    file = (folder / f"{os.getpid()}.stuck").open("w")
    faulthandler.register(ALARM, file=file, all_threads=True)


def write(file: Path, requests: Callable[[], dict[int, Any]] = dict) -> None:
    """Write the stack and the request of every thread, but for the one that writes.

    :param requests: Tells those of the threads that are at one, by thread.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()} | native.names
    at_work = requests()
    threads = [
        {
            "name": names.get(ident, "?"),
            "request": at_work.get(ident),
            # File, line, function and source of each call, the innermost last.
            "calls": [list(call) for call in traceback.extract_stack(frame)],
        }
        for ident, frame in sys._current_frames().items()
        if ident != native.get_ident()
    ]
    files.write(file, json.dumps({"time": time.time(), "threads": threads}))
