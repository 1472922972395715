"""What the kernel knows about the threads of a process that does not answer. Linux only."""

import collections
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

STATES = {"R": "running", "S": "sleeping", "D": "waiting for a device", "T": "stopped"}
SAMPLE = 0.3  # seconds over which the use of the processor is measured


@dataclass(frozen=True)
class Thread:
    """A thread: its state, with the function of the kernel it waits in, and its processor time."""

    state: str
    ticks: int


def threads(pid: int) -> dict[str, Thread]:
    """The threads of a process; empty where there is no ``/proc``, or no such process.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    found = {}
    for folder in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            where = (folder / "wchan").read_text().strip("0")
            state = STATES.get(fields[0], fields[0]) + (f" in {where}" if where else "")
            found[folder.name] = Thread(state, int(fields[11]) + int(fields[12]))
    return found


def account(pid: int) -> list[str]:
    """A line for each kind of thread, such as ``1 thread running, 98 % of a core``."""
    before = threads(pid)
    time.sleep(SAMPLE)
    lines: collections.Counter[str] = collections.Counter()
    for name, thread in threads(pid).items():
        used = thread.ticks - before.get(name, thread).ticks
        share = round(100 * used / os.sysconf("SC_CLK_TCK") / SAMPLE)
        lines[thread.state + (f", {share} % of a core" if share else "")] += 1
    return [f"  {count} thread{'s' * (count > 1)} {line}" for line, count in lines.items()]
