"""What is said of a server that is gone, where the system tells less than usual."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import serving
from log_lines import died, stamped
from samples import me, project

from flask_modwsgi.apache import processes, state
from flask_modwsgi.apache.sites import PRODUCTION, Site
from flask_modwsgi.apache.state import State
from flask_modwsgi.config import settings
from flask_modwsgi.logs import events, output
from flask_modwsgi.logs.output import WRITER
from flask_modwsgi.machine import capacity, installation, process_table
from flask_modwsgi.server import answers, health_summary, status
from flask_modwsgi.server.httpd import Httpd

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


def test_what_died_before_a_reload_is_no_loop(tmp_path: Path) -> None:
    loaded = tmp_path / "environment.json"
    loaded.touch()
    log = stamped(*(line for pid in range(10, 15) for line in died(pid, 3)))
    at = events.moment(log[0])
    assert at
    os.utime(loaded, (at - 1, at - 1))
    assert health_summary.is_loop(tmp_path, log)
    os.utime(loaded, (at + 60, at + 60))
    assert not health_summary.is_loop(tmp_path, log)
    loaded.unlink()
    assert health_summary.is_loop(tmp_path, log)


@pytest.mark.parametrize(("mode", "is_loop"), [("", True), ("embedded", True), ("daemon", False)])
def test_processes_of_apache_alone_are_a_loop_but_in_daemon_mode(
    tmp_path: Path, mode: str, is_loop: bool
) -> None:
    """Where the record is lost, the mode is not known."""
    if mode:
        state.write(tmp_path, State(settings={"mode": mode}))
    log = stamped(
        *(line for pid in range(10, 15) for line in died(pid, 11, "Segmentation fault")[:1])
    )
    assert health_summary.is_loop(tmp_path, log) == is_loop


def test_a_server_has_not_died_before_it_runs_nor_when_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "var" / "apache"
    chosen = settings.load({"PORT": str(serving.free_port())})
    site = Site(project(tmp_path), chosen, me(), {}, (), PRODUCTION, root, None, {})
    apache = installation.Installation(Path("apache2"), tmp_path, Path("mod_wsgi.so"))
    monkeypatch.setattr(installation, "here", lambda: apache)
    monkeypatch.setattr(capacity, "allow_open_files", lambda: None)
    monkeypatch.setattr(Httpd, "configure", lambda server: None)
    server, looks = Httpd(site), list[State]()

    def look() -> None:
        looks.append(state.read(root))
        assert health_summary.found(root, None, looks[-1], []) is None

    class Output:
        """In the place of that to a terminal: a process that is no Apache."""

        def popen(self, words: object, **options: object) -> "subprocess.Popen[bytes]":
            look()
            return subprocess.Popen(["sleep", "60"], start_new_session=True)

        def join(self) -> None:
            look()

    monkeypatch.setattr(server, "output", Output())
    kill = os.killpg

    def killed(*group: int) -> None:
        look()
        kill(*group)

    monkeypatch.setattr(os, "killpg", killed)
    server.prepare()
    look()
    server._start()
    running = state.read(root)
    assert server.process
    assert (running.pid, running.stopped) == (server.process.pid, 0.0)
    look()  # by somebody who found no process a moment ago
    server.kill()
    assert len(looks) == 5
    assert not processes.apache(root)


def test_what_a_server_says_at_its_end_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that writes its logs takes a moment longer than Apache."""
    own = project(tmp_path)
    root, log = own.var / "apache", own.logs / "error.log"
    for folder in (root, own.logs):
        folder.mkdir(parents=True)
    ended = replace(gone(), logs=str(own.logs))
    state.write(root, ended)
    now = time.strftime("%Y-%m-%d %H:%M:%S.000000 %z")
    line = f"[{now}] [mpm_event:notice] [pid 7] AH00491: caught SIGTERM, shutting down"
    code = "import sys, time; print(flush=True); time.sleep(0.5); open(sys.argv[3], 'w').write(sys.argv[4] + chr(10))"
    words = [sys.executable, "-c", code, WRITER, str(own.logs), str(log), line]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        writer.stdout.readline()
        wait = output.wait_for_writer  # for longer, as this machine may be busy
        monkeypatch.setattr(
            output, "wait_for_writer", lambda folder, owner, _: wait(folder, owner, 60)
        )
        trouble = status.collect(own)["trouble"]
    assert trouble["text"].startswith("a signal ended it at ")


def test_the_errors_of_a_server_whose_record_is_lost_are_in_its_log(tmp_path: Path) -> None:
    """Where it has one, which has what Apache said when it started."""
    own = project(tmp_path)
    root = own.var / "apache"
    for folder in (root, own.logs):
        folder.mkdir(parents=True)
    code = "import sys, time; print(flush=True); time.sleep(60)"
    words = [sys.executable, "-c", code, "-f", f"{root}/httpd.conf", "-k", "start"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as apache:
        try:
            assert apache.stdout
            apache.stdout.readline()
            assert status.collect(own)["errors"] is None  # it may write to a terminal
            now = time.strftime("%Y-%m-%d %H:%M:%S.999999 %z")
            said = f"[{now}] [mpm_event:notice] [pid 7] AH00489: Apache configured\n"
            said += f"[{now}] [shop:error] [pid 8] KeyError: 'x'\n"
            (own.logs / "error.log").write_text(said)
            (error,) = status.collect(own)["errors"]
            assert error.endswith("KeyError: 'x'")
            # One that is recorded without a folder of logs has its own elsewhere.
            process = process_table.find(apache.pid)
            assert process
            state.write(root, State(started=process.began, pid=process.pid, start=process.start))
            assert status.collect(own)["errors"] is None
        finally:
            apache.kill()


@pytest.mark.parametrize(("is_bound", "limit"), [(True, 0.2), (False, 600)])
def test_how_long_an_answer_was_waited_for(
    is_bound: bool, limit: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application may need longer for its first answer. A port that is closed answers at once."""
    own = project(tmp_path)
    root = own.var / "apache"
    root.mkdir(parents=True)
    monkeypatch.setattr(status, "PROBE_LIMIT", limit)
    code = "import sys, time; print(flush=True); time.sleep(600)"
    words = [sys.executable, "-c", code, "-f", f"{root}/httpd.conf", "-k", "start"]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as apache,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        try:
            assert apache.stdout
            apache.stdout.readline()
            process = process_table.find(apache.pid)
            assert process
            address = f"http://127.0.0.1:{silent.getsockname()[1]}"
            if not is_bound:
                silent.close()
            started = State(started=process.began, pid=process.pid, start=process.start)
            state.write(root, replace(started, address=address, is_alive_at="/alive"))
            found = status.collect(own)
        finally:
            apache.kill()
    assert found["state"] == "not answering"
    said = f"there was no answer from {address}/alive within 0.2 seconds; "
    assert is_bound is any(note.startswith(said) for note in found["notes"])
