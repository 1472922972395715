"""How much of the machine a process may use, by its control groups."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from flask_modwsgi.machine import capacity

CORES, MEMORY = 16, 2048 * 1024  # of the machine; memory in bytes
Limits = Callable[[list[str], Mapping[str, str]], tuple[int, int | None, object]]


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Limits:
    """What is seen: cores, memory, and tasks with the name of the group that limits them.

    It takes the rows of /proc/self/cgroup, and files of control groups by their path.
    """
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(CORES)), raising=False)
    proc, groups = tmp_path / "proc", tmp_path / "groups"

    def seen(rows: list[str], files: Mapping[str, str]) -> tuple[int, int | None, object]:
        (proc / "self").mkdir(parents=True, exist_ok=True)
        (proc / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:  {MEMORY // 1024} kB\n")
        (proc / "self" / "cgroup").write_text("".join(f"{row}\n" for row in rows))
        for name, text in files.items():
            (groups / name).parent.mkdir(parents=True, exist_ok=True)
            (groups / name).write_text(f"{text}\n")
        memory = capacity.available_memory(proc, groups)
        return capacity.cores(proc, groups), memory, capacity.most_tasks(proc, groups)

    return seen


def files(folder: str, cpu: str, memory: str, tasks: str) -> dict[str, str]:
    return {f"{folder}cpu.max": cpu, f"{folder}memory.max": memory, f"{folder}pids.max": tasks}


def test_limits_of_a_systemd_unit(limits: Limits) -> None:
    """On a host, the outermost group has no such files."""
    rows, unit = ["0::/system.slice/blog.service"], "system.slice/blog.service/"
    assert limits(rows, {}) == (CORES, MEMORY, None)
    assert limits(rows, files(unit, "max 100000", "max", "max")) == (CORES, MEMORY, None)
    wide = files(unit, "150000 100000", "1000000", "77")
    assert limits(rows, wide) == (2, 1000000, (77, "blog.service"))
    narrow = files("system.slice/", "100000 100000", "900000", "66")
    assert limits(rows, narrow) == (1, 900000, (66, "system.slice"))


@pytest.mark.parametrize(("own", "seen_at"), [("", ""), ("docker/1", "docker/1/"), ("unseen", "")])
def test_limits_of_a_container(limits: Limits, own: str, seen_at: str) -> None:
    assert limits([f"0::/{own}"], files(seen_at, "200000 100000", "5", "66"))[:2] == (2, 5)
    rows = [f"{name}:/{own}" for name in ("4:pids", "3:memory", "2:cpu,cpuacct", "1:name=systemd")]
    old = {
        f"cpu/{seen_at}cpu.cfs_quota_us": "300000",
        f"cpu/{seen_at}cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": "9223372036854771712",
        f"memory/{seen_at}memory.limit_in_bytes": "4",
        f"pids/{seen_at}pids.max": "55",
    }
    cores, memory, tasks = limits(rows, old)
    assert (cores, memory) == (3, 4)
    assert "55" in str(tasks)


def test_a_system_without_control_groups() -> None:
    nowhere = Path("/nonexistent")
    assert capacity.cores(nowhere, nowhere) >= 1
    assert capacity.available_memory(nowhere, nowhere) is None
    assert capacity.most_tasks(nowhere, nowhere) is None


@pytest.mark.parametrize(
    ("machine", "limit", "expected"),
    [(16, "max", 2048), (16, 512, 2048), (16, 256, 1024), (16, 20, 256), (0.125, "max", 512)],
)
def test_connections_follow_from_memory(
    tmp_path: Path, machine: float, limit: str | int, expected: int
) -> None:
    """:param machine: Its memory, in GB.
    :param limit: Of the control group, in MB.
    """
    (tmp_path / "self").mkdir()
    (tmp_path / "self/cgroup").write_text("0::/\n")
    (tmp_path / "meminfo").write_text(f"MemTotal: {int(machine * 2**20)} kB\nMemAvailable: 9 kB\n")
    most = limit * 2**20 if isinstance(limit, int) else limit
    (tmp_path / "memory.max").write_text(f"{most}\n")
    assert capacity.connections(tmp_path, tmp_path) == expected
