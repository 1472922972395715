"""What another user of the machine tries; each attack succeeded before something was done about it."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Built
from serving import Project, ask, free_port, generate

from flask_modwsgi.apache import server_root

NOBODY = 65534
STRANGER = 54321  # who cannot be whom the application runs as
LEFT_BEHIND = Path(f"/run/flask-modwsgi-attack-{os.getpid()}")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose; run it as root"),
    pytest.mark.xdist_group("attacks"),
]


@pytest.fixture(scope="module")
def project(built: Built, kind: str, workplace: Path) -> Iterator[Project]:
    """Of root, who serves it; `LEFT_BEHIND` is where nobody else can write."""
    made = generate(workplace / "attacked", f"apache={kind}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORT", str(free_port()))
        yield made
    made.call("./run", "stop")


@contextmanager
def given_to(user: int, *paths: Path) -> Iterator[None]:
    """They belong to that user."""
    for path in paths:
        subprocess.run(["chown", "-Rh", f"{user}:{user}", path], check=True)
    try:
        yield
    finally:
        for path in paths:
            subprocess.run(["chown", "-Rh", "0:0", path], check=True)


def as_nobody(command: str) -> None:
    subprocess.run(
        ["sh", "-ec", command], user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", check=True
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """In one line."""
    return " ".join(done.stderr.split())


def do_what_it_says(project: Project, refused: subprocess.CompletedProcess[str]) -> None:
    """Type its last line."""
    command = refused.stderr.rstrip().splitlines()[-1].removeprefix("Type").strip()
    subprocess.run(["sh", "-ec", command], cwd=project.path, check=True)


def writes_to_roots_file(project: Project) -> None:
    """The log is a link, so that what a client sends ends up in a file of root."""
    log = project.path / "var" / "log" / "access.log"
    as_nobody(f"mkdir -p {log.parent}; rm -f {log}; ln -s {LEFT_BEHIND} {log}")


CODE = f"open({str(LEFT_BEHIND)!r}, 'w')"


def runs_in_a_module(project: Project) -> None:
    """Code in the first module that is imported."""
    module = project.server.resolve() / "__init__.py"
    as_nobody(f"echo {shlex.quote(CODE)} >> {shlex.quote(str(module))}")


def runs_in_the_wheel(project: Project) -> None:
    """Code in the wheel that setup runs."""
    (wheel,) = (project.path / "wheels").glob("*.whl")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        own = Path(folder, wheel.name)
        with zipfile.ZipFile(own, "w") as archive:
            archive.writestr("flask_modwsgi/__main__.py", CODE)
        Path(folder).chmod(0o755)
        as_nobody(f"rm {wheel}; cp {own} {wheel}")


def chooses_the_user(project: Project) -> None:
    """A setting, such as a file with directives for Apache."""
    as_nobody(f"echo APACHE_INCLUDE=evil.conf >> {project.path / '.env'}")


ATTACKS: dict[str, tuple[Callable[[Project], None], tuple[str, ...]]] = {
    "a link for a log": (writes_to_roots_file, ("var",)),
    "a module": (runs_in_a_module, ("var/env",)),
    "the wheel": (runs_in_the_wheel, ("wheels",)),
    "the settings": (chooses_the_user, (".env",)),
    "the project": (chooses_the_user, (".",)),
}


@pytest.mark.parametrize("verb", ["start", "setup"])
@pytest.mark.parametrize("name", ATTACKS)
def test_what_a_user_can_change_is_not_run_by_root(project: Project, name: str, verb: str) -> None:
    attack, places = ATTACKS[name]
    LEFT_BEHIND.unlink(missing_ok=True)
    subprocess.run(["cp", "-a", project.path, f"{project.path}.kept"], check=True)
    try:
        with given_to(NOBODY, *(project.path / place for place in places)):
            attack(project)
            refused = project.call("./run", verb)
            assert refused.returncode == 1
            assert "Root does not run this project: " in said(refused)
            assert not LEFT_BEHIND.exists()
    finally:
        subprocess.run(["rm", "-r", project.path], check=True)
        Path(f"{project.path}.kept").rename(project.path)
        LEFT_BEHIND.unlink(missing_ok=True)


def test_the_remedies_make_it_safe(project: Project) -> None:
    """They are typed as they are printed."""
    with given_to(NOBODY, project.path / "wheels"):
        refused = project.call("./run", "start")
        do_what_it_says(project, refused)
        assert project.call("./run", "start").returncode == 0
        assert project.call("./run", "stop").returncode == 0
    with given_to(NOBODY, project.path):
        do_what_it_says(project, project.call("./run", "start"))
        try:
            found = ask(f"http://127.0.0.1:{os.environ['PORT']}/")
            assert found.status == 200
        finally:
            do_what_it_says(project, project.call("./run", "stop"))


@pytest.mark.parametrize("mode", [0o777, 0o775])
@pytest.mark.parametrize("place", ["..", ".", "var", "var/env"])
def test_a_folder_above_that_others_can_write(project: Project, place: str, mode: int) -> None:
    """They could put another one in its place right after root has looked at what is in it."""
    above = (project.path / place).resolve()
    before = above.stat()
    os.chown(above, 0, NOBODY)
    above.chmod(mode)
    try:
        for verb in ("start", "status", "setup"):
            refused = project.call("./run", verb)
            assert refused.returncode == 1
            assert f"others can change {above}." in said(refused)
        if place != "..":
            do_what_it_says(project, refused)
            assert project.call("./run", "status").returncode == 3  # it is stopped
    finally:
        os.chown(above, before.st_uid, before.st_gid)
        above.chmod(before.st_mode)


def test_a_server_root_that_others_prepared_is_not_taken(
    built: Built, kind: str, workplace: Path
) -> None:
    """Of a project whose own folder has too long a path: the one of root is where only root can write."""
    made = generate(workplace / ("x" * 80), f"apache={kind}")
    folder = made.path / "var" / "apache"
    prepared = next(server_root._short_places("/tmp", folder))
    links = ("httpd.conf", "environment.json", "setup.json", "workers", "static", "nothing")
    LEFT_BEHIND.unlink(missing_ok=True)
    as_nobody(
        f"mkdir -m 0777 {prepared}; cd {prepared}; mkfifo state.json httpd.pid;"
        f"for name in {' '.join(links)}; do ln -s {LEFT_BEHIND} $name; done"
    )
    try:
        before = everything_in(prepared)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PORT", str(free_port()))
            try:
                for verb, status in (("status", 3), ("start", 0), ("status", 0), ("reload", 0)):
                    done = made.call("./run", verb)
                    assert done.returncode == status, done.stderr
                assert ask(f"http://127.0.0.1:{os.environ['PORT']}/").status == 200
                assert folder.resolve().parent == Path("/run").resolve()
                assert folder.resolve().stat().st_uid == 0
            finally:
                stopped = made.call("./run", "stop")
        assert stopped.returncode == 0, stopped.stderr
        assert everything_in(prepared) == before
        assert not LEFT_BEHIND.exists()
    finally:
        shutil.rmtree(prepared)
        shutil.rmtree(folder.resolve(), ignore_errors=True)
        LEFT_BEHIND.unlink(missing_ok=True)


def everything_in(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Whose it is and of which kind, and when somebody changed it."""
    found = {path.name: path.lstat() for path in (folder, *folder.iterdir())}
    return {
        name: (one.st_ino, one.st_mode, one.st_uid, one.st_mtime_ns) for name, one in found.items()
    }


def test_no_other_user_can_hold_up_the_verbs(project: Project) -> None:
    """Whoever can open the file of a lock can take it, and then no verb goes on."""
    try:
        assert project.call("./run", "start").returncode == 0
        locks = [*(project.path / "var").glob("*.lock")]
        assert locks
        for lock in locks:
            assert lock.stat().st_mode & 0o777 in (0o600, 0o640)
            for how in ("<", ">>"):
                tried = subprocess.run(
                    ["sh", "-c", f"true {how} {shlex.quote(str(lock))}"],
                    env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                    user=STRANGER,
                    group=STRANGER,
                    extra_groups=[],
                    capture_output=True,
                    text=True,
                )
                assert tried.returncode != 0
                assert "ermission denied" in tried.stderr
    finally:
        project.call("./run", "stop")


def test_a_python_of_another_user_is_passed_over(project: Project) -> None:
    """Root would run it."""
    with tempfile.TemporaryDirectory(dir="/srv") as folder:
        Path(folder).chmod(0o755)
        python = Path(folder, "python3")
        python.symlink_to(sys.executable)
        os.chown(folder, NOBODY, NOBODY)
        refused = project.call("./run", "setup", PYTHON=str(python))
    assert refused.returncode == 1
    assert f"{folder} belongs to nobody, and root would run it" in said(refused)
