"""Which Pythons can be built into an Apache, and why the others cannot."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import TEMPLATE
from samples import complete_python, me, project

from flask_modwsgi import problems
from flask_modwsgi.config.project import Project
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import interpreters


@pytest.fixture
def python(tmp_path: Path) -> interpreters.Interpreter:
    return complete_python(tmp_path)


def test_a_python_with_everything_is_taken(python: interpreters.Interpreter) -> None:
    assert interpreters.objection(python, me()) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": (3, 10, 9)}, "Python 3.10.9 is older than 3.11"),
        ({"shared": False}, "--enable-shared"),
        ({"libpython": Path("/nonexistent/libpython3.so")}, "/nonexistent/libpython3.so"),
        ({"include": Path("/nonexistent")}, "/nonexistent/Python.h"),
    ],
)
def test_a_python_that_lacks_something_is_not(
    python: interpreters.Interpreter, change: dict[str, object], reason: str
) -> None:
    lacking = replace(python, **change)  # type: ignore[arg-type]
    assert reason in str(interpreters.objection(lacking, me()))


def test_a_python_without_pip_is_taken_where_there_is_uv(
    python: interpreters.Interpreter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On Debian, pip and venv are packages of their own."""
    python.pip.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "pip is missing" in str(interpreters.objection(python, me()))
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)
    assert interpreters.objection(python, me()) is None


def test_the_python_of_conda_is_not(python: interpreters.Interpreter) -> None:
    (python.prefix / "conda-meta").mkdir()
    assert "conda" in str(interpreters.objection(python, me()))


def test_this_python_describes_itself() -> None:
    found = interpreters.probe(Path(sys.executable))
    assert found
    assert found.version == sys.version_info[:3]
    assert found.prefix == Path(sys.base_prefix)
    assert found.pip.is_file()
    assert interpreters.probe(Path("/nonexistent")) is None
    assert interpreters.probe(Path("/bin/true")) is None


def test_the_library_is_found_without_what_is_for_development(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Debian has the link to it in another package, which an image has no use for."""
    named = {"LIBDIR": str(tmp_path), "LDLIBRARY": "libpython3.so", "INSTSONAME": "libpython3.so.1"}
    monkeypatch.setattr("sysconfig.get_config_var", named.get)

    def found() -> str:
        exec(interpreters.PROBE, {})
        return Path(json.loads(capsys.readouterr().out)["libpython"]).name

    assert found() == "libpython3.so"
    (tmp_path / "libpython3.so.1").touch()
    assert found() == "libpython3.so.1"
    (tmp_path / "libpython3.so").touch()
    assert found() == "libpython3.so"


def test_every_python_is_named_when_none_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHON", str(tmp_path / "nothing"))
    with pytest.raises(Problem) as refused:
        interpreters.choose(Project(tmp_path), me())
    assert refused.value.slug == "python-unsuitable"
    assert f"{tmp_path / 'nothing'}: does not run" in str(refused.value)


@pytest.mark.parametrize(
    ("family", "reason", "packages"),
    [
        ("fedora", "Python 3.9.18 is older than 3.11", "python3.12 python3.12-devel"),
        ("fedora", "its headers are missing: /usr/include/Python.h", "python3 python3-devel"),
        ("debian", "Python 3.10.12 is older than 3.11", "python3 python3-dev python3-venv"),
    ],
)
def test_a_newer_python_is_installed_where_the_usual_one_is_too_old(
    family: str, reason: str, packages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RHEL 9 has 3.9 as python3, and installs that again."""
    monkeypatch.setattr(systems, "family", lambda: family)
    command, named = problems.python_unsuitable([("/usr/bin/python3", reason)]).remedy
    assert command.endswith(f"install -y {packages} && ./run setup")
    assert named == "PYTHON=/path/to/python3 ./run setup"


def test_run_looks_for_the_same_names() -> None:
    [names] = re.findall(r'^others="(.*)"$', (TEMPLATE / "run").read_text("utf-8"), re.MULTILINE)
    assert tuple(names.split()) == interpreters.NAMES


def test_run_takes_the_newest_python_beside_an_old_one(tmp_path: Path) -> None:
    wheel = tmp_path / "wheels" / "flask_modwsgi-1-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    shutil.copy(TEMPLATE / "run", tmp_path)
    for name in interpreters.NAMES:
        fake = tmp_path / "bin" / name
        fake.parent.mkdir(exist_ok=True)
        fake.write_text(
            "#!/bin/sh\nfor last; do :; done; echo $last\n"
            if name == "python3.15"
            else "#!/bin/sh\nexit 1\n"
        )
        fake.chmod(0o755)
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        [tmp_path / "run", "setup"], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "setup"


@pytest.mark.parametrize(
    ("called", "target", "folder"),
    [
        ("blog", "releases/1/run", "releases/1"),
        ("blog", "{}/releases/1/run", "releases/1"),
        ("blog", "current/run", "current"),
        ("current/run", None, "current"),
        ("releases/1/run", "../shared/run", "releases/1"),  # the project's own script is a link
        ("chain", "through/blog", "releases/1"),
        ("home/tools/blog", None, "releases/1"),  # from where the link is, not the path to it
    ],
)
def test_run_may_be_called_through_a_link(
    tmp_path: Path, called: str, target: str | None, folder: str
) -> None:
    """The path through a link to the folder stays as it is: it may lead to another release later."""
    project(tmp_path / "releases/1")
    wheel = tmp_path / "releases/1/wheels/flask_modwsgi-1-py3-none-any.whl"
    script, fake = tmp_path / "releases/1/run", tmp_path / "bin/python3"
    for file in (wheel, fake, tmp_path / "releases/shared/run"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    for file in (script, tmp_path / "releases/shared/run"):
        shutil.copy(TEMPLATE / "run", file)
    fake.write_text('#!/bin/sh\necho "$PWD"\n')
    fake.chmod(0o755)
    (tmp_path / "current").symlink_to("releases/1")
    for link, leads_to in {
        "through/blog": "../one",
        "one": "releases/1/run",
        "real/deep/tools/blog": "../../../one",
        "home/tools": "../real/deep/tools",
    }.items():
        (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / link).symlink_to(leads_to)
    if target:
        (tmp_path / called).unlink(missing_ok=True)
        (tmp_path / called).symlink_to(target.format(tmp_path))
    env = {"PATH": f"{fake.parent}:{os.environ['PATH']}", "CDPATH": str(tmp_path / "releases")}
    done = subprocess.run(
        [f"./{called}", "setup"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == (f"{tmp_path / folder}\n" * 2, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away; run it as root")
def test_root_does_not_ask_the_python_of_another_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It would run it."""
    python, executed = tmp_path / "python3", tmp_path / "executed"
    python.write_text(f"#!/bin/sh\ntouch {executed}\n")
    python.chmod(0o755)
    os.chown(python, 65534, 65534)
    monkeypatch.setenv("PYTHON", str(python))
    with pytest.raises(Problem) as refused:
        interpreters.choose(Project(tmp_path), me())
    assert f"{python} belongs to nobody, and root would run it" in " ".join(
        str(refused.value).split()
    )
    assert not executed.exists()
