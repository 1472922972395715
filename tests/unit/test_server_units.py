"""The generated project's `server` package, where it can be tried without building anything."""

import ast
import io
import math
import mimetypes
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import TEMPLATE

from flask_modwsgi.apache import arguments, content_types, server_root
from flask_modwsgi.config import settings
from flask_modwsgi.doctor import check_places
from flask_modwsgi.machine import accounts, capacity
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import apaches, commands, interpreters, progress, wheel_cache

OS_RELEASE = {
    "debian": ["ID=debian", "ID=ubuntu\nID_LIKE=debian", 'ID=linuxmint\nID_LIKE="ubuntu debian"'],
    "fedora": [
        "ID=fedora",
        'ID="rhel"\nID_LIKE="fedora"',
        'ID="rocky"\nID_LIKE="rhel centos fedora"',
    ],
    "alpine": ["ID=alpine"],
    "arch": ["ID=arch", "ID=manjaro\nID_LIKE=arch"],
    "suse": ['ID="opensuse-leap"\nID_LIKE="suse opensuse"'],
}


@pytest.mark.parametrize(
    ("family", "text"), [(name, text) for name, texts in OS_RELEASE.items() for text in texts]
)
def test_the_family_of_a_system(family: str, text: str) -> None:
    assert systems.family_of(text) == family


@pytest.mark.parametrize("family", [*OS_RELEASE, "macos"])
@pytest.mark.parametrize("need", ["system", "bundled", "python"])
def test_there_is_a_line_to_type_on_every_system(family: str, need: str) -> None:
    line = systems.install(need, on=family)
    assert "install" in line or "add" in line or "pacman -S" in line
    assert "python" in line or family == "macos"


@pytest.fixture
def python(tmp_path: Path) -> interpreters.Interpreter:
    """One that has everything."""
    (tmp_path / "Python.h").touch()
    (tmp_path / "libpython3.so").touch()
    (tmp_path / "os.py").touch()
    return interpreters.Interpreter(
        path=Path(sys.executable),
        version=(3, 12, 1),
        prefix=tmp_path,
        stdlib=tmp_path,
        include=tmp_path,
        libpython=tmp_path / "libpython3.so",
        shared=True,
        soabi="cpython-312",
        compiler="gcc",
    )


def me() -> accounts.Account:
    return accounts.Account("me", os.geteuid(), "us", os.getegid())


def test_a_python_with_everything_is_taken(python: interpreters.Interpreter) -> None:
    assert interpreters.objection(python, me()) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": (3, 10, 9)}, "Python 3.10.9 is older than 3.11"),
        ({"shared": False}, "--enable-shared"),
        ({"libpython": Path("/nonexistent/libpython3.so")}, "/nonexistent/libpython3.so"),
        ({"include": Path("/nonexistent")}, "/nonexistent/Python.h"),
    ],
)
def test_a_python_that_lacks_something_is_not(
    python: interpreters.Interpreter, change: dict[str, object], reason: str
) -> None:
    lacking = replace(python, **change)  # type: ignore[arg-type]
    assert reason in str(interpreters.objection(lacking, me()))


def test_the_python_of_conda_is_not(python: interpreters.Interpreter) -> None:
    (python.prefix / "conda-meta").mkdir()
    assert "conda" in str(interpreters.objection(python, me()))


def test_this_python_describes_itself() -> None:
    found = interpreters.probe(Path(sys.executable))
    assert found
    assert found.version == sys.version_info[:3]
    assert found.prefix == Path(sys.base_prefix)
    assert interpreters.probe(Path("/nonexistent")) is None
    assert interpreters.probe(Path("/bin/true")) is None


def test_every_python_is_named_when_none_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHON", str(tmp_path / "nothing"))
    with pytest.raises(Problem) as refused:
        interpreters.choose(me())
    assert refused.value.slug == "python-unsuitable"
    assert f"{tmp_path / 'nothing'}: does not run" in str(refused.value)


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        ("  apr-1.7.6/", "apr"),
        ("  apr-util-1.6.5/configure", "apr-util"),
        ("  pcre2-10.49/README", "pcre2"),
        ("  httpd-2.4.69/", "httpd"),
        ("Collecting mod_wsgi-standalone==6.1.1 (from -r bundled.txt (line 1))", "mod_wsgi"),
        ("Collecting mod_wsgi==6.1.1 (from -r system.txt (line 1))", "mod_wsgi"),
        ("Collecting mod_wsgi-httpd==2.4.69.1 (from -r x (line 1))", None),
        ("  checking for apr-1.7.6... no", None),
    ],
)
def test_phases_of_a_build(line: str, phase: str | None) -> None:
    assert progress.phase_of(line) == phase


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    lines = ["  apr-1.7.6/", "  httpd-2.4.69/", "  httpd-2.4.69/more"]
    for stream in (Terminal(), io.StringIO()):
        shown = progress.Progress(list(progress.PHASES), stream)
        for line in lines:
            shown.feed(line)
        shown.close()
        if stream.isatty():
            last = stream.getvalue().split("\r")[-2]
            assert last.startswith("  [##########") and "httpd" in last
            assert len(last.removesuffix("\033[K")) < 80
        else:
            assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["apr", "httpd"]


def test_the_environment_of_an_installation() -> None:
    clean = commands.clean_environment(
        {
            "PATH": "/bin",
            "HTTPS_PROXY": "http://proxy",
            "SSL_CERT_FILE": "/ca.pem",
            "PIP_INDEX_URL": "https://index",
            "PIP_CERT": "/ca.pem",
            "UV_INDEX_COMPANY_PASSWORD": "secret",
            "UV_DEFAULT_INDEX": "https://index",
            "CFLAGS": "-O3",
            "PIP_TARGET": "/elsewhere",
            "PIP_USER": "1",
            "UV_PYTHON": "2.7",
            "PYTHONHOME": "/elsewhere",
            "VIRTUAL_ENV": "/elsewhere",
            "CONDA_PREFIX": "/elsewhere",
        }
    )
    assert "/elsewhere" not in clean.values()
    assert clean.pop("PIP_USER") == "0"
    assert {"PATH", "HTTPS_PROXY", "SSL_CERT_FILE", "PIP_INDEX_URL", "PIP_CERT"} <= set(clean)
    assert {"UV_INDEX_COMPANY_PASSWORD", "UV_DEFAULT_INDEX", "CFLAGS"} <= set(clean)
    assert "UV_PYTHON" not in clean


def test_a_wheel_is_for_one_state_of_one_machine(python: interpreters.Interpreter) -> None:
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


def test_content_types_without_a_system_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "knownfiles", ["/nonexistent"])
    lines = content_types.as_mime_types().splitlines()
    for line in ("text/css css", "text/javascript js", "image/svg+xml svg", "font/woff2 woff2"):
        assert line in lines


def test_apache_is_told_of_the_mount_point() -> None:
    chosen = settings.load({"MOUNT_POINT": "/app"})
    text = arguments.beginning(chosen, Path("/srv/x/static"), Path("/srv/var"))
    assert 'Define STATIC_URL "/app/static"\n' in text
    assert 'Define STATIC_FOLDER "/srv/x/static"\n' in text
    words = arguments.options(chosen, me(), "x", Path("/srv/x/static"), Path("/srv/var"))
    assert words[words.index("--url-alias") + 1] == "/app/static"


def test_the_include_file_uses_what_is_defined_and_has_every_error_page() -> None:
    text = "".join(file.read_text("utf-8") for file in arguments.INCLUDE.parent.iterdir())
    given = {
        "MOUNT_POINT": "/app",
        "TRUSTED_PROXIES": "::1",
        "HOSTS": "example.com",
        "TLS_CERTIFICATE": "/srv/c.pem",
        "TLS_KEY": "/srv/k.pem",
    }
    beginning = arguments.beginning(settings.load(given), Path("/srv/x/static"), Path("/srv/var"))
    used = set(re.findall(r"\$\{(\w+)\}", text)) - {"MOD_WSGI_MODULES_DIRECTORY"}
    assert used == set(re.findall(r"^Define (\w+)", beginning, re.MULTILINE))
    # Importing error_pages takes Flask, which is in the project's environment only.
    source = (TEMPLATE / "server" / "worker" / "error_pages.py").read_text("utf-8")
    statuses = re.search(r"^STATUSES = (\(.*\))$", source, re.MULTILINE)
    assert statuses
    documents = re.findall(r"^ErrorDocument (\d+) /.errors/\1.var$", text, re.MULTILINE)
    assert tuple(map(int, documents)) == ast.literal_eval(statuses[1])


@pytest.mark.parametrize("threads", [1, 2, 5, 16, 512])
def test_a_stuck_request_ends_soon_after_the_limit_and_not_before(threads: int) -> None:
    for limit in range(5, 3601):
        late = capacity.effective_limit(limit, threads) - limit
        assert -1e-6 < late < 1 + math.log(threads)


@pytest.mark.parametrize("character", [" ", "'", '"', "$", "%", "\\", ";", "*", "(", "\n"])
def test_a_folder_that_apache_cannot_cope_with(character: str) -> None:
    with pytest.raises(Problem) as refused:
        check_places.check_path(Path(f"/srv/my{character}app"))
    assert refused.value.slug == "path-unusable"
    assert repr(character) in str(refused.value)


def test_folders_that_it_can_cope_with() -> None:
    check_places.check_path(Path("/srv/Ünïcode_1.0-a+b@c~d=e,f"))


def test_a_long_path_gets_a_short_server_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server_root, "VAR", Path("/srv") / ("x" * 100))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("y" * 100)))
    folder = server_root.choose("apache")
    assert len(os.fsencode(folder)) + len("/wsgi.4194304.9.1.sock") <= 107
    assert folder == server_root.choose("apache") != server_root.choose("proof")


def test_a_server_root_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "apache"
    server_root.make(folder, me())
    assert folder.stat().st_mode & 0o777 == 0o700
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(Problem) as refused:
        server_root.make(link, me())
    assert refused.value.slug == "server-root-foreign"
