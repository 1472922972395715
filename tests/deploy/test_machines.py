"""A machine that does not come up again fails the test; one that never does skips it."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

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
