"""The programs that these tests need are installed in CI, where a missing one is told."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from . import composed, hosts, images, machines, tools
from .conftest import PACKAGES, require

# Every Debian has these.
ESSENTIAL = {"tar", "util-linux"}


def needed() -> set[str]:
    texts = [file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py")]
    marks = [mark for text in texts for mark in re.findall(r"mark\.needs\((.*?)\)", text)]
    named = {name for mark in marks for name in re.findall(r'"([\w-]+)"', mark)}
    of_modules = (composed.PROGRAMS, hosts.PROGRAMS, images.PROGRAMS, machines.PROGRAMS)
    return named | {Path(name).name for programs in of_modules for name in programs}


def test_ci_installs_what_they_need() -> None:
    text = (ROOT / ".ci/packages").read_text("utf-8")
    debian = text.split("\nif command -v apt-get", 1)[1].split("\nelif ", 1)[0]
    installed = {word for line in debian.splitlines() for word in line.partition("#")[0].split()}
    programs = needed()
    assert {"caddy", "haproxy", "netavark", "systemd-analyze", "systemd-nspawn"} <= programs
    assert {PACKAGES.get(name, name) for name in programs} <= installed | ESSENTIAL


def test_a_missing_program_skips_a_test_and_fails_it_where_it_should_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    line = "ip, tar not installed: apt-get install iproute2 tar"
    monkeypatch.delenv(tools.INSTALLED, raising=False)
    with pytest.raises(pytest.skip.Exception, match=line):
        require("ip", "tar")
    monkeypatch.setenv(tools.INSTALLED, "1")
    with pytest.raises(pytest.fail.Exception, match=line):
        require("ip", "tar")
    assert f"\n{tools.INSTALLED}=" in (ROOT / ".ci/run").read_text("utf-8")
