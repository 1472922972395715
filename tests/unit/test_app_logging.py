"""What the server itself logs in the processes of the application."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from flask_modwsgi.logs import chunking, events, rendering
from flask_modwsgi.worker import app_logging

# The application configures logging as Flask's documentation shows.
# https://flask.palletsprojects.com/en/stable/logging/#basic-configuration
CODE = """
from logging.config import dictConfig
from flask_modwsgi.worker import app_logging

app_logging.install("warning")
dictConfig({
    "version": 1,
    "formatters": {"default": {"format": "%(levelname)s in %(module)s: %(message)s"}},
    "handlers": {"wsgi": {"class": "logging.StreamHandler", "formatter": "default"}},
    "root": {"level": "INFO", "handlers": ["wsgi"]},
})
app_logging.LOGGER.info("not this")
app_logging.LOGGER.warning("took too long")
"""


def test_an_application_that_configures_logging_silences_no_line_of_the_server() -> None:
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=50, env=environ
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    told = json.loads(line.partition("{")[1] + line.partition("{")[2])
    assert (told["logger"], told["message"]) == ("flask_modwsgi", "took too long")


BASIC = """
import logging
import sys
from flask_modwsgi.worker import app_logging

app_logging.install("warning")
{}
logging.getLogger("shop").debug("a detail")
logging.getLogger("shop").critical("an end")
"""
NOWHERE, ERROR_LOG, FILE = "nowhere", "the error log", "a file"


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("", NOWHERE),
        ("logging.basicConfig(format='%(message)s')", NOWHERE),
        ("logging.basicConfig(level='DEBUG', format='%(message)s')", ERROR_LOG),
        ("logging.basicConfig(level=10, stream=sys.stdout, force=True)", ERROR_LOG),
        ("logging.basicConfig(level=0, filename=None)", ERROR_LOG),
        ("logging.basicConfig(level=10)\nlogging.basicConfig(level=40)", ERROR_LOG),
        ("logging.basicConfig(level=40)\nlogging.basicConfig(level=10)", NOWHERE),
        ("logging.basicConfig(level=10, filename='own.log')", FILE),
        ("logging.basicConfig(level=10, handlers=[logging.FileHandler('own.log')])", FILE),
        ("logging.basicConfig(level=10, stream=open('own.log', 'w'))", FILE),
        # As without a server: there is a handler already.
        ("logging.root.addHandler(logging.NullHandler())\nlogging.basicConfig(level=10)", NOWHERE),
    ],
)
def test_basic_config_of_the_application_counts(tmp_path: Path, source: str, place: str) -> None:
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", BASIC.format(source)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=50, env=environ, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (0, "")
    file = tmp_path / "own.log"
    written = file.read_text() if file.exists() else ""
    assert ("a detail" in done.stderr, "a detail" in written) == (
        place == ERROR_LOG,
        place == FILE,
    )
    assert "an end" in (written if place == FILE else done.stderr)
    assert ('"level": "debug"' in done.stderr) == (place == ERROR_LOG)


@pytest.mark.parametrize("letter", ["x", "\u0416", "\U0001f600", "\0"])
def test_an_error_of_any_length_is_one_error(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(os, "write", lambda file, piece: written.append(piece))
    try:
        raise ValueError(letter * chunking.LONGEST)
    except ValueError as error:
        record = logging.makeLogRecord(
            {"levelname": "ERROR", "exc_info": (ValueError, error, None)}
        )
        record.msg = f"failed: {error}"
        app_logging.ErrorLog().emit(record)
    monkeypatch.undo()
    render = rendering.error_lines("json")
    (line,) = filter(None, (render(piece.removesuffix(b"\n")) for piece in written))
    found = events.read(line)
    assert found["level"] == "error"
    assert found["message"].startswith(f"failed: {letter}")
    assert found["message"].endswith(f"{letter}... ({chunking.LONGEST + 8} characters)")
    assert found["exception"].startswith(f"ValueError: {letter}")
