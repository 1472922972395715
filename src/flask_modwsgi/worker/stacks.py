"""Where each thread of this process is, written when ``./run dump`` asks for it."""

import faulthandler
import itertools
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import mod_wsgi  # type: ignore[import-not-found]  # exists only within Apache

# mod_wsgi takes the others for itself. By default this one is ignored, so it harms no process
# that does not listen yet.
ALARM = signal.SIGURG
_counted = itertools.count()
_requests = 0


def requests() -> int:
    """How many requests this process has taken."""
    return _requests


def noted(application: Any) -> Any:
    """`application`, with a note of which thread works on which request and since when."""

    def note(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        global _requests
        _requests = next(_counted) + 1
        mod_wsgi.request_data()["work"] = {
            "id": environ.get("REQUEST_ID", ""),
            "thread": threading.get_ident(),
            "since": time.time(),
            "method": environ["REQUEST_METHOD"],
            "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"],
        }
        answer: Iterable[bytes] = application(environ, start_response)
        return answer

    return note


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
        data["work"]["thread"]: data["work"]
        for data in list(mod_wsgi.active_requests.values())
        if "work" in data
    }
    threads = [
        {
            "name": names.get(ident, "?"),
            "request": at_work.get(ident),
            "calls": calls(frame),
        }
        for ident, frame in sys._current_frames().items()
        if ident != threading.get_ident()
    ]
    part = file.with_suffix(".part-stacks")
    part.write_text(json.dumps({"time": time.time(), "threads": threads}), encoding="utf-8")
    part.replace(file)


def calls(frame: FrameType) -> list[tuple[str, int, str, str]]:
    """File, line, function and source of each call, the innermost last."""
    return [
        (entry.filename, entry.lineno or 0, entry.name, entry.line or "")
        for entry in traceback.extract_stack(frame)
    ]


def forget_ended(folder: Path) -> None:
    """Remove what processes that ended have reported."""
    for file in folder.glob("[0-9]*.*"):
        try:
            os.kill(int(file.name.partition(".")[0]), 0)
        except (ProcessLookupError, OverflowError):
            file.unlink(missing_ok=True)
        except (PermissionError, ValueError):
            continue
