"""``./run``, where the package that is installed is not whole."""

import os
import shutil
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TEMPLATE

import build_wheel

OWN = "flask_modwsgi"
FOLDERS = sorted(path.name for path in (build_wheel.ROOT / "src" / OWN).iterdir() if path.is_dir())
PARTS = (
    "__main__.py",
    "cli/main.py",
    "cli/verbs.py",
    "server/ending.py",
    "setup/recorded_files.py",
)
VERBS = ("stop", "status", "logs")
Said = tuple[int, str, str]  # the exit status, and what was printed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    return folder / build_wheel.build_wheel(str(folder))


@pytest.fixture
def root(tmp_path: Path, wheel: Path) -> Path:
    return made(tmp_path, wheel)


def made(folder: Path, wheel: Path) -> Path:
    """A project with its wheel, and with an environment that has what the wheel installs."""
    for name in ("wheels", "var"):
        (folder / name).mkdir()
    shutil.copy(TEMPLATE / "run", folder)
    shutil.copy(wheel, folder / "wheels")
    venv.create(folder / ".venv", symlinks=True)
    zipfile.ZipFile(wheel).extractall(packages(folder))
    return folder


def packages(root: Path) -> Path:
    (found,) = root.glob(".venv/lib/python*/site-packages")
    return found


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> dict[str, Said]:
    """What each verb says where nothing is missing."""
    whole = made(tmp_path_factory.mktemp("whole"), wheel)
    return {verb: told(call(whole, verb), whole) for verb in VERBS}


def told(done: subprocess.CompletedProcess[str], root: Path) -> Said:
    """Whatever the width of the lines, which paths fill."""
    out, err = (
        " ".join(text.replace(str(root), "ROOT").split()) for text in (done.stdout, done.stderr)
    )
    return done.returncode, out, err


def call(root: Path, verb: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHON": sys.executable}
    return subprocess.run([root / "run", verb], env=env, capture_output=True, text=True)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    """At the end of a line, which Python may still read, or not."""
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: len(lines) // 2]))


def unreadable(file: Path) -> None:
    file.write_bytes(b"def half(")


@pytest.mark.parametrize("folder", [name for name in FOLDERS if name != "__pycache__"])
def test_without_one_of_its_folders_the_wheel_takes_over(
    root: Path, folder: str, said: dict[str, Said]
) -> None:
    shutil.rmtree(packages(root) / OWN / folder)
    for verb in VERBS:
        assert told(call(root, verb), root) == said[verb]


@pytest.mark.parametrize("damage", [emptied, cut, unreadable, Path.unlink])
@pytest.mark.parametrize("name", PARTS)
def test_with_a_part_of_a_file_the_wheel_takes_over(
    root: Path, name: str, damage: Callable[[Path], None], said: dict[str, Said]
) -> None:
    """Also of a file that is imported only when the verb runs."""
    damage(packages(root) / OWN / name)
    assert told(call(root, "stop"), root) == said["stop"]
    assert said["stop"][0] == 0


def test_without_a_wheel_the_damage_is_told(root: Path) -> None:
    shutil.rmtree(packages(root) / OWN / "machine")
    shutil.rmtree(root / "wheels")
    done = call(root, "stop")
    assert done.returncode == 1
    assert "flask_modwsgi.machine" in done.stderr


@pytest.mark.parametrize("module", ["cli/main.py", "config/project.py"])
def test_ctrl_c_during_the_imports_says_nothing(root: Path, module: str) -> None:
    """A shell that waits for it then ends, too, which it would not after an exit status."""
    with (packages(root) / OWN / module).open("a") as file:
        file.write("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = call(root, "stop")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
