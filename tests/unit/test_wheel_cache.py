"""Wheels that are kept for the next project."""

from dataclasses import replace
from pathlib import Path

import pytest
from samples import complete_python

from flask_modwsgi.machine import capacity
from flask_modwsgi.setup import apaches, wheel_cache


def test_a_wheel_is_for_one_state_of_one_machine(tmp_path: Path) -> None:
    python = complete_python(tmp_path)
    apache = apaches.Apache("system", "2.4.62", Path("/usr/bin/apxs"))
    keys = {
        wheel_cache.key(apache, python),
        wheel_cache.key(replace(apache, version="2.4.63"), python),
        wheel_cache.key(replace(apache, apxs=Path("/opt/bin/apxs")), python),
        wheel_cache.key(apaches.Apache("bundled", "2.4.62"), python),
        wheel_cache.key(apache, replace(python, version=(3, 12, 2))),
        wheel_cache.key(apache, replace(python, path=Path("/opt/python3"))),
        wheel_cache.key(apache, replace(python, soabi="cpython-312d")),
    }
    assert len(keys) == 7
    assert wheel_cache.key(apache, python) in keys


def test_jobs_are_as_many_as_memory_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "cores", lambda: 64)
    for memory, jobs in ((1_600_000_000, 2), (1_700_000_000, 3), (1_000_000, 1), (None, 64)):
        monkeypatch.setattr(capacity, "available_memory", lambda memory=memory: memory)
        assert wheel_cache.jobs() == jobs
