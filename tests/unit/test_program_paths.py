"""Where the Python of ``./run exec`` and ``./run flask`` looks for modules."""

import os
import signal
from pathlib import Path

import pytest
from samples import me, project

from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.server import own_commands


@pytest.mark.parametrize(
    ("package", "words", "path"),
    [
        ("src/shop", ["celery", "-A", "shop.tasks", "worker"], "src:."),
        ("src/shop", ["flask", "--app", "shop", "routes"], "src:."),
        ("shop", ["celery", "-A", "shop.tasks", "worker"], "."),
        ("src/shop", ["flask", "routes"], None),
    ],
)
def test_a_program_finds_the_modules_of_the_application(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    words: list[str],
    path: str | None,
) -> None:
    """But ``./run flask`` says what is wrong with them before it imports one."""
    own = project(tmp_path)
    with (tmp_path / "pyproject.toml").open("a") as file:
        file.write(f'package = "{package}"\n')
    given: list[dict[str, str]] = []
    monkeypatch.setattr(Facts, "account", me())
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(os, "execvpe", lambda name, words, environ: given.append(environ))
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.chdir(tmp_path)
    own_commands.execute(own, words)
    expected = path and os.pathsep.join(str(tmp_path / folder) for folder in path.split(":"))
    assert given[0].get("PYTHONPATH") == expected
