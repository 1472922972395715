"""What processes leave in the folder where they report: the application can make any file there."""

import os
from pathlib import Path

import pytest

from flask_modwsgi.worker import control, unloaded

NO_IDS = ["0", "9" * 20, "9" * 200, "1x", "1²", "007", "-1"]


@pytest.mark.parametrize("name", NO_IDS)
def test_a_file_that_names_no_process_is_no_obstacle(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(status: int) -> None:
        pytest.fail("it took the file for a process that serves")

    monkeypatch.setattr(os, "_exit", end)
    (tmp_path / f"{name}.report").touch()
    own = tmp_path / f"{os.getpid()}.report"
    own.touch()
    assert control.forget_dead(tmp_path) == []
    assert own.exists()
    own.unlink()
    with pytest.raises(ZeroDivisionError):  # it answers, because no other process serves
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            unloaded.wait(tmp_path, lambda: False, seconds=60)
            raise


def test_what_the_dead_have_left_is_removed_as_far_as_it_can_be(tmp_path: Path) -> None:
    dead = os.fork() or os._exit(0)
    os.waitpid(dead, 0)
    (tmp_path / f"{dead}.report").touch()
    (tmp_path / f"{dead}.stacks").mkdir()
    os.mkfifo(tmp_path / f"{dead}.ask")
    assert control.forget_dead(tmp_path) == [dead]
    assert [file.name for file in tmp_path.iterdir()] == [f"{dead}.stacks"]
    assert control.forget_dead(tmp_path) == []
