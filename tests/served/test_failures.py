"""Failures that no other file is about; docs/failures.md names the test of each."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Built
from serving import Project, ask, running, wait_for
from test_background import Service
from test_diagnosis import one_line


@pytest.fixture(scope="module")
def healthy(built: Built, kind: str) -> Project:
    return built(kind)


@pytest.fixture
def service(healthy: Project) -> Iterator[Service]:
    """Not started; its .wsgi file is as it was afterwards."""
    wsgi_file = healthy.path / "hello_flask.wsgi"
    before = wsgi_file.read_text("utf-8")
    service = Service(healthy)
    yield service
    wsgi_file.write_text(before, "utf-8")
    service.run("stop", STOP_LIMIT="0")


def refused(service: Service, slug: str, *told: str, **env: str) -> str:
    done = service.run("start", **env)
    text = one_line(done.stderr)
    assert done.returncode == 1, text
    assert f"Problem {slug} " in text, text
    assert 'Traceback (most recent call last): File "/' not in text.replace("| ", "")
    for words in told:
        assert words in text
    return done.stderr


@pytest.mark.slow
def test_a_port_that_is_taken(service: Service) -> None:
    """And what is said to type makes it work."""
    with socket.create_server(("127.0.0.1", int(service.port))):
        said = refused(service, "port-in-use", f"Port {service.port} on 127.0.0.1 is taken")
        other = re.findall(r"PORT=(\d+) \./run", said)[0]
        done = service.run("start", PORT=other)
    assert done.returncode == 0, done.stderr
    assert ask(f"http://127.0.0.1:{other}/").status == 200


@pytest.mark.slow
def test_an_address_of_another_machine(service: Service) -> None:
    refused(service, "address-unusable", "192.0.2.1", HOST="192.0.2.1")


@pytest.mark.slow
def test_a_port_that_belongs_to_root(service: Service) -> None:
    source = (
        "from flask_modwsgi.machine.ports import check_port\n"
        "from flask_modwsgi.problems.problem import Problem\n"
        "try: check_port('127.0.0.1', 80)\n"
        "except Problem as found: print(found)\n"
    )
    ordinary = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [service.project.path / ".venv" / "bin" / "python", "-c", source],
        cwd=service.project.path,
        capture_output=True,
        text=True,
        **ordinary,  # type: ignore[call-overload]
    )
    if not done.stdout and not done.stderr:
        pytest.skip("here everybody may use port 80 (net.ipv4.ip_unprivileged_port_start)")
    assert "port-forbidden" in done.stdout, done.stderr
    assert "Port 80" in done.stdout


@pytest.mark.slow
def test_an_application_by_another_name(service: Service) -> None:
    """And what is said to type makes it work."""
    file = service.project.path / "hello_flask.wsgi"
    text = file.read_text("utf-8")
    assert "application =" in text
    file.write_text(text.replace("application =", "shop ="), "utf-8")
    said = refused(service, "app-nameless", "does not define the name application", "shop")
    remedy = next(line for line in said.splitlines() if line.startswith("Type"))
    command = remedy.removeprefix("Type").strip()
    subprocess.run(command, shell=True, cwd=service.project.path, check=True)
    done = service.run("start")
    assert done.returncode == 0, done.stderr
    assert ask(f"{service.url}/").status == 200


@pytest.mark.slow
def test_a_locale_that_is_not_installed(service: Service) -> None:
    done = service.run("start", LANG="xx_YY.UTF-8", LC_ALL="xx_YY.UTF-8")
    assert done.returncode == 0, done.stderr
    assert "WSGI0079" not in service.run("logs", "-n", "50").stdout
    assert "\nLocale    C.UTF-8\n" in service.run("status").stdout
    assert ask(f"{service.url}/").status == 200


@pytest.mark.slow
def test_files_that_are_touched_while_they_are_copied(service: Service) -> None:
    """No process is replaced before somebody says so."""
    assert service.run("start").returncode == 0
    workers = service.workers()
    for file in service.project.path.glob("hello_flask*"):
        os.utime(file)
    assert [ask(f"{service.url}/").status for _ in range(20)] == [200] * 20
    assert service.workers() == workers


@pytest.mark.slow
def test_a_terminal_that_is_resized(service: Service) -> None:
    """Apache takes that signal for an order to stop."""
    with running(service.project, env={"STOP_LIMIT": "0"}) as serving:
        os.killpg(serving.process.pid, signal.SIGWINCH)
        with pytest.raises(subprocess.TimeoutExpired):
            serving.process.wait(timeout=2)
        assert ask(f"{serving.url}/").status == 200


@pytest.mark.slow
def test_packages_that_want_the_main_interpreter(service: Service) -> None:
    """Many with an extension do; mod_wsgi says in the log which one it is."""
    log = service.project.path / "var" / "log" / "error.log"
    log.unlink(missing_ok=True)
    assert service.run("start").returncode == 0
    line = wait_for(
        lambda: (
            log.exists()
            and [row for row in log.read_text().splitlines(True) if "Loading WSGI script" in row]
        ),
        5,
        "the log",
    )[0]
    assert "into main interpreter" in line


@pytest.mark.slow
def test_mod_wsgi_has_the_apache_that_was_chosen(healthy: Project, kind: str) -> None:
    source = "from mod_wsgi.express import apxs_config; print(apxs_config.HTTPD)"
    command: list[str | Path] = [healthy.path / ".venv/bin/python", "-c", source]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    environment = (healthy.path / ".venv").resolve()
    assert Path(found).resolve().is_relative_to(environment) == (kind == "bundled")
