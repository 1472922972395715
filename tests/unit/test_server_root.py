"""Where the server root is, and whose it has to be."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from samples import make_deep, me

from flask_modwsgi.apache import server_root, state
from flask_modwsgi.config.project import Project
from flask_modwsgi.problems.problem import Problem


def test_a_long_path_gets_a_short_server_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = Project(Path("/srv") / ("x" * 100))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("y" * 100)))
    folder = server_root.choose(project, "apache")
    assert len(os.fsencode(folder)) + len("/wsgi.4194304.9.1.sock") <= 107
    assert folder == server_root.choose(project, "apache") != server_root.choose(project, "proof")


def test_root_takes_no_folder_that_others_could_have_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = Project(Path("/srv") / ("x" * 100))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    for name in ("XDG_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    assert server_root.choose(project, "apache").parent == Path("/run")


def test_a_folder_that_somebody_else_made_first_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In /tmp, where its owner alone could remove it: nobody else can keep a server from its start."""
    project = Project(Path("/srv") / ("x" * 200))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(server_root, "LONGEST", 200)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    first = server_root.choose(project, "apache")
    first.mkdir()
    second = server_root.choose(project, "apache")
    assert second.parent == tmp_path and second != first
    second.mkdir()
    assert server_root.choose(project, "apache") not in (first, second)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away; run it as root")
@pytest.mark.parametrize("given", ["link", "folder"])
def test_nobody_leads_root_to_the_server_of_another_project(tmp_path: Path, given: str) -> None:
    """Root's stop would end that."""
    project, other = Project(tmp_path / "project"), tmp_path / "other" / "apache"
    other.mkdir(parents=True)
    state.write(other, state.State(address="http://other"))
    project.root.mkdir()
    if given == "link":
        project.var.mkdir()
        (project.var / "apache").symlink_to(other)
        os.chown(project.var / "apache", 65534, 65534, follow_symlinks=False)
    else:
        (tmp_path / "theirs").mkdir()
        (tmp_path / "theirs" / "var").symlink_to(other.parent)
        project.var.symlink_to(tmp_path / "theirs" / "var")
        os.chown(tmp_path / "theirs", 65534, 65534)
        project = Project(project.root)
    assert server_root.find(project, "apache") == server_root.choose(project, "apache")
    assert state.read(state.root(project)).address == ""
    assert state.read(other).address == "http://other"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away; run it as root")
def test_a_folder_that_somebody_else_made_in_the_place_of_a_removed_one(tmp_path: Path) -> None:
    """Whoever owns it would be taken for who serves the project."""
    project = Project(tmp_path / "project")
    other = tmp_path / "other"
    other.mkdir()
    project.var.mkdir(parents=True)
    (project.var / "apache").symlink_to(other)
    assert server_root.find(project, "apache") == other
    os.chown(other, 65534, 65534)
    assert server_root.find(project, "apache") == server_root.choose(project, "apache")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away; run it as root")
@pytest.mark.parametrize("step", ["the place", "a folder above"])
def test_a_link_that_somebody_else_made_in_the_place_of_a_removed_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str
) -> None:
    """In /tmp: a verb of the owner would show and stop the server of another project of theirs."""
    owner = 54321
    project, other = Project(tmp_path / "project"), tmp_path / "other" / "apache"
    removed = tmp_path / "theirs" / "removed"
    for folder in (project.var, other, removed.parent):
        folder.mkdir(parents=True)
    (project.var / "apache").symlink_to(removed / "apache")
    if step == "the place":
        removed.mkdir()
    given = removed / "apache" if step == "the place" else removed
    given.symlink_to(other if step == "the place" else other.parent)
    for path in (project.var, project.var / "apache", other, removed.parent, removed, given):
        os.chown(path, owner, owner, follow_symlinks=False)
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    assert server_root.find(project, "apache") == other  # a link of their own is followed
    os.chown(given, 65534, 65534, follow_symlinks=False)
    assert server_root.find(project, "apache") == server_root.choose(project, "apache")


def test_a_link_to_a_closed_folder_hinders_no_verb(open_folder: Path) -> None:
    """Tried by an ordinary user, because nothing is closed to root."""
    project, closed = Project(open_folder / "project"), open_folder / "closed"
    closed.mkdir(mode=0o700)
    project.var.mkdir(parents=True)
    (project.var / "apache").symlink_to(closed / "x" / "y")
    if os.geteuid() != 0:
        closed.chmod(0)
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            found = server_root.find(project, "apache")
            os._exit(0 if found == server_root.choose(project, "apache") else 1)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    closed.chmod(0o700)


def test_a_server_root_of_somebody_else_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    folder = project.var / "apache"
    server_root.make(project, folder, me())
    assert folder.stat().st_mode & 0o777 == 0o700
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(Problem) as refused:
        server_root.make(project, link, me())
    assert refused.value.slug == "server-root-foreign"


def test_what_is_outside_of_the_mount_point_can_be_looked_for(tmp_path: Path) -> None:
    """By Apache's user, who would get a 403 for a folder that is closed, not a 404."""
    before = os.umask(0o077)
    try:
        server_root.make(Project(tmp_path), tmp_path / "var" / "apache", me())
    finally:
        os.umask(before)
    assert (tmp_path / "var" / "apache" / "nothing").stat().st_mode & 0o777 == 0o755


def test_what_is_in_the_place_of_its_files_is_no_obstacle(tmp_path: Path) -> None:
    """Such as a folder that a container runtime made to mount something there."""
    folder = tmp_path / "var" / "apache"
    for name in ("state.json", "httpd.conf.new", "httpd.pid", "mime.types.part"):
        (folder / name / "more").mkdir(parents=True)
    for name in ("nothing", "workers", "static"):
        os.mkfifo(folder / name)
    server_root.make(Project(tmp_path), folder, me())
    assert {entry.name for entry in folder.iterdir()} == {"nothing", "workers"}
    assert (folder / "nothing").is_dir() and (folder / "workers").is_dir()


@pytest.mark.parametrize("place", ["other", "workers"])
def test_how_deep_a_folder_is_that_the_application_makes_is_no_obstacle(
    tmp_path: Path, place: str
) -> None:
    """A restart would end the server and not start it again."""
    folder = tmp_path / "var" / "apache"
    (folder / place).mkdir(parents=True)
    make_deep(folder / place)
    server_root.make(Project(tmp_path), folder, me())
    assert sorted(entry.name for entry in folder.iterdir()) == ["nothing", "workers"]
    assert not list((folder / "workers").iterdir())


def test_a_process_that_does_not_stop_to_write_is_no_obstacle(tmp_path: Path) -> None:
    """One that left the session of the server, in the folder of its reports."""
    folder = tmp_path / "var" / "apache"
    (folder / "workers").mkdir(parents=True)
    before, is_over = os.open(folder / "workers", os.O_RDONLY), threading.Event()

    def write() -> None:
        for number in range(200_000):
            if is_over.is_set():
                return
            with suppress(FileNotFoundError):
                os.mkdir(f"{number}", dir_fd=before)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not os.listdir(before):
            pass
        server_root.make(Project(tmp_path), folder, me())
        assert not list((folder / "workers").iterdir())
    finally:
        is_over.set()
        writer.join()
        os.close(before)
