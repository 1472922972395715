"""How a project is told by a link that leads to it."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from samples import me, project

from flask_modwsgi.apache import releases, state
from flask_modwsgi.apache.state import State
from flask_modwsgi.config import env_file
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_trust
from flask_modwsgi.machine import process_table
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import prepare
from flask_modwsgi.setup import environments

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: sudo")


@pytest.mark.parametrize(
    ("shown", "link"),
    [
        ("current", "current"),
        ("current/blog", "current"),  # where the user was, below the project
        ("above/1", "above/1"),  # a link further up
        ("releases/1", None),
        ("other", None),  # moved since the shell went there
        ("gone", None),
    ],
)
def test_the_link_is_what_the_shell_says(tmp_path: Path, shown: str, link: str | None) -> None:
    root = tmp_path / "releases" / "1"
    (root / "blog").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "current").symlink_to("releases/1")
    (tmp_path / "above").symlink_to("releases")
    expected = tmp_path / link if link else None
    assert releases.link_to(root, str(tmp_path / shown)) == expected


def test_a_shell_may_say_nothing(tmp_path: Path) -> None:
    assert releases.link_to(tmp_path, "") is None
    assert releases.link_to(tmp_path, "current") is None


def shared(tmp_path: Path, name: str) -> Project:
    """A release that shares ``var/`` and ``.env``."""
    found = project(tmp_path / "releases" / name)
    (found.root / "var").symlink_to("../../var")
    (found.root / ".env").symlink_to("../../.env")
    (found.root / ".env.example").write_text("FLASK_SECRET_KEY=\n")
    return Project(found.root)


def test_releases_have_one_place_and_one_env(tmp_path: Path) -> None:
    one, two = shared(tmp_path, "1"), shared(tmp_path, "2")
    assert one.var == two.service == tmp_path / "var"
    prepare.make_env_file(one, me())
    made = (tmp_path / ".env").read_text()
    prepare.make_env_file(two, me())
    assert two.env_file.read_text() == made != "FLASK_SECRET_KEY=\n"


def test_a_project_without_an_example_gets_the_defaults(tmp_path: Path) -> None:
    own = project(tmp_path)
    prepare.make_env_file(own, me())
    written = env_file.read(own.env_file)
    assert written["PORT"] == "8000"
    assert len(written["FLASK_SECRET_KEY"]) == 64


def test_a_setup_leaves_what_another_release_runs_from(tmp_path: Path) -> None:
    one, two = shared(tmp_path, "1"), shared(tmp_path, "2")
    made = []
    for number, release in enumerate((one, two)):
        folder = environments.folder(release) / f"20261129-10000{number}-1"
        folder.mkdir(parents=True)
        values = dict.fromkeys(environments.Recipe.__dataclass_fields__, "")
        recipe = {**values, "root": str(release.root), "development": False}
        environments.record(folder).write_text(json.dumps({"recipe": recipe}))
        environments.put_to_use(release, folder)
        made.append(folder)
    environments.prune(two, [])
    assert all(folder.exists() for folder in made)
    (one.root / ".venv").unlink()
    environments.prune(two, [])
    assert [folder.exists() for folder in made] == [False, True]


@needs_root
def test_root_follows_no_link_that_others_can_move(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    root = project(tmp_path / "releases" / "1").root
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    link = theirs / "current"
    link.symlink_to(root)
    os.chown(theirs, 65534, 65534)
    with pytest.raises(Problem, match="project-untrusted"):
        check_trust.check(Project(root, link=link))


def test_a_server_is_told_by_the_folder_its_link_leads_to(tmp_path: Path) -> None:
    """And by the one that is served. To others it is none of theirs."""
    one, two, three = (project(tmp_path / name).root for name in "123")
    link = tmp_path / "current"
    link.symlink_to("2")
    root = one / "var" / "apache"
    root.mkdir(parents=True)
    command = ["sh", "-c", "read wait", "sh", "-f", f"{root}/httpd.conf", "-k"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as server:
        found = process_table.find(server.pid)
        assert found
        about = State(project=str(one), link=str(link), var=str(one / "var"))
        state.write(root, replace(about, pid=found.pid, start=found.start))
        assert releases.recognised(Project(two)).service == one / "var"
        assert releases.recognised(Project(two)).link == link
        assert releases.recognised(Project(one)).link is None
        assert releases.recognised(Project(three)).service == three / "var"
        state.update(root, project=str(three))
        assert releases.recognised(Project(three)).service == one / "var"
        assert server.stdin
        server.stdin.close()


def test_a_folder_that_cannot_be_entered_is_no_link(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    assert releases.link_to(tmp_path, str(closed / ("x" * 300))) is None


@needs_root
def test_root_believes_no_server_that_others_recorded(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    assert state.is_trusted(theirs)
    os.chown(theirs, 65534, 65534)
    assert not state.is_trusted(theirs)
