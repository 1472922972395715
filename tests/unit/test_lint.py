"""Format, lint and types of the template's own files; the generated ones are in test_rendering."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, TEMPLATE

pytestmark = pytest.mark.lint
TOOLS = Path(sys.executable).parent


def check(*command: str | Path, folder: Path = ROOT) -> None:
    env = os.environ | {"MYPYPATH": str(TEMPLATE)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_ruff(command: list[str]) -> None:
    check(TOOLS / "ruff", *command, "--no-cache", ".")


def test_types_of_the_server_room(tmp_path: Path) -> None:
    check(TOOLS / "mypy", "--strict", "--cache-dir", tmp_path, "server", folder=TEMPLATE)


def test_types_of_the_template(tmp_path: Path) -> None:
    check(TOOLS / "mypy", "--cache-dir", tmp_path, "tests", "demo.py", "hooks/pre_gen_project.py")


@pytest.mark.parametrize("script", [TEMPLATE / "run", ROOT / ".ci" / "run"], ids=["run", "ci"])
def test_shell_scripts(script: Path) -> None:
    check(TOOLS / "shellcheck", script)
