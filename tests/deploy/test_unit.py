"""The systemd unit, as systemd reads it; nothing is started."""

import subprocess
from pathlib import Path

import pytest
from conftest import Baked

pytestmark = pytest.mark.needs("systemd-analyze")


@pytest.fixture
def unit(defaults: Baked, tmp_path: Path) -> Path:
    """The unit, with programs that are there."""
    text = defaults.read("deploy/hello-flask.service")
    unit = tmp_path / "hello-flask.service"
    unit.write_text(text.replace("/var/www/hello-flask/run", "/bin/true"), "utf-8")
    return unit


def test_systemd_has_nothing_to_say(unit: Path) -> None:
    words: list[str | Path] = ["systemd-analyze", "verify", "--man=no", unit]
    done = subprocess.run(words, capture_output=True, text=True)
    said = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
    assert (done.returncode, said) == (0, [])
