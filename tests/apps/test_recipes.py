"""docs/recipes/: each page is followed in a generated project, as it stands there."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import serving
from conftest import ROOT
from documented import blocks, follow, shell
from person import Person
from serving import free_port, wait_for
from test_headers import browse, chromium
from test_packages import path_with_uv

__all__ = ["chromium"]  # a fixture

pytestmark = pytest.mark.slow

PAGES = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs/recipes").glob("*.md")}

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
        project = serving.generate(workplace / name, f"apache={kind}", f"port={port}")
        folders.append(project.path)
        text = PAGES[name].replace("/var/www/hello-flask", str(project.path))
        for usual, free in {8000: port, **(ports or {})}.items():
            text = text.replace(f":{usual}", f":{free}")
        follow(blocks(text), project.path, commands, others, PATH=path_with_uv())
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


def test_database(recipe: Recipe, postgres: tuple[int, Path]) -> None:
    port, folder = postgres
    administrator = f"--host {folder} --port {port} --username postgres --dbname postgres"
    recipe("database", {5432: port}, f'psql() {{ command psql {administrator} "$@"; }}')


def test_api(recipe: Recipe, chromium: str) -> None:
    shown = browse(chromium, f"{recipe('api')}/openapi/swagger")
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
def postgres(workplace: Path) -> Iterator[tuple[int, Path]]:
    """The port of a PostgreSQL with nothing in it, and the folder of its administrator's socket."""
    programs = [
        *Path("/usr").glob("lib/postgresql/*/bin"),
        *Path("/usr").glob("libexec/postgresql*"),
    ]
    path = os.pathsep.join(map(str, [*sorted(programs, reverse=True), os.environ["PATH"]]))
    initdb, program = (shutil.which(name, path=path) for name in ("initdb", "postgres"))
    if not initdb or not program or not shutil.which("psql"):
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
        yield port, folder


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[int]:
    """The port of a Redis with nothing in it."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if not program:
        pytest.skip("Redis is not installed; on Debian: apt-get install redis-server")
    port = free_port()
    with server(tmp_path / "log", program, "--port", str(port), "--save", ""):
        wait_for(lambda: listens(port), 30, "Redis")
        yield port
