"""docs/recipes/: each page is followed in a generated project, as it stands there."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serving
from conftest import ROOT
from documented import blocks, follow, shell
from serving import Project, free_port, wait_for
from test_packages import path_with_uv

pytestmark = pytest.mark.slow

PAGES = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs/recipes").glob("*.md")}

Recipe = Callable[..., Project]


@pytest.fixture
def recipe(workplace: Path, kind: str) -> Iterator[Recipe]:
    """`recipe(name)` is a project in which that page was followed.

    `ports` are those that stand in for ports of the page, `commands` come before each of its own.
    """
    folders = []

    def recipe(name: str, ports: dict[int, int] | None = None, commands: str = "") -> Project:
        text, port = PAGES[name], free_port()
        for usual, free in {8000: port, **(ports or {})}.items():
            text = text.replace(f":{usual}", f":{free}")
        # A page that has packages sets the project up by itself.
        install = "./run setup" not in text
        project = serving.generate(
            workplace / name, f"apache={kind}", f"port={port}", f"install={install}"
        )
        folders.append(project.path)
        follow(blocks(text), project.path, commands, PATH=path_with_uv())
        shell(
            project.path,
            ".venv/bin/ruff check hello_flask",
            ".venv/bin/ruff format --check hello_flask",
            ".venv/bin/pytest tests/test_pages.py",
        )
        return project

    yield recipe
    for folder in folders:
        subprocess.run([folder / "run", "stop"], capture_output=True)


def test_every_recipe_is_followed() -> None:
    assert {f"test_{name}" for name in PAGES} <= globals().keys()


def test_database(recipe: Recipe, postgres: tuple[int, Path]) -> None:
    port, folder = postgres
    administrator = f"--host {folder} --port {port} --username postgres --dbname postgres"
    recipe("database", {5432: port}, f'psql() {{ command psql {administrator} "$@"; }}')


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
        process.wait(timeout=60)


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
