"""How much this machine, or the container on it, can do at once."""

import math
import os
import re
import resource
from pathlib import Path

from .files import text_if_any

CGROUP = Path("/sys/fs/cgroup")
# Of each of Apache's children, with 1,024 threads (apache/modes.py): a socket on either side.
OPEN_FILES = 2300
# Seconds for a request to come out of what it is in when it has reached its limit; after that its
# process is replaced.
STUCK_WAIT = 15
FEWEST, MOST = 2, 8  # processes: one may be replaced while the other serves; memory is finite


def cores(cgroup: Path = CGROUP) -> int:
    """The cores this process may use, counting affinity and cgroup limits; at least 1.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files (cpu.max), and
    cpu.cfs_quota_us of version 1.
    """
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        available = os.cpu_count() or 1
    quota = _numbers(cgroup / "cpu.max") or [
        *_numbers(cgroup / "cpu/cpu.cfs_quota_us"),
        *_numbers(cgroup / "cpu/cpu.cfs_period_us"),
    ]
    return max(1, min(available, math.ceil(quota[0] / quota[1]))) if quota[1:] else available


def _numbers(file: Path) -> list[int]:
    """The numbers in the file; none if it is absent, or has "max" or -1 for no limit."""
    return [int(word) for word in text_if_any(file).split() if word.isdecimal()]


def available_memory(cgroup: Path = CGROUP, meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """The bytes of free memory, or the limit if that is less; None if unknown.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files (memory.max), and
    memory.limit_in_bytes of version 1.
    """
    found = _numbers(cgroup / "memory.max") + _numbers(cgroup / "memory/memory.limit_in_bytes")
    left = re.findall(r"^MemAvailable: +(\d+) kB", text_if_any(meminfo), re.MULTILINE)
    found += [int(number) * 1024 for number in left]
    return min(found, default=None)


def most_tasks(cgroup: Path = CGROUP) -> int | None:
    """The processes and threads a container may have; None without a limit."""
    found = _numbers(cgroup / "pids.max") or _numbers(cgroup / "pids/pids.max")
    return found[0] if found else None


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


def connection_threads(processes: int) -> int:
    """The threads of each of Apache's processes that run the application; each may wait for a client."""
    return max(64, 2048 // processes)


def allow_open_files() -> None:
    """Let this process, and what it starts, have as many open files as Apache needs.

    As far as the hard limit allows; the check of ``doctor`` tells when that is too few.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
