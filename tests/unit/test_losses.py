"""What is said of a server that has lost something."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from samples import project
from serving import patience, wait_for

from flask_modwsgi.apache import processes, state
from flask_modwsgi.apache.state import State
from flask_modwsgi.doctor import check_machine, check_places
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.doctor.finding import Note
from flask_modwsgi.logs import output
from flask_modwsgi.machine import process_table
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import httpd, losses


def test_a_folder_of_logs_that_a_link_led_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what somebody has to put back; the link is still there."""
    own = project(tmp_path / "own")
    own.var.mkdir(exist_ok=True)
    started = State(logs=str(own.logs))
    monkeypatch.setattr(state, "read", lambda root: started)
    monkeypatch.setattr(processes, "apache", lambda root: "one that runs")
    found = (losses.of_logs(started), str(check_places.logs(Facts(own))))
    assert all(told.startswith(f"{own.logs} is gone, and") for told in found)
    own.logs.symlink_to(tmp_path / "disk")
    found = (losses.of_logs(started), str(check_places.logs(Facts(own))))
    beginning = f"{own.logs} leads to {tmp_path}/disk, which is gone, and what is logged is lost"
    assert all(told.startswith(beginning) for told in found)
    (tmp_path / "disk").touch()
    assert losses.of_logs(started) == (
        f"{own.logs} leads to {tmp_path}/disk, which is no folder, and what is logged is lost."
        f" Type mv {own.logs} {own.logs}.$(date +%s) && ./run reload"
    )


def is_stopped(pid: int) -> bool:
    found = process_table.find(pid)
    return found is not None and found.is_stopped


@pytest.mark.parametrize("name", ["Apache", "log writer"])
def test_a_process_that_somebody_has_stopped_is_named(tmp_path: Path, name: str) -> None:
    """Requests wait for ever: for a log writer, as soon as the pipe is full."""
    own = project(tmp_path / "blog")
    root = own.var / "apache"
    root.mkdir(parents=True)
    words = {"Apache": [], "log writer": [output.WRITER, str(own.logs)]}
    started = {
        one: subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)", *more], start_new_session=True
        )
        for one, more in words.items()
    }
    try:
        apache = process_table.find(started["Apache"].pid)
        assert apache
        state.write(root, State(started=time.time(), logs=str(own.logs), pid=apache.pid))
        state.update(root, start=apache.start)
        wait_for(lambda: output.writers(str(own.logs), os.geteuid()), 10, "the log writer")
        assert check_machine.standing_still(root) == ""
        pid = started[name].pid
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: is_stopped(pid), 10, "the end of its work")
        told = check_machine.standing_still(root)
        assert f"process {pid}" in told and (name in told) == (name == "log writer")
        assert told.endswith(f"Type kill -CONT {pid}")
        assert told in losses.of_a_server(own, root, state.read(root), answers=False)
        in_doctor = check_machine.leftovers(Facts(own))
        assert isinstance(in_doctor, Note) and in_doctor == told
        subprocess.run(["sh", "-c", told.rpartition(" Type ")[2]], check=True)
        wait_for(lambda: not is_stopped(pid), 10, "its work")
        assert check_machine.standing_still(root) == ""
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def test_another_user_who_has_to_continue_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = SimpleNamespace(
        pid=7, uid=54321, command=("x). Type  sh evil",), is_stopped=True, parent=1
    )
    monkeypatch.setattr(processes, "apache", lambda root: theirs)
    monkeypatch.setattr(processes, "all_of", lambda root: [theirs])
    monkeypatch.setattr(os, "geteuid", lambda: 54322)
    told = check_machine.standing_still(tmp_path)
    assert "evil" not in told  # processes of the application choose their titles
    assert "process 7." in told and "kill -CONT 7" in told and "#54321" in told
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert check_machine.standing_still(tmp_path).endswith(" Type kill -CONT 7")


@pytest.mark.parametrize("include", ["", "site.conf"])
def test_a_check_that_hangs_is_ended_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, include: str
) -> None:
    """As where a name server does not answer; the start, the restart and the reload wait for it."""
    program = tmp_path / "httpd"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    chosen = SimpleNamespace(start_limit=1, apache_include=include)
    site = SimpleNamespace(settings=chosen, project=SimpleNamespace(root=tmp_path))
    server: Any = SimpleNamespace(
        _installation=SimpleNamespace(httpd=program), site=site, _environ=dict(os.environ)
    )
    monkeypatch.setattr(httpd, "LEAST_CHECK", 0)
    began = time.monotonic()
    with pytest.raises(Problem) as refused:
        httpd.Httpd._ask(server, "-t")
    assert time.monotonic() - began < 60 * patience()
    assert refused.value.slug == "configuration-hangs"
    assert ("APACHE_INCLUDE= ./run" in refused.value.remedy) == bool(include)
    assert refused.value.remedy[-1] == "START_LIMIT=2 ./run"
