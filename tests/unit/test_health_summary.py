"""What is said of a server that is gone, where the system tells less than usual."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_modwsgi.apache.state import State
from flask_modwsgi.machine import process_table
from flask_modwsgi.server import answers, health_summary

HOUR = 3600


def told(root: Path, started: State) -> str:
    found = health_summary.found(root, None, started, [])
    return found["text"] if found else ""


def gone() -> State:
    """It was started by this process, which shares its boot, and has ended since."""
    me = process_table.find(os.getpid())
    assert me
    return State(started=time.time() - 60, pid=2**22 + 1, start=me.start)


@pytest.mark.skipif(not Path("/proc/sys").exists(), reason="only Linux names a boot")
def test_a_clock_that_is_set_is_no_restart_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of the boot follows the clock: a machine without one of its own has it set late."""
    now = time.time()
    monkeypatch.setattr(process_table, "booted", lambda: now + HOUR)
    assert "was killed" in told(tmp_path, gone())
    other = State(started=now - 60, pid=2**22 + 1, start="another-boot/100")
    assert "the machine restarted" in told(tmp_path, other)


def test_where_a_stop_cannot_be_recorded_it_is_not_taken_for_a_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "was killed" in told(tmp_path, gone())
    disk = SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=1, f_files=1, f_favail=1)
    monkeypatch.setattr(os, "statvfs", lambda path: disk)
    assert told(tmp_path, gone()) == ""
    assert "is mounted read-only" in answers.why_silent(tmp_path)
