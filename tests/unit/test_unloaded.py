"""What a process does that cannot load the application."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_modwsgi.worker import unloaded


class Ended(Exception):
    pass


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(status: int) -> None:
        raise Ended

    monkeypatch.setattr(os, "_exit", end)


def wait(folder: Path, outdated: Iterator[bool], seconds: float = 60) -> None:
    try:
        raise KeyError("nothing such")
    except KeyError:
        unloaded.wait(folder, lambda: next(outdated), seconds)


def serving(folder: Path) -> Path:
    report = folder / f"{os.getpid()}.report"
    report.touch()
    return report


def test_alone_it_answers_and_says_why_it_cannot(tmp_path: Path) -> None:
    wait(tmp_path, iter([False, False]))
    reason = tmp_path / f"{os.getpid()}.unloaded"
    assert reason.read_text("utf-8") == "KeyError: 'nothing such'"


def test_beside_another_it_makes_room_for_a_new_try(tmp_path: Path) -> None:
    serving(tmp_path)
    with pytest.raises(Ended):
        wait(tmp_path, iter([False] * 9), seconds=0.1)
    assert not list(tmp_path.glob("*.unloaded"))


def test_a_reload_that_sends_away_the_other_has_it_try_again(tmp_path: Path) -> None:
    report = serving(tmp_path)

    def outdated() -> Iterator[bool]:
        report.unlink()
        yield False
        yield True  # that was so before the other was sent away
        yield True

    with pytest.raises(Ended):
        wait(tmp_path, outdated())
