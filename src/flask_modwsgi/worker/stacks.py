"""Where each thread of this process is, written when ``./run dump`` asks for it."""

import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mod_wsgi  # type: ignore[import-not-found]  # exists only within Apache

from ..machine import files

# mod_wsgi takes the others for itself. By default this one is ignored, so it harms no process
# that does not listen yet.
ALARM = signal.SIGURG


def listen(folder: Path) -> None:
    """Answer `./run dump` from now on, in files of `folder`.

    SIGUSR2 is answered in Python. A thread that holds the interpreter's lock prevents that; then
    `ALARM` is answered without the lock, which is safe then because nothing else moves.
    https://docs.python.org/3/library/faulthandler.html#faulthandler.register
    """
    forget_ended(folder)
    file = (folder / f"{os.getpid()}.stuck").open("w")
    faulthandler.register(ALARM, file=file, all_threads=True)

    def on_signal(*event: Any, **details: Any) -> None:
        if details.get("signame") == "SIGUSR2":
            write(folder / f"{os.getpid()}.stacks")

    mod_wsgi.subscribe_signals(on_signal)


def write(file: Path) -> None:
    """Write the stack and the request of every thread, but for the one that writes."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    at_work = {
        data["work"].thread: asdict(data["work"])
        for data in list(mod_wsgi.active_requests.values())
        if "work" in data
    }
    threads = [
        {
            "name": names.get(ident, "?"),
            "request": at_work.get(ident),
            # File, line, function and source of each call, the innermost last.
            "calls": [list(call) for call in traceback.extract_stack(frame)],
        }
        for ident, frame in sys._current_frames().items()
        if ident != threading.get_ident()
    ]
    files.write(file, json.dumps({"time": time.time(), "threads": threads}))


def forget_ended(folder: Path) -> None:
    """Remove what processes that ended have reported."""
    for file in folder.glob("[0-9]*.*"):
        try:
            os.kill(int(file.name.partition(".")[0]), 0)
        except OSError:  # it ended; another user's process may have its id now
            file.unlink(missing_ok=True)
