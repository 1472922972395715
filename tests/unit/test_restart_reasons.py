"""What only a restart takes, so that a reload refuses it."""

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from samples import project

from flask_modwsgi.apache.state import State
from flask_modwsgi.config import settings
from flask_modwsgi.server import launch, restart_reasons
from flask_modwsgi.setup import environments


def test_a_setting_of_a_new_version_counts_with_its_default() -> None:
    """The server was started before there was such a setting."""
    default = settings.load({}).keep_alive
    before = {"mode": "daemon", "port": 8000}
    assert restart_reasons.changed_settings(before, {"keep_alive": default}) == []
    assert restart_reasons.changed_settings(before, {"keep_alive": default + 1}) == [
        f"KEEP_ALIVE (was {default}, is now {default + 1})"
    ]
    assert restart_reasons.changed_settings({}, {"keep_alive": default + 1}) == []  # they are lost


@pytest.mark.parametrize("given", ["site.conf", "conf.d"])
def test_changed_directives_need_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setattr(environments, "restart_reasons", lambda *paths: [])
    file = tmp_path / given if given == "site.conf" else tmp_path / given / "a.conf"
    file.parent.mkdir(exist_ok=True)
    file.write_text("Header set X-A 1\n")
    site: Any = SimpleNamespace(
        project=project(tmp_path),
        settings=settings.load({"APACHE_INCLUDE": given}),
        environ={},
        written=(),
    )
    started = State(settings=asdict(site.settings), directives=launch.directives(site))
    assert restart_reasons.of(started, site) == []
    file.write_text("Header set X-A 2\n")
    assert restart_reasons.of(started, site) == ["the directives of APACHE_INCLUDE"]
    embedded = replace(started, settings=started.settings | {"mode": "embedded"})
    assert not any("directives" in one for one in restart_reasons.of(embedded, site))
