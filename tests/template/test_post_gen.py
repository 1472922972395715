"""The hook after generation: it never fails, and says how to go on."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from serving import patience

from flask_modwsgi import __version__

Hook = subprocess.Popen[str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def write_run(project: Path, script: str, mode: int = 0o755) -> Path:
    run = project / "run"
    run.write_text(f"#!/bin/sh\n{script}\n")
    run.chmod(mode)
    return run


def start(
    project: Path,
    environment: dict[str, str] | None = None,
    checkout: Path = ROOT,
    **answers: Any,
) -> Hook:
    """Start the hook as cookiecutter does, in a session of its own as under a terminal."""
    source = (ROOT / "hooks/post_gen_project.py").read_text("utf-8")
    hook = project.parent / "hook.py"
    given = {"{{ cookiecutter | tojson }}": json.dumps({"install": True, **answers})}
    given["{{ template_checkout() | tojson }}"] = json.dumps(str(checkout))
    for expression, value in given.items():
        assert source.count(expression) == 1
        source = source.replace(expression, value)
    hook.write_text(source)
    return subprocess.Popen(
        [sys.executable, hook],
        cwd=project,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(hook: Hook) -> tuple[str, str]:
    out, err = hook.communicate(timeout=20 * patience())
    assert hook.returncode == 0
    assert "Traceback" not in err
    return out, err


def test_setup_speaks_for_itself(project: Path) -> None:
    write_run(project, 'echo "$PWD: $*"')
    assert finish(start(project)) == (f"{project}: setup\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="others may let their group write")
def test_what_root_generates_is_written_by_no_group(project: Path) -> None:
    """As with a umask of 002; `run` would refuse to run."""
    write_run(project, "umask", 0o775)
    project.chmod(0o775)
    assert finish(start(project))[0].endswith("22\n")
    assert not any(path.stat().st_mode & 0o022 for path in (project, *project.rglob("*")))


@pytest.mark.parametrize("failure", ["exit 3", "kill -9 $$"])
def test_setup_fails(project: Path, failure: str) -> None:
    write_run(project, failure)
    _, err = finish(start(project))
    assert err.splitlines()[-1] == f"  cd {project} && ./run setup"


@pytest.mark.parametrize("interpreter", ["#!/nowhere/sh", None])
def test_setup_cannot_start(project: Path, interpreter: str | None) -> None:
    if interpreter:
        write_run(project, "").write_text(interpreter)
    _, err = finish(start(project))
    assert "No such file or directory" in err
    assert err.splitlines()[-1] == f"  cd {project} && ./run setup"


def test_not_wanted(project: Path) -> None:
    write_run(project, "touch called")
    out, err = finish(start(project, install=False))
    assert out == ""
    assert err.splitlines()[-1] == f"  cd {project} && ./run setup"
    assert not (project / "called").exists()


@pytest.mark.parametrize(
    ("folder", "answers", "is_set_up"),
    [
        ("tmp1234", {"_commit": "0123abc"}, True),  # cruft create
        ("repo", {"_commit": "0123abc"}, False),  # cruft update, cruft diff
        ("repo", {}, True),  # cookiecutter path/to/repo
    ],
)
def test_cruft_only_compares(
    project: Path, tmp_path: Path, folder: str, answers: dict[str, Any], is_set_up: bool
) -> None:
    """`cruft update` renders whole projects to compare them; those have a wheel, too."""
    write_run(project, "touch called")
    (tmp_path / folder).symlink_to(ROOT)
    assert finish(start(project, checkout=tmp_path / folder, **answers)) == ("", "")
    assert (project / "called").exists() == is_set_up
    assert list((project / "wheels").iterdir())


def test_an_older_wheel_goes(project: Path) -> None:
    write_run(project, "exit 0")
    wheels = project / "wheels"
    wheels.mkdir()
    (wheels / "flask_modwsgi-0.0.1-py3-none-any.whl").touch()
    (wheels / "other-1.0-py3-none-any.whl").touch()
    assert finish(start(project)) == ("", "")
    name = f"flask_modwsgi-{__version__}-py3-none-any.whl"
    assert {path.name for path in wheels.iterdir()} == {name, "other-1.0-py3-none-any.whl"}


def test_no_wheel_can_be_built(project: Path, tmp_path: Path) -> None:
    write_run(project, "touch called")
    _, err = finish(start(project, checkout=tmp_path / "nowhere"))
    assert "No module named 'build_wheel'" in err
    assert err.splitlines()[-1] == f"  cd {project} && ./run setup"


def test_the_template_stays_clean(project: Path, tmp_path: Path) -> None:
    write_run(project, "exit 0")
    checkout = tmp_path / "checkout"
    (checkout / "src").mkdir(parents=True)
    for name in ("build_wheel.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", checkout / "src", ignore=ignored, dirs_exist_ok=True)
    before = set(checkout.rglob("*"))
    assert finish(start(project, {"PYTHONDONTWRITEBYTECODE": ""}, checkout)) == ("", "")
    assert set(checkout.rglob("*")) == before


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o755), (0o600, 0o700), (0o755, 0o755)])
def test_executable_bit_is_restored(project: Path, before: int, after: int) -> None:
    run = write_run(project, "exit 0", before)
    assert finish(start(project)) == ("", "")
    assert run.stat().st_mode & 0o777 == after


def test_python_of_cookiecutter_is_the_last_resort(project: Path) -> None:
    write_run(project, 'echo "$PATH"')
    out, _ = finish(start(project, {"PATH": "/usr/bin:/bin"}))
    assert out == f"/usr/bin:/bin:{Path(sys.executable).parent}\n"


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_interrupted(project: Path, name: str) -> None:
    """Ctrl-C and `timeout` signal both processes; the hook waits until setup has tidied up."""
    script = 'trap "echo tidied up; exit 130" {}; echo started; while :; do sleep 0.1; done'
    write_run(project, script.format(name))
    hook = start(project)
    assert hook.stdout
    assert hook.stdout.readline() == "started\n"
    os.killpg(hook.pid, getattr(signal, f"SIG{name}"))
    out, err = finish(hook)
    assert out == "tidied up\n"
    assert err.splitlines()[-1] == f"  cd {project} && ./run setup"


def test_nobody_listens(project: Path) -> None:
    """`cookiecutter ... 2>&1 | head` must not cost the project."""
    write_run(project, "exit 3")
    hook = start(project)
    assert hook.stdout
    assert hook.stderr
    hook.stdout.close()
    hook.stderr.close()
    assert hook.wait(timeout=20 * patience()) == 0
