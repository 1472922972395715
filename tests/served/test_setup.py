"""`./run setup` on machines that lack something, are told something odd, or are interrupted."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import serving
from conftest import Bake
from packaging.requirements import Requirement
from serving import (
    Project,
    can_unshare,
    path_with_uv,
    path_without_uv,
    patience,
    survivors,
    wait_for,
)

from flask_modwsgi.setup import pins

pytestmark = pytest.mark.slow

# What `./run setup` calls before it looks for a compiler.
EVERYDAY = ("sh", "bash", "dirname", "env", "ldd", "readelf", "python3", "cat", "sed", "id")


def one_line(text: str) -> str:
    return " ".join(text.split())


def as_project(path: Path) -> Project:
    return Project(path, "", 0.0)


@pytest.fixture
def fresh(bake: Bake, workplace: Path, home: Path) -> Project:
    """A project whose environment was not built, where every user can reach it."""
    folder = Path(shutil.move(bake().path, workplace / f"fresh-{os.urandom(3).hex()}"))
    return as_project(folder)


@pytest.fixture
def without(tmp_path: Path) -> Path:
    """A PATH with everyday programs and nothing that builds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in EVERYDAY:
        if found := shutil.which(name, path="/usr/local/bin:/usr/bin:/bin"):
            (folder / name).symlink_to(found)
    return folder


def test_no_compiler(fresh: Project, without: Path, tmp_path: Path) -> None:
    env = {"PATH": str(without), "XDG_CACHE_HOME": str(tmp_path)}
    done = fresh.call("./run", "setup", "--apache", "bundled", **env)
    assert done.returncode == 1
    assert "build-tools-missing" in done.stderr
    assert "a C compiler" in done.stderr
    assert "make" in done.stderr
    assert "install" in done.stderr  # the line that installs them
    assert not (fresh.path / ".venv").exists()  # nothing was downloaded before


def test_no_apache_where_one_was_asked_for(fresh: Project) -> None:
    done = fresh.call("./run", "setup", "--apache", "system", APXS="/nonexistent/apxs")
    assert done.returncode == 1
    assert "apache-missing" in done.stderr
    assert "./run setup --apache bundled" in done.stderr


def test_a_failed_setup_keeps_the_project_and_says_how_to_continue(
    workplace: Path, home: Path
) -> None:
    made = serving.generate(workplace / "kept", "apache=system", APXS="/nonexistent/apxs")
    assert "apache-missing" in made.output
    assert made.output.strip().splitlines()[-1].strip() == f"cd {made.path} && ./run setup"
    assert (made.path / "hello_flask" / "views.py").exists()


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_an_offline_machine(fresh: Project, tmp_path: Path, program: str) -> None:
    if not can_unshare("--net"):
        pytest.skip("taking the network away needs root and unshare (util-linux)")
    env = {"XDG_CACHE_HOME": str(tmp_path), "PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0"}
    env["PATH"] = path_with_uv() if program == "uv" else path_without_uv()
    done = fresh.call("unshare", "--net", "./run", "setup", **env)
    assert done.returncode == 1
    assert "network-unreachable" in done.stderr, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "Type     ./run setup"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_the_middle_of_a_build(
    fresh: Project, tmp_path: Path, kind: str, number: signal.Signals
) -> None:
    """Apache's compilers end with it, and the next setup finishes what was begun."""
    log = tmp_path / "log"
    with log.open("w") as output:
        build = subprocess.Popen(
            ["./run", "setup", "--apache", "bundled"],
            cwd=fresh.path,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # As a script that is started in the background hands it down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
    try:
        wait_for(
            lambda: "building apr," in log.read_text() or build.poll(), 120, "the build of apr"
        )
        family = psutil.Process(build.pid).children(recursive=True)
        assert family
        build.send_signal(number)
        assert build.wait(timeout=20 * patience()) == 128 + number
    finally:
        build.terminate()  # compilers that go on would disturb the tests that follow
        build.wait(timeout=20 * patience())
    assert survivors(family, 10) == []
    assert log.read_text().strip().splitlines()[-1].startswith("Interrupted")

    again = fresh.call("./run", "setup", "--apache", kind, PATH=path_with_uv())
    assert again.returncode == 0, again.stderr
    assert "Ready" in again.stdout


def test_leaked_settings_do_not_redirect_it(fresh: Project, kind: str) -> None:
    leaked = {
        "VIRTUAL_ENV": "/nonexistent",
        "PYTHONHOME": "/nonexistent",
        "PYTHONPATH": "/nonexistent",
        "PIP_TARGET": "/nonexistent/target",
        "PIP_PREFIX": "/nonexistent/prefix",
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "UV_PYTHON": "2.7",
        "UV_SYSTEM_PYTHON": "1",
        "UV_PROJECT_ENVIRONMENT": "/nonexistent",
    }
    done = fresh.call("./run", "setup", "--apache", kind, **leaked)
    assert done.returncode == 0, done.stderr
    assert not Path("/nonexistent").exists()


def test_pip_and_uv_install_the_same(fresh: Project, kind: str) -> None:
    def installed(path: str) -> dict[str, str]:
        done = fresh.call("./run", "setup", "--rebuild", "--apache", kind, PATH=path)
        assert done.returncode == 0, done.stderr
        facts: dict[str, dict[str, str]] = json.loads((fresh.path / ".venv/setup.json").read_text())
        return facts["packages"]

    with_pip, with_uv = installed(path_without_uv()), installed(path_with_uv())
    assert with_pip == with_uv
    assert with_pip["flask"].startswith("3.1.")
    texts = [(fresh.path / f"requirements{name}.txt").read_text() for name in ("", "-dev")]
    listed = re.findall(
        r"^[\w.-]+==[^\\\n]+", "\n".join([*texts, pins.text("server")]), re.MULTILINE
    )
    pins_here = [one for one in map(Requirement, listed) if not one.marker or one.marker.evaluate()]
    own = {name for name in with_pip if name.startswith(("mod-wsgi", "flask-modwsgi"))}
    assert with_pip.keys() - own == {one.name for one in pins_here}


def test_a_second_project_needs_no_build(changed: Project) -> None:
    assert "building mod_wsgi" not in changed.output
    assert "Ready" in changed.output


def test_a_damaged_wheel_is_not_used(changed: Project) -> None:
    source = """
from pathlib import Path
from flask_modwsgi.config.project import Project
from flask_modwsgi.machine import accounts
from flask_modwsgi.setup import apaches, interpreters, wheel_cache, environments
project = Project(Path.cwd())
python, _ = interpreters.choose(project, accounts.choose(""))
apache, _ = apaches.choose(environments.recorded(project.environment).apache)
wheel = wheel_cache.cached(project, apache, python)[0]
intact = wheel.read_bytes()
wheel.write_bytes(intact[:1000])
print(wheel_cache.cached(project, apache, python))
wheel.write_bytes(intact)
print(len(wheel_cache.cached(project, apache, python)) > 0)
"""
    done = changed.call(".venv/bin/python", "-I", "-c", source)
    assert done.stdout.split() == ["[]", "True"], done.stderr


def cloned(project: Project) -> Project:
    """A clone of it, after its owner has committed it."""
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
    target = f"{project.path}-clone"
    for words in ("init -q", "add --all", "commit -q -m all", f"clone -q . {target}"):
        done = project.call(*git, *words.split())
        assert done.returncode == 0, done.stderr
    return as_project(Path(target))


def test_a_moved_project_says_so_and_setup_mends_it(fresh: Project, kind: str) -> None:
    """Then it does all that the workflow of the project does, as it is a clone."""
    uv = path_with_uv()
    clone = cloned(fresh)
    assert clone.call("./run", "setup", "--apache", kind, PATH=uv).returncode == 0
    moved = as_project(Path(shutil.move(clone.path, f"{clone.path}-moved")))
    refused = moved.call("./run")
    assert "project-moved" in refused.stderr
    assert f"it was made in {clone.path}," in one_line(refused.stderr)
    workflow = (moved.path / ".github/workflows/tests.yml").read_text("utf-8")
    _, setup, *checks = re.findall(r"- run: (.*)", workflow)
    for line in (f"{setup} --apache {kind}", *checks):
        done = moved.call("sh", "-c", line, PATH=uv)
        assert done.returncode == 0, line + done.stdout + done.stderr
    assert len(checks) == 3


def test_a_folder_nobody_else_may_enter_is_named(fresh: Project, kind: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root serves as another user")
    private = fresh.path.parent / f"{fresh.path.name}-private"
    private.mkdir(mode=0o700)
    inside = as_project(Path(shutil.move(fresh.path, private / "project")))
    done = inside.call("./run", "setup", "--apache", kind)
    assert done.returncode == 1
    assert f"cannot enter {private} (drwx------)" in one_line(done.stderr)
    remedy = next(line for line in done.stderr.splitlines() if line.startswith("Type"))
    remedy = remedy.removeprefix("Type").strip()
    assert "chmod" not in remedy  # nothing else in that folder is opened
    elsewhere = fresh.path.parent / f"{fresh.path.name}-elsewhere"
    elsewhere.mkdir()
    again = subprocess.run(
        remedy.replace("/srv/", f"{elsewhere}/"),
        shell=True,
        env=os.environ | {"PATH": path_with_uv()},
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr


def test_a_python_in_a_private_home_is_passed_over(
    fresh: Project, kind: str, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("an ordinary user reaches its own home")
    tmp_path.chmod(0o700)
    private = tmp_path / "bin" / "python3"
    private.parent.mkdir()
    shutil.copy(os.path.realpath("/usr/bin/python3"), private)
    path = f"{private.parent}{os.pathsep}{path_with_uv()}"
    done = fresh.call("./run", "setup", "--apache", kind, PATH=path)
    assert done.returncode == 0, done.stderr
    assert f"passed over {private}" in done.stdout
    assert "cannot enter" in done.stdout


def test_cookiecutter_from_an_isolated_environment(workplace: Path, kind: str) -> None:
    """uvx and pipx run cookiecutter in a Python environment of its own, which may vanish."""
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("uv is not in the test environment: make test installs it")
    folder = workplace / f"isolated-{kind}"
    command = [str(uv), "tool", "run", "--from", "cookiecutter==2.7.1", "cookiecutter"]
    done = subprocess.run(
        [*command, str(serving.ROOT), "--no-input", "-o", str(folder), f"apache={kind}"],
        # Its folder in the home directory would be taken for one of ours.
        env=os.environ | {"UV_SYSTEM_CERTS": "true", "XDG_DATA_HOME": str(workplace / "data")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Ready" in done.stdout, done.stdout + done.stderr
    python = (folder / "hello-flask" / ".venv" / "bin" / "python").resolve()
    assert not python.is_relative_to(Path(os.environ["HOME"]) / ".cache")
