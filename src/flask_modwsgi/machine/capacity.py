"""How much this machine, or the container on it, can do at once."""

import math
import os
import re
import resource
import sys
from pathlib import Path

from .control_groups import GROUPS, PROC, folders
from .files import text_if_any

# Of each of Apache's children, with 1,024 threads (apache/modes.py): a socket on either side.
OPEN_FILES = 2300
# Seconds for a request to come out of what it is in when it has reached its limit; after that its
# process is replaced.
STUCK_WAIT = 15
CONNECTIONS = range(256, 2049)
FEWEST, MOST = 2, 8  # processes: one may be replaced while the other serves; memory is finite


def cores(proc: Path = PROC, groups: Path = GROUPS) -> int:
    """The cores this process may use, counting affinity and limits of control groups; at least 1.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files (cpu.max), and
    cpu.cfs_quota_us of version 1.
    """
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        available = os.cpu_count() or 1
    quotas = [
        _numbers(group / "cpu.max")
        or [*_numbers(group / "cpu.cfs_quota_us"), *_numbers(group / "cpu.cfs_period_us")]
        for group in folders("cpu", proc, groups)
    ]
    limits = [math.ceil(quota[0] / quota[1]) for quota in quotas if quota[1:]]
    return max(1, min([available, *limits]))


def _numbers(file: Path) -> list[int]:
    """The numbers in the file; none if it is absent, or has "max" or -1 for no limit."""
    return [int(word) for word in text_if_any(file).split() if word.isdecimal()]


def available_memory(proc: Path = PROC, groups: Path = GROUPS) -> int | None:
    """The bytes of free memory, or the limit if that is less; None if unknown.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files (memory.max), and
    memory.limit_in_bytes of version 1.
    """
    return _memory("MemAvailable", proc, groups)


def _memory(field: str, proc: Path, groups: Path) -> int | None:
    """The least of a field of /proc/meminfo and the limits of the control groups, in bytes."""
    found = [
        number
        for group in folders("memory", proc, groups)
        for name in ("memory.max", "memory.limit_in_bytes")
        for number in _numbers(group / name)
    ]
    of_machine = re.findall(rf"^{field}: +(\d+) kB", text_if_any(proc / "meminfo"), re.MULTILINE)
    found += [int(number) * 1024 for number in of_machine]
    return min(found, default=None)


def most_tasks(proc: Path = PROC, groups: Path = GROUPS) -> tuple[int, str] | None:
    """The processes and threads the control groups allow, and which one; None without a limit."""
    found = [
        (number, group.name)
        for group in folders("pids", proc, groups)
        for number in _numbers(group / "pids.max")
    ]
    return min(found, default=None)


def processes() -> int:
    """One for each core, but never fewer than two."""
    return min(MOST, max(FEWEST, cores()))


def place_wait(limit: int) -> int:
    """The seconds a request waits for a thread of the application; then it gets a 503.

    :param limit: Of the application's work for a request, in seconds.
    """
    return min(limit, 10)


def client_threads(processes: int, threads: int) -> int:
    """The threads of a process that deal with clients, most of which wait for slow ones.

    :param threads: Those that run the application, see `worker.pool`.
    """
    return max(256 // processes, 2 * threads)


def connections(proc: Path = PROC, groups: Path = GROUPS) -> int:
    """As many as Apache serves at once: one for each 256 KB of memory, from 256 to 2,048."""
    memory = _memory("MemTotal", proc, groups) or sys.maxsize
    return min(CONNECTIONS[-1], max(CONNECTIONS[0], memory // (256 * 1024)))


def allow_open_files() -> None:
    """Let this process, and what it starts, have as many open files as Apache needs.

    As far as the hard limit allows; the check of ``doctor`` tells when that is too few.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
