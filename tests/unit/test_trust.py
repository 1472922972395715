"""What somebody else than root can change, and what root writes to."""

import os
import pwd
from pathlib import Path

import pytest
from samples import project

from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_trust
from flask_modwsgi.logs.rotation import RotatedFile
from flask_modwsgi.machine import accounts, files, trust
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import locks

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@needs_root
def test_a_folder_that_others_can_change_is_not_written_to(tmp_path: Path) -> None:
    logs = tmp_path / "var" / "log"
    assert trust.made_folder(logs) == logs
    for step in (tmp_path / "var", logs):
        os.chown(step, NOBODY, NOBODY)
        with pytest.raises(PermissionError) as refused:
            trust.made_folder(logs)
        assert refused.value.filename == str(step)
        os.chown(step, 0, 0)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    logs.rmdir()
    logs.symlink_to(theirs)
    with pytest.raises(PermissionError):
        trust.made_folder(logs)


def test_others_write_where_they_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    tmp_path.chmod(0o777)
    assert trust.made_folder(tmp_path / "log").is_dir()


@needs_root
def test_what_root_reads_is_looked_at_and_nothing_else(tmp_path: Path) -> None:
    own = project(tmp_path / "blog")
    (own.root / "more").mkdir()
    (own.root / "requirements.txt").write_text("-r more/base.txt\n")
    places = [own.env_file, own.root / ".env.example", own.root / "more" / "base.txt"]
    places += [own.root / "requirements.txt", own.var / "tls" / "key.pem", own.logs / "error.log"]
    (own.root / "run").touch()
    uploads = own.var / "uploads"
    for place in (*places, uploads):
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.touch()
    os.chown(uploads, NOBODY, NOBODY)
    check_trust.check(own)
    for place in [*places, own.var / "tls", own.var, own.root]:
        if place.name == "key.pem":  # its folder is looked at, so that nobody else can put it there
            continue
        os.chown(place, NOBODY, NOBODY)
        with pytest.raises(Problem) as refused:
            check_trust.check(own)
        assert refused.value.slug == "project-untrusted" and str(place) in refused.value.what
        os.chown(place, 0, 0)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_log_is_a_file_whatever_has_its_name(tmp_path: Path, kind: str) -> None:
    log, other = tmp_path / "error.log", tmp_path / "other"
    other.write_text("secret\n")
    if kind == "link":
        log.symlink_to(other)
    else:
        os.mkfifo(log)
    assert RotatedFile(log, 100, 1).write(b"a line\n") == 7
    assert log.read_text() == "a line\n" and not log.is_symlink()
    assert other.read_text() == "secret\n"


def test_a_folder_behind_a_link_keeps_its_mode(tmp_path: Path) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir(mode=0o755)
    link.symlink_to(folder)
    files.make_private(link)
    assert folder.stat().st_mode & 0o777 == 0o755
    files.make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


@needs_root
def test_no_lock_is_written_where_others_can(tmp_path: Path) -> None:
    """It would be, by its name, in a folder of their choice; a server is stopped all the same."""
    theirs, roots = tmp_path / "theirs", tmp_path / "roots"
    theirs.mkdir()
    roots.mkdir()
    (roots / "server.lock").write_text("of another program")
    (theirs / "var").symlink_to(roots)
    os.chown(theirs, NOBODY, NOBODY)
    with locks.held(Project(theirs), "server"):
        assert (roots / "server.lock").read_text() == "of another program"


@needs_root
def test_a_file_is_given_to_one_user(tmp_path: Path) -> None:
    file = tmp_path / "file"
    files.write(file, "secret", 0o400, NOBODY)
    status = file.stat()
    assert (status.st_uid, status.st_mode & 0o777) == (NOBODY, 0o400)
    files.write(file, "another", 0o400, NOBODY)
    assert files.text(file) == "another"


def test_no_member_of_roots_group_is_a_run_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "groups", lambda account: [account.gid, 0])
    for name in ("nobody", ""):
        with pytest.raises(Problem) as refused:
            accounts.choose(name)
        assert refused.value.slug == "run-user-invalid"


@needs_root
@pytest.mark.parametrize("name", ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"])
def test_root_leaves_the_home_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In which git has settings that name programs, and uv packages that it installs."""
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    theirs.mkdir()
    own.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    monkeypatch.setenv("HOME", str(own))
    monkeypatch.setenv(name, str(theirs / ".cache"))
    trust.leave_foreign_home()
    assert str(theirs) not in os.environ.get(name, "")
    assert os.environ["HOME"] == (pwd.getpwuid(0).pw_dir if name == "HOME" else str(own))


def test_a_home_that_is_not_set_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where even the root folder is of another user, as in some containers."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(trust, "first_foreign", lambda paths: (Path("/"), "belongs to nobody"))
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    trust.leave_foreign_home()
    assert os.environ["HOME"] == pwd.getpwuid(0).pw_dir
