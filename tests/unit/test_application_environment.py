"""The environment variables that the application gets."""

import os
import pwd
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import ROOT
from samples import project

from flask_modwsgi.config import settings
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import import_failures
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.machine import accounts
from flask_modwsgi.server import launch


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.NAMES:
        monkeypatch.delenv(name, raising=False)


def given_to_it(root: Path, env: str, **options: str) -> dict[str, str]:
    own = project(root)
    own.env_file.write_text(env)
    found = launch.environment_of(Facts(own, options))
    return {name: found[name] for name in ("MINE", *settings.NAMES) if name in found}


def test_a_setting_that_nobody_has_chosen_is_no_variable_of_its_own(tmp_path: Path) -> None:
    """Where ``os.getenv("LOG_LEVEL", "INFO")`` is its own, for example."""
    text = (ROOT / "{{cookiecutter.project_slug}}" / ".env.example").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("PORT=", "MOUNT_POINT="))]
    assert {line.partition("=")[0] for line in lines} >= set(settings.NAMES) - {
        "PORT",
        "MOUNT_POINT",
    }
    example = "\n".join(line for line in lines if not line.startswith("CONTENT_SECURITY_POLICY="))
    assert given_to_it(tmp_path, f"{example}\nMINE=\n") == {"MINE": ""}


def test_a_setting_that_was_chosen_is_given_as_it_was_written(tmp_path: Path) -> None:
    text = "LOG_LEVEL=INFO\nLOG_FORMAT=json\nTHREADS=4\n"
    expected = {"LOG_LEVEL": "INFO", "LOG_FORMAT": "json", "THREADS": "4"}
    assert given_to_it(tmp_path, text) == expected


def test_a_setting_that_is_exported_is_given_in_any_case(tmp_path: Path) -> None:
    text = "export PORT = 8000\n  export METRICS_PORT=\nexported=1\nHOST=127.0.0.1\n"
    assert given_to_it(tmp_path, text) == {"PORT": "8000", "METRICS_PORT": ""}


@pytest.mark.parametrize("line", ["PORT=8000\n", " PORT = 8000\n", "PORT=\n", "", "MINE=1"])
def test_the_remedy_for_a_setting_that_the_application_needs(tmp_path: Path, line: str) -> None:
    """It is there, but is not given: the command gives it."""
    (tmp_path / ".env").write_text(line)
    code = "import os; os.environ['PORT']"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={})
    problem = import_failures.from_traceback(done.stderr, "me", tmp_path)
    assert problem.slug == "setting-withheld"
    command = ["sh", "-c", problem.remedy[0]]
    subprocess.run(command, cwd=tmp_path, input="8000\n", text=True, check=True)
    assert given_to_it(tmp_path, (tmp_path / ".env").read_text())["PORT"] == "8000"


def test_a_real_variable_is_given_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "info")
    monkeypatch.setenv("METRICS_PORT", "")
    assert given_to_it(tmp_path, "LOG_LEVEL=debug\n") == {"LOG_LEVEL": "info", "METRICS_PORT": ""}


def test_variables_that_only_a_start_of_apache_reads() -> None:
    """Of those of a shell, none but the linker's: a reload may come from another shell."""
    at_start = {"LD_PRELOAD": "a", "MALLOC_ARENA_MAX": "2", "PYTHONOPTIMIZE": "1"}
    others = {"PYTHON": "x", "PYTHON_ENV": "x", "LDAP": "x", "TZ": "UTC"}
    environ = {**at_start, **others, "PYTHONSTARTUP": "x", "MALLOC_CONF": "x"}
    written = (*others, "MALLOC_ARENA_MAX", "PYTHONOPTIMIZE", "GLIBC_TUNABLES")
    site: Any = SimpleNamespace(environ=environ, written=written)
    assert launch.read_once(site) == at_start


def test_an_option_wins_over_a_real_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS_PORT", "9100")
    monkeypatch.setenv("THREADS", "3")
    assert given_to_it(tmp_path, "", METRICS_PORT="", THREADS="4") == {"THREADS": "4"}


def home_of(own: Project) -> str:
    """That of an application that this user serves."""
    facts = Facts(own)
    facts.account = accounts.by_id(os.geteuid())
    return launch.environment_of(facts)["HOME"]


@pytest.mark.parametrize("home", ["none", "a file", "unset"])
def test_a_home_that_cannot_be_used_is_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    """As of the account that the documentation makes for the service, or of a number without a name."""
    own = project(tmp_path / "own")
    (tmp_path / "a file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / home))
    if home == "unset":
        monkeypatch.delenv("HOME")
        entry = pwd.getpwuid(os.geteuid())
        nowhere = pwd.struct_passwd((*entry[:5], "/nonexistent", entry[6]))
        monkeypatch.setattr(pwd, "getpwuid", lambda uid: nowhere)
    assert home_of(own) == str(own.data)
    own.env_file.write_text("HOME=/srv/mine\n")
    assert home_of(own) == "/srv/mine"


def test_a_home_that_is_only_read_is_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, where a user without a name has the root folder."""
    own = project(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_of(own) == str(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert home_of(own) == str(own.data)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: sudo")
def test_what_a_login_of_root_has_set_is_not_given_to_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, closed = project(tmp_path / "own"), tmp_path / "closed"
    closed.mkdir(0o700)
    names = ["XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "TMPDIR", "TMP", "XDG_DATA_HOME"]
    for name in names:
        monkeypatch.setenv(name, str(closed))
    shared = {"TMP": "/tmp", "XDG_DATA_HOME": "/tmp"}  # everybody's
    for name, folder in shared.items():
        monkeypatch.setenv(name, folder)
    monkeypatch.setenv("DATABASE_URL", str(closed))
    names.append("DATABASE_URL")

    def given(account: accounts.Account) -> dict[str, str]:
        facts = Facts(own)
        facts.account = account
        environ = launch.environment_of(facts)
        return {name: environ[name] for name in names if name in environ}

    other = accounts.by_id(65534)
    kept = shared | {"DATABASE_URL": str(closed)}
    assert given(other) == kept
    own.env_file.write_text("XDG_CACHE_HOME=/srv/cache\nTMPDIR=/srv/tmp\n")
    assert given(other) == {**kept, "XDG_CACHE_HOME": "/srv/cache", "TMPDIR": "/srv/tmp"}
    assert set(given(accounts.by_id(0))) == set(names)
