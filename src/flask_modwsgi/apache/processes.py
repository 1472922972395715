"""Finds and marks the processes of this project's Apache."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import psutil

from .. import problems


def end_with_parent() -> None:
    """Have Linux send SIGTERM to this process when its parent is gone (``man 2 prctl``)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def refuse_a_second(root: Path) -> None:
    """Apache would say "already running" of any process whose id an old file holds, and exit 0.

    :raises Problem: the Apache of this server root is running.
    """
    if process := apache(root):
        raise problems.already_running(process.pid)
    (root / "httpd.pid").unlink(missing_ok=True)


def apache(root: Path) -> psutil.Process | None:
    """The parent process of the Apache with this server root, if it runs.

    Looks for the configuration file in command lines: process ids are used again, and the
    folder with the pid file may be gone.
    """
    ours = all_of(root)
    above = {process.info["ppid"] for process in ours}
    return next((process for process in ours if process.pid in above), None)


def all_of(root: Path) -> list[psutil.Process]:
    """Every process of the Apache with this server root, orphans included."""
    file = str(root / "httpd.conf")
    return [
        process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if file in (words := process.info["cmdline"] or []) and "-k" in words
    ]


def wait_until_gone(root: Path, seconds: float) -> None:
    """Wait for every process of this server root to end, but no longer than `seconds`.

    Goes by command lines, which a zombie has none of: in a container whose first process is no
    init, nobody collects what an ended Apache leaves.
    """
    deadline = time.monotonic() + seconds
    while all_of(root) and time.monotonic() < deadline:
        time.sleep(0.05)


def end(pid: int, root: Path, grace: float) -> None:
    """End the Apache of this server root, which leads its session with process id `pid`.

    Requests under way may finish for `grace` seconds: SIGWINCH is Apache's graceful stop. Then all
    its processes get a SIGTERM at once; Apache itself would take ten seconds to tell them all.
    mod_wsgi gives a stuck one five seconds to end.
    """
    graceful, forced = (os.kill, signal.SIGWINCH, grace), (os.killpg, signal.SIGTERM, 6.0)
    for tell, number, seconds in (graceful, forced):
        if seconds and all_of(root):
            with contextlib.suppress(ProcessLookupError):
                tell(pid, number)
            wait_until_gone(root, seconds)
    kill(root)


def kill(root: Path) -> None:
    """End every process of this server root that is still there, at once."""
    for process in all_of(root):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            process.kill()
    wait_until_gone(root, 5)


def daemons(pid: int, app_name: str) -> list[psutil.Process]:
    """The processes that run the application, of the Apache with process id `pid`."""
    title = f"(wsgi:{app_name})"
    try:
        children = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []
    return [child for child in children if _title(child).startswith(title)]


def children_of(parent: psutil.Process) -> list[psutil.Process]:
    """Its children; none where it has just ended."""
    try:
        return parent.children()
    except psutil.Error:
        return []


def is_ready(daemon: psutil.Process, root: Path) -> bool:
    """Whether the process has loaded the application: it reports then, in its server root."""
    try:
        written = (root / "workers" / f"{daemon.pid}.json").stat().st_mtime
        return written >= daemon.create_time() - 1
    except (OSError, psutil.Error):
        return False


def ages_of_ready(running: list[psutil.Process], root: Path) -> list[float]:
    """For how long those of the processes live that have loaded the application, in seconds."""
    ages = []
    for process in running:
        with contextlib.suppress(psutil.Error):
            if is_ready(process, root):
                ages.append(time.time() - process.create_time())
    return ages


def _title(process: psutil.Process) -> str:
    """The first word of a process's command line; empty for one that has just ended."""
    try:
        return (process.cmdline() or [""])[0]
    except psutil.Error:
        return ""
