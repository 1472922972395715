"""What a process does if it cannot load the application, while others can.

mod_wsgi would have it answer its share of the requests with an error 500. So it accepts none; after
a while it makes room for a process that tries again.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from ..machine import files
from . import app_logging, control, native

NEXT_TRY = 30.0  # seconds


def wait(folder: Path, is_outdated: Callable[[], bool], seconds: float = NEXT_TRY) -> None:
    """Return when no other process serves; otherwise end this process.

    :param folder: Where the processes of this server report.
    :param is_outdated: Whether a reload has begun, so that there is something new to load.
    """
    error = sys.exception()
    reason = "".join(traceback.format_exception_only(error)).strip()
    files.write(folder / f"{os.getpid()}.unloaded", reason)  # apache/processes.py reads it
    parent, until = os.getppid(), time.monotonic() + seconds
    is_told = False
    while not is_outdated() and time.monotonic() < until and os.getppid() == parent:
        serves = any(map(control.is_alive, control.named(folder, "report")))
        # A reload sends away those that serve, after there is something new to load.
        if not serves and not is_outdated():
            return
        if not is_told:
            app_logging.LOGGER.error("the application cannot be loaded", exc_info=error)
            is_told = True
        native.sleep(0.2)
    app_logging.LOGGER.warning("this process ends, so that another one tries again")
    control.forget(folder, os.getpid())
    os._exit(0)
