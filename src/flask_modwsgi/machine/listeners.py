"""Who holds a socket that root has opened to listen; on Linux alone."""

import contextlib
import os
from pathlib import Path

from .files import text_if_any

_PROC = Path("/proc")
_LISTENS = "0A"  # TCP_LISTEN


def of_root() -> set[str]:
    """The TCP sockets that root opened to listen, as links in ``/proc/PID/fd`` name them.

    https://man7.org/linux/man-pages/man5/proc_pid_net.5.html
    """
    rows = (
        row.split()
        for name in ("tcp", "tcp6")
        for row in text_if_any(_PROC / "net" / name).splitlines()[1:]
    )
    return {
        f"socket:[{row[9]}]" for row in rows if row[9:] and row[3] == _LISTENS and row[7] == "0"
    }


def holds(pid: int, sockets: set[str]) -> bool:
    """Whether a process has one of the sockets open, as far as this user may know."""
    with contextlib.suppress(OSError):  # it has just ended, or is closed to this user
        for file in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):  # it was closed meanwhile
                if os.readlink(file) in sockets:
                    return True
    return False
