"""How an environment is built."""

import stat
from pathlib import Path
from typing import Any

import pytest
from samples import complete_python, project

from flask_modwsgi.setup import apaches, built, environments, installers, new_environment
from flask_modwsgi.setup.plan import Plan
from flask_modwsgi.setup.progress import Progress


def test_nobody_else_enters_an_environment_before_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv makes a lock in it that every user can take, and waits for it."""
    own = project(tmp_path.resolve() / "blog")
    (own.root / "requirements.txt").touch()
    plan = Plan(own, complete_python(tmp_path), apaches.Apache("system", "2.4.62"), False, False)
    modes: list[int] = []
    target = environments.new_folder(own)

    def see(*_: Any) -> None:
        modes.append(stat.S_IMODE(target.stat().st_mode))

    def create(_: Any, python: Any, folder: Path) -> None:
        assert folder == target
        see()
        (folder / ".lock").touch()
        (folder / ".lock").chmod(0o666)

    monkeypatch.setattr(environments, "new_folder", lambda own: target)
    monkeypatch.setattr(installers, "create", create)
    monkeypatch.setattr(installers, "install", see)
    monkeypatch.setattr(new_environment, "_install_server", see)
    monkeypatch.setattr(built, "versions", lambda python: {})
    wheel = own.root / "wheels/flask_modwsgi-1.0.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    wanted = environments.recipe(plan)
    assert new_environment.build(plan, wanted, Progress(["x"])) == target
    assert modes == [0o700] * 3
    # Complete, it is for the application's user.
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert stat.S_IMODE((target / ".lock").stat().st_mode) == 0o644
