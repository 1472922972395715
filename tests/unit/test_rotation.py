"""Logs that are put aside when they are large."""

import os
import threading
from pathlib import Path

import pytest

from flask_modwsgi.logs.rotation import RotatedFile

LINE = b"x" * 99 + b"\n"


@pytest.mark.parametrize("count", [1, 3])
def test_there_is_a_file_at_every_moment(tmp_path: Path, count: int) -> None:
    """Or ``tail -F`` would say that it has become inaccessible."""
    path = tmp_path / "error.log"
    log = RotatedFile(path, 100, count)
    log.write(LINE)
    missing, stop = [], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if not os.path.exists(path):
                missing.append(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(500):
            log.write(LINE)
    finally:
        stop.set()
        watcher.join()
    assert missing == []


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    log = RotatedFile(tmp_path / "error.log", 100, 2)
    for _ in range(3):
        log.write(LINE)
    names = ["error.log", "error.log.1", "error.log.2"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
