"""A machine that does not come up again fails the test; one that never does skips it."""

import os
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from serving import can_unshare, wait_for

from .machines import Machine


def test_a_machine_that_stays_away_after_a_reboot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = SimpleNamespace(wait=lambda _: 133, poll=lambda: 1)
    said = subprocess.CompletedProcess((), 1, "offline\n", "")
    monkeypatch.setattr(Machine, "call", lambda *_, **__: said)
    monkeypatch.setattr(Machine, "_cgroups", lambda _: [])
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: ended)
    machine = Machine("away", tmp_path, tmp_path / "console", "192.0.2.1", [ended])  # type: ignore[list-item]
    with pytest.raises((AssertionError, pytest.skip.Exception), match="offline") as told:
        machine.reboot()
    assert told.type is AssertionError


@pytest.mark.parametrize(
    ("command", "is_machine"),
    [
        ("exec unshare --pid --fork --kill-child sleep 60", True),
        ("sleep 60 & wait", False),
        ("unshare --pid --fork --kill-child sleep 60 & sleep 60 & wait", False),
    ],
)
def test_its_leader_is_the_first_process_of_a_namespace(
    tmp_path: Path, command: str, is_machine: bool
) -> None:
    if not can_unshare("--pid", "--fork"):
        pytest.skip("no namespaces here")
    with subprocess.Popen(["sh", "-c", command], start_new_session=True) as process:
        try:
            machine = Machine("away", tmp_path, tmp_path / "console", "192.0.2.1", [process])
            below = psutil.Process(process.pid)
            started = command.count("sleep")
            wait_for(lambda: sleeping(below) == started, 20, "what it starts")
            leader = str(below.children()[0].pid) if is_machine else ""
            assert machine._leader == leader
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def sleeping(parent: psutil.Process) -> int:
    return sum(child.name() == "sleep" for child in parent.children(recursive=True))
