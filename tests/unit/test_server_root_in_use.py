"""The server root of an Apache that runs, after others have changed it: no server is started."""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from samples import project

from flask_modwsgi.apache import modes, processes, state
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import background, probe

PID = 4321
IS_ROOT = os.geteuid() == 0
USER = 65534 if IS_ROOT else os.geteuid()  # whom the application runs as


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a start leaves it, with a socket of its own and one of an Apache that was killed."""
    folder = tmp_path / "var" / "apache"
    folder.mkdir(parents=True)
    for name in modes.FILES:
        (folder / name).touch()
    (folder / "workers").unlink()
    (folder / "workers").mkdir(mode=0o700)
    sockets = [listening(folder / f"wsgi.{pid}.u{USER}.1.sock") for pid in (1234, PID)]
    if IS_ROOT:
        os.chown(sockets[1], USER, 0)
        os.chown(folder / "workers", USER, USER)
        os.chown(folder, 0, USER)
    folder.chmod(0o710 if IS_ROOT else 0o700)
    state.write(folder, state.State(started=1.0, pid=PID, address="http://127.0.0.1:9"))
    monkeypatch.setattr(processes, "workers", lambda root: [SimpleNamespace(uid=USER)])
    monkeypatch.setattr(processes, "apache", lambda root: SimpleNamespace(pid=PID))
    return folder


def listening(path: Path) -> Path:
    """A socket, which stays when nobody listens any more."""
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    path.chmod(0o700)
    return path


def give_to_root(root: Path) -> None:
    for path in (root, *root.iterdir()):
        os.chown(path, 0, 0)


def replace_sockets(root: Path) -> None:
    for path in root.glob("*.sock"):
        path.unlink()
        path.touch()


def remove_own(root: Path) -> None:
    next(root.glob(f"wsgi.{PID}.*")).unlink()


def close(name: str) -> Callable[[Path], None]:
    return lambda root: next(root.glob(name) if name else iter([root])).chmod(0)


CHANGES = {
    "sockets replaced": (replace_sockets, "server-root-incomplete"),
    "only another one's left": (remove_own, "server-root-incomplete"),
    "closed": (close(""), "server-root-closed"),
    "a closed socket": (close(f"wsgi.{PID}.*"), "server-root-closed"),
    "where they report": (close("workers"), "server-root-closed"),
    "owner": (give_to_root, "server-root-closed"),
}


@pytest.mark.parametrize(("change", "slug"), CHANGES.values(), ids=CHANGES)
def test_what_apache_cannot_use_any_more(
    root: Path, change: Callable[[Path], None], slug: str
) -> None:
    if change is give_to_root and not IS_ROOT:
        pytest.skip("only root can give files away")
    processes.refuse_incomplete(root)
    change(root)
    try:
        with pytest.raises(Problem) as problem:
            processes.refuse_incomplete(root)
    finally:
        root.chmod(0o700)
    assert problem.value.slug == slug
    assert problem.value.remedy == ("./run restart",)


def test_another_users_server_root_is_not_looked_into(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_own(root)
    monkeypatch.setattr(processes, "can_be_seen", lambda root: False)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    processes.refuse_incomplete(root)


def test_a_start_asks_the_server_that_runs_already(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any answer of the application counts."""
    own = project(root.parents[1])
    for status, code in ((200, 0), (500, 0), (0, 1)):
        monkeypatch.setattr(probe, "ask", lambda *asked, status=status: status)
        assert background.start(own, {}) == code
        told = capsys.readouterr().err
        assert f"already running: process {PID}" in told
        assert ("does not answer; ./run status shows why" in told) == (code == 1)
