"""Wheels that are kept for the next project."""

import fcntl
import json
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from samples import complete_python

from flask_modwsgi.config.project import Project
from flask_modwsgi.machine import capacity, lock_files
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import apaches, wheel_cache
from flask_modwsgi.setup.plan import Plan
from flask_modwsgi.setup.progress import Progress


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_installs_no_wheel_that_others_can_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, own = tmp_path / "theirs", Project(tmp_path / "blog")
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    monkeypatch.setenv("XDG_CACHE_HOME", str(theirs))
    apache, python = apaches.Apache("bundled", "2.4.62"), complete_python(tmp_path)
    kept = own.var / "cache" / "wheels" / wheel_cache.key(apache, python)
    kept.mkdir(parents=True)
    wheel = kept / "mod_wsgi.whl"
    wheel.write_bytes(b"code")
    record = {wheel.name: wheel_cache.sha256(wheel)}
    (kept / "wheels.json").write_text(json.dumps(record))
    assert wheel_cache.cached(own, apache, python) == [wheel]
    for path in (own.var / "cache", kept, wheel):
        os.chown(path, 65534, 65534)
        with pytest.raises(Problem, match="project-untrusted") as refused:
            wheel_cache.cached(own, apache, python)
        os.chown(path, 0, 0)
    # Given to root, it would be trusted with the hashes that the other user wrote.
    remove, _, setup = refused.value.remedy[0].partition(" && ")
    assert setup == "./run setup"
    subprocess.run(remove, shell=True, check=True)
    assert not wheel.exists()
    assert wheel_cache.cached(own, apache, python) == []


def test_nobody_else_can_keep_a_setup_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user has no home to write to, so the cache is in the project, which everyone can read."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    own = Project(tmp_path / "blog")
    own.var.mkdir(parents=True)
    python = complete_python(tmp_path)
    plan = Plan(own, python, apaches.Apache("system", "2.4.62"), False, False)
    lock = own.var / "cache/wheels" / f"{wheel_cache.key(plan.apache, python)}.lock"
    modes: list[int] = []
    holders: list[str] = []

    def kept(plan: Plan) -> list[Path]:
        modes.append(stat.S_IMODE(lock.stat().st_mode))
        holders.append(lock.read_text())
        return [tmp_path]

    monkeypatch.setattr(wheel_cache, "kept", kept)
    assert wheel_cache.obtain(plan, tmp_path, Progress(["x"])) == [tmp_path]
    assert modes == [0o600]
    assert holders == [str(os.getpid())]  # so that also a system without /proc knows who has it
    assert stat.S_IMODE((own.var / "cache").stat().st_mode) == 0o700


def test_a_setup_says_for_whom_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(wheel_cache, "PATIENCE", 0.1)
    python = complete_python(tmp_path)
    plan = Plan(Project(tmp_path), python, apaches.Apache("system", "2.4.62"), False, False)
    folder = wheel_cache.cache_folder(plan.project) / "wheels"
    folder.mkdir(parents=True)
    monkeypatch.setattr(lock_files, "_holder", lambda file: "unknown")
    lock = folder / f"{wheel_cache.key(plan.apache, python)}.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Problem, match="lock-held") as refused:
            wheel_cache.obtain(plan, tmp_path, Progress(["x"]))
    # It may be the setup of another project.
    assert refused.value.what == (
        "Another ./run command of this user is building mod_wsgi: process unknown."
    )
    assert refused.value.remedy == (f"fuser -v {lock}",)
    assert "waiting for another ./run" in capsys.readouterr().out


def test_jobs_are_as_many_as_memory_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "cores", lambda: 64)
    for memory, jobs in ((1_600_000_000, 2), (1_700_000_000, 3), (1_000_000, 1), (None, 64)):
        monkeypatch.setattr(capacity, "available_memory", lambda memory=memory: memory)
        assert wheel_cache.jobs() == jobs
