"""The processes of this machine, as the kernel or ``ps`` lists them; the standard library alone.

Verbs that end a server must work when the environment and all its packages are gone.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .files import text_if_any

_PROC = Path("/proc")
_COLUMNS = ("pid", "ppid", "ruid", "stat", "rss", "time", "lstart", "command")


@dataclass(frozen=True)
class Process:
    """A process, as it was when it was looked at. Two are equal if they are the same process.

    A process id is used again after its process has ended; `start` is the start time as the system
    gives it, which tells the two apart, also after the machine was restarted.
    """

    pid: int
    start: str
    parent: int = field(compare=False)
    session: int = field(compare=False)
    uid: int = field(compare=False)
    command: tuple[str, ...] = field(compare=False)
    began: float = field(compare=False)  # seconds since 1970
    memory: int = field(compare=False)  # bytes that are resident
    processor: float = field(compare=False)  # seconds of processor time
    is_stopped: bool = field(default=False, compare=False)  # as by SIGSTOP


def find(pid: int) -> Process | None:
    """The process with this id; None if it has ended, or is a zombie."""
    return next(_listed(pid), None)


def running(session: int | None = None) -> list[Process]:
    """Every process but zombies, or those of one session."""
    return list(_listed(session=session))


def send(process: Process, number: int) -> bool:
    """Send a signal; return whether the process was still there.

    :raises PermissionError: it belongs to another user.
    """
    with contextlib.suppress(ProcessLookupError):
        if find(process.pid) == process:
            os.kill(process.pid, number)
            return True
    return False


def booted() -> float:
    """When the machine started, in seconds since 1970; 0 where the system does not say."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    first = find(1)
    return first.began if first else 0.0


def is_of_this_boot(start: str) -> bool:
    """Whether the machine has certainly not been restarted since a process began.

    :param start: `Process.start`. The time of the boot tells less, because clocks are set.
    """
    return bool(_boot_id()) and start.startswith(f"{_boot_id()}/")


def _listed(pid: int | None = None, session: int | None = None) -> Iterator[Process]:
    if (_PROC / "self" / "stat").exists():
        names = [str(pid)] if pid else filter(str.isdecimal, os.listdir(_PROC))
        found = (_of_proc(_PROC / name, session) for name in names)
    else:
        found = (_of_ps(row) for row in _ask_ps(*(["-p", str(pid)] if pid else ["-A"])))
    return (one for one in found if one and session in (None, one.session))


def _of_proc(folder: Path, session: int | None) -> Process | None:
    """Of Linux. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html

    :param session: If it is in another one, return None and read no more.
    """
    try:
        fields = (folder / "stat").read_bytes().rpartition(b") ")[2].split()
        if fields[0] in (b"Z", b"X") or session not in (None, int(fields[3])):
            return None
        status = (folder / "status").read_text(errors="replace")
        command = os.fsdecode((folder / "cmdline").read_bytes())
    except (OSError, IndexError):  # it has just ended
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    return Process(
        pid=int(folder.name),
        start=f"{_boot_id()}/{int(fields[19])}",
        parent=int(fields[1]),
        session=int(fields[3]),
        uid=int(status.partition("\nUid:")[2].split()[0]),
        command=tuple(command.rstrip("\0").split("\0")),
        began=booted() + int(fields[19]) / ticks,
        memory=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        processor=(int(fields[11]) + int(fields[12])) / ticks,
        is_stopped=fields[0] == b"T",
    )


@cache
def _boot_id() -> str:
    return text_if_any(_PROC / "sys/kernel/random/boot_id").strip()


def _ask_ps(*which: str) -> list[str]:
    """A row for each process. https://man.freebsd.org/cgi/man.cgi?ps(1)"""
    columns = [word for name in _COLUMNS for word in ("-o", f"{name}=")]
    words = ["ps", "-ww", *which, *columns]
    try:
        done = subprocess.run(words, capture_output=True, env=os.environ | {"LC_ALL": "C"})
    except OSError:
        return []
    return os.fsdecode(done.stdout).splitlines()


def _of_ps(row: str) -> Process | None:
    words = row.split()
    try:
        pid, parent, uid, memory = (int(words[place]) for place in (0, 1, 2, 4))
        if words[3].startswith("Z"):
            return None
        start = " ".join(words[6:11])
        began = time.mktime(time.strptime(start, "%a %b %d %H:%M:%S %Y"))
        session = os.getsid(pid)
        processor = _seconds(words[5])
    except (OSError, ValueError, IndexError):  # it has just ended, or this is no row of ps
        return None
    return Process(
        *(pid, start, parent, session, uid, tuple(words[11:])),
        *(began, memory * 1024, processor, words[3].startswith("T")),
    )


def _seconds(text: str) -> float:
    """Of ``2-03:04:05`` or ``3:04.05``."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return int(days or 0) * 86400 + seconds
