"""What the tests of real servers count on: patience, ports, and that nothing is left."""

import os
import subprocess
import sys
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import serving
from conftest import ROOT
from serving import Project, Running

from flask_modwsgi.machine import capacity


@pytest.mark.parametrize(
    ("average", "running", "expected"),
    [
        (0.1, "1/80", 1),
        (16, "1/80", 8),
        (0.1, "16/80", 8),  # busy since a moment ago
        (0.1, None, 1),  # not Linux
        (300, "1/80", 10),
    ],
)
def test_patience_grows_with_what_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    average: float,
    running: str | None,
    expected: float,
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (average, 0, 0))
    monkeypatch.setattr(capacity, "cores", lambda: 2)
    monkeypatch.setattr(serving, "LOADAVG", tmp_path / "loadavg")
    if running:
        (tmp_path / "loadavg").write_text(f"{average} 0.00 0.00 {running} 4711\n")
    assert serving.patience() == expected


def test_a_moment_of_rest_shortens_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = iter([10.0, 1.0, 1.0])
    monkeypatch.setattr(serving, "patience", lambda: next(patience))
    clock = SimpleNamespace(monotonic=iter([0, 0, 5, 6, 7]).__next__, sleep=lambda _: None)
    monkeypatch.setattr(serving, "time", clock)
    answers = iter([False, False, True])
    assert serving.wait_for(lambda: next(answers), 1, "the third answer")


def test_a_slow_computer_without_a_queue_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "patience", lambda: 1.0)
    clock = SimpleNamespace(monotonic=iter([0, 0, 2, 2.9, 4, 4]).__next__, sleep=lambda _: None)
    monkeypatch.setattr(serving, "time", clock)
    answers = iter([False, False, True])
    assert serving.wait_for(lambda: next(answers), 1, "the third answer")


def test_what_a_stall_has_hidden_is_seen_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=iter([0, 0, 99, 99]).__next__, sleep=lambda _: None)
    monkeypatch.setattr(serving, "time", clock)
    answers = iter([False, True])
    assert serving.wait_for(lambda: next(answers), 1, "the second answer")


def test_a_client_waits_longer_than_any_request_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long both are is asked at different moments, between which the machine may come to rest."""

    def opened(_: object, timeout: float) -> None:
        assert timeout >= 60  # REQUEST_LIMIT
        raise TimeoutError

    monkeypatch.setattr(serving, "patience", lambda: 1.0)
    monkeypatch.setattr(serving, "build_opener", lambda *_: SimpleNamespace(open=opened))
    with pytest.raises(TimeoutError):
        serving.ask("http://127.0.0.1/")


def test_no_port_is_given_twice() -> None:
    """Nor to another process, nor to a connection: these get theirs from 32768 on."""
    ports = {serving.free_port() for _ in range(500)}
    assert len(ports) == 500
    source = "import serving; print(*(serving.free_port() for _ in range(500)))"
    environ = os.environ | {"PYTHONPATH": f"{ROOT}/src:{ROOT}/tests/served"}
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    others = set(map(int, done.stdout.split()))
    assert len(others) == 500
    assert ports.isdisjoint(others)
    assert all(10000 < port < 32768 for port in ports | others)


def test_no_proxy_is_asked_for_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with HTTPServer(("127.0.0.1", serving.free_port()), SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        assert serving.ask(f"http://127.0.0.1:{server.server_port}/none").status == 404
        thread.join()


def test_a_half_written_line_is_no_line(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("one\nis served by Apache at http://127.0.0.1:80")
    with subprocess.Popen("true") as process:
        assert Running(process, file).log == "one\n"


RUN = """\
#!/bin/sh
sleep 600 &
echo 'x is served by Apache at http://127.0.0.1:1/'
wait
"""


def test_a_server_that_does_not_stop_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").write_text(RUN)
    (tmp_path / "run").chmod(0o755)
    monkeypatch.setattr(Running, "stop", lambda self: self.process.wait(0.1))
    family: list[psutil.Process] = []
    with (
        pytest.raises(subprocess.TimeoutExpired),
        serving.running(Project(tmp_path, "", 0)) as found,
    ):
        family = found.family()
    assert family
    assert serving.survivors(family, 5) == []


def test_more_views_are_gone_when_a_test_has_failed(tmp_path: Path) -> None:
    (tmp_path / "hello_flask").mkdir()
    views = tmp_path / "hello_flask" / "views.py"
    views.write_text("before\n")
    with pytest.raises(ZeroDivisionError), serving.with_views(Project(tmp_path, "", 0), "more\n"):
        assert views.read_text() == "before\nmore\n"
        raise ZeroDivisionError
    assert views.read_text() == "before\n"


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("Problem  network-unreachable\n", True),
        ("error: Failed to fetch\n  cause: dns error\n", True),
        ("NewConnectionError: Failed to establish a new connection\nERROR: No matching", True),
        ("ReadTimeoutError: Read timed out. (read timeout=15)\nERROR: No matching", True),
        ("ProtocolError('Connection aborted.', ConnectionResetError(104))\nERROR: No", True),
        ("error: Failed to fetch\n  cause: operation timed out\n", True),
        ("ERROR: HTTP error 503 while getting https://example.org/x.whl\n", True),
        ("ERROR: HTTP error 404 while getting https://example.org/x.whl\n", False),
        ("error: No solution found when resolving dependencies\n", False),
        ("Problem  package-unknown\n", False),
    ],
)
def test_what_is_skipped_as_unreachable(output: str, found: bool) -> None:
    assert serving.is_unreachable(output) == found
