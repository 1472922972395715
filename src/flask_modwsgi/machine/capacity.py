"""How much this machine, or the container on it, can do at once."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
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
    quota = _quota(cgroup / "cpu.max") or _quota_v1(cgroup / "cpu")
    return max(1, min(available, math.ceil(quota))) if quota else available


def _quota(file: Path) -> float | None:
    try:
        quota, period = file.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # absent, or "max"
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        return quota / int((folder / "cpu.cfs_period_us").read_text()) if quota > 0 else None
    except (OSError, ValueError):
        return None


def available_memory(cgroup: Path = CGROUP, meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """The bytes of memory that are left, or may be used in all if that is less; None if unknown.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files (memory.max), and
    memory.limit_in_bytes of version 1.
    """
    found = [_integer(cgroup / "memory.max"), _integer(cgroup / "memory/memory.limit_in_bytes")]
    try:
        lines = meminfo.read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail")]
    except (OSError, ValueError):
        pass
    return min((number for number in found if number is not None), default=None)


def most_tasks(cgroup: Path = CGROUP) -> int | None:
    """The processes and threads a container may have; None without a limit."""
    version_2, version_1 = _integer(cgroup / "pids.max"), _integer(cgroup / "pids/pids.max")
    return version_2 if version_2 is not None else version_1


def _integer(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # absent, or "max"
        return None


def processes() -> int:
    """One for each core, but never fewer than two."""
    return min(MOST, max(FEWEST, cores()))


def request_timeout(limit: int, threads: int) -> int:
    """mod_wsgi's request-timeout that ends a stuck request after `limit` seconds, not before.

    mod_wsgi multiplies it by 1 + ln(threads) (wsgi_daemon.c, wsgi_request_fire_threshold).
    """
    return math.ceil(limit / (1 + math.log(threads)))


def effective_limit(limit: int, threads: int) -> float:
    """The seconds after which mod_wsgi really ends a stuck request."""
    return request_timeout(limit, threads) * (1 + math.log(threads))
