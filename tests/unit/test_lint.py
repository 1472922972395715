"""Format, lint, types and layers of what is here; the generated project is in test_rendering."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT, TEMPLATE

TOOLS = Path(sys.executable).parent
PACKAGE = ROOT / "src" / "flask_modwsgi"


def check(*command: str | Path) -> None:
    env = os.environ | {"MYPYPATH": "src", "PYTHONPATH": "src"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_ruff(command: list[str]) -> None:
    check(TOOLS / "ruff", *command, "--no-cache", ".")


def test_types(tmp_path: Path) -> None:
    ours = ("src", "tests", "hooks", "benchmarks", *(path.name for path in ROOT.glob("*.py")))
    check(TOOLS / "mypy", "--strict", "--cache-dir", tmp_path, *ours)


def test_imports_go_downwards() -> None:
    check(TOOLS / "lint-imports", "--no-cache")


def test_no_name_of_a_module_is_used_twice() -> None:
    names = Counter(
        path.stem
        for path in PACKAGE.rglob("*")
        if path.suffix == ".py" and not path.stem.startswith("__")
    )
    assert len(names) > 50
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("script", [TEMPLATE / "run", *(ROOT / ".ci").iterdir()], ids=str)
def test_shell_scripts(script: Path) -> None:
    check(TOOLS / "shellcheck", script)


def test_no_merge_is_unfinished() -> None:
    found = subprocess.run(
        ["git", "grep", "-nE", "^(<{7}|>{7}) "], cwd=ROOT, capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (1, ""), found.stderr
