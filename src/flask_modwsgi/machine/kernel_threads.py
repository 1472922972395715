"""What the kernel says of the threads of a process that says nothing itself. Linux only."""

import collections
import os
import time
from dataclasses import dataclass
from pathlib import Path

STATES = {"R": "running", "S": "sleeping", "D": "waiting for a device", "T": "stopped"}
SAMPLE = 0.3  # seconds over which the use of the processor is measured


@dataclass(frozen=True)
class Thread:
    """One thread: its state, the function of the kernel it waits in, its processor time."""

    state: str
    where: str
    ticks: int


def threads(pid: int) -> dict[str, Thread]:
    """The threads of a process; empty where there is no ``/proc``, or no such process.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    found = {}
    for folder in Path(f"/proc/{pid}/task").glob("*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            where = (folder / "wchan").read_text()
        except OSError:
            continue
        state = STATES.get(fields[0], fields[0])
        found[folder.name] = Thread(state, where.strip("0"), int(fields[11]) + int(fields[12]))
    return found


def account(pid: int) -> list[str]:
    """A line for each kind of thread, such as ``1 thread running, 98 % of a core``."""
    before = threads(pid)
    time.sleep(SAMPLE)
    lines: collections.Counter[str] = collections.Counter()
    for name, thread in threads(pid).items():
        used = thread.ticks - before[name].ticks if name in before else 0
        share = round(100 * used / os.sysconf("SC_CLK_TCK") / SAMPLE)
        where = f" in {thread.where}" if thread.where else ""
        lines[f"{thread.state}{where}" + (f", {share} % of a core" if share else "")] += 1
    return [f"  {count} thread{'s' * (count > 1)} {line}" for line, count in lines.items()]
