"""How a project is told by a link that leads to it."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from samples import complete_python, me, project
from serving import wait_for

from flask_modwsgi.apache import releases, state
from flask_modwsgi.apache.state import State
from flask_modwsgi.config import env_file
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_trust
from flask_modwsgi.machine import process_table
from flask_modwsgi.machine.process_table import Process
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import crash_loop, launch, locks, prepare, renewal, take_certificate
from flask_modwsgi.setup import environments
from flask_modwsgi.setup.apaches import Apache
from flask_modwsgi.setup.plan import Plan
from flask_modwsgi.tls import acme

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


def test_a_path_is_shown_from_the_project_on_where_it_is_in_it(tmp_path: Path) -> None:
    one = shared(tmp_path, "1")
    assert one.shown(one.env_file) == ".env"
    assert one.shown(one.logs) == str(tmp_path / "var" / "log")


def test_a_project_without_an_example_gets_the_defaults(tmp_path: Path) -> None:
    own = project(tmp_path)
    prepare.make_env_file(own, me())
    written = env_file.read(own.env_file)
    assert written["PORT"] == "8000"
    assert len(written["FLASK_SECRET_KEY"]) == 64


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_an_example_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    """It is told before anything is built, and the command mends it."""
    own = project(tmp_path)
    example = tmp_path / ".env.example"
    example.write_bytes("A=1\nB=für\n".encode(encoding))
    plan = Plan(own, complete_python(tmp_path), Apache("bundled", "2.4"), True, False)
    with pytest.raises(Problem) as refused:
        prepare._check_build(plan, [])
    assert refused.value.slug == "env-file-broken"
    assert str(example) in refused.value.what
    with pytest.raises(Problem):
        prepare.make_env_file(own, me())
    assert not own.env_file.exists()
    subprocess.run(["sh", "-c", refused.value.remedy[0]], check=True)
    prepare.make_env_file(own, me())
    assert env_file.read(own.env_file)["B"] == "für"


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

        def started() -> Process | None:
            """With its command line, which it lacks for a moment."""
            found = process_table.find(server.pid)
            return found if found and f"{root}/httpd.conf" in found.command else None

        found = wait_for(started, 10, "the program")
        about = State(project=str(one), link=str(link), var=str(one / "var"))
        state.write(root, replace(about, pid=found.pid, start=found.start))
        assert releases.recognised(Project(two)).service == one / "var"
        assert releases.recognised(Project(two)).link == link
        assert releases.recognised(Project(one)).link is None
        assert releases.recognised(Project(three)).service == three / "var"
        through = tmp_path / "through"
        through.symlink_to(".")
        assert releases.recognised(Project(two, link=through / "current")).service == one / "var"
        other = tmp_path / "next"
        other.symlink_to("2")
        assert releases.recognised(Project(two, link=other)).service == two / "var"
        state.update(root, project=str(three))
        assert releases.recognised(Project(three)).service == one / "var"
        assert server.stdin
        server.stdin.close()


def test_a_certificate_is_taken_for_the_release_that_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that sees it knows the server root; the release of the start may be gone."""
    two = shared(tmp_path, "2")
    root = tmp_path / "var" / "apache"
    root.mkdir(parents=True)
    (root / launch.VARIABLES).write_text("{}")
    names = {"https_names": "example.com"}
    state.write(root, State(project=str(two.root), var=str(tmp_path / "var"), settings=names))
    place = acme.store(two) / "staging" / "example.com"
    place.mkdir(parents=True)
    (place / "job.json").write_text('{"finished": true}')
    (place / "pubcert.pem").touch()
    state.update(root, project=str(tmp_path / "releases/1"))
    taken: list[Project] = []
    monkeypatch.setattr(renewal, "take_certificate", taken.append)
    state.update(root, project=str(two.root))  # as a reload does
    assert take_certificate.main(root) == 0
    (project,) = taken
    assert (project.root, state.root(project)) == (two.root, root)


@pytest.mark.parametrize("names", ["", "example.com"])
def test_what_the_log_says_of_a_certificate_that_is_not_there_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """The application may write the line; nor does a verb have to wait for a lock then."""
    own = project(tmp_path)
    root = own.var / "apache"
    root.mkdir(parents=True)
    (root / launch.VARIABLES).write_text("{}")
    settings = {"https_names": names, "tls_certificate": "" if names else "c.pem"}
    state.write(root, State(project=str(own.root), var=str(own.var), settings=settings))
    done: list[object] = []
    monkeypatch.setattr(take_certificate, "PATIENCE", 0.1)
    monkeypatch.setattr(renewal, "take_certificate", done.append)

    def held(*words: object) -> contextlib.AbstractContextManager[None]:
        done.append(words)
        return contextlib.nullcontext()

    monkeypatch.setattr(locks, "held", held)
    assert take_certificate.main(root) == 0
    assert done == []


def test_a_crash_loop_is_looked_for_in_the_release_that_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is known when a reload, that was waited for, has ended."""
    one, two = (project(tmp_path / name).root for name in "12")
    state.write(tmp_path, State(project=str(one)))
    looked_at: list[Path] = []

    @contextlib.contextmanager
    def held(project: Project, name: str) -> Iterator[None]:
        state.update(tmp_path, project=str(two))
        yield

    def root_of(project: Project) -> Path:
        looked_at.append(project.root)
        return tmp_path

    monkeypatch.setattr(locks, "held", held)
    monkeypatch.setattr(state, "root", root_of)
    crash_loop.main(tmp_path, tmp_path)
    assert looked_at == [two]


def test_a_crash_loop_is_looked_for_without_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The logs are in the project then."""
    one = project(tmp_path / "1")
    looked_at: list[Path] = []

    def root_of(project: Project) -> Path:
        looked_at.append(project.root)
        return tmp_path

    monkeypatch.setattr(state, "root", root_of)
    monkeypatch.setattr(locks, "held", lambda *_: contextlib.nullcontext())
    crash_loop.main(tmp_path, one.logs)
    assert looked_at == [one.root]


def test_without_a_record_no_certificate_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert take_certificate.main(tmp_path) == 1
    assert "server-root-incomplete" in capsys.readouterr().err


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
