"""Finds and marks the processes of this project's Apache."""

import ctypes
import signal
import sys
from pathlib import Path

import psutil

from . import problems


def end_with_parent() -> None:
    """Have Linux send SIGTERM to this process when its parent is gone (``man 2 prctl``)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def refuse_a_second(root: Path) -> None:
    """Apache would say "already running" of any process whose id an old file holds, and exit 0.

    :raises Problem: the Apache of this server root is running.
    """
    pid_file = root / "httpd.pid"
    try:
        process = psutil.Process(int(pid_file.read_text()))
        ours = str(root / "httpd.conf") in process.cmdline()
    except (OSError, ValueError, psutil.Error):
        ours = False
    if ours:
        raise problems.already_running(process.pid)
    pid_file.unlink(missing_ok=True)


def daemons(pid: int, app_name: str) -> list[psutil.Process]:
    """The processes that run the application, of the Apache with process id `pid`."""
    title = f"(wsgi:{app_name})"
    return [child for child in psutil.Process(pid).children() if _title(child).startswith(title)]


def _title(process: psutil.Process) -> str:
    """The first word of a process's command line; empty for one that has just ended."""
    try:
        return (process.cmdline() or [""])[0]
    except psutil.Error:
        return ""
