"""Whom requests run as, and what that user can reach."""

import grp
import os
import pwd
import signal
from pathlib import Path

import pytest

from flask_modwsgi.machine import accounts
from flask_modwsgi.problems.problem import Problem

WEB_USER = next(
    (user for user in accounts.WEB_USERS if user in {u.pw_name for u in pwd.getpwall()}), ""
)


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice that root would have."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_an_ordinary_user_serves_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert accounts.choose("www-data").uid == 65534


def test_root_serves_as_whom_it_is_told(root: None) -> None:
    found = accounts.choose("nobody")
    assert (found.user, found.uid) == ("nobody", pwd.getpwnam("nobody").pw_uid)


@pytest.mark.parametrize("user", ["root", "no-such-user"])
def test_root_serves_neither_as_root_nor_as_nobody_known(root: None, user: str) -> None:
    with pytest.raises(Problem) as refused:
        accounts.choose(user)
    assert refused.value.slug == "run-user-invalid"


def test_an_account_without_a_name_never_gets_the_group_of_root(root: None) -> None:
    found = accounts.by_id(54321)
    assert (found.user, found.gid) == ("#54321", 54321)


def test_a_group_that_others_are_in_is_nobodys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    users = [pwd.struct_passwd(("app", "x", 900, 900, "", "/", ""))]
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    members: list[str] = []
    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group(("app", "x", gid, members)))
    account = accounts.Account("app", 900, "app", 900)
    assert accounts.has_own_group(account)
    members.append("ann")
    assert not accounts.has_own_group(account)
    members.clear()
    users.append(pwd.struct_passwd(("ann", "x", 901, 900, "", "/", "")))
    assert not accounts.has_own_group(account)


@pytest.mark.skipif(not WEB_USER, reason="this system has no user for web servers")
def test_root_serves_its_own_projects_as_the_web_user(root: None) -> None:
    assert accounts.choose("").user == WEB_USER


def test_the_first_folder_in_the_way_is_named(open_folder: Path) -> None:
    """Also behind a link, and to root only as another user."""
    closed, link = open_folder / "closed", open_folder / "link"
    (closed / "inner").mkdir(parents=True)
    file = closed / "inner" / "file"
    file.touch()
    link.symlink_to(file)
    uid = 65534 if os.geteuid() == 0 else os.geteuid()
    somebody = accounts.Account(f"#{uid}", uid, f"#{uid}", uid)
    assert accounts.first_obstacle(somebody, [link]) is None
    closed.chmod(0o600)
    try:
        found = accounts.first_obstacle(somebody, [link])
    finally:
        closed.chmod(0o755)
    assert found and (found.verb, found.path) == ("enter", closed)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_process_of_another_user_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    """That user can stop it, also when it has answered."""

    def stop(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    if not is_late:
        monkeypatch.setattr(accounts, "LIMIT", 0.2)
    monkeypatch.setattr(accounts, "become", lambda account: None if is_late else stop())
    if is_late:
        monkeypatch.setattr(os, "_exit", stop)
    other = accounts.Account("other", os.geteuid() + 1, "other", 900)
    if is_late:
        assert accounts.obstacles(other, [tmp_path]) == []
    else:
        with pytest.raises(OSError, match="stopped"):
            accounts.obstacles(other, [tmp_path])
