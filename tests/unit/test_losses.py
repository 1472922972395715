"""What is said of a server that has lost something."""

from pathlib import Path

import pytest
from samples import project

from flask_modwsgi.apache import processes, state
from flask_modwsgi.apache.state import State
from flask_modwsgi.doctor import check_places
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.server import losses


def test_a_folder_of_logs_that_a_link_led_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what somebody has to put back; the link is still there."""
    own = project(tmp_path / "own")
    own.var.mkdir(exist_ok=True)
    started = State(logs=str(own.logs))
    monkeypatch.setattr(state, "read", lambda root: started)
    monkeypatch.setattr(processes, "apache", lambda root: "one that runs")
    found = (losses.of_logs(started), str(check_places.logs(Facts(own))))
    assert all(told.startswith(f"{own.logs} is gone, and") for told in found)
    own.logs.symlink_to(tmp_path / "disk")
    found = (losses.of_logs(started), str(check_places.logs(Facts(own))))
    beginning = f"{own.logs} leads to {tmp_path}/disk, which is gone, and what is logged is lost"
    assert all(told.startswith(beginning) for told in found)
    (tmp_path / "disk").touch()
    assert losses.of_logs(started) == (
        f"{own.logs} leads to {tmp_path}/disk, which is no folder, and what is logged is lost."
        f" Type mv {own.logs} {own.logs}.old && ./run reload"
    )
