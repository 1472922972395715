"""Packages that read .env, where this user cannot."""

import io
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import dotenv
import pytest

from flask_modwsgi.worker import dotenv_readers

VALUES = {"COLOUR": 'it\'s "blue" \\n ${HOME} # no comment', "LINES": "one\ntwo", "EMPTY": ""}


READ = "import io\ndef read(path):\n    with {}(path) as file:\n        return file.read()"


@pytest.mark.parametrize(
    ("name", "opens"), [("decouple", "open"), ("dynaconf.vendor.dotenv.main", "io.open")]
)
def test_they_get_the_values_in_force_and_other_files_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, opens: str
) -> None:
    other = ModuleType(name)
    exec(READ.format(opens), vars(other))
    monkeypatch.setitem(sys.modules, name, other)
    monkeypatch.setattr("dotenv.main.io", io, raising=False)
    monkeypatch.setattr("dotenv.main.open", open, raising=False)
    file, second = tmp_path / ".env", tmp_path / "second.env"
    file.write_text("COLOUR=another\n")
    second.write_text("SECOND=2\n")
    for variable, value in VALUES.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("os.access", lambda path, mode: path != file)
    dotenv_readers.give(file, [*VALUES, "NOT_SET"])
    monkeypatch.chdir(tmp_path)
    assert dotenv.dotenv_values(".env", interpolate=False) == VALUES
    assert dotenv.dotenv_values(second) == {"SECOND": "2"}
    assert other.read(file).startswith("COLOUR='it\\'s")
    assert other.read(str(second)) == "SECOND=2\n"
    with pytest.raises(FileNotFoundError):
        other.read("none.env")


def test_where_the_file_can_be_read_nothing_changes(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("COLOUR=own\n")
    dotenv_readers.give(file, ["COLOUR"])
    assert dotenv.dotenv_values(file) == {"COLOUR": "own"}
    assert not hasattr(dotenv.main, "open")


@pytest.mark.parametrize("has_another", [False, True])
@pytest.mark.parametrize("told", ['["/nowhere/.env", []]', None])
def test_a_python_of_exec_starts_as_ever(
    tmp_path: Path, has_another: bool, told: str | None
) -> None:
    """With a sitecustomize of its own or without, and where a child has no such variable."""
    if has_another:
        (tmp_path / "sitecustomize.py").write_text("import sys; sys.argv_was_seen = True")
    started = Path(dotenv_readers.__file__).parent / "started"
    paths = os.pathsep.join(map(str, (started, tmp_path, *filter(None, sys.path))))
    env = {"PYTHONPATH": paths, **({"FLASK_MODWSGI_ENV_FILE": told} if told else {})}
    code = "import sys; print(hasattr(sys, 'argv_was_seen'))"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("", f"{has_another}\n")
