"""What a restart tries before it stops anything, and what is said of the server after a failure."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from samples import me, project

from flask_modwsgi.apache import neighbours, processes, server_root, state
from flask_modwsgi.apache.sites import PRODUCTION, Site
from flask_modwsgi.apache.state import State
from flask_modwsgi.config import settings
from flask_modwsgi.machine import installation
from flask_modwsgi.machine.process_table import Process
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import background, still_serving
from flask_modwsgi.server.httpd import Httpd

HTTPS = {"TLS_CERTIFICATE": "c.pem", "TLS_KEY": "k.pem"}


@contextmanager
def taken(number: int) -> Iterator[list[str]]:
    """So many ports that are not free, in words."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        yield [str(server.getsockname()[1]) for server in servers]


@pytest.mark.parametrize("name", ["PORT", "HTTPS_PORT", "METRICS_PORT"])
def test_only_ports_of_the_server_that_ends_may_be_taken(name: str) -> None:
    with taken(4) as (http, https, metrics, foreign):
        given = {"PORT": http, "HTTPS_PORT": https, "METRICS_PORT": metrics, **HTTPS}
        own = {int(http), int(https), int(metrics)}
        neighbours.check_ports(settings.load(given), own)
        with pytest.raises(Problem, match=rf"Port\s+{foreign}") as refused:
            neighbours.check_ports(settings.load(given | {name: foreign}), own)
        assert refused.value.slug == "port-in-use"
        assert name in refused.value.told()


@pytest.mark.parametrize("name", ["HOST", "MONITORING_HOST"])
def test_the_address_is_tried_of_ports_that_become_free(name: str) -> None:
    given = settings.load({"PORT": "1", "METRICS_PORT": "9100", name: "192.0.2.1"})
    with pytest.raises(Problem, match=r"192\.0\.2\.1") as refused:
        neighbours.check_ports(given, {1, 9100})
    assert refused.value.slug == "address-unusable"


@pytest.mark.parametrize(
    ("started", "ports"),
    [
        (State(), set()),
        (State("http://x"), {1, 3}),
        (State("https://x"), {1, 2, 3}),
    ],
)
def test_the_ports_of_a_server(started: State, ports: set[int]) -> None:
    recorded = {"port": 1, "https_port": 2, "metrics_port": 3, "telemetry_port": None}
    assert replace(started, settings=recorded if started.address else {}).ports == ports


def test_the_ports_of_a_server_that_awaits_its_certificate() -> None:
    recorded = {"port": 1, "https_port": 2, "https_names": "example.com"}
    assert State("http://x", settings=recorded).ports == {1, 2}


def test_a_rehearsal_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the ports of what runs are not known, because its record is lost."""
    looked: list[Path] = []

    def look(server: Httpd, file: Path) -> None:
        looked.append(file)
        assert f'SERVER_ROOT "{file.parent}"' in file.read_text("utf-8")

    apache = installation.Installation(Path("apache2"), tmp_path, Path("mod_wsgi.so"))
    monkeypatch.setattr(installation, "here", lambda: apache)
    monkeypatch.setattr(Httpd, "check_configuration", look)
    own = project(tmp_path / "own")
    own.var.mkdir(exist_ok=True)
    before = sorted(own.root.rglob("*"))
    (server_root.choose(own, "rehearsal") / "of one that was killed").mkdir(parents=True)
    with taken(1) as (port,):
        chosen = settings.load({"PORT": port})
        site = Site(own, chosen, me(), {}, (), PRODUCTION, own.var / "apache", own.logs, {})
        Httpd(site).rehearse(State())
        Httpd(site).rehearse(State(settings={"port": int(port)}))
        with pytest.raises(Problem, match=port):
            Httpd(site).rehearse(State(settings={"port": 1}))
    assert len(looked) == 2
    assert not any(file.parent.exists() for file in looked)
    assert sorted(own.root.rglob("*")) == before


@pytest.mark.parametrize("kind", ["absent", "file"])
def test_a_restart_makes_the_folder_of_the_logs_before_it_stops_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Where a link leads to it, and what was there is gone."""
    own, target = project(tmp_path / "own"), tmp_path / "disk"
    own.var.mkdir(exist_ok=True)
    own.logs.symlink_to(target)
    stopped: list[bool] = []
    server = SimpleNamespace(
        site=SimpleNamespace(project=own), rehearse=lambda running: None, start=lambda: None
    )
    monkeypatch.setattr(background, "_checked", lambda project, given: server)
    monkeypatch.setattr(background, "_say_what_runs", lambda server: None)
    monkeypatch.setattr(background, "end", lambda project: stopped.append(own.logs.is_dir()))
    monkeypatch.setattr(processes, "all_of", lambda root: [process(1)])
    if kind == "absent":
        assert background.restart(own, {}) == 0
        assert stopped == [True]
    else:
        target.touch()
        with pytest.raises(FileExistsError) as refused:
            background.restart(own, {})
        assert (str(refused.value.filename), stopped) == (str(target), [])


def process(pid: int) -> Process:
    return Process(pid, "start", 1, pid, 0, (), 0.0, 0, 0.0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A server that is as the test says."""
    found = SimpleNamespace(
        apache=process(1), workers=[process(2)], address="http://x", stopped=0.0, is_closed=False
    )

    def apache(root: Path) -> Process | None:
        if found.is_closed:
            raise PermissionError
        server: Process | None = found.apache
        return server

    monkeypatch.setattr(processes, "apache", apache)
    monkeypatch.setattr(processes, "workers", lambda root: found.workers)
    monkeypatch.setattr(state, "read", lambda root: found)
    return found


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "* process 1 serves as before at http://x/\n"),
        ({"workers": [process(9)]}, "* process 1 runs at http://x/\n"),
        ({"apache": process(9)}, "* process 9 runs at http://x/\n"),
        ({"address": ""}, "* process 1 runs\n"),
        ({"address": "x\nType  y"}, "* process 1 runs at x\\nType  y/\n"),
        ({"stopped": 1.0}, "* process 1 is being stopped, and takes no new requests\n"),
        ({"apache": None}, "* nothing is served now\n"),
        ({"is_closed": True}, ""),
    ],
)
def test_after_a_failure_it_is_told_what_is_served(
    tmp_path: Path,
    machine: SimpleNamespace,
    changes: dict[str, Any],
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ZeroDivisionError), still_serving.told(project(tmp_path)):
        vars(machine).update(changes)
        raise ZeroDivisionError
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("change", [{"apache": None}, {"is_closed": True}])
def test_where_nothing_ran_nothing_is_told(
    tmp_path: Path,
    machine: SimpleNamespace,
    change: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    vars(machine).update(change)
    with pytest.raises(ZeroDivisionError), still_serving.told(project(tmp_path)):
        raise ZeroDivisionError
    assert capsys.readouterr().err == ""
