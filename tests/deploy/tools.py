"""Programs of this computer, and of the package index, each in an environment of its own below `.venv`."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest
from conftest import ROOT
from serving import locked

LISTS = ROOT / "requirements" / "deploy"
# Set by .ci/run where it has installed what .ci/packages names.
INSTALLED = "CI_INSTALLED"


def missing(programs: str, packages: str) -> NoReturn:
    """Skip the test; or fail it, where these packages should be installed."""
    text = f"{programs} not installed: apt-get install {packages}"
    if os.environ.get(INSTALLED):
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


@cache
def program(name: str) -> Path:
    """Where it is; installed if it, or this version of it, is not there yet."""
    pins = LISTS / f"{name}.txt"
    folder = (ROOT / ".venv").resolve() / "tools" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        _install(folder, name, pins)
    return folder / "bin" / name


def _install(folder: Path, name: str, pins: Path) -> None:
    stamp = folder / pins.name
    if (
        not stamp.exists()
        or stamp.read_bytes() != pins.read_bytes()
        or not _runs(folder / "bin" / name)
    ):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        words: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
        done = subprocess.run(
            [*words, "--require-hashes", "-r", pins], capture_output=True, text=True
        )
        if done.returncode != 0:
            pytest.skip(f"{name} cannot be installed: {done.stderr[-300:]}")
        shutil.copy(pins, stamp)


def _runs(program: Path) -> bool:
    """Not if it is a script that names a folder where it was before."""
    try:
        subprocess.run([program, "--version"], capture_output=True)
    except OSError:
        return False
    return True
