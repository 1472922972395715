"""What systemd is told."""

import os
import socket
from pathlib import Path

import pytest

from flask_modwsgi import systemd
from flask_modwsgi.logs import rendering


@pytest.mark.parametrize("kind", ["a path", "abstract"])
def test_it_is_told_where_it_asks(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The path of a socket is short."""
    given = str(open_folder / "notify") if kind == "a path" else f"@{open_folder}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(given.replace("@", "\0", 1) if kind == "abstract" else given)
        monkeypatch.setenv("NOTIFY_SOCKET", given)
        systemd.notify("READY=1", "STATUS=Serving")
        assert manager.recv(100) == b"READY=1\nSTATUS=Serving"


def test_nobody_is_told_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")


def test_the_journal_is_recognized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "journal").open("w") as journal, (tmp_path / "other").open("w") as other:
        status = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert systemd.is_journal(journal.fileno())
        assert not systemd.is_journal(other.fileno())


@pytest.mark.parametrize(
    ("level", "number"),
    [("crit", 2), ("critical", 2), ("error", 3), ("warn", 4), ("info", 6), ("trace2", 7), ("", 6)],
)
def test_levels(level: str, number: int) -> None:
    assert systemd.prefixed("one\n\ntwo", level) == f"<{number}>one\n<{number}>two\n"


def test_each_line_of_a_traceback_has_its_level() -> None:
    show = rendering.error_lines("text", to_journal=True, wanted=lambda event: True)
    line = b'{"time": 0, "pid": 1, "level": "ERROR", "logger": "app", "request_id": "",'
    line += b' "message": "failed", "exception": "Traceback\\nValueError"}'
    shown = show(line.replace(b"ERROR", b"error")).splitlines()
    assert len(shown) == 3
    assert all(one.startswith(b"<3>[") for one in shown)
