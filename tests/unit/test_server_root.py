"""Where the server root is, and whose it has to be."""

import os
from pathlib import Path

import pytest
from samples import me

from flask_modwsgi.apache import server_root
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
