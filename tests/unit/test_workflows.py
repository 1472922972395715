"""The workflows: actions by commit, commands that exist, and no findings of zizmor."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, TEMPLATE

FILES = [*ROOT.glob(".github/workflows/*.yml"), *TEMPLATE.glob(".github/workflows/*.yml")]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_actions_are_named_by_their_commit(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text("utf-8"))
    assert used
    for line in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_version() -> None:
    text = "".join(file.read_text("utf-8") for file in FILES)
    used = set(re.findall(r"uses: (.*)", text))
    assert len({line.partition("@")[0] for line in used}) == len(used)


def test_the_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    text = "".join(file.read_text("utf-8") for file in FILES)
    targets = set(re.findall(r"run: make ([a-z-]+)", text))
    for several in re.findall(r"target: \[(.*)\]", text):
        targets |= set(several.split(", "))
    targets |= set(re.findall(r"target: ([a-z-]+)", text))
    assert {"lint", "test", "test-bundled", "release"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_no_findings_of_zizmor() -> None:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if not zizmor:
        pytest.skip("zizmor is not installed; make .venv/tools.txt")
    command: list[str | Path] = [zizmor, "--offline", "--quiet", ROOT / ".github", TEMPLATE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
