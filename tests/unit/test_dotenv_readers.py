"""Packages that read .env, where this user cannot."""

import sys
from pathlib import Path
from types import ModuleType

import dotenv
import pytest

from flask_modwsgi.worker import dotenv_readers

VALUES = {"COLOUR": 'it\'s "blue" \\n ${HOME} # no comment', "LINES": "one\ntwo", "EMPTY": ""}


def test_they_get_the_values_in_force_and_other_files_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ModuleType("decouple")
    exec("def read(path):\n    with open(path) as file:\n        return file.read()", vars(other))
    monkeypatch.setitem(sys.modules, "decouple", other)
    monkeypatch.setattr("dotenv.main.open", open, raising=False)
    file, second = tmp_path / ".env", tmp_path / "second.env"
    file.write_text("COLOUR=another\n")
    second.write_text("SECOND=2\n")
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
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
