"""`make upgrade` compiles the lists of a generated project as its README says."""

import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, TEMPLATE


def test_the_templates_lists_are_compiled_by_the_commands_of_its_readme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[set[str]] = []

    def run(command: list[Any], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append({str(word) for word in command[1:]} - {"--quiet", "--upgrade"})
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.syspath_prepend(ROOT / "requirements")
    upgrade = importlib.import_module("upgrade")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(Path, "write_text", lambda *_: 0)
    upgrade.project()
    readme = (TEMPLATE / "README.md").read_text("utf-8")
    typed = re.findall(r"^    uv (pip compile .*)", readme, re.MULTILINE)
    assert commands == [set(re.sub(r"-o \S+", "", line).split()) for line in typed]
