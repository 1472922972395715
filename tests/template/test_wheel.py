"""The distributions: the same from every builder and machine, complete, and installable."""

import base64
import csv
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Baked, copy_template
from packaging.metadata import Metadata
from packaging.requirements import Requirement

from flask_modwsgi import __version__
from flask_modwsgi.setup import interpreters

WHEEL = f"flask_modwsgi-{__version__}-py3-none-any.whl"
SDIST = f"flask_modwsgi-{__version__}.tar.gz"
INFO = f"flask_modwsgi-{__version__}.dist-info"
BUILD = "import sys, build_wheel as b; b.build_wheel(sys.argv[1]); b.build_sdist(sys.argv[1])"
PYTHONS = [sys.executable, *(f"/usr/bin/{name}" for name in interpreters.NAMES)]


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``python -m build`` makes: the source archive, and the wheel from that alone."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


def test_the_hook_writes_what_build_makes(built: Path, defaults: Baked) -> None:
    assert {path.name for path in built.iterdir()} == {WHEEL, SDIST}
    assert (built / WHEEL).read_bytes() == (defaults.path / "wheels" / WHEEL).read_bytes()


def test_everything_that_git_has_is_in_it(built: Path) -> None:
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "src", cwd=ROOT)
    package = {name for name in listed.split() if (ROOT / name).exists()}
    assert "src/flask_modwsgi/py.typed" in package
    with zipfile.ZipFile(built / WHEEL) as wheel:
        names = set(wheel.namelist())
        assert f"{INFO}/licenses/LICENSE" in names
        assert {f"src/{name}" for name in names if not name.startswith(INFO)} == package
    with tarfile.open(built / SDIST) as archive:
        assert {f"src/{name.partition('/src/')[2]}" for name in archive.getnames()} >= package


def test_its_record_is_right(built: Path) -> None:
    """https://packaging.python.org/en/latest/specifications/recording-installed-packages/"""
    with zipfile.ZipFile(built / WHEEL) as wheel:
        rows = list(csv.reader(io.StringIO(wheel.read(f"{INFO}/RECORD").decode())))
        assert {name for name, _, _ in rows} == set(wheel.namelist())
        for name, digest, size in rows:
            if digest:
                data = wheel.read(name)
                value = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()
                assert (digest, int(size)) == (f"sha256={value.rstrip('=')}", len(data))


def test_the_metadata_is_that_of_pyproject(built: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    with zipfile.ZipFile(built / WHEEL) as wheel:
        found = Metadata.from_email(wheel.read(f"{INFO}/METADATA"))  # which validates it
    extras = project["optional-dependencies"]
    needs = [*project["dependencies"]]
    needs += [f"{need} ; extra == '{extra}'" for extra in extras for need in extras[extra]]
    assert (found.name, str(found.version)) == (project["name"], __version__)
    assert found.requires_dist == list(map(Requirement, needs))
    assert found.provides_extra == list(extras)
    assert found.license_expression == project["license"]
    assert str(found.requires_python) == project["requires-python"]
    assert found.classifiers == project["classifiers"]
    assert found.keywords == project["keywords"]
    assert found.project_urls == project["urls"]
    targets = r'\]\(([^)]+)\)|\bsrc(?:set)?="([^"]+)"'
    described, readme = found.description or "", (ROOT / "README.md").read_text("utf-8")
    for kind in ("blob", "raw"):
        described = described.replace(f"{project['urls']['Source']}/{kind}/v{__version__}/", "")
    assert described == readme
    for target in map("".join, re.findall(targets, found.description or "")):
        assert target.startswith(("https://", "#")), target


def test_an_index_would_take_them(built: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", built / WHEEL, built / SDIST)


def test_the_same_bytes_everywhere(built: Path, tmp_path: Path) -> None:
    """Other Pythons, a private umask, new file times and a checkout with Windows' line ends."""
    copy = copy_template(tmp_path / "checkout")
    for path in copy.rglob("*"):
        if path.is_file() and "src" in path.parts:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
            os.utime(path, (0, 0))
    for name in ("README.md", "LICENSE", "pyproject.toml", "build_wheel.py"):
        (copy / name).write_bytes((copy / name).read_bytes().replace(b"\n", b"\r\n"))
    (copy / "src/flask_modwsgi/__pycache__").mkdir()
    for rest in ("", ".139840211"):  # the second is one that Python is writing
        (copy / f"src/flask_modwsgi/__pycache__/cli.cpython-311.pyc{rest}").touch()
    pythons = sorted({os.path.realpath(python) for python in PYTHONS if shutil.which(python)})
    for number, python in enumerate(pythons):
        folder = tmp_path / str(number)
        folder.mkdir()
        run(python, "-c", BUILD, folder, cwd=copy, umask=0o077)
        for name in (WHEEL, SDIST):
            assert (folder / name).read_bytes() == (built / name).read_bytes(), (python, name)


def test_it_installs_into_an_empty_environment(built: Path, tmp_path: Path) -> None:
    """Alone: what needs no other package works, and no other package comes with it."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert uv
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    options = ("--quiet", "--offline", "--no-deps")
    run(uv, "pip", "install", *options, "--python", python, built / WHEEL)
    shown = run(tmp_path / "venv/bin/flask-modwsgi", "--version", cwd=tmp_path)
    assert shown == f"flask-modwsgi {__version__}\n"
    listing = "import importlib.metadata as m; print(*m.entry_points(group='pytest11'), sep='\\n')"
    assert "flask_modwsgi.pytest_plugin" in run(python, "-c", listing)
    assert run(uv, "pip", "list", "--python", python).splitlines()[2:] == [
        f"flask-modwsgi {__version__}"
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("help", "\n  setup "),
        ("help setup", "--rebuild"),
        ("explain port-in-use", "Problem  port-in-use"),
        ("doctor", r" checks, \d+ problems"),
        ("setup", "Problem  (python-unsuitable|path-unreachable)"),
    ],
)
def test_it_runs_from_the_file_without_another_package(
    words: str, told: str, defaults: Baked, tmp_path: Path
) -> None:
    """With Python's standard library alone, which is what there is before a setup."""
    project = shutil.copytree(defaults.path, tmp_path / "project")
    command = [sys.executable, "-I", "-S", f"wheels/{WHEEL}/flask_modwsgi", *words.split()]
    done = subprocess.run(
        command,
        cwd=project,
        env=os.environ | {"PYTHON": "/bin/false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert re.search(told, done.stdout + done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
