"""What a server meets in years: full disks, killed processes, containers, odd environments."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from load import load
from serving import Project, ask, can_unshare, free_port, patience, running, survivors, wait_for
from test_background import Service, all_respond
from written_logs import contents

from flask_modwsgi.config.project import Project as Site
from flask_modwsgi.doctor import check_places
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.problems.problem import Problem

pytestmark = pytest.mark.slow


@pytest.fixture
def service(changed: Project) -> Iterator[Service]:
    service = Service(changed)
    assert service.run("start").returncode == 0
    yield service
    service.run("stop")


def answers(url: str) -> bool:
    try:
        return ask(url).status == 200
    except OSError:
        return False


@pytest.mark.daemon_mode
@pytest.mark.parametrize("kind_of_process", ["worker", "child of Apache"])
def test_a_killed_process_is_replaced_soon(service: Service, kind_of_process: str) -> None:
    """No more requests fail than were under way, and it is whole again within seconds."""
    parent = psutil.Process(service.status()["pid"])
    is_worker = {child.pid: child.cmdline()[0].startswith("(wsgi:") for child in parent.children()}
    victim = next(
        pid for pid, worker in is_worker.items() if worker == (kind_of_process == "worker")
    )
    clients = 6
    with load(service.url, keep=4, close=2) as record:
        wait_for(lambda: record.answered > 20, 10, "some answers")
        os.kill(victim, signal.SIGKILL)

        def whole_again() -> bool:
            now = {child.pid for child in parent.children()}
            return victim not in now and len(now) >= len(is_worker)

        wait_for(whole_again, 5, "its successor")
        answered = record.answered
        wait_for(lambda: record.answered > answered + 50, 10, "more answers")
    # Each client has one request under way; those kept open by the child end with it.
    assert len(record.failures) <= clients


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("a small disk of its own needs root and mount")
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder])
    if mounted.returncode != 0:
        pytest.skip("this container may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> Path:
    with (folder / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
        while True:
            filler.write(b"x" * 4096)
    return folder / "filler"


def test_a_full_disk_for_the_server_root(changed: Project) -> None:
    """Requests are answered, no process is said to hang, and a stop needs no room."""
    root = changed.path / "var" / "apache"
    service = Service(changed)
    with small_disk(root, "8m"):
        try:
            assert service.run("start").returncode == 0
            filler = fill(root)
            assert ask(f"{service.url}/").status == 200
            status = service.status()
            assert status["state"] == "running"
            assert f"processes cannot report: the disk of {root} is full" in status["notes"]
            assert "processes cannot report: the disk of " in service.run("dump").stdout
            assert "Problem  disk-full" in service.run("reload").stderr
            assert ask(f"{service.url}/").status == 200
            filler.unlink()
            wait_for(lambda: all_respond(service.status()["processes"]), 10, "the reports")
            fill(root)
        finally:
            assert service.run("stop").returncode == 0


def test_a_start_without_room_is_refused_for_what_it_is(tmp_path: Path) -> None:
    with small_disk(tmp_path, "64k"), pytest.raises(Problem) as refused:
        check_places.writable(Facts(Site(tmp_path)))
    assert refused.value.slug == "disk-full"


def test_a_full_disk_for_the_logs_stops_no_request(changed: Project) -> None:
    logs = changed.path / "var" / "log"
    service = Service(changed)
    with small_disk(logs, "64k"):
        try:
            assert service.run("start").returncode == 0
            filler = fill(logs)
            assert [ask(f"{service.url}/").status for _ in range(50)] == [200] * 50
            assert service.run("reload").returncode == 0
            assert service.run("status").returncode == 0
            filler.unlink()

            def says_what_is_missing() -> bool:
                ask(f"{service.url}/?again")
                return "bytes of this log could not be written" in (logs / "access.log").read_text()

            wait_for(says_what_is_missing, 5, "the log to go on")
            whole = re.compile(
                rb'127\.0\.0\.1 .* "GET .* \d+ \S{20,}|\d+ bytes of this log .* written'
            )
            lines = contents(logs / "access.log")
            assert [line for line in lines if not whole.fullmatch(line)] == []
        finally:
            service.run("stop")


def test_a_reload_makes_the_log_folder_again(service: Service) -> None:
    """Somebody moved it away while the server runs."""
    logs = service.project.path / "var" / "log"
    logs.rename(logs.with_name("moved"))
    assert f"{logs} is gone" in " ".join(service.run("doctor").stdout.split())
    reloaded = service.run("reload")
    assert reloaded.returncode == 0, reloaded.stderr
    assert f"{logs} was gone and is made again" in reloaded.stderr
    assert logs.stat().st_mode & 0o777 == 0o700
    assert ask(f"{service.url}/?again").status == 200
    access = logs / "access.log"
    wait_for(lambda: access.exists() and "?again" in access.read_text("utf-8"), 10, "a log")
    assert "made again" not in service.run("reload").stderr


def test_as_the_first_process_of_a_container(changed: Project) -> None:
    """PID 1 gets no default signal handling and has nobody above it."""
    if not can_unshare("--pid", "--fork", "--mount-proc"):
        pytest.skip("a process namespace needs root and unshare (util-linux)")
    port = free_port()
    container = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", changed.path / "run"],
        env=os.environ | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/"), 30, "the page")
        (first,) = psutil.Process(container.pid).children()
        family = first.children(recursive=True)
        first.terminate()
        assert container.wait(timeout=30 * patience()) == 0
        assert survivors(family, 5) == []
    finally:
        container.kill()
        container.communicate()


def test_behind_a_pipe_whose_reader_goes_away(changed: Project) -> None:
    """`./run | head -1` leaves the server alone, and it still stops."""
    port = free_port()
    server = subprocess.Popen(
        [changed.path / "run"],
        env=os.environ | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    out, err = server.stdout, server.stderr
    assert out and err
    # Before it says anything, so that everything it says meets a closed pipe.
    out.close()
    err.close()
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_for(lambda: answers(url), 60, "the page")
        # The address is told soon after the first answer; the server must outlive that, too.
        assert [ask(url).status for _ in range(200)] == [200] * 200
        server.terminate()
        assert server.wait(timeout=30 * patience()) == 0
    finally:
        server.kill()
        server.wait()


def test_foreground_and_background_know_each_other(changed: Project) -> None:
    with running(changed) as serving:
        service = Service(changed)
        assert "already running" in service.run("start").stderr
        assert service.run("status").returncode == 0
        assert service.run("reload", PORT=serving.url.rpartition(":")[2]).returncode == 0
        assert ask(f"{serving.url}/").status == 200
