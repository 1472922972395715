"""docs/recipes/: each page is followed in a generated project, as it stands there."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import serving
from browser import browse
from conftest import ROOT
from documented import blocks, follow, shell
from editor import attached
from person import Person
from pinned import CONSTRAINTS
from serving import free_port, path_with_uv, wait_for

from flask_modwsgi.machine import accounts
from flask_modwsgi.setup import interpreters

pytestmark = pytest.mark.slow

PAGES = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs/recipes").glob("*.md")}

HOME = Path.home()  # the user's: the tests have another

# Where systems put the programs of PostgreSQL's server.
PROGRAMS = (
    "usr/lib/postgresql/*/bin",
    "usr/libexec/postgresql*",
    "opt/homebrew/opt/postgresql@*/bin",
)

# uv, and the versions that it takes.
UV = {"PATH": path_with_uv(), "UV_CONSTRAINT": CONSTRAINTS.as_uri()}

Recipe = Callable[..., str]


@pytest.fixture
def recipe(workplace: Path, kind: str) -> Iterator[Recipe]:
    """`recipe(name)` follows that page in a new project, and is the address that it serves at.

    `ports` are those that stand in for ports of the page; `commands` and `others` are as in
    `follow`.
    """
    folders = []

    def recipe(
        name: str,
        ports: dict[int, int] | None = None,
        commands: str = "",
        others: Mapping[str, Callable[[str], None]] | None = None,
    ) -> str:
        port = free_port()
        answers = (f"apache={kind}", f"port={port}")
        project = serving.generate(workplace / name, *answers, PATH=UV["PATH"])
        folders.append(project.path)
        text = PAGES[name].replace("/var/www/hello-flask", str(project.path))
        for usual, free in {8000: port, **(ports or {})}.items():
            text = re.sub(rf"(?<=:|=){usual}\b", str(free), text)
        follow(blocks(text), project.path, commands, others, **UV)
        shell(
            project.path,
            ".venv/bin/ruff check hello_flask",
            ".venv/bin/ruff format --check hello_flask",
            ".venv/bin/pytest tests/test_pages.py",
        )
        return f"http://127.0.0.1:{port}"

    yield recipe
    for folder in folders:
        subprocess.run([folder / "run", "stop"], capture_output=True)


def test_every_recipe_is_followed() -> None:
    assert {f"test_{name}" for name in PAGES} <= globals().keys()


def test_every_package_has_a_version() -> None:
    pinned = set(re.findall(r"^([\w-]+)==", CONSTRAINTS.read_text("utf-8"), re.MULTILINE))
    pages = "\n".join(PAGES.values())
    lists = re.findall(r"^\+(?:dependencies|dev) = (.*)$", pages, re.MULTILINE)
    named = re.findall(r'"([\w-]+)', " ".join(lists)) + re.findall(r"uvx ([\w-]+)", pages)
    assert len(named) > 10
    assert {name.lower().replace("_", "-") for name in named} <= pinned


def test_database(recipe: Recipe, postgres: tuple[int, str]) -> None:
    port, psql = postgres
    recipe("database", {5432: port}, f'psql() {{ {psql} "$@"; }}')


def test_api(recipe: Recipe) -> None:
    shown = browse(f"{recipe('api')}/openapi/swagger")
    assert shown.messages == []
    assert "What an order costs" in shown.page  # drawn by its scripts


def test_sessions(recipe: Recipe, redis: int) -> None:
    recipe("sessions", {6379: redis})


def test_jobs(recipe: Recipe, redis: int, tmp_path: Path) -> None:
    with ExitStack() as services:

        def start(unit: str) -> None:
            (command,) = re.findall(r"^ExecStart=(.+)", unit, re.MULTILINE)
            services.enter_context(server(tmp_path / "worker", *shlex.split(command)))

        person = Person(recipe("jobs", {6379: redis}, others={"ini": start}))
        job = person.post("jobs/", text="one two").text

        def finished() -> bool:
            return bool(
                json.loads(person.get(f"jobs/{job}").text) == {"status": "finished", "result": 2}
            )

        wait_for(finished, 30, "the worker")


def test_mail(recipe: Recipe, redis: int, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "mail"
    with ExitStack() as services:

        def start(text: str) -> None:
            command = shlex.split(text.removeprefix("$ "))
            env = os.environ | UV | {"PYTHONUNBUFFERED": "1"}
            services.enter_context(server(log, *command, env=env))
            wait_for(lambda: listens(port), 60, "the mail server")

        recipe("mail", {6379: redis, 8025: port}, others={"console": start})
        assert "Subject: You are invited" in log.read_text()


def test_uploads(recipe: Recipe) -> None:
    recipe("uploads")


def test_events(recipe: Recipe, redis: int) -> None:
    recipe("events", {6379: redis})


@pytest.fixture(scope="session")
def traced() -> Path:
    """A Python that debugpy can trace within Apache: the one of the tests, or another of this machine."""
    names = ("python3.12", "python3.13", "python3.14")
    paths = [sys.executable, *filter(None, map(shutil.which, names))]
    account, objections = accounts.choose(""), ["no Python 3.12 or newer can be used"]
    for path in [*map(Path, paths), *sorted(HOME.glob(".pyenv/versions/3.1[2-9]*/bin/python3"))]:
        python = interpreters.probe(path)
        if python and python.version >= (3, 12):
            if not (objection := interpreters.objection(python, account)):
                return python.path
            objections.append(f"{python.path}: {objection}")
    pytest.skip(f"{'; '.join(objections)}; on Debian 13: apt-get install python3-dev python3-venv")


def test_debugger(traced: Path, workplace: Path, kind: str) -> None:
    project = serving.generate(
        workplace / "debugger",
        f"apache={kind}",
        f"port={free_port()}",
        PATH=UV["PATH"],
        PYTHON=str(traced),
    )
    follow(blocks(PAGES["debugger"]), project.path, "", None, **UV)
    port, views = free_port(), project.path / "hello_flask" / "views.py"
    launch = (project.path / ".vscode/launch.json").read_text("utf-8").replace("5678", str(port))
    (configuration,) = json.loads(launch)["configurations"]
    assert configuration["connect"]["port"] == port
    assert f'"{configuration["name"]}"' in PAGES["debugger"]
    (line,) = (n for n, text in enumerate(views.read_text().splitlines(), 1) if "return" in text)
    with serving.running(project, "dev", "--debugger", str(port)) as served:
        ask = Person(served.url).get

        def stops() -> None:
            with attached(configuration, views, line) as editor, ThreadPoolExecutor() as other:
                page = other.submit(ask)
                thread = editor.event("stopped")["threadId"]
                here = editor.ask("stackTrace", threadId=thread)["stackFrames"][0]
                assert (here["name"], here["line"]) == ("index", line)
                assert not page.done()
                editor.ask("continue", threadId=thread)
                assert page.result().status == 200

        stops()
        views.write_text(
            views.read_text() + "\n\n@bp.get('/saved')\ndef saved():\n    return '1'\n"
        )
        wait_for(lambda: ask("saved").status == 200, 20, "the process with the new code")
        stops()


@contextmanager
def server(log_file: Path, *command: str | Path, **options: Any) -> Iterator[None]:
    """A program that serves until it is ended."""
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=log_file.parent,
            **options,
        )
    try:
        yield
        assert process.poll() is None, log_file.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def postgres(workplace: Path) -> Iterator[tuple[int, str]]:
    """The port of a PostgreSQL with nothing in it, and the psql of its administrator."""
    folders = [path for place in PROGRAMS for path in sorted(Path("/").glob(place), reverse=True)]
    path = os.pathsep.join(map(str, [*folders, os.environ["PATH"]]))
    initdb, program, psql = (
        shutil.which(name, path=path) for name in ("initdb", "postgres", "psql")
    )
    if not (initdb and program and psql):
        pytest.skip("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    folder, port = workplace / "postgres", free_port()
    folder.mkdir()
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # which PostgreSQL refuses
        shutil.chown(folder, "postgres", "postgres")
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
    access = ("--auth-local=trust", "--auth-host=scram-sha-256", "--username=postgres")
    made = subprocess.run(
        [initdb, *access, "--no-sync", "-D", "data"],
        cwd=folder,
        capture_output=True,
        text=True,
        **account,
    )
    assert made.returncode == 0, made.stderr
    command = (program, "-D", "data", "-p", str(port), "-k", folder, "-c", "fsync=off")
    with server(folder / "log", *command, **account):
        wait_for(lambda: listens(port), 30, "PostgreSQL")
        yield port, f"{psql} --host {folder} --port {port} --username postgres --dbname postgres"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[int]:
    """The port of a Redis with nothing in it."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if not program:
        pytest.skip("Redis is not installed; on Debian: apt-get install redis-server")
    port = free_port()
    with server(
        tmp_path / "log", program, "--bind", "127.0.0.1", "--port", str(port), "--save", ""
    ):
        wait_for(lambda: listens(port), 30, "Redis")
        yield port
