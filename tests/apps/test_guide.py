"""docs/your-application.md: its applications are made, its commands run, as they stand there."""

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT, copy_template
from serving import free_port, wait_for

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/your-application.md").read_text("utf-8")
FILE = re.compile(r"(?:# |/\* |// |<!-- )(\S+\.\w+)")


class Block(NamedTuple):
    kind: str
    text: str


def blocks(section: str) -> list[Block]:
    return [Block(*found) for found in re.findall(r"^```(\w*)\n((?:.*\n)*?)```$", section, re.M)]


SECTIONS = {
    title: blocks(text)
    for title, text in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE)
}
COMMAND = SECTIONS.pop("The command")
APPLICATIONS = {title: found for title, found in SECTIONS.items() if found}


@pytest.fixture(scope="module")
def command(workplace: Path, wheel: Path) -> str:
    """The first commands of the page, for a clone."""
    clone = workplace / "clone"
    clone.mkdir()
    copy_template(clone)
    (block,) = COMMAND
    return block.text.replace("PATH_OF_THE_CLONE", str(clone))


@pytest.mark.parametrize("title", APPLICATIONS)
def test_an_application_of_the_guide(workplace: Path, command: str, title: str) -> None:
    folder = workplace / re.sub(r"\W+", "-", title.lower())
    folder.mkdir()
    (folder / "requirements.txt").write_text("Flask\n")
    script, expected = [command], list[str]()
    for kind, text in APPLICATIONS[title]:
        if kind == "sh":
            script.append(text)
        elif kind == "text":
            expected += text.splitlines()
        elif kind == "cron":
            script.append(text.split(maxsplit=5)[-1].replace("/srv/shop", str(folder)))
            expected.append("Removed 1")
        elif file := FILE.match(text):
            (folder / file[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / file[1]).write_text(text)
    port = free_port()
    lines = "\n".join(["shopt -s expand_aliases", "set -ex", *script])
    try:
        done = subprocess.run(
            ["bash", "-c", lines.replace(":8000", f":{port}")],
            cwd=folder,
            env=os.environ | {"PORT": str(port)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        if (folder / "run").exists():
            subprocess.run([folder / "run", "stop"], capture_output=True)
    missing = [line for line in expected if line not in done.stdout]
    assert not missing, done.stdout + done.stderr
    for kind, text in APPLICATIONS[title]:
        if kind == "ini":
            a_worker_gets_ready(folder, re.findall("ExecStart=(.+)", text)[0])


def a_worker_gets_ready(folder: Path, command: str) -> None:
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        worker = subprocess.Popen(
            shlex.split(command.replace("/srv/shop", str(folder))),
            cwd="/",
            env=os.environ | {"BROKER": "memory://"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(lambda: worker.poll() is not None or " ready." in log.read_text(), 30, "a worker")
        assert worker.poll() is None, log.read_text()
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=60)
    assert "MainProcess" in log.read_text()
