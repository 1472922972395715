"""Failures people meet: each is produced here or in the test that docs/failures.md names.

Here are those that no other file is about, and the comparison of that table with the tests.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, TEMPLATE, Built
from serving import Project, ask, running, wait_for
from test_background import Service
from test_diagnosis import one_line

from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import apaches, built, interpreters

TABLE = (ROOT / "docs" / "failures.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([A-E]\d+) \| (.+?) \| (.+?) \| (.*?) ?\| (.+?) \|$", TABLE, re.MULTILINE)


# --- The table


def exists(name: str) -> bool:
    """Whether there is that test, as ``file::function[parameters]``."""
    file, _, test = name.partition("::")
    function, _, parameters = test.rstrip("]").partition("[")
    text = (ROOT / "tests" / file).read_text("utf-8")
    return f"\ndef {function}(" in text and f'"{parameters}"' in (text if parameters else '""')


def slugs() -> set[str]:
    """Every name of a problem, and what status says of a server."""
    sources = [path.read_text("utf-8") for path in TEMPLATE.glob("server/**/*.py")]
    pattern = (
        r'Problem\(\s*"([a-z-]+)"|"slug": "([a-z-]+)"|"([a-z]+-[a-z]+)" if \w+ else "([a-z-]+)"'
    )
    return {name for text in sources for found in re.findall(pattern, text) for name in found}


def test_the_table_names_tests_that_exist() -> None:
    named = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[4])]
    assert len(named) >= len(ROWS)
    assert [name for name in named if not exists(name)] == []
    assert not exists("test_failures.py::test_nothing")
    assert not exists("test_diagnosis.py::test_a_process_that[sings]")


def test_the_table_names_problems_that_exist() -> None:
    named = {slug for row in ROWS for slug in re.findall(r"`([^`]+)`", row[3])}
    assert len(named) > 20
    assert named - slugs() == set()


def test_the_table_is_complete_and_says_what_is_done() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS) >= 60
    for row, _, kind, slug, tests in ROWS:
        assert kind in ("prevented", "detected before", "explained after"), row
        # The hook that checks answers has no names for what it refuses.
        assert slug or kind == "prevented" or "test_answers.py" in tests, row


# --- Failures


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
        "from server import preflight, problem\n"
        "try: preflight.check_port('127.0.0.1', 80)\n"
        "except problem.Problem as found: print(found)\n"
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
    assert service.run("start").returncode == 0
    log = service.project.path / "var" / "log" / "error.log"
    line = wait_for(
        lambda: [row for row in log.read_text().splitlines() if "Loading WSGI script" in row],
        5,
        "the log",
    )[-1]
    assert "into main interpreter" in line


# --- Before anything is built


def fake_apxs(folder: Path, **answers: Path | str) -> Path:
    """An apxs that says where the parts of an Apache are, of which only the program exists."""
    cases = "".join(f"  {name}) echo {value} ;;\n" for name, value in answers.items())
    program = folder / "apxs"
    program.write_text(f'#!/bin/sh\ncase "$2" in\n{cases}esac\n')
    program.chmod(0o755)
    return program


def test_an_apache_without_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"SBINDIR": tmp_path, "PROGNAME": Path("httpd"), "INCLUDEDIR": tmp_path / "include"}
    monkeypatch.setenv("APXS", str(fake_apxs(tmp_path, **places)))
    with pytest.raises(Problem) as refused:
        apaches.choose("system")
    assert refused.value.slug == "apache-missing"
    assert f"a header is missing ({tmp_path}/include/httpd.h)" in refused.value.what


def test_a_compiler_without_the_files_of_fedora(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = interpreters.probe(Path(sys.executable))
    assert python
    spec = tmp_path / "redhat-hardened-cc1"
    apxs = fake_apxs(tmp_path, CFLAGS=f"'-O2 -specs={spec} -g'")
    system = apaches.Apache("system", "2.4", apxs)
    assert str(spec) in apaches.missing_tools(system, python)
    spec.touch()
    assert str(spec) not in apaches.missing_tools(system, python)


def test_one_mod_wsgi_is_installed() -> None:
    """With two, the one that was compiled first decides which Apache it is."""
    for kind, other in (("system", "mod_wsgi-standalone"), ("bundled", "mod_wsgi")):
        text = (TEMPLATE / "server" / "requirements" / f"{kind}.txt").read_text("utf-8")
        names = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
        assert sum(name.lower().replace("-", "_").startswith("mod_wsgi") for name in names) == 1
        assert other not in names


@pytest.mark.slow
def test_mod_wsgi_has_the_apache_that_was_chosen(healthy: Project, kind: str) -> None:
    source = "from mod_wsgi.express import apxs_config; print(apxs_config.HTTPD)"
    command: list[str | Path] = [healthy.path / ".venv/bin/python", "-c", source]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found).is_relative_to(healthy.path / ".venv") == (kind == "bundled")


def test_without_expat_the_bundled_apache_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    python = interpreters.probe(Path(sys.executable))
    assert python
    monkeypatch.setenv("CC", sys.executable)  # something that runs, and finds no header
    assert "expat.h" in apaches.missing_tools(apaches.Apache("bundled", "2.4"), python)


@pytest.mark.parametrize("brew", [True, False], ids=["with Homebrew", "without"])
def test_the_apache_of_apple_is_not_taken(monkeypatch: pytest.MonkeyPatch, brew: bool) -> None:
    """It loads only modules that are signed, and its folders cannot be written."""
    there = {"/usr/sbin/apxs"} | ({"/opt/homebrew/bin/apxs"} if brew else set())

    def which(name: str, path: str = "") -> str | None:
        places = (f"{folder}/{name}" for folder in path.split(os.pathsep))
        return next((place for place in places if place in there), None)

    monkeypatch.delenv("APXS", raising=False)
    monkeypatch.setenv("PATH", "/opt/homebrew/bin:/usr/bin" if brew else "/usr/bin")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(shutil, "which", which)
    assert apaches._find_apxs() == (Path("/opt/homebrew/bin/apxs") if brew else None)


def compiled(folder: Path, *options: str) -> Path:
    """A library of no content."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no compiler; on Debian: apt-get install gcc")
    (folder / "empty.c").write_text("int empty;\n")
    library = folder / "module.so"
    words: list[str | Path] = [
        compiler,
        "-shared",
        "-fPIC",
        "-o",
        library,
        folder / "empty.c",
        *options,
    ]
    subprocess.run(words, check=True)
    return library


def test_a_module_whose_libpython_is_not_found(tmp_path: Path) -> None:
    gone = compiled(tmp_path, "-Wl,-soname,libpython3.99.so.1").rename(
        tmp_path / "libpython3.99.so"
    )
    module = compiled(tmp_path, "-Wl,--no-as-needed", f"-L{tmp_path}", "-lpython3.99")
    gone.unlink()
    assert built._unresolved(module) == ["the library libpython3.99.so.1 is not found"]


def test_a_module_that_takes_libraries_from_anybody(tmp_path: Path) -> None:
    """As when it was built in an environment that is thrown away."""
    place = tmp_path / "open" / "gone"
    place.parent.mkdir()
    place.parent.chmod(0o777)
    module = compiled(tmp_path, f"-Wl,-rpath,{place}")
    assert built._doubtful_search_paths(module) == [f"anybody may put libraries into {place}"]
    place.parent.chmod(0o755)
    assert built._doubtful_search_paths(module) == []
