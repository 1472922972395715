"""The questions as people see them, in a terminal."""

import json
import os
import sys
import tomllib
from pathlib import Path

import pexpect
import pytest
from conftest import QUESTIONS, ROOT, derive
from serving import patience

from flask_modwsgi import __version__

PROMPTS = {
    "project_name": "Name of the project, any text",
    "project_slug": "Name of its directory and distribution",
    "app_name": "Name of its Python package and .wsgi file",
    "root_path": "The app's root directory on the server",
    "mount_point": "URL path the app is served under",
    "port": "Port Apache listens on",
    "apache": "Apache to build mod_wsgi against",
    "install": "Build the environment now",
}


@pytest.fixture
def terminal(tmp_path: Path) -> pexpect.spawn:
    """cookiecutter waits for the first answer; not to build is the default of this user."""
    config = tmp_path / "config.yaml"
    config.write_text(
        json.dumps(
            {
                "replay_dir": str(tmp_path / "replay"),
                "cookiecutters_dir": str(tmp_path / "templates"),
                "default_context": {"install": False},
            }
        )
    )
    return pexpect.spawn(
        sys.executable,
        ["-m", "cookiecutter", str(ROOT), "--config-file", str(config)],
        cwd=str(tmp_path),
        env={**os.environ, "TERM": "dumb", "TMPDIR": str(tmp_path)},
        encoding="utf-8",
        timeout=20 * patience(),
    )


def finish(terminal: pexpect.spawn) -> str:
    terminal.expect(pexpect.EOF)
    terminal.wait()  # close() would end what has only closed its output
    terminal.close()
    assert terminal.exitstatus == 0, terminal.before
    return str(terminal.before)


def test_every_question_has_a_sentence() -> None:
    assert PROMPTS.keys() == QUESTIONS.keys()


def test_enter_for_all_defaults(terminal: pexpect.spawn, tmp_path: Path) -> None:
    expected = {**derive(), "apache": "1", "install": "n"}
    for number, (question, sentence) in enumerate(PROMPTS.items(), 1):
        terminal.expect_exact(f"[{number}/{len(PROMPTS)}] {sentence}")
        terminal.expect_exact(f"({expected[question]}):")
        terminal.sendline()
    assert "./run setup" in finish(terminal)
    pyproject = tomllib.loads((tmp_path / "hello-flask/pyproject.toml").read_text("utf-8"))
    assert pyproject["project"]["description"] == "Hello Flask"
    assert pyproject["tool"]["flask-modwsgi"]["apache"] == "auto"


def test_an_answer_to_every_question(terminal: pexpect.spawn, tmp_path: Path) -> None:
    typed = {
        "project_name": 'Bob\'s [bold]Café[/] "{x}" :smile: \\',
        "project_slug": "bobs-cafe",
        "app_name": "cafe",
        "root_path": "/srv/cafe",
        "mount_point": "cafe/",
        "port": "8080",
        "apache": "3",
        "install": "no",
    }
    for question, answer in typed.items():
        terminal.expect_exact(PROMPTS[question])
        if question == "apache":
            terminal.expect_exact("auto     the installed Apache if it is complete")
            terminal.expect_exact("bundled  the Apache that comes as a Python package")
        terminal.expect_exact("):")
        terminal.sendline(answer)
    finish(terminal)
    project = tmp_path / "bobs-cafe"
    pyproject = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    assert pyproject["project"]["name"] == "bobs-cafe"
    assert pyproject["project"]["description"] == typed["project_name"]
    assert pyproject["tool"]["flask-modwsgi"] == {
        "app_name": "cafe",
        "apache": "bundled",
        "made_with": __version__,
    }
    assert "ExecStart=/srv/cafe/run" in (project / "deploy/bobs-cafe.service").read_text("utf-8")
    settings = (project / ".env.example").read_text("utf-8").splitlines()
    assert {"PORT=8080", "MOUNT_POINT=/cafe"} <= set(settings)
    assert (project / "cafe.wsgi").is_file()


def test_refusal_is_readable(terminal: pexpect.spawn, tmp_path: Path) -> None:
    for question, sentence in PROMPTS.items():
        terminal.expect_exact(sentence)
        terminal.expect_exact("):")
        terminal.sendline("99999" if question == "port" else "")
    terminal.expect_exact("port: '99999' was given.")
    terminal.expect_exact("Allowed: a number from 1 to 65535")
    terminal.expect_exact("No file was written.")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert (terminal.exitstatus, str(terminal.before).strip()) == (1, "")  # no traceback
    assert not (tmp_path / "hello-flask").exists()
